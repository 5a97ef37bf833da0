#!/bin/sh
# The arrows between the rooms run one way: reads every #include "room/..." line and fails on one
# that runs back, and on microhttpd.h anywhere but in server/mhd.h.
set -u
cd "$(dirname "$0")/.." || exit 1
faults=0
allow() { # room, rooms that it may include
    for file in "$1"/*.c "$1"/*.h; do
        [ -e "$file" ] || continue
        for room in $(sed -n 's/^#include "\([a-z]*\)\/.*/\1/p' "$file" | sort -u); do
            case " $2 " in
            *" $room "*) ;;
            *)
                echo "$file includes $room/, but $1 may include only: $2"
                faults=$((faults + 1))
                ;;
            esac
        done
        bare=$(sed -n 's/^#include "\([^/"]*\)"/\1/p' "$file")
        if [ -n "$bare" ]; then
            echo "$file includes \"$bare\" without its room"
            faults=$((faults + 1))
        fi
    done
}
allow base "base"
allow kernels "base kernels"
allow columns "base kernels columns"
allow expr "base kernels columns expr"
allow pool "base pool"
allow handlers "base kernels columns expr pool handlers"
allow server "base kernels columns expr pool handlers server"
for file in $(grep -l 'microhttpd\.h' base/* kernels/* columns/* expr/* pool/* handlers/* server/* 2>/dev/null); do
    case "$file" in
    server/mhd.h | *.md) ;;
    *)
        echo "$file names microhttpd.h; only server/mhd.h may"
        faults=$((faults + 1))
        ;;
    esac
done
[ "$faults" -eq 0 ] && echo "layers: every include runs one way"
[ "$faults" -eq 0 ]
