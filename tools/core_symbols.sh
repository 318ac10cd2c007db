#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# core_symbols.sh BUILD: the core calls nothing but a few pure functions of C and of base.
#
# The ledger is deterministic because it cannot reach a clock, a file, an allocator or a random
# number: what libpawl_core.a leaves undefined is listed here, and anything else fails. Where it
# calls base, the objects of libpawl_base.a that it pulls in are held to the same list, so that
# a call of the system cannot hide behind one of our own names. Two are excused: assert.c, since
# a failed assertion ends the process, whatever it prints; and buf.c where the codec calls it,
# since records are written into a buffer of the host's, outside of apply, and that one may grow.
#
# Run it on a build without sanitizers, which add calls of their own.
set -euo pipefail
export LC_ALL=C

build=${1:?usage: tools/core_symbols.sh BUILD}
core=$build/src/core/libpawl_core.a
base=$build/src/base/libpawl_base.a
# What compilers emit by themselves, and the checked forms under _FORTIFY_SOURCE.
allowed='mem(cpy|move|set|cmp|chr)|strlen|__mem(cpy|move|set)_chk|__stack_chk_fail'
allowed+='|_GLOBAL_OFFSET_TABLE_'

finish() {
    echo "core-symbols: $1 symbols, $2 findings"
    if [ "$1" -gt 0 ] && [ "$2" -eq 0 ]; then
        echo "1 passed, 0 failed"
        exit 0
    fi
    echo "0 passed, 1 failed"
    exit 1
}

if [ ! -f "$core" ] || [ ! -f "$base" ]; then
    echo "core-symbols: $core or $base is missing"
    finish 0 1
fi

# "object type symbol" of every symbol in both archives; the core's objects are named core/….
symbols=$(
    nm -A "$core" | sed -E 's/^[^:]*:([^:]*):[0-9a-f ]* ([A-Za-z]) /core\/\1 \2 /'
    nm -A "$base" | sed -E 's/^[^:]*:([^:]*):[0-9a-f ]* ([A-Za-z]) /base\/\1 \2 /'
)
findings=$(awk -v allowed="^($allowed)\$" '
    function excused(from, to) {
        return to == "base/assert.c.o" || (from ~ /^core\/codec/ && to == "base/buf.c.o")
    }
    $2 ~ /^[TDRBVWC]$/ { home[$3] = $1 }
    $2 == "U" { needs[$1] = needs[$1] " " $3 }
    END {
        for (object in needs) if (object ~ /^core\//) queue[++last] = object
        for (next_up = 1; next_up <= last; next_up++) {
            object = queue[next_up]
            count = split(needs[object], names, " ")
            for (i = 1; i <= count; i++) {
                looked++
                target = home[names[i]]
                if (target == "") {
                    if (names[i] !~ allowed) print object " calls " names[i]
                } else if (target ~ /^base/ && !excused(object, target) && !(target in seen)) {
                    seen[target] = 1
                    queue[++last] = target
                }
            }
        }
        print "looked " looked + 0
    }' <<<"$symbols")
sed '$d' <<<"$findings" | sort
looked=${findings##*looked }
finish "$looked" "$(($(wc -l <<<"$findings") - 1))"
