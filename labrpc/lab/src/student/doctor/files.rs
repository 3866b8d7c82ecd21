//! Files that should be as they were handed out.

use std::fs;

use super::Finding;
use crate::course::handout_list::HandoutList;
use crate::course::track::Track;
use crate::course::{Course, LABS};
use crate::error::CommandError;
use crate::fingerprint::sha256;

/// How many files are named.
const NAMED_MAX: usize = 4;

/// Compares the workspace with the list of files that it was handed out with.
pub fn as_handed_out(course: &Course) -> Result<Vec<Finding>, CommandError> {
    let Some(list) = HandoutList::read(course)? else {
        return Ok(vec![Finding::ok("files", "this is the course itself: there is nothing to compare it with")]);
    };
    let (mut wrong, mut noted) = (Vec::new(), Vec::new());
    for (name, hash) in &list.files {
        let group = match kind_of(name, list.track) {
            Kind::OfStudent => continue,
            Kind::Given => &mut wrong,
            Kind::MayChange => &mut noted,
        };
        let is_same = fs::read(course.root().join(name)).is_ok_and(|bytes| sha256(&bytes) == *hash);
        if !is_same {
            group.push(name.as_str());
        }
    }
    let mut findings = Vec::new();
    if !wrong.is_empty() {
        let back = format!("git checkout $(git rev-list --max-parents=0 HEAD) -- {}", wrong.join(" "));
        let found = format!("{}: you are graded with the originals", not_as_handed_out(&wrong));
        findings.push(Finding::wrong("files", found, format!("bring back what was handed out: {back}")));
    }
    if !noted.is_empty() {
        let advice = "if you have added crates, that is right: `cargo lab submit` takes these files along";
        findings.push(Finding::note("files", not_as_handed_out(&noted), advice));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("files", "labrpc, the tests and the manifests are as they were handed out"));
    }
    Ok(findings)
}

/// Who may change a file.
enum Kind {
    /// It is a student's own, or nothing depends on it.
    OfStudent,
    /// It is given.
    Given,
    /// It is given, but there may be a good reason.
    MayChange,
}

fn kind_of(name: &str, track: Track) -> Kind {
    let in_lab = LABS.iter().find_map(|lab| name.strip_prefix(lab.package)?.strip_prefix('/'));
    let is_manifest = in_lab == Some("Cargo.toml") || name == "Cargo.toml";
    if in_lab.is_some_and(|inside| inside.starts_with("src/")) || name.ends_with(".md") || name == ".gitignore" {
        Kind::OfStudent
    } else if name == "Cargo.lock" || is_manifest && track == Track::Open {
        Kind::MayChange
    } else {
        Kind::Given
    }
}

fn not_as_handed_out(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMED_MAX)].join(", ");
    let more = names.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{shown}{more} {verb} not as handed out")
}
