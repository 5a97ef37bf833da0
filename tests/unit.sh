#!/bin/sh
# Runs cmocka programs one after another; prints what fails, and one line of counts at the end.
set -u
passed=0
failed=0
skipped=0
for program in "$@"; do
    out=$(timeout 600 "$program" 2>&1)
    code=$?
    n=$(printf '%s\n' "$out" | sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' | tail -n 1)
    f=$(printf '%s\n' "$out" | sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' | tail -n 1)
    f=${f:-0}
    s=$(printf '%s\n' "$out" | sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' | tail -n 1)
    if [ "${s:-0}" -gt 0 ]; then
        skipped=$((skipped + s))
        printf '%s\n' "$out" | sed -n "s|^skipped: |SKIPPED $program: |p"
    fi
    passed=$((passed + ${n:-0}))
    if [ "$code" -ne 0 ]; then
        [ "$f" -gt 0 ] || f=1
        failed=$((failed + f))
        echo "--- $program ended with $code"
        printf '%s\n' "$out" | grep -v '^\[ RUN\|^\[       OK' | tail -n 60
    fi
done
echo "unit: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
