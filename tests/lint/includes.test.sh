#!/bin/bash
# The include check itself: the tree passes it, and each kind of breach is caught.
set -u
check=$(realpath "$(dirname "$0")/includes.sh")
if out=$(bash "$check" .); then echo "ok the tree keeps the include directions"; else echo "$out"; echo "not ok the tree keeps the include directions"; fi

breach() { # NAME FILE LINE
    local dir
    dir=$(mktemp -d)
    mkdir -p "$dir/$(dirname "$2")"
    printf '%s\n' "$3" >"$dir/$2"
    if bash "$check" "$dir" >/dev/null; then echo "not ok $1"; else echo "ok $1"; fi
    rm -rf "$dir"
}
breach "evm including sim is caught" evm/core/x.c '#include "sim/base/err.h"'
breach "sim including evm is caught" sim/engine/x.c '#include "evm/core/types.h"'
breach "sim including models is caught" sim/record/x.h '# include "models/world/world.h"'
breach "evm including models is caught" evm/parallel/x.c '#include "models/fees/fees.h"'
breach "analysis including evm is caught" analysis/x.c '#include "evm/core/types.h"'
breach "an include without its folder is caught" evm/core/x.c '#include "types.h"'
breach "an internal header of another folder is caught" models/world/x.c '#include "evm/parallel/mv_internal.h"'
breach "HDF5 outside its quarantine is caught" models/world/x.c '#include <hdf5.h>'
breach "jansson outside its quarantine is caught" evm/core/x.c '#include <jansson.h>'
