//! An edit of a source file: it replaces the only occurrence of a text.

use std::collections::BTreeMap;

use super::{CatalogueError, ListPlace, Variant};
use crate::tree::Tree;

/// An edit of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceEdit {
    /// The file's path in the workspace, with slashes.
    pub file: String,
    /// The text to find.
    pub find: String,
    /// The text that replaces it.
    pub replace: String,
    /// The line of the list with the text to find.
    pub place: ListPlace,
}

/// The new contents of the files that a variant changes, by their paths.
///
/// # Errors
///
/// The first edit that does not fit.
pub fn apply(variant: &Variant, tree: &Tree) -> Result<BTreeMap<String, String>, CatalogueError> {
    let mut texts = BTreeMap::new();
    for edit in &variant.edits {
        let problem =
            |reason: String| CatalogueError { place: edit.place.clone(), reason: format!("{}: {reason}", variant.id) };
        let text = match texts.remove(&edit.file) {
            Some(text) => text,
            None => read(&edit.file, tree).map_err(problem)?,
        };
        let edited = edit.apply(&text).map_err(problem)?;
        texts.insert(edit.file.clone(), edited);
    }
    Ok(texts)
}

fn read(file: &str, tree: &Tree) -> Result<String, String> {
    let Some(contents) = tree.get(file) else {
        return Err(format!("there is no file `{file}`: name one by its path from the root of the course"));
    };
    let text = std::str::from_utf8(&contents.bytes).map_err(|_| format!("`{file}` is not UTF-8: edit another file"))?;
    Ok(text.to_string())
}

impl SourceEdit {
    fn apply(&self, text: &str) -> Result<String, String> {
        let SourceEdit { file, find, replace, .. } = self;
        let Some(start) = text.find(find.as_str()) else {
            return Err(format!("the text to find is not in {file}: copy it from there, with its spaces"));
        };
        let after_first = start + find.chars().next().map_or(0, char::len_utf8);
        if text[after_first..].contains(find.as_str()) {
            return Err(format!("the text to find occurs more than once in {file}: add the line above or below it"));
        }
        Ok(format!("{}{replace}{}", &text[..start], &text[start + find.len()..]))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::VariantKind;
    use super::*;
    use crate::course::LABS;
    use crate::scratch::Scratch;
    use crate::tree;

    fn planted(edits: &[(&str, &str, &str)]) -> Result<Vec<(String, String)>, String> {
        let course = Scratch::new("edit").unwrap();
        fs::write(course.path().join("a.rs"), "one\ntwo\ntwo\néé\n").unwrap();
        fs::write(course.path().join("b.rs"), "three\n").unwrap();
        let place = |line| ListPlace { file: "bugs.toml".to_string(), line };
        let edit = |(index, (file, find, replace)): (usize, &(&str, &str, &str))| SourceEdit {
            file: file.to_string(),
            find: find.to_string(),
            replace: replace.to_string(),
            place: place(index + 10),
        };
        let variant = Variant {
            lab: &LABS[0],
            id: "A01".to_string(),
            what: "It is wrong.".to_string(),
            nature: VariantKind::Lawful { until: None },
            edits: edits.iter().enumerate().map(edit).collect(),
            place: place(1),
        };
        let tree = tree::read(course.path()).unwrap();
        apply(&variant, &tree).map(|texts| texts.into_iter().collect()).map_err(|problem| problem.to_string())
    }

    /// Edits of one file are applied in order, and leave the rest of the file alone.
    #[test]
    fn edits_are_applied_in_order() {
        let edits = [("a.rs", "one\n", "two\n"), ("b.rs", "three", ""), ("a.rs", "two\ntwo\ntwo", "four")];
        let texts = [("a.rs", "four\néé\n"), ("b.rs", "\n")].map(|(file, text)| (file.to_string(), text.to_string()));
        assert_eq!(planted(&edits), Ok(texts.to_vec()));
    }

    /// An edit that does not fit is refused. The error has the line of the list with the text to
    /// find.
    #[test]
    fn an_edit_must_fit_once() {
        let refused = |edits: &[(&str, &str, &str)]| planted(edits).unwrap_err();
        let never = "is not in a.rs: copy it from there, with its spaces";
        let twice = "occurs more than once in a.rs: add the line above or below it";
        assert_eq!(refused(&[("a.rs", "three", "x")]), format!("bugs.toml:10: A01: the text to find {never}"));
        assert_eq!(refused(&[("a.rs", "two", "x")]), format!("bugs.toml:10: A01: the text to find {twice}"));
        assert_eq!(refused(&[("a.rs", "é", "x")]), format!("bugs.toml:10: A01: the text to find {twice}"));
        let spent = [("a.rs", "one", "x"), ("a.rs", "one", "y")];
        assert_eq!(refused(&spent), format!("bugs.toml:11: A01: the text to find {never}"));
        let nowhere = "there is no file `../a.rs`: name one by its path from the root of the course";
        assert_eq!(refused(&[("../a.rs", "one", "x")]), format!("bugs.toml:10: A01: {nowhere}"));
    }

    /// Overlapping occurrences count as two.
    #[test]
    fn overlapping_texts_are_counted() {
        assert!(planted(&[("a.rs", "two\n", "x")]).is_err());
        assert!(SourceEdit { find: "aa".to_string(), ..edit_of_b() }.apply("aaa").is_err());
    }

    fn edit_of_b() -> SourceEdit {
        let place = ListPlace { file: "bugs.toml".to_string(), line: 1 };
        SourceEdit { file: "b.rs".to_string(), find: String::new(), replace: String::new(), place }
    }
}
