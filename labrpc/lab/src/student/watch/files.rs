//! Which source files were saved. They are few, so they are looked at ten times a second: a crate that asks the system
//! instead would take as long to compile as the rest of the command's dependencies.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::Event;
use crate::course::Course;
use crate::interrupt;

/// How often the files are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Files that do not change for this long are saved: an editor may write several, one after the other.
const SETTLE_INTERVAL: Duration = Duration::from_millis(40);

/// Some editors remove a file before they write it anew. A file that is gone for longer is removed.
const GONE_MAX: Duration = Duration::from_millis(400);

/// When each source file was changed, and how long it is, by the path in the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, (Option<SystemTime>, u64)>);

impl Snapshot {
    /// Looks at the source files of all labs.
    pub fn of(course: &Course) -> Snapshot {
        let mut files = BTreeMap::new();
        for lab in course.labs() {
            add_folder(&course.folder(lab).join("src"), &format!("{}/src/", lab.package), &mut files);
            add_file(&course.folder(lab).join("Cargo.toml"), format!("{}/Cargo.toml", lab.package), &mut files);
        }
        Snapshot(files)
    }

    /// The files that are new, changed or gone in `later`.
    pub fn changed(&self, later: &Snapshot) -> Vec<String> {
        let names = self.0.keys().chain(later.0.keys().filter(|name| !self.0.contains_key(*name)));
        names.filter(|name| self.0.get(*name) != later.0.get(*name)).cloned().collect()
    }

    /// Whether a file of this snapshot is not in `later`.
    fn has_lost(&self, later: &Snapshot) -> bool {
        self.0.keys().any(|name| !later.0.contains_key(name))
    }

    /// When the last of these files was changed.
    pub fn saved_at(&self, names: &[String]) -> Option<SystemTime> {
        names.iter().filter_map(|name| self.0.get(name)?.0).max()
    }
}

fn add_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, (Option<SystemTime>, u64)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Editors keep files of their own beside those that they edit: .x.rs.swp, .#x.rs, #x.rs#, x.rs~, 4913.
        let is_of_editor = name.starts_with(['.', '#']);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !is_of_editor => {
                add_folder(&entry.path(), &format!("{prefix}{name}/"), files);
            }
            Ok(_) if name.ends_with(".rs") && !is_of_editor => {
                add_file(&entry.path(), format!("{prefix}{name}"), files)
            }
            _ => {}
        }
    }
}

fn add_file(path: &Path, name: String, files: &mut BTreeMap<String, (Option<SystemTime>, u64)>) {
    if let Ok(metadata) = fs::metadata(path) {
        files.insert(name, (metadata.modified().ok(), metadata.len()));
    }
}

/// Sends an event for each save from now on, as long as the command runs. The work at hand is then superseded.
pub fn watch(course: &Course, events: Sender<Event>) {
    let course = course.clone();
    let mut seen = Snapshot::of(&course);
    thread::spawn(move || {
        loop {
            thread::sleep(POLL_INTERVAL);
            let now = Snapshot::of(&course);
            if now == seen {
                continue;
            }
            let settled = settle(&course, &seen, now);
            let changed = seen.changed(&settled);
            let saved_at = settled.saved_at(&changed);
            seen = settled;
            if !changed.is_empty() {
                // In this order: work that ends because of this finds the event.
                interrupt::supersede();
                if events.send(Event::Saved { files: changed, saved_at }).is_err() {
                    return;
                }
            }
        }
    });
}

/// Waits until the files do not change any more.
fn settle(course: &Course, before: &Snapshot, mut now: Snapshot) -> Snapshot {
    let started = Instant::now();
    loop {
        thread::sleep(SETTLE_INTERVAL);
        let again = Snapshot::of(course);
        let is_waiting = before.has_lost(&again) && started.elapsed() < GONE_MAX;
        if again == now && !is_waiting {
            return now;
        }
        now = again;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    /// New, changed and removed source files are noticed, in folders too; the files of editors are not.
    #[test]
    fn changes_are_noticed() {
        let folder = Scratch::new("files").unwrap();
        let course = Course::at(folder.path());
        let source = folder.path().join("lab2a-election/src");
        fs::create_dir_all(source.join("deep")).unwrap();
        let write = |name: &str, text: &str| fs::write(source.join(name), text).unwrap();
        ["kept.rs", "grown.rs", "gone.rs"].iter().for_each(|name| write(name, "one"));
        let before = Snapshot::of(&course);
        write("grown.rs", "one and two");
        write("deep/new.rs", "");
        fs::remove_file(source.join("gone.rs")).unwrap();
        for name in [".kept.rs.swp", ".#kept.rs", "#kept.rs#", "kept.rs~", "4913"] {
            write(name, "");
        }
        let changed = before.changed(&Snapshot::of(&course));
        let expected = ["gone.rs", "grown.rs", "deep/new.rs"].map(|name| format!("lab2a-election/src/{name}"));
        assert_eq!(changed, expected);
    }
}
