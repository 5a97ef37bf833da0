#!/bin/sh
# embed.sh FILE...: writes a C source to standard output that holds the files as byte arrays,
# for handlers/assets.h. Needs od and sed only.
set -eu

echo '/* Made by static/embed.sh. */'
echo '#include "handlers/assets.h"'
n=0
for file in "$@"; do
    echo "static const unsigned char asset_$n[] = {"
    od -An -v -tu1 "$file" | sed 's/\([0-9][0-9]*\)/\1,/g'
    echo '};'
    n=$((n + 1))
done
echo 'const struct cn_asset cn_assets[] = {'
n=0
for file in "$@"; do
    echo "    {\"$(basename "$file")\", asset_$n, sizeof asset_$n},"
    n=$((n + 1))
done
echo '};'
echo "const size_t cn_n_assets = $n;"
