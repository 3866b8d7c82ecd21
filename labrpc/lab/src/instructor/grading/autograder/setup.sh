#!/usr/bin/env bash
# Makes the image in which submissions are graded. Gradescope runs it once, as root, with a network.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo

apt-get update
apt-get install -y --no-install-recommends bubblewrap build-essential ca-certificates curl git
curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs |
    sh -s -- -y --no-modify-path --profile minimal --default-toolchain @TOOLCHAIN@

# What a submission needs is here afterwards, so that grading asks no network for anything.
cd /autograder/source/course
PATH="$CARGO_HOME/bin:$PATH"
cargo fetch --locked
cargo build --locked --quiet --package lab
cargo lab grade --prepare @OPTIONS@
# The course has the solutions.
chmod go-rwx /autograder/source
