//! Whether any line of a solution, or of a file that is withheld, has found its way into a handout.
//!
//! A line counts if it is long enough to be nobody's by chance and if it stands in no Rust file
//! outside of solutions: what the course itself gives away is no secret. Texts of other kinds give
//! nothing away; a chapter or a patch that quotes a solution is thus found, with or without the
//! sign that patches put before a line. Of a withheld file, titles and comments are no secret.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::{Handout, is_withheld};
use crate::tree::{PlainFile, Tree};

/// Shorter lines, such as `} else {` or `return;`, are everybody's.
const SECRET_CHARACTERS_MIN: usize = 12;

/// A line in a handout that should not be there.
#[derive(Debug, PartialEq, Eq)]
pub struct Leak {
    file: String,
    line: usize,
    text: String,
    /// What it is a line of.
    source: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Leak { file, line, text, source } = self;
        write!(f, "{file}:{line}: `{text}` is a line of {source}")
    }
}

/// All lines of solutions in `tree`, which was made from `handout` or read back from the disk.
pub fn find(handout: &Handout, tree: &Tree) -> Vec<Leak> {
    let given = given_lines(&handout.reference);
    let secrets = secret_lines(handout, &given);
    let mut leaks = Vec::new();
    for (file, contents) in tree {
        for (index, line) in lines(contents).enumerate() {
            let line = line.trim();
            let unsigned = line.strip_prefix(['+', '-']).map_or(line, str::trim);
            if let Some(source) = secrets.get(line).or_else(|| secrets.get(unsigned)) {
                leaks.push(Leak {
                    file: file.clone(),
                    line: index + 1,
                    text: unsigned.to_string(),
                    source: source.clone(),
                });
            }
        }
    }
    leaks
}

fn lines(file: &PlainFile) -> impl Iterator<Item = &str> {
    std::str::from_utf8(&file.bytes).unwrap_or_default().lines()
}

/// The lines of Rust that stand outside of solutions. It looks at the markers alone, so that it
/// errs in other ways than what took the solutions out.
fn given_lines(reference: &Tree) -> HashSet<&str> {
    let mut given = HashSet::new();
    for (_, file) in reference.iter().filter(|(name, _)| name.ends_with(".rs")) {
        let mut is_solution = false;
        for line in lines(file).map(str::trim) {
            is_solution |= line.starts_with("// BEGIN ");
            if !is_solution {
                given.insert(line);
            }
            is_solution &= line != "// END";
        }
    }
    given
}

/// What must not be in a handout, and what it is a line of.
fn secret_lines<'a>(handout: &'a Handout, given: &HashSet<&str>) -> HashMap<&'a str, String> {
    let mut secrets = HashMap::new();
    for (name, file) in handout.reference.iter().filter(|(name, _)| is_withheld(name)) {
        for line in lines(file).map(str::trim).filter(|line| !line.starts_with('#')) {
            // Rules of tables are everybody's, however long they are.
            let characters = line.chars().filter(|character| character.is_alphanumeric()).count();
            if characters >= SECRET_CHARACTERS_MIN && !given.contains(line) {
                secrets.insert(line, name.clone());
            }
        }
    }
    for (file, sections) in &handout.sections {
        for line in sections.iter().flat_map(|section| section.solution.lines()).map(str::trim) {
            let characters = line.chars().filter(|character| !character.is_whitespace()).count();
            if characters >= SECRET_CHARACTERS_MIN && !given.contains(line) {
                secrets.insert(line, format!("a solution in {file}"));
            }
        }
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    const LIB: &str = "lab2a-election/src/lib.rs";

    const SOURCE: &str = "\
fn vote(&mut self) -> bool {
    // BEGIN 2A §5.2: vote
    self.voted_for = Some(candidate);
    self.observe_everything();
    return true;
    // END
}
";

    /// The leaks in a handout of a course whose one solution is [`SOURCE`] after `tamper`.
    fn leaks(others: &[(&str, &str)], tamper: impl FnOnce(&mut Tree)) -> Vec<String> {
        let course = Scratch::new("leak").unwrap();
        for (name, text) in others.iter().chain([&(LIB, SOURCE)]) {
            let path = course.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let handout = Handout::of(&crate::course::Course::at(course.path())).unwrap();
        let mut tree = handout.tree.clone();
        tamper(&mut tree);
        find(&handout, &tree).iter().map(ToString::to_string).collect()
    }

    /// A handout that is made as it should be holds no solution.
    #[test]
    fn a_good_handout_leaks_nothing() {
        assert_eq!(
            leaks(&[("docs/a.md", "Say `self.voted_for = Some(candidate);`.\nreturn true;\n")], |_| ()),
            [""; 0]
        );
    }

    /// A section that was left where it was is found, its marker too.
    #[test]
    fn a_section_left_in_place_is_found() {
        let left = leaks(&[], |tree| tree.get_mut(LIB).unwrap().bytes = SOURCE.into());
        let lines: Vec<&str> = left.iter().filter_map(|leak| leak.split('`').nth(1)).collect();
        let expected = ["// BEGIN 2A §5.2: vote", "self.voted_for = Some(candidate);", "self.observe_everything();"];
        assert_eq!(lines, expected);
    }

    /// A withheld file that was left where it was is found, whatever it is called by then.
    #[test]
    fn a_withheld_file_is_found() {
        let list = "# Planted bugs of lab 2A\n[[bug]]\nwhat = \"Granting a vote twice.\"\n";
        let page = "# Planted bugs\n\n|---|---|---|---|---|---|\n| A01 | Granting a vote twice. |\n";
        let withheld = [("lab2a-election/bugs.toml", list), ("docs/planted-bugs.md", page)];
        assert_eq!(leaks(&withheld, |_| ()), [""; 0]);
        let left = leaks(&withheld, |tree| {
            let file = tree[LIB].clone();
            let text = format!("{list}{page}");
            tree.insert("docs/a.md".to_string(), PlainFile { bytes: text.into_bytes(), ..file });
        });
        let expected = [
            "docs/a.md:3: `what = \"Granting a vote twice.\"` is a line of lab2a-election/bugs.toml",
            "docs/a.md:7: `| A01 | Granting a vote twice. |` is a line of docs/planted-bugs.md",
        ];
        assert_eq!(left, expected);
    }

    /// What Rust code of the course gives away is no secret; what a text quotes is one.
    #[test]
    fn given_code_is_no_secret() {
        let given = ("labrpc/src/api.rs", "self.observe_everything();\n");
        let quoted = ("docs/a.md", "    self.observe_everything();\n");
        assert_eq!(leaks(&[given, quoted], |_| ()), [""; 0]);
        let leak = "docs/a.md:1: `self.observe_everything();` is a line of a solution in lab2a-election/src/lib.rs";
        assert_eq!(leaks(&[quoted], |_| ()), [leak]);
    }
}
