//! The shape of a rule.

/// A promise that every server keeps.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// A short name that does not change, for programs and tables: `vote-once`.
    pub name: &'static str,
    /// The rule, in a sentence.
    pub text: &'static str,
    /// Where the rule comes from: figure, rule, section of the paper.
    pub place: &'static str,
    /// Where a student should look, and what to look for.
    pub hint: &'static str,
}

/// Defines rules as constants, and the list of all of them.
macro_rules! rules {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $text:literal, $place:literal, $hint:literal;)*) => {
        $($(#[$doc])* #[doc = $text] pub static $constant: $crate::rule::definition::Rule =
            $crate::rule::definition::Rule { name: $name, text: $text, place: $place, hint: $hint };)*
        /// All rules of this part.
        pub const ALL: &[&$crate::rule::definition::Rule] = &[$(&$constant),*];
    };
}
pub(super) use rules;
