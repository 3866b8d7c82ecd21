#!/bin/sh
# Stands in for cargo: builds nothing, and names cluster.sh as the graded tests of each package.
here=$(dirname "$0")
echo "$*" >> calls.txt
if [ "$1" = build ] && [ -e broken ]; then
    echo "warning: unused variable" >&2
    exit 101
fi
case $* in
*--workspace*) packages=$(echo lab[23]*) ;;
*) packages=$* ;;
esac
for package in $packages; do
    case $package in
    lab*)
        if [ -e "$package/broken" ]; then
            echo "error[E0308]: mismatched types in $package" >&2
            exit 101
        fi
        printf '{"manifest_path":"%s/%s/Cargo.toml","target":{"name":"cluster"},"executable":"%s/cluster.sh"}\n' \
            "$PWD" "$package" "$here"
        ;;
    esac
done
