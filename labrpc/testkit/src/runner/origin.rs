//! The code that a token was made with: a replay with other code may be another run, and says so.
//!
//! A failed run leaves a note of its token and of the sources, next to the test binaries. A token that comes from another
//! machine has no note there, and nothing is said of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};

use crate::token::Token;
use crate::world::hash_of;

/// The hash of each source file of the labs and of the course's own crates, by its path in the workspace.
type Sources = BTreeMap<String, u64>;

/// The most changed files that are named.
const FILES_MAX: usize = 4;

/// The sources that this process was most likely built from, and a hash of all of them.
fn sources() -> Option<&'static (Sources, String)> {
    static SOURCES: OnceLock<Option<(Sources, String)>> = OnceLock::new();
    SOURCES
        .get_or_init(|| {
            let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
            let root = package.parent()?;
            let mut sources = Sources::new();
            for folder in fs::read_dir(root).ok()?.filter_map(Result::ok).map(|entry| entry.path()) {
                let name = folder.file_name()?.to_string_lossy().into_owned();
                if name.starts_with("lab") && name != "labrpc" {
                    add(root, &folder.join("src"), &mut sources);
                }
            }
            for folder in [package.join("tests"), root.join("labrpc/src"), root.join("labrpc/testkit/src")] {
                add(root, &folder, &mut sources);
            }
            let all: Vec<String> = sources.iter().map(|(file, hash)| format!("{file} {hash:x}")).collect();
            let hash = format!("{:016x}", hash_of(&all.join("\n")));
            Some((sources, hash))
        })
        .as_ref()
}

/// A hash of the sources, for the story.
pub(super) fn hash() -> String {
    sources().map(|(_, hash)| hash.clone()).unwrap_or_default()
}

fn add(root: &Path, folder: &Path, sources: &mut Sources) {
    for path in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            add(root, &path, sources);
        } else if let (Ok(text), Ok(name)) = (fs::read_to_string(&path), path.strip_prefix(root)) {
            sources.insert(name.to_string_lossy().into_owned(), hash_of(&text));
        }
    }
}

/// Where notes are kept: in the folder of the build's results.
fn folder() -> Option<PathBuf> {
    Some(env::current_exe().ok()?.parent()?.parent()?.join("lab-tokens"))
}

fn note_of(token: &Token) -> Option<PathBuf> {
    Some(folder()?.join(token.to_string().replace(':', "-")))
}

/// Notes what code a failed run was made with. That no note could be written is no reason to fail.
pub(super) fn note(token: &Token) {
    let (Some((sources, hash)), Some(note), Some(folder)) = (sources(), note_of(token), folder()) else { return };
    let list = folder.join(format!("sources-{hash}.json"));
    let _ = fs::create_dir_all(&folder);
    if !list.exists() {
        let _ = fs::write(list, serde_json::to_vec(sources).unwrap_or_default());
    }
    let _ = fs::write(note, hash);
}

/// What has changed since the run of this token failed; `None` if nothing has, or if nobody knows.
pub(super) fn changes_since(token: &Token) -> Option<String> {
    let (now, hash) = sources()?;
    let then = fs::read_to_string(note_of(token)?).ok().filter(|then| then != hash)?;
    let list = fs::read(folder()?.join(format!("sources-{then}.json"))).ok();
    let then: Sources = list.and_then(|list| serde_json::from_slice(&list).ok()).unwrap_or_default();
    Some(format!(
        "note: this token is from code that has changed since: {}. The run may be another one now.",
        difference(&then, now)
    ))
}

fn difference(then: &Sources, now: &Sources) -> String {
    let changed = now.iter().filter(|(file, hash)| then.get(*file) != Some(hash)).map(|(file, _)| file);
    let gone = then.keys().filter(|file| !now.contains_key(*file));
    let files: Vec<&str> = changed.chain(gone).map(String::as_str).collect();
    match files.len() {
        count if count > FILES_MAX => format!("{} and {} more files", files[..FILES_MAX].join(", "), count - FILES_MAX),
        _ => files.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that changed, came or went are named, and only the first of many.
    #[test]
    fn the_difference_is_named() {
        let sources = |files: &[(&str, u64)]| files.iter().map(|(file, hash)| (file.to_string(), *hash)).collect();
        let then: Sources = sources(&[("a.rs", 1), ("b.rs", 2), ("gone.rs", 3)]);
        let now: Sources = sources(&[("a.rs", 1), ("b.rs", 4), ("new.rs", 5)]);
        assert_eq!(difference(&then, &now), "b.rs, new.rs, gone.rs");
        let many: Sources = (0..9).map(|nth| (format!("{nth}.rs"), nth)).collect();
        assert_eq!(difference(&Sources::new(), &many), "0.rs, 1.rs, 2.rs, 3.rs and 5 more files");
    }
}
