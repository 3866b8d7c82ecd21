//! Errors in marker lines.

use std::fmt;

/// A wrong marker line.
#[derive(Debug, PartialEq, Eq)]
pub struct MarkerError {
    /// The file's path in the workspace, with slashes.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong with a marker line.
#[derive(Debug, PartialEq, Eq)]
pub enum Cause {
    /// A section begins inside the section that begins on this line.
    Nested { begun: usize },
    /// A section ends that has not begun.
    NotBegun,
    /// A section has no end.
    Unclosed,
    /// A section has no code.
    Empty,
    /// A hint that does not stand right below the beginning of a section.
    StrayHint,
    /// A section names another lab than the one it is in.
    OtherLab { named: String, lab: &'static str },
    /// The line looks like a marker and is not one.
    Malformed,
}

impl fmt::Display for MarkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        match &self.cause {
            Cause::Nested { begun } => {
                write!(f, "a section begins inside the section of line {begun}: close that one first with `// END`")
            }
            Cause::NotBegun => f.write_str("`// END` closes nothing: there is no open section above it"),
            Cause::Unclosed => {
                f.write_str("the section that begins here has no end: write `// END` on a line of its own")
            }
            Cause::Empty => {
                f.write_str("the section that begins here has no code: a student would have nothing to write")
            }
            Cause::StrayHint => f.write_str("a hint belongs right below `// BEGIN`, before the code"),
            Cause::OtherLab { named, lab } => {
                write!(f, "the section is marked for lab {named}, but the file is in lab {}", lab.to_uppercase())
            }
            Cause::Malformed => f.write_str(
                "a marker is `// BEGIN 2A <rule of the paper>`, `// HINT <hint>` or `// END`, on a line of its own",
            ),
        }
    }
}

impl std::error::Error for MarkerError {}
