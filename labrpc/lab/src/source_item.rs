//! The functions, constants and types of a source file, found by its lines: no compiler is needed, and code that does
//! not compile has them too.

use std::fmt;
use std::ops::Range;

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

/// The item around a line, counted from 1.
pub fn item_at(text: &str, line: usize) -> Option<String> {
    let around = items_of(text).into_iter().filter(|(_, lines)| lines.contains(&line.saturating_sub(1)));
    around.min_by_key(|(_, lines)| lines.len()).map(|(name, _)| name)
}

/// All named items of a formatted source, each with its lines, counted from 0.
pub fn items_of(text: &str) -> Vec<(String, Range<usize>)> {
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
pub mod tests {
    use super::*;

    /// A file with items of several kinds.
    pub const SOURCE: &str = "\
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

    /// A line of a failure is in the innermost item.
    #[test]
    fn lines_have_their_items() {
        let names = [4, 7, 8, 10, 11, 17, 19].map(|line| item_at(SOURCE, line).unwrap_or_default());
        assert_eq!(names, ["One", "", "two", "THREE", "two", "four", ""]);
    }
}
