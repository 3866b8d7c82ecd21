#!/bin/sh
# Stands in for a lab's test binary, as the link `<target>/<lab>/graded` to this file, where the target
# folder is in the course or beside it, or called like it with `-target`. Or LAB_FOLDER names the lab's folder. It holds the tests that the lab's tests/graded/<kind>.rs names,
# one `fn name` a line, and does what the lab's behaviour.sh says, as a lab's test process would: with
# the folder of the lab as its own, and the paths of the chosen tests as its arguments. $kind is the
# kind of the first of them.
lab_folder=$LAB_FOLDER
if [ -z "$lab_folder" ]; then
    link_folder=$(dirname "$0")
    for course in "$link_folder/../.." "$link_folder/../../course" "$link_folder/../../handout" "${link_folder%-target/*}"; do
        lab_folder=$course/$(basename "$link_folder")
        [ -d "$lab_folder/tests" ] && break
    done
fi

if [ "$1" = --list ]; then
    [ -e "$lab_folder/mute" ] && exit 3
    for file in "$lab_folder"/tests/graded/*.rs; do
        kind=$(basename "$file" .rs)
        case $kind in chaos | cluster | cost) kind=system::$kind ;; esac
        sed -n "s/^fn \([a-z0-9_:]*\).*/$kind::\1: test/p" "$file"
    done
    exit 0
fi

kind=${1#system::}
kind=${kind%%::*}

# run TEST SEED passed|failed [FAILURE [RULE [GROUP [CAUSE]]]]: reports a run of a second of virtual time.
run() {
    failure=null
    rule=null
    group=null
    cause=null
    [ "$3" = passed ] || failure="\"$4\""
    [ -z "$5" ] || rule="\"$5\""
    [ -z "$6" ] || group="\"$6\""
    [ -z "$7" ] || cause="\"$7\""
    printf '{"test":"%s","seed":%s,"seeds":2,"outcome":"%s","trace":"%016d","virtual_ns":1000000000,"cpu_ns":5,"token":"%s:%s","failure":%s,"rule":%s,"group":%s,"cause":%s}\n' \
        "$1" "$2" "$3" "$2" "$1" "$2" "$failure" "$rule" "$group" "$cause" >> "$LAB_REPORT"
}

. ./behaviour.sh
