//! Lab 3B's graded tests, a module for each kind: `cargo test -p lab3b-kvsnap rules::` runs one kind.

mod lab;

mod chaos;
mod cluster;
mod cost;
mod rules;
