#!/usr/bin/env bash
# Grades one submission. Gradescope runs it as root for each, with the submission in /autograder/submission.
set -uo pipefail
export RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo
PATH="$CARGO_HOME/bin:$PATH"
shopt -s nullglob dotglob

# An archive that was uploaded as it is lies in the folder.
submission=/autograder/submission
uploaded=("$submission"/*)
if [ "${#uploaded[@]}" = 1 ] && [ -f "${uploaded[0]}" ]; then
    submission="${uploaded[0]}"
fi

cd /autograder/source/course || exit 1
results=/autograder/results
mkdir -p "$results"
timeout --kill-after=10 @SECONDS@ cargo lab grade --format gradescope @OPTIONS@ "$submission" >"$results/new.json"
status=$?
# A submission that was refused has a document, too, which says why. Without one there is no grade, and Gradescope
# says that the autograder has failed: that is better than no points for what is not the student's fault.
if [ -s "$results/new.json" ]; then
    mv "$results/new.json" "$results/results.json"
    exit 0
fi
rm -f "$results/new.json"
if [ "$status" = 124 ]; then
    echo "The grader did not finish within @SECONDS@ seconds: use a larger container or fewer labs in one assignment."
fi
echo "The grader failed with status $status. Run the autograder again."
exit 1
