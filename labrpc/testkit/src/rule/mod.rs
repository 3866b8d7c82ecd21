//! The promises that a server keeps, each with its place in the paper.
//!
//! An oracle or a test that finds a broken promise names its rule. Each rule is defined once, so
//! that a student reads the same sentence wherever it is broken.

pub(crate) mod definition;
pub mod election;
pub mod files;
pub mod life;
pub mod persistence;
pub mod replication;
pub mod service;
pub mod snapshots;

pub(crate) use definition::Places;
pub use definition::{Hint, LabNumber, PLACES_MAX, Place, Rule};

/// All rules.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [election::ALL, replication::ALL, persistence::ALL, snapshots::ALL, service::ALL, life::ALL]
        .into_iter()
        .flatten()
        .copied()
}

/// All hints: those of the rules, and those of single situations.
pub fn hints() -> impl Iterator<Item = &'static Hint> {
    let situations = [
        &election::COMPARES_OR_LOSES,
        &election::ASKS_IN_TERM,
        &election::WINS,
        &election::BOOTS_WAITING,
        &replication::TAKES_A_LOG,
        &replication::LEADS_AND_SENDS,
        &replication::ADDS,
        &persistence::REFUSES_TO_BOOT,
        &persistence::DISK_DIFFERS,
        &replication::FILLS_A_REQUEST,
        &replication::APPENDS_IN_TERM,
        &snapshots::CUTS,
        &snapshots::SENDS,
        &snapshots::SENDS_TO,
        &snapshots::SENDS_IN_TERM,
        &snapshots::INSTALLS,
        &snapshots::BOOTS,
    ];
    all().map(|rule| &rule.hint).chain(situations)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    /// No two rules have the same name, and names can be typed.
    #[test]
    fn names_are_distinct_and_plain() {
        let mut seen = HashSet::new();
        for rule in super::all() {
            assert!(seen.insert(rule.name), "two rules are called {}", rule.name);
            assert!(rule.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", rule.name);
            assert!(!rule.text.ends_with('.') && !rule.hint.look_for.ends_with('.'), "{}", rule.name);
        }
    }
}
