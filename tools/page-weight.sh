#!/bin/sh
# page-weight.sh FOLDER: the bytes of the page's files, raw and as they travel when the browser takes
# gzip. FOLDER is what static/embed.sh filled: NAME, and NAME.gz where that is smaller.
set -eu

for file in "$1"/*; do
    case $file in *.gz) continue ;; esac
    packed=$file.gz
    [ -e "$packed" ] || packed=$file
    echo "${file##*/} $(wc -c <"$file") $(wc -c <"$packed")"
done | awk '
    BEGIN { printf "%-20s %10s %10s\n", "file", "bytes", "gzipped" }
    { printf "%-20s %10d %10d\n", $1, $2, $3; raw += $2; gzipped += $3 }
    END { printf "%-20s %10d %10d\n", "together (" NR " files)", raw, gzipped }'
