//! Lab 3A's graded tests, on a server of the open track: the same files, and a `lab.rs` of their own.

mod lab;

#[path = "../../../../lab3a-kv/tests/graded"]
mod system {
    mod chaos;
    mod cluster;
    mod cost;
}
#[path = "../../../../lab3a-kv/tests/graded/rules/mod.rs"]
mod rules;

use labrpc::sim::CountedHeap;

/// Counts the memory that `cost` compares with its limits.
#[global_allocator]
static HEAP: CountedHeap = CountedHeap;
