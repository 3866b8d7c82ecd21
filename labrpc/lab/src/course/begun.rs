//! Which labs a student has begun to write.
//!
//! A handout counts the `todo!`s and the lines of each lab, in a line of the lab's `lib.rs`. A lab in which both
//! numbers are the same as at first is not begun: every graded test of it would fail at a `todo!`. `cargo lab`
//! does not build such labs, but for the one to write next.

use crate::course::handout_list::HandoutList;
use crate::course::track;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::selection::LabSelection;
use crate::tree;

/// What stands before the number of `todo!`s, in a lab's `lib.rs`, and between it and the number of lines.
const COUNT_AFTER: &str = "at first, places with a todo!: ";
const LINES_AFTER: &str = ", lines: ";

/// How large a lab's source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The `todo!`s of the handout that are left.
    pub todos: usize,
    /// The lines of all Rust files.
    pub lines: usize,
}

/// The line that a handout adds to a lab's `lib.rs`. Without it, a student's first build would show many
/// warnings about code that is not used yet.
pub fn count_line(Size { todos, lines }: Size) -> String {
    let counted = format!("{COUNT_AFTER}{todos}{LINES_AFTER}{lines}");
    format!("#![allow(unused, reason = \"{counted}; delete this line with the last todo!\")]")
}

/// The size of the lab with these source files.
pub fn size_of<'a>(lab: &LabCrate, texts: impl IntoIterator<Item = &'a str>) -> Size {
    // The beginning of the message of each `todo!`, which may be on a line of its own.
    let message = format!("\"lab {}: ", lab.title());
    let sizes =
        texts.into_iter().map(|text| Size { todos: text.matches(&message).count(), lines: text.lines().count() });
    sizes.fold(Size { todos: 0, lines: 0 }, |sum, size| Size {
        todos: sum.todos + size.todos,
        lines: sum.lines + size.lines,
    })
}

/// Leaves out the labs that are not begun. The first of them is the next to write: it stays once no `todo!` is
/// left before it. In the open track it stays only if it is the first of all: a later lab begins with the code for the one
/// before it, and until then all of its tests wait for `boot`.
///
/// # Errors
///
/// If a lab's source cannot be read.
pub fn leave_out_later_labs(course: &Course, selections: &mut [LabSelection]) -> Result<(), CommandError> {
    let mut is_next = true;
    for selection in selections {
        match written_part(course, selection.lab)?.0 {
            WrittenPart::Nothing => selection.is_begun = std::mem::take(&mut is_next),
            WrittenPart::Some => is_next = false,
            WrittenPart::All => is_next &= !track::is_open(course, selection.lab),
        }
    }
    Ok(())
}

/// Whether a lab's source is another than it was handed out.
///
/// # Errors
///
/// If it cannot be read.
pub fn is_begun(course: &Course, lab: &LabCrate) -> Result<bool, CommandError> {
    Ok(written_part(course, lab)?.0 != WrittenPart::Nothing)
}

/// Whether no `todo!` of a lab is left.
///
/// # Errors
///
/// If its source cannot be read.
pub fn is_written(course: &Course, lab: &LabCrate) -> Result<bool, CommandError> {
    Ok(written_part(course, lab)?.0 == WrittenPart::All)
}

/// How much of a lab is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Whether its source is another than it was handed out.
    pub is_begun: bool,
    /// The `todo!`s that are left.
    pub todos: usize,
    /// Whether it was handed out with its solution.
    pub is_given: bool,
}

/// How much of a lab is written.
///
/// # Errors
///
/// If its source, or the handout's list of files, cannot be read.
pub fn written(course: &Course, lab: &LabCrate) -> Result<Written, CommandError> {
    let (part, todos) = written_part(course, lab)?;
    let is_given = HandoutList::read(course)?.is_some_and(|list| list.is_solved(lab));
    Ok(Written { is_begun: part != WrittenPart::Nothing, todos, is_given })
}

/// How much of a lab a student has written.
#[derive(PartialEq, Eq)]
enum WrittenPart {
    Nothing,
    Some,
    /// No `todo!` is left.
    All,
}

/// How much is written, and how many `todo!`s are left. A lab is begun if its source has no line with its size at first, or
/// another size now.
fn written_part(course: &Course, lab: &LabCrate) -> Result<(WrittenPart, usize), CommandError> {
    let folder = course.folder(lab).join("src");
    if !folder.is_dir() {
        return Ok((WrittenPart::All, 0));
    }
    let sources = tree::read_sources(&folder)?;
    let texts: Vec<String> = sources.values().map(|file| String::from_utf8_lossy(&file.bytes).into_owned()).collect();
    let size = size_of(lab, texts.iter().map(String::as_str));
    let at_first = texts.iter().find_map(|text| size_at_first(text));
    let part = match at_first {
        _ if size.todos == 0 => WrittenPart::All,
        Some(at_first) if size == at_first => WrittenPart::Nothing,
        _ => WrittenPart::Some,
    };
    Ok((part, size.todos))
}

/// Whether a `lib.rs` still has the line that a handout adds.
pub fn has_count_line(text: &str) -> bool {
    size_at_first(text).is_some()
}

fn size_at_first(text: &str) -> Option<Size> {
    let (_, rest) = text.split_once(COUNT_AFTER)?;
    let (todos, rest) = rest.split_once(LINES_AFTER)?;
    Some(Size { todos: todos.parse().ok()?, lines: rest.split(';').next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size is read back from its line.
    #[test]
    fn the_size_is_read_back() {
        let size = Size { todos: 12, lines: 640 };
        assert_eq!(size_at_first(&format!("//! Who leads?\n{}\nuse x;\n", count_line(size))), Some(size));
        assert_eq!((size_at_first("use x;\n"), size_at_first(COUNT_AFTER)), (None, None));
        assert!(count_line(Size { todos: 100, lines: 1000 }).len() < 120, "a line of code has at most 120 characters");
    }

    /// Only the `todo!`s of the lab count, in all of its files.
    #[test]
    fn todos_and_lines_are_counted() {
        let files =
            ["todo!(\"lab 2A: vote\")\n", "todo!(\n    \"lab 2A: lead\"\n)\n", "todo!(\"lab 2B: log\")\ntodo!()\n"];
        assert_eq!(size_of(&crate::course::LABS[0], files), Size { todos: 2, lines: 6 });
    }
}
