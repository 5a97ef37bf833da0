#!/bin/sh
# Everything that must hold, step by step. Each step's output goes to build/logs; what failed is
# shown. The last line counts all tests.
set -u
cd "$(dirname "$0")/.." || exit 1
mkdir -p build/logs
jobs=$(nproc)
passed=0
failed=0
skipped=0
begun=$(date +%s)

# step NAME COMMAND...: counts "N passed", "N failed" and "N skipped" in the last lines of what it
# prints; a step that prints no counts is one test.
step() {
    name=$1
    shift
    log=build/logs/$name.log
    started=$(date +%s)
    "$@" >"$log" 2>&1 </dev/null
    code=$?
    ok=$(grep -ho '[0-9][0-9]* passed' "$log" | awk '{n += $1} END {print n + 0}')
    bad=$(grep -ho '[0-9][0-9]* failed' "$log" | awk '{n += $1} END {print n + 0}')
    bad=$((bad + $(grep -hoE '[0-9]+ errors? in ' "$log" | awk '{n += $1} END {print n + 0}')))
    left=$(grep -ho '[0-9][0-9]* skipped' "$log" | awk '{n += $1} END {print n + 0}')
    if [ "$code" -eq 0 ] && [ "$ok" -eq 0 ]; then
        ok=1
    fi
    if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    skipped=$((skipped + left))
    printf '%-16s %5d passed %4d failed %3d skipped %5d s\n' "$name" "$ok" "$bad" "$left" \
        $(($(date +%s) - started))
    if [ "$left" -gt 0 ]; then
        grep -h '^SKIPPED' "$log" | sed 's/^/    /'
    fi
    if [ "$bad" -gt 0 ]; then
        echo "---- $log"
        tail -n 60 "$log"
        echo "----"
    fi
}

make_quiet() { make --no-print-directory -j"$jobs" "$@"; }

step layers make_quiet check-layers
step format make_quiet check-format
step build-gcc make_quiet CC=gcc BUILD=build build/colonnade
step build-clang make_quiet CC=clang BUILD=build/clang build/clang/colonnade
step unit make_quiet CC=gcc BUILD=build test-unit
step check-kernels make_quiet CC=gcc BUILD=build test-kernels
step instructions make_quiet CC=gcc BUILD=build bench-instructions
step man mandoc -T lint -W error docs/colonnade.8
step kernels /usr/bin/python3 -m pytest -q -rs tests/kernels
step http make_quiet CC=gcc BUILD=build test-http PYTEST="-rs"
step http-tls make_quiet CC=gcc BUILD=build test-http-tls PYTEST="-rs"
# The best level was tested above; the others must give the same.
step levels build/kernels/check --levels
for level in $(sed '$d' build/logs/levels.log); do
    step "unit-$level" env COLONNADE_CPU="$level" make --no-print-directory CC=gcc BUILD=build test-unit
    step "values-$level" env COLONNADE_CPU="$level" make --no-print-directory CC=gcc BUILD=build test-http-values
done
step deploy make_quiet CC=gcc BUILD=build test-deploy PYTEST="-rs"
step browser make_quiet CC=gcc BUILD=build test-browser
step unit-asan make_quiet CC=gcc BUILD=build/asan SANITIZE=address,undefined test-unit
step http-asan make_quiet CC=gcc BUILD=build/asan SANITIZE=address,undefined test-http PYTEST="-rs"
step check-asan make_quiet CC=gcc BUILD=build/asan SANITIZE=address,undefined test-kernels
step fuzz-asan make_quiet CC=gcc BUILD=build/asan SANITIZE=address,undefined test-fuzz
step unit-tsan make_quiet CC=gcc BUILD=build/tsan SANITIZE=thread test-unit-threads
step http-tsan make_quiet CC=gcc BUILD=build/tsan SANITIZE=thread test-http-threads PYTEST="-rs"

echo "all steps: $(($(date +%s) - begun)) s"
if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
