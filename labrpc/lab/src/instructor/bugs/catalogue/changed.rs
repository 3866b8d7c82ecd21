//! Which functions, constants and types an edit changes, to compare them with where a failure sends
//! the student.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use super::Variant;
use super::edit::SourceEdit;
use crate::tree::Tree;

/// A function, a constant or a type of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceItem {
    /// The file's path in the workspace, with slashes.
    pub file: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for SourceItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.name)
    }
}

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

/// The item around a line, counted from 1.
pub fn item_at(text: &str, line: usize) -> Option<String> {
    let around = items_of(text).into_iter().filter(|(_, lines)| lines.contains(&line.saturating_sub(1)));
    around.min_by_key(|(_, lines)| lines.len()).map(|(name, _)| name)
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

/// All named items of a formatted source, each with its lines, counted from 0.
fn items_of(text: &str) -> Vec<(String, Range<usize>)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut items = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let Some(name) = name_of(line) else { continue };
        let indentation = &line[..line.len() - line.trim_start().len()];
        let is_attached = |line: &&&str| {
            let inside = line.strip_prefix(indentation).unwrap_or_default();
            inside.starts_with("///") || inside.starts_with("#[")
        };
        let begin = first - lines[..first].iter().rev().take_while(is_attached).count();
        let is_end = |line: &&str| line.strip_prefix(indentation).is_some_and(|inside| inside.starts_with(['}', ']']));
        let is_one_line = line.ends_with([';', '}']);
        let end = if is_one_line { Some(0) } else { lines[first..].iter().position(is_end) };
        items.push((name, begin..first + end.unwrap_or(0) + 1));
    }
    items
}

/// The name of the item that a line begins.
fn name_of(line: &str) -> Option<String> {
    const MODIFIERS: [&str; 6] = ["pub", "pub(crate)", "pub(super)", "const", "extern", "unsafe"];
    let mut words = line.split_whitespace().skip_while(|word| MODIFIERS[..3].contains(word)).peekable();
    let mut kind = words.next()?;
    if MODIFIERS.contains(&kind) && words.peek() == Some(&"fn") {
        kind = words.next()?;
    }
    let name = words.next().filter(|_| ["fn", "const", "static", "struct", "enum", "type"].contains(&kind))?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    (end > 0).then(|| name[..end].to_string())
}

#[cfg(test)]
mod tests {
    use super::super::ListPlace;
    use super::*;

    const SOURCE: &str = "\
/// One.
#[derive(Debug)]
pub struct One {
    one: u8,
}

impl One {
    /// Two.
    pub const fn two(&self) -> u8 {
        const THREE: u8 = 3;
        THREE
    }

    fn four(
        &self,
    ) -> u8 {
        4
    }
}

const FIVE: One = One {
    one: 1,
};
";

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

    /// A line of a failure is in the innermost item.
    #[test]
    fn lines_have_their_items() {
        let names = [4, 7, 8, 10, 11, 17, 19].map(|line| item_at(SOURCE, line).unwrap_or_default());
        assert_eq!(names, ["One", "", "two", "THREE", "two", "four", ""]);
    }
}
