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

# run NAME COMMAND...: its output, its status and its seconds go to build/logs.
run() {
    name=$1
    shift
    started=$(date +%s)
    "$@" >"build/logs/$name.log" 2>&1 </dev/null
    echo "$? $(($(date +%s) - started))" >"build/logs/$name.end"
}

# count NAME: adds what it printed: "N passed", "N failed" and "N skipped"; a step that prints no counts is one test.
count() {
    name=$1
    log=build/logs/$name.log
    read -r code seconds <"build/logs/$name.end"
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
    printf '%-16s %5d passed %4d failed %3d skipped %5d s\n' "$name" "$ok" "$bad" "$left" "$seconds"
    if [ "$left" -gt 0 ]; then
        grep -h '^SKIPPED' "$log" | sed 's/^/    /'
    fi
    if [ "$bad" -gt 0 ]; then
        echo "---- $log"
        tail -n 60 "$log"
        echo "----"
    fi
}

step() {
    run "$@"
    count "$1"
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
# Most of these tests wait for something most of the time, so steps may run beside each other.
run dask make_quiet CC=gcc BUILD=build test-dask PYTEST="-rs" &
beside_longer=$!
run http-tls make_quiet CC=gcc BUILD=build test-http-tls PYTEST="-rs" &
beside=$!
step http make_quiet CC=gcc BUILD=build test-http PYTEST="-rs"
wait "$beside"
count http-tls
# The best level was tested above; the others must give the same.
step levels build/kernels/check --levels
for level in $(sed '$d' build/logs/levels.log); do
    step "unit-$level" env COLONNADE_CPU="$level" make --no-print-directory CC=gcc BUILD=build test-unit
    step "values-$level" env COLONNADE_CPU="$level" make --no-print-directory CC=gcc BUILD=build test-http-values
done
wait "$beside_longer"
count dask
step unit-asan make_quiet CC=gcc BUILD=build/asan SANITIZE=address,undefined test-unit
run http-asan make_quiet CC=gcc BUILD=build/asan SANITIZE=address,undefined test-http PYTEST="-rs" &
beside=$!
step deploy make_quiet CC=gcc BUILD=build test-deploy PYTEST="-rs"
step faults make_quiet CC=gcc BUILD=build test-faults
step browser make_quiet CC=gcc BUILD=build test-browser
step unit-tsan make_quiet CC=gcc BUILD=build/tsan SANITIZE=thread test-unit-threads
step http-tsan make_quiet CC=gcc BUILD=build/tsan SANITIZE=thread test-http-threads PYTEST="-rs"
wait "$beside"
count http-asan
step check-asan make_quiet CC=gcc BUILD=build/asan SANITIZE=address,undefined test-kernels
step fuzz-asan make_quiet CC=gcc BUILD=build/asan SANITIZE=address,undefined test-fuzz

echo "all steps: $(($(date +%s) - begun)) s"
if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
