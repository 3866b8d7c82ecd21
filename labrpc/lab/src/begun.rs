//! Which labs a student has begun to write.
//!
//! A handout's labs count their `todo!`s in a line of `lib.rs`. A lab that still has all of them is not
//! begun: every graded test of it would fail at one. `cargo lab` does not build such labs, but for the first.

use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::selection::LabSelection;
use crate::tree;

/// What stands before the number of `todo!`s, in a lab's `lib.rs`.
const COUNT_AFTER: &str = "todo!s of this lab at first: ";

/// The line that a handout adds to a lab's `lib.rs`. Without it, a student's first build would show many
/// warnings about code that is not used yet.
pub fn count_line(count: usize) -> String {
    format!("#![allow(unused, reason = \"{COUNT_AFTER}{count}; delete this line when the last one is gone\")]")
}

/// Leaves out the labs that are not begun, but for the first of them, which is the next to write.
///
/// # Errors
///
/// If a lab's source cannot be read.
pub fn leave_out_later_labs(course: &Course, selections: &mut [LabSelection]) -> Result<(), CommandError> {
    let mut is_next = true;
    for selection in selections {
        if !is_begun(course, selection.lab)? {
            selection.is_begun = std::mem::take(&mut is_next);
        }
    }
    Ok(())
}

/// Whether the lab's source has no line with the number of its `todo!`s, or fewer of them than it says.
fn is_begun(course: &Course, lab: &LabCrate) -> Result<bool, CommandError> {
    let folder = course.folder(lab).join("src");
    if !folder.is_dir() {
        return Ok(true);
    }
    let sources = tree::read(&folder)?;
    let texts: Vec<String> = sources.values().map(|file| String::from_utf8_lossy(&file.bytes).into_owned()).collect();
    // The beginning of the message of each `todo!`, which may be on a line of its own.
    let message = format!("\"lab {}: ", lab.title());
    let count: usize = texts.iter().map(|text| text.matches(&message).count()).sum();
    Ok(texts.iter().find_map(|text| count_at_first(text)).is_none_or(|at_first| count < at_first))
}

fn count_at_first(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once(COUNT_AFTER)?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number is read back from its line.
    #[test]
    fn the_count_is_read_back() {
        assert_eq!(count_at_first(&format!("//! Who leads?\n{}\nuse x;\n", count_line(12))), Some(12));
        assert_eq!((count_at_first("use x;\n"), count_at_first(COUNT_AFTER)), (None, None));
        assert!(count_line(100).len() < 120, "a line of code has at most 120 characters");
    }
}
