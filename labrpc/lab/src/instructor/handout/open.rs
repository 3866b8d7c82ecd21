//! The open track: what stands in the labs' folders when students design their servers themselves.
//!
//! The course has a server of free design, in a crate of its own. From it come the labs' `lib.rs`: with a `todo!` in
//! the place of each solution they are the students', and as they are they prove that the graded tests can be passed.

use super::{Handout, HandoutPlan};
use crate::course::track::{TESTS_BOOT, Track, after_docs, is_module};
use crate::course::{Course, LABS, LabCrate};
use crate::error::CommandError;
use crate::tree::{PlainFile, Tree};

/// The crate of the open track. No handout has it.
pub const FOLDER: &str = "labrpc/open/";
/// A student's workspace of the open track has this page in place of the labs' own.
pub const PAGE: &str = "docs/open-track.md";
/// The page that becomes the README of the open track's workspace.
pub const README: &str = "docs/open-readme.md";

/// The crate's sources.
const SOURCES: &str = "labrpc/open/src/";
/// How servers are read that send and save `labrpc`'s own types: where it is, and where a lab has it.
const GIVEN_CODEC: &str = "labrpc/open/given/codec.rs";
const CODEC: &str = "src/codec.rs";
/// Declares it in a lab's `lib.rs`.
const CODEC_MODULE: &str = "mod codec;";

/// Files of the course that describe or need the course's own design.
pub fn is_of_guided_track(name: &str) -> bool {
    let is_page = LABS.iter().any(|lab| name == format!("docs/lab{}.md", lab.id));
    let is_page = is_page || ["docs/getting-started.md", "docs/ARCHITECTURE.md"].contains(&name);
    is_page || name.starts_with("labrpc/solved/") || is_test_of_solved(name)
}

/// Whether a test, a bench or an example of the kit runs the labs' finished servers.
pub fn is_test_of_solved(name: &str) -> bool {
    let folders = ["labrpc/testkit/benches/", "labrpc/testkit/examples/"];
    let of_solved = ["labrpc/testkit/tests/scale.rs", "labrpc/testkit/tests/tapes.rs"];
    folders.iter().any(|folder| name.starts_with(folder)) || of_solved.contains(&name)
}

/// Replaces what a lab's folder has for the course's own design. The names of the files that are new, each with its
/// name in the course, are added to `moved`.
///
/// # Errors
///
/// If the course lacks a file of the open track.
pub fn open_lab(
    lab: &LabCrate,
    reference: &Tree,
    tree: &mut Tree,
    moved: &mut Vec<(String, String)>,
) -> Result<(), CommandError> {
    let is_of_design = |name: &str| {
        let inside = name.strip_prefix(lab.package).and_then(|rest| rest.strip_prefix('/'));
        inside.is_some_and(|name| name.starts_with("src/") || name.starts_with("tests/core"))
    };
    tree.retain(|name, _| !is_of_design(name));
    let own = |name: &str| format!("{}/{name}", lab.package);
    let files = [
        (own("src/lib.rs"), lib_of(lab)),
        (own(CODEC), GIVEN_CODEC.to_string()),
        (own(TESTS_BOOT), format!("{FOLDER}tests/lab{}/lab.rs", lab.id)),
    ];
    for (name, source) in files {
        let Some(file) = reference.get(&source) else {
            return Err(CommandError::Broken(format!(
                "{source} is not there: the open track has no lab {}",
                lab.title()
            )));
        };
        let text = in_lab(&String::from_utf8_lossy(&file.bytes), lab);
        let text = if source == lib_of(lab) { after_docs(&text, &format!("\n{CODEC_MODULE}\n")) } else { text };
        tree.insert(name.clone(), PlainFile { bytes: text.into_bytes(), ..file.clone() });
        moved.push((name, source));
    }
    Ok(())
}

/// A workspace of the open track in which each lab has the course's server of free design.
///
/// # Errors
///
/// If there is no such workspace.
pub fn solved(course: &Course) -> Result<Tree, CommandError> {
    let plan = HandoutPlan { track: Track::Open, ..HandoutPlan::default() };
    let Handout { reference, mut tree, .. } = Handout::of(course, &plan)?;
    LABS.iter().for_each(|lab| tree.extend(solution(lab, &reference)));
    Ok(tree)
}

/// The files that solve a lab of the open track: the course's server of free design, whole.
pub fn solution(lab: &LabCrate, reference: &Tree) -> Tree {
    let sources = reference.iter().filter_map(|(name, file)| Some((name.strip_prefix(SOURCES)?, file)));
    let is_lab_file = |name: &str| LABS.iter().any(|lab| name == format!("lab{}.rs", lab.id));
    let mut modules = String::new();
    let mut files = Tree::new();
    for (name, file) in sources {
        let text = String::from_utf8_lossy(&file.bytes);
        if name == "lib.rs" {
            let declarations = text.lines().filter(|line| is_module(line) && !line.contains("mod lab"));
            modules = declarations.map(|line| format!("{line}\n")).collect();
        } else if !is_lab_file(name) {
            files.insert(format!("{}/src/{name}", lab.package), file.clone());
        }
    }
    if let Some(file) = reference.get(&lib_of(lab)) {
        let text = after_docs(&String::from_utf8_lossy(&file.bytes), &format!("\n{modules}"));
        let name = format!("{}/src/lib.rs", lab.package);
        files.insert(name, PlainFile { bytes: text.into_bytes(), ..file.clone() });
    }
    files
}

/// Where the course has a lab's `lib.rs` of the open track.
fn lib_of(lab: &LabCrate) -> String {
    format!("{SOURCES}lab{}.rs", lab.id)
}

/// A file of the course's own crate, as it stands in a lab's crate.
fn in_lab(text: &str, lab: &LabCrate) -> String {
    let root = lab.package.replace('-', "_");
    text.replace(&format!("open::lab{}", lab.id), &root)
        .replace(&format!("../../../../{}/tests/points.txt", lab.package), "../points.txt")
}
