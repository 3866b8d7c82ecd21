//! Taking solutions out of a source file, and putting them back.
//!
//! The code that a student writes is between two marker lines:
//!
//! ```text
//!     // BEGIN 2A Figure 2, RequestVote rule 2
//!     // HINT Whom has this server voted for already, and in which term?
//!     …
//!     // END
//! ```
//!
//! In the handout, a `todo!` replaces the markers and all lines between them. It names the rule of the paper only. The
//! hints, from vague to concrete, are kept apart, for `cargo lab hint`.

mod error;
mod line;

use crate::course::LabCrate;
use crate::grade::verdict::NOT_YET_IMPLEMENTED;
use crate::source_item::item_at;
use crate::student::hint::place::PlaceToWrite;
use error::{Cause, MarkerError};
use line::Marker;

/// The `max_width` of the workspace's rustfmt.toml. The `todo!` is formatted, so that a student's
/// first `cargo fmt` changes nothing.
const LINE_CHARACTERS_MAX: usize = 120;

const INDENTATION: &str = "    ";

/// A solution that was taken out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What a student has to write there.
    pub place: PlaceToWrite,
    /// The message of its `todo!`: lab, rule, function and file.
    pub message: String,
    /// The lines of the solution, with the markers.
    pub solution: String,
    /// The lines that replace it.
    pub placeholder: String,
}

/// A source file without its solutions.
#[derive(Debug, PartialEq, Eq)]
pub struct Stripped {
    /// The rest of the file, with a placeholder for each solution.
    pub text: String,
    /// The solutions, from top to bottom.
    pub sections: Vec<Section>,
}

/// Takes the solutions out of a source file of a lab. `file` is its path in the workspace, with
/// slashes, for the messages.
///
/// # Errors
///
/// [`MarkerError`] if a marker is misplaced or malformed.
pub fn strip(text: &str, lab: &LabCrate, file: &str) -> Result<Stripped, MarkerError> {
    let error = |line, cause| Err(MarkerError { file: file.to_string(), line, cause });
    let mut stripped = Stripped { text: String::new(), sections: Vec::new() };
    // The open section: the number of its first line, its place, and its lines so far.
    let mut open: Option<(usize, PlaceToWrite, String)> = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        match (line::parse(line), &mut open) {
            (Some(Marker::Malformed), _) => return error(number, Cause::Malformed),
            (Some(Marker::Begin { .. }), Some((begun, ..))) => return error(number, Cause::Nested { begun: *begun }),
            (Some(Marker::Begin { lab: named, .. }), None) if named != lab.title() => {
                return error(number, Cause::OtherLab { named: named.to_string(), lab: lab.id });
            }
            (Some(Marker::Begin { rule, .. }), None) => {
                let (item, rule) = (item_at(text, number).unwrap_or_default(), rule.to_string());
                let place = PlaceToWrite { file: file.to_string(), item, rule, hints: Vec::new() };
                open = Some((number, place, line.to_string()));
            }
            (Some(Marker::Hint(_)), None) => return error(number, Cause::StrayHint),
            (Some(Marker::Hint(hint)), Some((_, place, solution))) => {
                if solution.lines().any(is_code) {
                    return error(number, Cause::StrayHint);
                }
                place.hints.push(hint.to_string());
                *solution += line;
            }
            (Some(Marker::End), None) => return error(number, Cause::NotBegun),
            (Some(Marker::End), Some((begun, place, solution))) => {
                if !solution.lines().any(is_code) {
                    return error(*begun, Cause::Empty);
                }
                let section = close(place.clone(), std::mem::take(solution) + line);
                stripped.text += &section.placeholder;
                stripped.sections.push(section);
                open = None;
            }
            (None, Some((_, _, solution))) => *solution += line,
            (None, None) => stripped.text += line,
        }
    }
    match open {
        Some((begun, ..)) => error(begun, Cause::Unclosed),
        None => Ok(stripped),
    }
}

/// Replaces the placeholders with the solutions; `None` if one is not found in order.
pub fn put_back(text: &str, sections: &[Section]) -> Option<String> {
    let mut whole = String::new();
    let mut rest = text;
    for section in sections {
        let (before, after) = rest.split_once(section.placeholder.as_str())?;
        whole += before;
        whole += &section.solution;
        rest = after;
    }
    Some(whole + rest)
}

/// A source file with its solutions, and without the markers around them.
pub fn unmarked(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| line::parse(line).is_none()).collect()
}

/// What a panic at the placeholder prints. A test's report contains it.
pub fn panic_text(section: &Section) -> String {
    format!("{NOT_YET_IMPLEMENTED}{}", section.message)
}

/// Whether a line has code, and is not empty or a comment.
pub fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

fn close(place: PlaceToWrite, solution: String) -> Section {
    let message = place.message();
    let first = solution.lines().next().unwrap_or_default();
    let indentation = &first[..first.len() - first.trim_start().len()];
    let line_end = if solution.ends_with("\r\n") { "\r\n" } else { "\n" };
    let literal = literal(&message);
    let mut placeholder = format!("{indentation}todo!({literal})");
    if placeholder.chars().count() > LINE_CHARACTERS_MAX {
        let lines =
            [format!("{indentation}todo!("), format!("{indentation}{INDENTATION}{literal}"), format!("{indentation})")];
        placeholder = lines.join(line_end);
    }
    // The last line of a file may have no line end. Its replacement then has none either.
    if solution.ends_with('\n') {
        placeholder += line_end;
    }
    Section { place, message, solution, placeholder }
}

/// The message as a format string, with escaped braces.
fn literal(message: &str) -> String {
    let escaped = message.replace('\\', r"\\").replace('"', "\\\"").replace('{', "{{").replace('}', "}}");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::LABS;

    const FILE: &str = "lab2a-election/src/election.rs";

    const SOURCE: &str = "\
fn vote(&mut self) -> bool {
    // BEGIN 2A Figure 2, RequestVote rule 2
    // HINT Whom has this server voted for?
    // HINT A vote is never taken back.
    if self.voted_for.is_some() {
        return false;
    }

    // The ballot comes first.
    true
    // END
}

fn tick(&mut self) {
        // BEGIN 2A §5.2
        self.campaign();
        // END
}
";

    fn stripped(text: &str) -> Stripped {
        strip(text, &LABS[0], FILE).unwrap_or_else(|error| panic!("{error}"))
    }

    fn error(text: &str) -> String {
        strip(text, &LABS[0], FILE).unwrap_err().to_string()
    }

    fn section(rule: &str) -> Section {
        stripped(&format!("    // BEGIN 2A {rule}\n    x();\n    // END\n")).sections.remove(0)
    }

    /// A `todo!` with lab, rule, function and file replaces each solution; the rest stays. No hint is left.
    #[test]
    fn solutions_are_taken_out() {
        let expected = "\
fn vote(&mut self) -> bool {
    todo!(\"lab 2A: Figure 2, RequestVote rule 2: vote (lab2a-election/src/election.rs)\")
}

fn tick(&mut self) {
        todo!(\"lab 2A: §5.2: tick (lab2a-election/src/election.rs)\")
}
";
        assert_eq!(stripped(SOURCE).text, expected);
    }

    /// The hints of a place are kept in their order, from vague to concrete.
    #[test]
    fn hints_are_kept_apart() {
        let sections = stripped(SOURCE).sections;
        let hints = ["Whom has this server voted for?", "A vote is never taken back."].map(str::to_string).to_vec();
        let (file, item) = (FILE.to_string(), "vote".to_string());
        let rule = "Figure 2, RequestVote rule 2".to_string();
        assert_eq!(sections[0].place, PlaceToWrite { file, item, rule, hints });
        assert!(sections[1].place.hints.is_empty());
    }

    /// Putting the solutions back restores every byte, with all kinds of line ends.
    #[test]
    fn solutions_can_be_put_back() {
        for source in [SOURCE.to_string(), SOURCE.replace('\n', "\r\n"), SOURCE.trim_end_matches("\n}\n").to_string()] {
            let Stripped { text, sections } = stripped(&source);
            assert_eq!(sections.len(), 2);
            assert!(!text.contains("campaign();"));
            assert_eq!(put_back(&text, &sections), Some(source));
        }
    }

    /// A solved lab has its solutions, and no marker.
    #[test]
    fn markers_alone_can_be_removed() {
        let whole = unmarked(SOURCE);
        assert!(whole.contains("campaign();") && !["BEGIN", "HINT", "END"].iter().any(|mark| whole.contains(mark)));
        assert_eq!(whole.lines().count(), SOURCE.lines().count() - 6);
    }

    /// Two placeholders with the same text get their solutions back in order.
    #[test]
    fn equal_placeholders_get_their_solutions_in_order() {
        let source = ["one", "two"].map(|name| format!("    // BEGIN 2A §5: x\n    {name}();\n    // END\n")).concat();
        let Stripped { text, sections } = stripped(&source);
        assert_eq!(put_back(&text, &sections), Some(source));
        assert_eq!(put_back("nothing of the kind", &sections), None);
    }

    /// The panic shows quotes, braces and backslashes of a rule as they were written.
    #[test]
    fn rules_are_escaped() {
        let section = section(r#"Figure 2: say "no" to {term} with \n"#);
        let escaped =
            r#"    todo!("lab 2A: Figure 2: say \"no\" to {{term}} with \\n (lab2a-election/src/election.rs)")"#;
        assert_eq!(section.placeholder, format!("{escaped}\n"));
        let panic =
            r#"not yet implemented: lab 2A: Figure 2: say "no" to {term} with \n (lab2a-election/src/election.rs)"#;
        assert_eq!(panic_text(&section), panic);
    }

    /// A `todo!` that is too long for one line is broken like the formatter does.
    #[test]
    fn long_rules_take_three_lines() {
        let fixed = section("§5: x").placeholder.trim_end().chars().count() - 1;
        let fitting = "x".repeat(LINE_CHARACTERS_MAX - fixed);
        assert_eq!(section(&format!("§5: {fitting}")).placeholder.lines().count(), 1);
        let expected = format!("    todo!(\n        \"lab 2A: §5: {fitting}x ({FILE})\"\n    )\n");
        assert_eq!(section(&format!("§5: {fitting}x")).placeholder, expected);
    }

    /// A wrong marker is an error with file and line, and is never ignored.
    #[test]
    fn bad_markers_are_refused() {
        let malformed =
            "a marker is `// BEGIN 2A <rule of the paper>`, `// HINT <hint>` or `// END`, on a line of its own";
        let stray = "a hint belongs right below `// BEGIN`, before the code";
        let empty = "the section that begins here has no code: a student would have nothing to write";
        let cases = [
            (
                "// BEGIN 2A a: b\nx\n// BEGIN 2A c: d\n",
                3,
                "a section begins inside the section of line 1: close that one first with `// END`",
            ),
            ("x\n// END\n", 2, "`// END` closes nothing: there is no open section above it"),
            (
                "x\n// BEGIN 2A a: b\ny\n",
                2,
                "the section that begins here has no end: write `// END` on a line of its own",
            ),
            ("// BEGIN 2A a: b\n// END\n", 1, empty),
            ("\n// BEGIN 2A a: b\n\n    // just words\n// END\n", 2, empty),
            ("// BEGIN 2B a: b\nx\n// END\n", 1, "the section is marked for lab 2B, but the file is in lab 2A"),
            ("// BEGIN 2a a: b\nx\n// END\n", 1, "the section is marked for lab 2a, but the file is in lab 2A"),
            ("// BEGIN 2A\nx\n// END\n", 1, malformed),
            ("// BEGIN 2A a\n// HINT\nx\n// END\n", 2, malformed),
            ("// BEGIN 2A a\n// HINT: b\nx\n// END\n", 2, malformed),
            ("// BEGIN 2A a\nx\n// HINT b\n// END\n", 3, stray),
            ("x\n// HINT b\n", 2, stray),
            ("// BEGIN\nx\n// END\n", 1, malformed),
            ("//BEGIN 2A a: b\nx\n// END\n", 1, malformed),
            ("/// BEGIN 2A a: b\nx\n// END\n", 1, malformed),
            ("// BEGIN 2A a: b\nx\n// END 2A\n", 3, malformed),
            ("// BEGIN 2A a: b\nx\n//  END\n", 3, malformed),
        ];
        for (text, line, reason) in cases {
            assert_eq!(error(text), format!("{FILE}:{line}: {reason}"), "{text:?}");
        }
        let beginning = "// Beginning\n// begin 2A\n// Hint\n// ENDING\nlet end = \"// END\";\n";
        assert_eq!(stripped(beginning).text, beginning);
    }
}
