#!/bin/sh
# The demonstration: starts a server on a free port, sends it a table with curl, shows the first
# rows of the result and where the time went, and stops the server.
set -eu
bin=${COLONNADE_BIN:-build/colonnade}
rows=${DEMO_ROWS:-100000}
dir=$(mktemp -d)
pid=
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
    pid=
    rm -rf "$dir"
}
trap stop EXIT INT TERM

: >"$dir/out"
"$bin" --listen 127.0.0.1:0 >"$dir/out" 2>"$dir/err" &
pid=$!
tries=0
until url=$(sed -n 's/^colonnade .* listening on //p' "$dir/out") && [ -n "$url" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$pid" 2>/dev/null; then
        echo "the server did not start:" >&2
        cat "$dir/err" >&2
        exit 1
    fi
    sleep 0.1
done
echo "Server: $(cat "$dir/out")"

# The table: four columns of normally distributed numbers, made by the server itself.
curl -sS --fail-with-body -H 'Content-Type: application/json' -H 'Accept: text/csv' \
    -d "{\"generate\": {\"rows\": $rows, \"columns\": [\"a\", \"b\", \"c\", \"d\"], \"seed\": 42}, \"select\": \"all\"}" \
    -o "$dir/frame.csv" "$url/v1/compute"
echo
echo "The table: $rows rows, $(wc -c <"$dir/frame.csv") bytes of CSV"
head -n 3 "$dir/frame.csv"

echo
echo "curl --form-string 'let=res1=(a-b)/(c+d)**2' --form-string 'let=key=md5(a,b)' -F data=@frame.csv $url/v1/compute"
for executor in serial threads processes auto; do
    curl -sS --fail-with-body -D "$dir/head.$executor" -o "$dir/result.$executor" \
        --form-string 'let=res1=(a-b)/(c+d)**2' --form-string 'let=key=md5(a,b)' \
        --form-string "executor=$executor" -F "data=@$dir/frame.csv" "$url/v1/compute"
done
head -n 4 "$dir/result.auto"
echo "... $(($(wc -l <"$dir/result.auto") - 1)) rows"
for executor in serial threads processes; do
    cmp "$dir/result.$executor" "$dir/result.auto"
done
echo "The same bytes from serial, threads, processes and auto."

echo
echo "Where the time went (milliseconds, from Server-Timing):"
for executor in serial threads processes auto; do
    printf '%-10s' "$executor"
    tr -d '\r' <"$dir/head.$executor" | sed -n 's/^[Ss]erver-[Tt]iming: //p' | sed 's/;dur=/ /g; s/,/  /g'
done
run=$(tr -d '\r' <"$dir/head.auto" | sed -n 's/^[Cc]olonnade-[Rr]un: //p')
echo
echo "Why this executor, and each worker's account ($url/v1/runs/$run):"
curl -sS --fail-with-body "$url/v1/runs/$run" | jq -r '
    def ms: . / 10000 | round / 100 | tostring + " ms";
    "  " + .execution.reason,
    (.timing.workers[] | "  worker \(.worker): \(.chunks) chunks, \(.wall_ns | ms): "
        + ([.stages | to_entries[] | "\(.key) \(.value | ms)"] | join("  ")))'
stop
echo
echo "The server has stopped."
