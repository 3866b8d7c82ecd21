//! The promises that a server keeps, in our words, with their place in the paper.
//!
//! Whoever finds one broken, an oracle or a scripted peer, names it by one of these. A rule
//! stands here once, so that a student meets the same sentence wherever it is broken.

pub mod election;
pub mod life;
pub mod persistence;
pub mod replication;
pub mod service;
pub mod snapshots;

use std::fmt;

/// A promise that every server keeps.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// A short name that stays, for programs and tables: `vote-once`.
    pub name: &'static str,
    /// The rule, in a sentence.
    pub text: &'static str,
    /// Where the paper says so: figure, rule, section.
    pub place: &'static str,
    /// Where a student should look, and for what.
    pub hint: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.place)
    }
}

/// Every rule there is.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [election::ALL, replication::ALL, persistence::ALL, snapshots::ALL, service::ALL, life::ALL]
        .into_iter()
        .flatten()
        .copied()
}

/// Defines rules as constants, and the list of all of them.
macro_rules! rules {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $text:literal, $place:literal, $hint:literal;)*) => {
        $($(#[$doc])* #[doc = $text] pub static $constant: $crate::rule::Rule =
            $crate::rule::Rule { name: $name, text: $text, place: $place, hint: $hint };)*
        /// All rules of this part.
        pub const ALL: &[&$crate::rule::Rule] = &[$(&$constant),*];
    };
}
use rules;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    /// A rule's name is its own, and can be typed.
    #[test]
    fn names_are_distinct_and_plain() {
        let mut seen = HashSet::new();
        for rule in super::all() {
            assert!(seen.insert(rule.name), "two rules are called {}", rule.name);
            assert!(rule.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", rule.name);
            assert!(!rule.text.ends_with('.') && !rule.hint.is_empty(), "{}", rule.name);
        }
    }
}
