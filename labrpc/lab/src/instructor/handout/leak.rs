//! Whether a handout contains a line of a solution or of a withheld file.
//!
//! A line counts if it is too long to be there by chance, and if it is not in a Rust file outside
//! of a solution: what the course itself shows is no secret. Other files do not make a line public,
//! so a chapter or a patch that quotes a solution is found, also with the sign that patches put
//! before a line. Titles and comments of withheld files do not count.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::{COMMAND, GITHUB, Handout, STORIES, is_withheld, open};
use crate::instructor::bugs::catalogue::CATALOGUE_FILE;
use crate::tree::{PlainFile, Tree};

/// Shorter lines, such as `} else {` or `return;`, may be there by chance.
const SECRET_CHARACTERS_MIN: usize = 12;

/// A line that must not be in a handout.
#[derive(Debug, PartialEq, Eq)]
pub struct Leak {
    file: String,
    line: usize,
    text: String,
    /// Where the line comes from.
    source: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Leak { file, line, text, source } = self;
        write!(f, "{file}:{line}: `{text}` is a line of {source}")
    }
}

/// All secret lines in `tree`, the files of `handout` or a copy of them that was read from the
/// disk.
pub fn find(handout: &Handout, tree: &Tree) -> Vec<Leak> {
    let given = given_lines(handout);
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

/// The lines of Rust that the handout has, outside of solutions. Uses its own simple search for markers, so that it does
/// not repeat an error of the code that removes the solutions.
fn given_lines(handout: &Handout) -> HashSet<&str> {
    let mut given = HashSet::new();
    let is_given = |name: &str| name.ends_with(".rs") && handout.given.contains(name);
    for (_, file) in handout.reference.iter().filter(|(name, _)| is_given(name)) {
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

/// The lines that must not be in a handout, and where they come from.
fn secret_lines<'a>(handout: &'a Handout, given: &HashSet<&str>) -> HashMap<&'a str, String> {
    let mut secrets = HashMap::new();
    // Manifests and pages of the two tracks have lines in common, and so have workflows; stories quote reports, as the labs'
    // pages do; and the texts of the command are alike. Lists of bugs and code have none.
    let is_code = |name: &str| name.ends_with(".rs") && name.contains("/src/");
    let is_quoted = |name: &str| [open::FOLDER, STORIES, COMMAND, GITHUB].iter().any(|folder| name.starts_with(folder));
    let is_list = |name: &str| is_withheld(name) && !is_quoted(name) || name.ends_with(CATALOGUE_FILE);
    let is_secret = |name: &String| !handout.given.contains(name) && (is_code(name) || is_list(name));
    for (name, file) in handout.reference.iter().filter(|(name, _)| is_secret(name)) {
        for line in lines(file).map(str::trim).filter(|line| !line.starts_with('#')) {
            // Only letters and digits count: the rules of tables are long, and no secret.
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
    // BEGIN 2A §5.2
    self.voted_for = Some(candidate);
    self.observe_everything();
    return true;
    // END
}
";

    /// The leaks in a handout after `tamper` changed it. The only solution of the course is in
    /// [`SOURCE`].
    fn leaks(others: &[(&str, &str)], tamper: impl FnOnce(&mut Tree)) -> Vec<String> {
        let course = Scratch::new("leak").unwrap();
        for (name, text) in others.iter().chain([&(LIB, SOURCE)]) {
            let path = course.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let handout = Handout::of(&crate::course::Course::at(course.path()), &Default::default()).unwrap();
        let mut tree = handout.tree.clone();
        tamper(&mut tree);
        find(&handout, &tree).iter().map(ToString::to_string).collect()
    }

    /// A good handout contains no solution.
    #[test]
    fn a_good_handout_leaks_nothing() {
        assert_eq!(
            leaks(&[("docs/a.md", "Say `self.voted_for = Some(candidate);`.\nreturn true;\n")], |_| ()),
            [""; 0]
        );
    }

    /// A section that was not removed is found, and its marker.
    #[test]
    fn a_section_left_in_place_is_found() {
        let left = leaks(&[], |tree| tree.get_mut(LIB).unwrap().bytes = SOURCE.into());
        let lines: Vec<&str> = left.iter().filter_map(|leak| leak.split('`').nth(1)).collect();
        let expected = ["// BEGIN 2A §5.2", "self.voted_for = Some(candidate);", "self.observe_everything();"];
        assert_eq!(lines, expected);
    }

    /// A withheld file that was not removed is found, also under another name.
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

    /// A line that Rust code of the course shows is no secret. A line that a text quotes still is.
    #[test]
    fn given_code_is_no_secret() {
        let given = ("labrpc/src/api.rs", "self.observe_everything();\n");
        let quoted = ("docs/a.md", "    self.observe_everything();\n");
        assert_eq!(leaks(&[given, quoted], |_| ()), [""; 0]);
        let leak = "docs/a.md:1: `self.observe_everything();` is a line of a solution in lab2a-election/src/lib.rs";
        assert_eq!(leaks(&[quoted], |_| ()), [leak]);
    }
}
