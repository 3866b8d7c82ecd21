#!/bin/sh
# Stands in for the graded tests of a lab: does what the lab's behaviour.sh says, as a lab's test
# process would: with the folder of the lab as its own, and the chosen tests as its arguments.

# run TEST SEED passed|failed [FAILURE]: reports a run of a second of virtual time.
run() {
    failure=null
    [ "$3" = passed ] || failure="\"$4\""
    printf '{"test":"%s","seed":%s,"seeds":2,"outcome":"%s","trace":"%016d","virtual_ns":1000000000,"cpu_ns":5,"token":"%s:%s","failure":%s}\n' \
        "$1" "$2" "$3" "$2" "$1" "$2" "$failure" >> "$LAB_REPORT"
}

. ./behaviour.sh
