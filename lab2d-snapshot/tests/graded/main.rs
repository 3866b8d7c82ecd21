//! Lab 2D's graded tests, a module for each kind: `cargo test -p lab2d-snapshot rules::` runs one kind.

mod lab;

mod chaos;
mod cluster;
mod cost;
mod rules;

use labrpc::sim::CountedHeap;

/// Counts the memory that `cost` compares with its limits.
#[global_allocator]
static HEAP: CountedHeap = CountedHeap;
