#!/bin/sh
# embed.sh FOLDER FILE...: copies the files and their gzipped forms into FOLDER and writes a C source
# to standard output that includes them as they lie there, for handlers/assets.h. The source names
# the copies, so that a file that changes meanwhile cannot come apart from its tag.
set -eu

folder=$1
shift
rm -rf "$folder"
mkdir -p "$folder"

echo '/* Made by static/embed.sh. */'
echo '#include "handlers/assets.h"'

# The assembler takes the bytes as they are: a list of numbers would take seconds to compile.
include() { # SYMBOL FILE
    printf '__asm__(".pushsection .rodata\\n.hidden %s\\n.globl %s\\n%s:\\n"\n' "$1" "$1" "$1"
    printf '        ".incbin \\"%s\\"\\n.popsection");\n' "$2"
    printf 'extern const unsigned char %s[] __attribute__((visibility("hidden")));\n' "$1"
}

n=0
rows=
for file in "$@"; do
    name=${file##*/}
    # Another program may have removed the file since make listed it.
    cp "$file" "$folder/$name" 2>/dev/null || { echo "embed.sh: no $file" >&2; continue; }
    gzip -9nc "$folder/$name" >"$folder/$name.gz"
    plain=$(($(wc -c <"$folder/$name")))
    packed=$(($(wc -c <"$folder/$name.gz")))
    tag=$(sha256sum "$folder/$name" | cut -c 1-32)
    include "cn_asset_$n" "$folder/$name"
    if [ "$packed" -lt "$plain" ]; then
        include "cn_asset_gzip_$n" "$folder/$name.gz"
        gzip="{(const char *)cn_asset_gzip_$n, $packed}"
    else
        rm "$folder/$name.gz"
        gzip="{0}"
    fi
    rows="$rows    {\"$name\", \"$tag\", {(const char *)cn_asset_$n, $plain}, $gzip},
"
    n=$((n + 1))
done
printf 'const struct cn_asset cn_assets[] = {\n%s    {0},\n};\n' "$rows"
echo "const size_t cn_n_assets = $n;"
