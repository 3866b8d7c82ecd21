#!/bin/sh
# Stands in for cargo: builds nothing, and names graded.sh as the test binary of each package that is
# asked for and has a tests/graded/main.rs. A package with a file `broken`, or a source that says
# BROKEN, does not compile; one with a file `fresh` need not be compiled. If there is a wrapper, it calls the compiler of
# `toolchain` through it, as cargo does. `cargo run` prints what it would run with.
here=$(cd "$(dirname "$0")" && pwd)
echo "$*" >> calls.txt
if [ "$1" = check ] && [ -e broken ]; then
    echo "warning: unused variable" >&2
    exit 101
fi
if [ "$1" = run ]; then
    # The program that shows a story: its arguments, then the story.
    while [ "$1" != -- ]; do shift; done
    story=$2
    shift 2
    echo "shown: $*"
    exec cat "$story"
fi
target=${CARGO_TARGET_DIR:-$PWD/target}
packages=
for word in "$@"; do
    [ "$previous" = --package ] && packages="$packages $word"
    previous=$word
done
for package in $packages; do
    if [ -e "$package/broken" ] || grep -qs BROKEN "$package/src/lib.rs"; then
        echo "error[E0308]: mismatched types in $package" >&2
        exit 101
    fi
    fresh=false
    [ -e "$package/fresh" ] && fresh=true
    if [ -e "$package/tests/graded/main.rs" ]; then
        mkdir -p "$target/$package"
        ln -sf "$here/graded.sh" "$target/$package/graded"
        printf '{"manifest_path":"%s/%s/Cargo.toml","fresh":%s,"target":{"name":"graded"},"executable":"%s/%s/graded"}\n' \
            "$PWD" "$package" "$fresh" "$target" "$package"
        if [ -n "$RUSTC_WRAPPER" ]; then
            crate=$(echo "$package" | tr - _)
            compile() { "$RUSTC_WRAPPER" "$here/toolchain/bin/rustc" "$@" --out-dir "$target/$package"; }
            compile --crate-name "$crate" "$package/src/lib.rs"
            compile --crate-name graded "$package/tests/graded/main.rs" -C extra-filename=-1 --extern "$crate=$target/$package/lib$crate.rlib"
        fi
    fi
done
