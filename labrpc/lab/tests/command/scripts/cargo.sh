#!/bin/sh
# Stands in for cargo: builds nothing, and names cluster.sh as the graded tests of each package.
here=$(dirname "$0")
echo "$*" >> calls.txt
for word; do
    case $word in
    --workspace)
        if [ -e broken ]; then
            echo "warning: unused variable" >&2
            exit 101
        fi
        ;;
    lab*)
        if [ -e "$word/broken" ]; then
            echo "error[E0308]: mismatched types in $word" >&2
            exit 101
        fi
        printf '{"manifest_path":"%s/%s/Cargo.toml","target":{"name":"cluster"},"executable":"%s/cluster.sh"}\n' \
            "$PWD" "$word" "$here"
        ;;
    esac
done
