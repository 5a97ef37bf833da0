#!/bin/sh
# The Debian packages that hold the shared libraries a program is linked with, one a line: what must be
# installed to run it. Read from the program, so that no list can lag behind the linker's flags. What
# these libraries need themselves, apt knows.
set -eu
program=$1
needed=$(LC_ALL=C objdump -p "$program" | awk '$1 == "NEEDED" {print $2}')
[ -n "$needed" ] || {
    echo "$program needs no shared library; is it a program?" >&2
    exit 1
}
paths=$(ldd "$program")
packages=
for library in $needed; do
    package=
    path=$(echo "$paths" | awk -v name="$library" '$1 == name && $3 ~ "^/" {print $3}')
    # The loader finds a library below /lib that the package has below /usr/lib: they are the same folder.
    [ -z "$path" ] || package=$(dpkg-query -S "$path" "/usr$path" 2>/dev/null | sed -n '1s/:.*//p')
    [ -n "$package" ] || {
        echo "$program needs $library, which is in no package (${path:-not found})" >&2
        exit 1
    }
    packages="$packages $package"
done
printf '%s\n' $packages | sort -u
