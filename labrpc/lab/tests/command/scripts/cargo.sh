#!/bin/sh
# Stands in for cargo: builds nothing, and names graded.sh as the executable of each kind of graded
# tests that is asked for and that a package has. A package with a file `broken`, or a source that
# says BROKEN, does not compile; one with a file `fresh` need not be.
here=$(cd "$(dirname "$0")" && pwd)
echo "$*" >> calls.txt
if [ "$1" = check ] && [ -e broken ]; then
    echo "warning: unused variable" >&2
    exit 101
fi
target=${CARGO_TARGET_DIR:-$PWD/target}
packages=
kinds=
for word in "$@"; do
    case $previous in
    --package) packages="$packages $word" ;;
    --test) kinds="$kinds $word" ;;
    esac
    previous=$word
done
for package in $packages; do
    if [ -e "$package/broken" ] || grep -qs BROKEN "$package/src/lib.rs"; then
        echo "error[E0308]: mismatched types in $package" >&2
        exit 101
    fi
    fresh=false
    [ -e "$package/fresh" ] && fresh=true
    for kind in $kinds; do
        if [ -e "$package/tests/$kind.rs" ]; then
            mkdir -p "$target/$package"
            ln -sf "$here/graded.sh" "$target/$package/$kind"
            printf '{"manifest_path":"%s/%s/Cargo.toml","fresh":%s,"target":{"name":"%s"},"executable":"%s/%s/%s"}\n' \
                "$PWD" "$package" "$fresh" "$kind" "$target" "$package" "$kind"
        fi
    done
done
