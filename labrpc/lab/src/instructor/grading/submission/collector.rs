//! What counts of a submission. Every form offers its entries here, and reads only what it is asked for.
//!
//! A path that leaves the submission is refused wherever it is. Everything else is refused only where it would count:
//! what lies elsewhere, links and devices included, is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::NotRead;
use super::limits::{self, ALL_BYTES_MAX, DEPTH_MAX, ENTRIES_MAX, FILE_BYTES_MAX, FILES_MAX, PATH_BYTES_MAX};
use crate::course::track::{TESTS_BOOT, Track};
use crate::course::{LABS, LabCrate};
use crate::student::submit::LIST;
use crate::tree::{PlainFile, Tree};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic or a hard link.
    Link,
    /// Anything else: a device, a pipe, a submodule.
    Other,
}

/// A file that counts, whose bytes are asked for.
#[derive(Debug)]
pub struct Wanted {
    /// Its path in the submission, for messages.
    pub name: String,
    /// The folder of the submission in which the workspace is; empty if there is none.
    root: String,
    /// Its path in the workspace.
    path: String,
}

/// The files that count, as far as they were offered.
#[derive(Debug, Default)]
pub struct Collector {
    /// The files of each workspace, by the folder that it is in.
    workspaces: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// What was asked for, to find what is there twice.
    asked: BTreeSet<String>,
    entries: u64,
    bytes: u64,
    /// The first archive that lies in the submission.
    archive_within: Option<String>,
}

/// How a lab of the open track shows itself, in the file that boots its servers.
const OPEN_CONTRACT: &[u8] = b".open(";

/// The names of archives.
const ARCHIVES: [&str; 7] = [".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar", ".bundle"];

impl Collector {
    /// Looks at an entry, and says whether its bytes are needed.
    ///
    /// # Errors
    ///
    /// If the submission must be refused because of this entry.
    pub fn offer(&mut self, name: &[u8], kind: EntryKind, bytes: u64) -> Result<Option<Wanted>, NotRead> {
        self.entries += 1;
        if self.entries > ENTRIES_MAX {
            return Err(NotRead::refused(format!(
                "it has more than {ENTRIES_MAX} entries: hand in the source files alone"
            )));
        }
        let shown = shown(name);
        let parts = parts(name).ok_or_else(|| NotRead::refused(format!("{shown} leads out of the submission")))?;
        let Some((root, lab, rest)) = place(&parts) else {
            return self.offer_elsewhere(&shown, &parts, kind, bytes);
        };
        // Editors keep files of their own there, and links with which they lock a file.
        if rest.iter().any(|part| part.starts_with(b".")) || kind == EntryKind::Folder {
            return Ok(None);
        }
        match kind {
            EntryKind::Link => return Err(NotRead::refused(format!("{shown} is a link: put the file itself there"))),
            EntryKind::Other => return Err(NotRead::refused(format!("{shown} is not a regular file: remove it"))),
            EntryKind::File | EntryKind::Folder => {}
        }
        if rest.is_empty() {
            return Err(NotRead::refused(format!("{shown} is a file, and a lab's src is a folder")));
        }
        if !rest.last().is_some_and(|file| file.ends_with(b".rs")) {
            return Ok(None);
        }
        let path = std::str::from_utf8(&rest.join(&b'/'))
            .map(|path| format!("{}/src/{path}", lab.package))
            .map_err(|_| NotRead::refused(format!("{shown} has a name that is not UTF-8: rename it")))?;
        if path.chars().any(char::is_control) || path.len() > PATH_BYTES_MAX || rest.len() > DEPTH_MAX {
            return Err(NotRead::refused(format!("{shown} has a name that no source file needs: rename it")));
        }
        if bytes > FILE_BYTES_MAX {
            return Err(limits::too_large(&shown, Some(bytes)));
        }
        self.ask(Wanted { name: shown, root, path })
    }

    /// An entry that is no source file.
    fn offer_elsewhere(
        &mut self,
        shown: &str,
        parts: &[&[u8]],
        kind: EntryKind,
        bytes: u64,
    ) -> Result<Option<Wanted>, NotRead> {
        let is_lab = |part: &[u8]| LABS.iter().any(|lab| lab.package.as_bytes() == part);
        // A link in place of a lab would silently be no lab at all.
        if kind == EntryKind::Link && parts.len() <= 2 && parts.last().is_some_and(|part| is_lab(part)) {
            return Err(NotRead::refused(format!("{shown} is a link: put the folder itself there")));
        }
        if kind != EntryKind::File || bytes > FILE_BYTES_MAX {
            return Ok(None);
        }
        let lower = shown.to_lowercase();
        if self.archive_within.is_none() && ARCHIVES.iter().any(|ending| lower.ends_with(ending)) {
            self.archive_within = Some(shown.to_string());
        }
        let root_of = |parts: &[&[u8]]| String::from_utf8_lossy(&parts.join(&b'/')).into_owned();
        let is_list = |at: usize| parts.len() == at + 1 && parts[at] == LIST.as_bytes();
        let is_boot =
            |at: usize| parts.len() > at && is_lab(parts[at]) && parts[at + 1..].join(&b'/') == TESTS_BOOT.as_bytes();
        let Some(at) = (0..2).find(|at| is_list(*at) || is_boot(*at)) else { return Ok(None) };
        let wanted = Wanted { name: shown.to_string(), root: root_of(&parts[..at]), path: root_of(&parts[at..]) };
        self.ask(wanted)
    }

    fn ask(&mut self, wanted: Wanted) -> Result<Option<Wanted>, NotRead> {
        if !self.asked.insert(format!("{}/{}", wanted.root, wanted.path)) {
            return Err(NotRead::refused(format!("{} is there twice: which one counts?", wanted.name)));
        }
        if self.asked.len() > FILES_MAX {
            return Err(NotRead::refused(format!("it has more than {FILES_MAX} source files")));
        }
        Ok(Some(wanted))
    }

    /// Takes the bytes of a file that was asked for.
    ///
    /// # Errors
    ///
    /// If all of them together are too large.
    pub fn keep(&mut self, wanted: Wanted, bytes: Vec<u8>) -> Result<(), NotRead> {
        self.bytes += bytes.len() as u64;
        if self.bytes > ALL_BYTES_MAX {
            return Err(NotRead::refused(format!("its source files have more than {ALL_BYTES_MAX} bytes")));
        }
        self.workspaces.entry(wanted.root).or_default().insert(wanted.path, bytes);
        Ok(())
    }

    /// The files of the workspace, which must be of this track.
    ///
    /// # Errors
    ///
    /// If there is none, or more than one, or if it cannot be graded.
    pub fn finish(mut self, track: Track) -> Result<Tree, NotRead> {
        self.workspaces
            .retain(|_, files| files.keys().any(|path| path.ends_with(".rs") && path != LIST && is_source(path)));
        // A workspace that is not in a folder is meant, whatever else lies beside it.
        let files = match self.workspaces.remove("") {
            Some(files) => files,
            None => self.only_workspace()?,
        };
        refuse_other_track(&files, track)?;
        let files: BTreeMap<String, Vec<u8>> = files.into_iter().filter(|(path, _)| is_source(path)).collect();
        for path in files.keys() {
            let parents = Path::new(path).ancestors().skip(1).filter_map(Path::to_str);
            if let Some(both) = parents.into_iter().find(|parent| files.contains_key(*parent)) {
                return Err(NotRead::refused(format!("{both} is both a file and a folder")));
            }
        }
        let permissions = readable();
        let plain = |bytes| PlainFile { bytes, permissions: permissions.clone() };
        Ok(files.into_iter().map(|(path, bytes)| (path, plain(bytes))).collect())
    }

    fn only_workspace(&mut self) -> Result<BTreeMap<String, Vec<u8>>, NotRead> {
        let roots: Vec<&String> = self.workspaces.keys().collect();
        if let [first, second, ..] = roots[..] {
            return Err(NotRead::refused(format!("both {first} and {second} have labs: hand in one workspace")));
        }
        self.workspaces.pop_first().map(|(_, files)| files).ok_or_else(|| {
            NotRead::refused(match (&self.archive_within, self.entries) {
                (_, 0) => "it is empty".to_string(),
                (Some(archive), _) => {
                    format!("it holds {archive}, and archives in archives are not opened: hand that one in")
                }
                _ => "it has no Rust files in a lab's src folder, such as lab2a-election/src/lib.rs".to_string(),
            })
        })
    }
}

/// The permissions of every file that is kept: whatever an archive says, the compiler can read them.
fn readable() -> std::fs::Permissions {
    #[cfg(unix)]
    return std::os::unix::fs::PermissionsExt::from_mode(0o644);
    #[cfg(not(unix))]
    return std::env::current_exe().and_then(std::fs::metadata).expect("the command is a file").permissions();
}

fn is_source(path: &str) -> bool {
    path.split('/').nth(1) == Some("src")
}

/// Refuses a submission that says it is of another track, in its list or by its tests. Its code could not even be compiled.
fn refuse_other_track(files: &BTreeMap<String, Vec<u8>>, track: Track) -> Result<(), NotRead> {
    let list: serde_json::Value =
        files.get(LIST).and_then(|list| serde_json::from_slice(list).ok()).unwrap_or_default();
    let boots_open = |boot: &Vec<u8>| boot.windows(OPEN_CONTRACT.len()).any(|window| window == OPEN_CONTRACT);
    let boots: Vec<bool> =
        files.iter().filter(|(path, _)| path.ends_with(TESTS_BOOT)).map(|(_, boot)| boots_open(boot)).collect();
    let told = match list["track"].as_str() {
        Some("open") => Some(Track::Open),
        Some("guided") => Some(Track::Guided),
        // A workspace of the open track has labs that were handed out with their solutions, too.
        _ if boots.contains(&true) => Some(Track::Open),
        _ if !boots.is_empty() => Some(Track::Guided),
        _ => None,
    };
    match (told, track) {
        (Some(Track::Open), Track::Guided) => Err(NotRead::refused("it is of the open track: grade it with --open")),
        (Some(Track::Guided), Track::Open) => {
            Err(NotRead::refused("it is of the guided track: grade it without --open"))
        }
        _ => Ok(()),
    }
}

/// A name for people: what cannot be printed is shown as a number.
fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    text.chars()
        .map(|letter| if letter.is_control() { letter.escape_default().to_string() } else { letter.to_string() })
        .collect()
}

/// The parts of a path; `None` if it is absolute or has a `..`, and so leads out of the submission.
fn parts(name: &[u8]) -> Option<Vec<&[u8]>> {
    let has_drive = name.len() > 1 && name[1] == b':' && name[0].is_ascii_alphabetic();
    if name.starts_with(b"/") || has_drive {
        return None;
    }
    let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    (!parts.contains(&b"..".as_slice())).then_some(parts)
}

/// Where a path lies in a lab's `src`: the folder that the workspace is in, the lab, and the rest of the path.
fn place<'a>(parts: &'a [&'a [u8]]) -> Option<(String, &'static LabCrate, &'a [&'a [u8]])> {
    (0..2).find_map(|at| {
        let lab = LABS.iter().find(|lab| parts.get(at).is_some_and(|part| *part == lab.package.as_bytes()))?;
        let is_source = parts.get(at + 1).is_some_and(|part| *part == b"src");
        let root = String::from_utf8_lossy(&parts[..at].join(&b'/')).into_owned();
        is_source.then(|| (root, lab, &parts[at + 2..]))
    })
}
