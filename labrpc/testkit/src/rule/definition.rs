//! The shape of a rule, and of the hint that goes with it.

use std::fmt;

/// A promise that every server keeps.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// A short name that does not change, for programs and tables: `vote-once`.
    pub name: &'static str,
    /// The rule, in a sentence.
    pub text: &'static str,
    /// Where the rule comes from: figure, rule, section of the paper.
    pub source: &'static str,
    /// What to look for and where, when the rule is broken.
    pub hint: Hint,
}

/// Helps to find a mistake: what to look for, and where it is likely.
#[derive(Debug, PartialEq, Eq)]
pub struct Hint {
    /// What to look for, in a sentence that is true for a server of any design.
    pub look_for: &'static str,
    /// Where to look in the course's own design, for each lab that has places of its own. A later
    /// lab uses those of the last lab before it.
    pub places: &'static [(LabNumber, &'static [Place])],
}

/// A lab: `2a`.
pub type LabNumber = &'static str;

/// A function of a lab, or another named item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, from the root of the course: `lab2a-election/src/election.rs`.
    pub file: &'static str,
    /// The name of the function, or of the constant or type.
    pub item: &'static str,
}

/// A hint with more places than this is none.
pub const PLACES_MAX: usize = 5;

impl Hint {
    /// Where to look in a lab: `2d`, or its package `lab2d-snapshot`. Nothing in any other package.
    pub fn places_in(&self, lab: &str) -> &'static [Place] {
        let Some(number) = lab.strip_prefix("lab").unwrap_or(lab).get(..2) else { return &[] };
        let is_lab = number.starts_with(|digit: char| digit.is_ascii_digit());
        let places = self.places.iter().rev().find(|(from, _)| is_lab && *from <= number);
        places.map_or(&[], |(_, places)| *places)
    }
}

/// Displays places, those of one file together: `` `tick`, `due` in lab2a-election/src/election.rs ``.
pub(crate) struct Places(pub(crate) &'static [Place]);

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, place) in self.0.iter().enumerate() {
            let before = nth.checked_sub(1).map(|before| self.0[before]);
            match before {
                Some(before) if before.file == place.file => f.write_str(", ")?,
                Some(before) => write!(f, " in {}; ", before.file)?,
                None => {}
            }
            write!(f, "`{}`", place.item)?;
        }
        self.0.last().map_or(Ok(()), |last| write!(f, " in {}", last.file))
    }
}

/// Defines rules as constants, and the list of all of them.
macro_rules! rules {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $text:literal, $source:literal,
        $look_for:literal, [$($lab:literal: $($file:ident $item:ident),+);* $(;)?];)*) => {
        $($(#[$doc])* #[doc = $text] pub static $constant: $crate::rule::definition::Rule =
            $crate::rule::definition::Rule {
                name: $name,
                text: $text,
                source: $source,
                hint: $crate::rule::definition::hint!($look_for, [$($lab: $($file $item),+);*]),
            };)*
        /// All rules of this part.
        pub const ALL: &[&$crate::rule::definition::Rule] = &[$(&$constant),*];
    };
}
pub(super) use rules;

/// A hint: a sentence, and for each lab a list of files and items.
macro_rules! hint {
    ($look_for:literal, [$($lab:literal: $($file:ident $item:ident),+);* $(;)?]) => {
        $crate::rule::definition::Hint {
            look_for: $look_for,
            places: &[$(($lab, &[$($crate::rule::definition::Place {
                file: $crate::rule::files::$file,
                item: stringify!($item),
            }),+])),*],
        }
    };
}
pub(super) use hint;

#[cfg(test)]
mod tests {
    use super::*;

    static HINT: Hint = hint!("look", ["2a": ELECTION tick, ELECTION due, RAFT step; "2c": DISK save]);

    /// A lab without places of its own uses those of the last lab before it.
    #[test]
    fn the_places_of_the_last_lab_before_count() {
        let items = |lab| HINT.places_in(lab).iter().map(|place| place.item).collect::<Vec<_>>();
        assert_eq!(items("2a"), ["tick", "due", "step"]);
        assert_eq!(items("lab2b-log"), ["tick", "due", "step"]);
        assert_eq!(items("lab3b-kvsnap"), ["save"]);
        assert_eq!((items("testkit"), items("")), (vec![], vec![]));
    }

    /// The places of one file are told together.
    #[test]
    fn places_are_grouped_by_file() {
        let text = Places(HINT.places_in("2a")).to_string();
        assert_eq!(text, "`tick`, `due` in lab2a-election/src/election.rs; `step` in lab2a-election/src/raft.rs");
    }
}
