#!/bin/sh
# deps.sh PACKAGE...: install those Debian packages that are missing; without the rights to, say which command would.
set -u
missing=""
for p in "$@"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "missing Debian packages:$missing"
cmd="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    run=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    run="sudo"
else
    echo "no rights to install them; run this once as an administrator:" >&2
    echo "  sudo $cmd" >&2
    exit 2
fi
echo "installing them with apt-get"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
if $run apt-get update >"$log" 2>&1 && $run $cmd >>"$log" 2>&1; then
    rm -f "$log"
else
    tail -n 20 "$log" >&2
    echo "the installation failed; the whole log is $log" >&2
    exit 2
fi
