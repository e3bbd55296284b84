#!/bin/bash
# includes.sh [ROOT]: checks every #include under ROOT against tests/lint/rules.txt; one line per breach, status 1 if any.
set -u
rules=$(dirname "$0")/rules.txt
cd "${1:-.}" || exit 2
find sim evm models analysis tests examples -name '*.[ch]' 2>/dev/null | sort | xargs -r grep -HnE '^[[:space:]]*#[[:space:]]*include' |
    awk -v rules="$(cd "$OLDPWD" && realpath "$rules")" '
    BEGIN {
        while ((getline line < rules) > 0) {
            if (line ~ /^allow /) { split(substr(line, 7), p, ": "); allow[p[1]] = p[2] }
            if (line ~ /^only /) { split(substr(line, 6), p, ": "); only[p[1]] = p[2] }
        }
    }
    function prefix(s, p) { return substr(s, 1, length(p)) == p }
    {
        split($0, at, ":"); file = at[1]; where = at[1] ":" at[2]
        header = $0; sub(/^[^<"]*[<"]/, "", header); sub(/[>"].*$/, "", header)
        if ($0 ~ /include[[:space:]]*"/) {
            best = ""
            for (f in allow) if (prefix(file, f "/") && length(f) > length(best)) best = f
            ok = 0
            n = split(allow[best], to, " ")
            for (i = 1; i <= n; i++) if (prefix(header, to[i] "/")) ok = 1
            # Files that the build writes, and white-box headers, are named without a folder of ours.
            if (!ok) { print where ": " best " may not include \"" header "\" (it may include: " allow[best] ")"; bad = 1 }
            if (header ~ /_internal\.h$/) {
                dir = header; sub(/\/[^\/]*$/, "/", dir)
                if (!prefix(file, dir) && !prefix(file, "tests/")) { print where ": \"" header "\" is internal to " dir; bad = 1 }
            }
        } else if (!prefix(file, "tests/")) {
            for (o in only) if (prefix(header, o)) {
                ok = 0
                n = split(only[o], to, " ")
                for (i = 1; i <= n; i++) if (prefix(file, to[i])) ok = 1
                if (!ok) { print where ": <" header "> is quarantined to: " only[o]; bad = 1 }
            }
        }
    }
    END { exit bad }'
