//! Suggestions for a mistyped name.

/// With at most one edit per this many characters, a word still looks like a typing mistake.
const CHARACTERS_PER_EDIT: usize = 3;

/// The candidate that is closest to `word`, the first one of equals; `None` if none is close.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let edits_max = 1 + word.chars().count() / CHARACTERS_PER_EDIT;
    let (edits, candidate) = candidates
        .into_iter()
        .map(|candidate| (edits_between(&word, &candidate.to_lowercase()), candidate))
        .min_by_key(|(edits, _)| *edits)?;
    (edits <= edits_max).then_some(candidate)
}

/// The end of a message, `: did you mean …?`, or nothing if no name is close.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|candidate| format!(": did you mean `{candidate}`?")).unwrap_or_default()
}

/// The Levenshtein distance: how many characters must be inserted, deleted or replaced to turn one
/// word into the other. Computed a row of the table at a time.
fn edits_between(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, from_character) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, to_character) in to.iter().enumerate() {
            let exchanged = diagonal + usize::from(from_character != *to_character);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Insertions, deletions and replacements count alike.
    #[test]
    fn edits_are_counted() {
        for (from, to, edits) in [("test", "test", 0), ("tset", "test", 2), ("", "abc", 3), ("abc", "", 3)] {
            assert_eq!(edits_between(from, to), edits, "{from} to {to}");
        }
        assert_eq!(edits_between("handuot", "handout"), 2);
        assert_eq!(edits_between("figure_8_2c", "figure_82c"), 1);
    }

    /// The closest name is suggested, the first one of equals, and nothing if nothing is close.
    #[test]
    fn the_closest_name_is_suggested() {
        assert_eq!(nearest("tset", ["handout", "test", "help"]), Some("test"));
        assert_eq!(nearest("2E", ["2a", "2b", "3a"]), Some("2a"));
        assert_eq!(nearest("frobnicate", ["handout", "test", "help"]), None);
        assert_eq!(suggestion("hadnout", ["handout", "test"]), ": did you mean `handout`?");
    }
}
