//! A part of a cohort, for machines that grade side by side.

use serde::{Deserialize, Serialize};

use crate::error::CommandError;
use crate::fingerprint::sha256;

/// One of several parts. Which submission is in which part depends on its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which part, from 1.
    pub part: u64,
    /// How many parts there are.
    pub parts: u64,
}

impl Shard {
    /// Reads `2/5`.
    ///
    /// # Errors
    ///
    /// For anything else.
    pub fn read(text: &str) -> Result<Shard, CommandError> {
        let number = |text: &str| text.parse().ok().filter(|number| *number >= 1);
        let shard =
            text.split_once('/').and_then(|(part, parts)| Some(Shard { part: number(part)?, parts: number(parts)? }));
        shard.filter(|shard| shard.part <= shard.parts).ok_or_else(|| {
            CommandError::Misuse(format!("`--shard {text}` is not a part: use for instance 2/5 for the second of five"))
        })
    }

    /// Whether a submission is in this part.
    pub fn has(self, name: &str) -> bool {
        // The first digits of a hash are spread evenly.
        let number = u64::from_str_radix(&sha256(name.as_bytes())[..15], 16).unwrap_or_default();
        number % self.parts == self.part - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every submission is in exactly one part, and no part is empty or has them all.
    #[test]
    fn parts_cover_everything_once() {
        let names: Vec<String> = (0..400).map(|at| format!("student{at}")).collect();
        let parts = (1..=4).map(|part| names.iter().filter(|name| Shard { part, parts: 4 }.has(name)).count());
        let parts: Vec<usize> = parts.collect();
        assert_eq!(parts.iter().sum::<usize>(), 400);
        assert!(parts.iter().all(|count| (60..140).contains(count)), "{parts:?}");
    }

    /// A part is a number of parts.
    #[test]
    fn parts_are_read() {
        assert_eq!(Shard::read("2/5"), Ok(Shard { part: 2, parts: 5 }));
        for text in ["", "2", "0/5", "6/5", "1/0", "a/b", "1/2/3", "-1/5"] {
            assert!(Shard::read(text).is_err(), "{text}");
        }
    }
}
