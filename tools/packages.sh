#!/bin/sh
# Installs the Debian packages that are missing among those given. Needs root, or sudo. COMMAND/PACKAGE
# means that the package is only needed where there is no such command.
set -eu
missing=
for package in "$@"; do
    case "$package" in
    */*)
        command -v "${package%%/*}" >/dev/null && continue
        package=${package#*/}
        ;;
    esac
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
sudo=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "These packages are needed:$missing" >&2
        echo "Install them as root: apt-get install$missing" >&2
        exit 1
    }
    sudo=sudo
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086
{ $sudo apt-get update -q && $sudo apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}
