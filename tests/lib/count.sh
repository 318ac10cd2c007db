# SPDX-License-Identifier: Apache-2.0
# Counts what a shell test program did and prints the closing line that tools/test.py reads.
#
#   . "$root/tests/lib/count.sh"
#   check "pawl without arguments is a usage error" test "$status" -eq 2
#   skip "openai sdk" "the registry cannot be reached"
#   count_close                    # the last command of the program
#
# check NAME COMMAND… passes when the command succeeds; its output is shown only when it does not.
# A program that ran nothing fails.
count_passed=0
count_failed=0
count_skipped=0

check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        count_passed=$((count_passed + 1))
        echo "ok $name"
    else
        count_failed=$((count_failed + 1))
        echo "FAIL $name: $*"
        [ -z "$output" ] || echo "$output"
    fi
}

# For what this machine cannot do; never for what does not work yet.
skip() {
    count_skipped=$((count_skipped + 1))
    echo "SKIP $1: $2"
}

count_close() {
    local tail=
    [ "$count_skipped" -eq 0 ] || tail=", $count_skipped skipped"
    echo "$count_passed passed, $count_failed failed$tail"
    [ "$count_failed" -eq 0 ] && [ $((count_passed + count_skipped)) -gt 0 ]
}
