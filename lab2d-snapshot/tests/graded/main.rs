//! Lab 2D's graded tests, a module for each kind: `cargo test -p lab2d-snapshot rules::` runs one kind.

mod lab;

/// The kinds with more servers than one. The test harness sorts by module: `rules`, which says most
/// about a mistake, runs before them.
#[path = "."]
mod system {
    mod chaos;
    mod cluster;
    mod cost;
}
mod rules;
