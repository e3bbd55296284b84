#!/bin/bash
# lint.sh: include directions, third-party quarantine, generated files, format, static analysis. One line a check.
set -u
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        tail -n 40 "$log"
        echo "not ok $name"
    fi
}
sources() { git ls-files '*.c' '*.h'; }

formatted() { sources | xargs clang-format --dry-run -Werror; }
analysed() {
    sources | grep '\.c$' | grep -v '^tests/' |
        xargs cppcheck -q --std=c11 -I. --inline-suppr --enable=warning,portability --error-exitcode=1 \
            --suppressions-list=tests/lint/cppcheck.txt -j "$(nproc)"
}
fresh() { make --no-print-directory gen-check; }
clean_text() { # no path of a developer's machine in the tree
    ! git grep -nE '/(home|root|work)/[a-z]' -- ':!tests/lint/lint.sh' ':!LICENSE'
}

check "include directions and quarantine" bash tests/lint/includes.sh .
check "format" formatted
check "static analysis" analysed
check "generated files are fresh" fresh
check "no path of somebody's machine" clean_text
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
