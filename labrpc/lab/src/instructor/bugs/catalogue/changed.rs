//! Which functions, constants and types an edit changes, to compare them with where a failure sends
//! the student.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Variant;
use super::edit::SourceEdit;
use crate::source_item::{SourceItem, items_of};
use crate::tree::Tree;

/// The items that a variant's edits change. An edit outside of every item adds none. Call it only
/// after [`apply`](super::edit::apply) has found the edits to fit.
pub fn changed_items(variant: &Variant, tree: &Tree) -> BTreeSet<SourceItem> {
    let mut items = BTreeSet::new();
    let mut files: Vec<&str> = variant.edits.iter().map(|edit| edit.file.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    for file in files {
        let Some(contents) = tree.get(file) else { continue };
        let mut text = String::from_utf8_lossy(&contents.bytes).into_owned();
        for edit in variant.edits.iter().filter(|edit| edit.file == file) {
            let Some(start) = text.find(&edit.find) else { break };
            let changed = changed_lines(&text, start, edit);
            let names = items_of(&text).into_iter().filter(|(_, lines)| touches(lines, &changed));
            items.extend(names.map(|(name, _)| SourceItem { file: file.to_string(), name }));
            text.replace_range(start..start + edit.find.len(), &edit.replace);
        }
    }
    items
}

/// The lines that an edit changes, counted from 0: without those that the texts to find and to
/// replace have in common at their beginning and at their end. Empty if lines are only inserted.
fn changed_lines(text: &str, start: usize, edit: &SourceEdit) -> Range<usize> {
    let (old, new): (Vec<&str>, Vec<&str>) = (edit.find.lines().collect(), edit.replace.lines().collect());
    let same_first = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - same_first;
    let same_last = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
    let first = text[..start].matches('\n').count() + same_first;
    first..first + old.len() - same_first - same_last
}

/// Whether a change is in these lines. Inserted lines must be inside.
fn touches(lines: &Range<usize>, changed: &Range<usize>) -> bool {
    match changed.is_empty() {
        true => lines.start < changed.start && changed.start < lines.end,
        false => lines.start < changed.end && changed.start < lines.end,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ListPlace;
    use super::*;
    use crate::source_item::tests::SOURCE;

    fn changed(find: &str, replace: &str) -> Vec<String> {
        let place = ListPlace { file: "bugs.toml".to_string(), line: 1 };
        let edit = SourceEdit { file: "a.rs".to_string(), find: find.to_string(), replace: replace.to_string(), place };
        let lines = changed_lines(SOURCE, SOURCE.find(find).unwrap(), &edit);
        items_of(SOURCE).into_iter().filter(|(_, own)| touches(own, &lines)).map(|(name, _)| name).collect()
    }

    /// A change belongs to the items around it, however it is written.
    #[test]
    fn changes_have_their_items() {
        assert_eq!(changed("    one: u8,\n", "    one: u16,\n"), ["One"]);
        assert_eq!(changed("        THREE\n    }\n", "        4\n    }\n"), ["two"]);
        assert_eq!(changed("const THREE: u8 = 3", "const THREE: u8 = 4"), ["two", "THREE"]);
        assert_eq!(changed("    ) -> u8 {\n        4\n", "    ) -> u8 {\n        5\n        4\n"), ["four"]);
        assert_eq!(changed("    one: 1,\n", ""), ["FIVE"]);
        assert_eq!(changed("#[derive(Debug)]\n", ""), ["One"]);
        assert!(changed("impl One {\n", "impl One {\n    fn six() {}\n\n").is_empty());
    }
}
