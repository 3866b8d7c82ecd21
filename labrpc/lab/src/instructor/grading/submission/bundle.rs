//! A submission that is a git bundle: the files of its branch, read from its objects. Nothing is checked out, so that no
//! filter, hook or submodule has a part in it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use super::NotRead;
use super::collector::{Collector, EntryKind, Wanted};
use super::git::Repository;
use super::limits;
use crate::error::CommandError;
use crate::interrupt;

/// The header of a bundle: its branches, and what it needs. A bundle of a person has some lines.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// What git lists of one file: its mode, its name, and the longest path that a file system can have.
const LINE_BYTES_MAX: u64 = 8 << 10;

const MALFORMED: &str = "it is a git bundle with a header that makes no sense";

/// Reads a bundle.
pub fn read(mut file: File, collector: &mut Collector) -> Result<(), NotRead> {
    let header = Header::read(&mut file)?;
    let commit = header.commit()?;
    let repository = Repository::new(&header.object_format)?;
    if let Err(reason) = repository.add_pack(file)? {
        return Err(NotRead::refused(format!("it is a git bundle that git cannot read: {reason}")));
    }
    let wanted = list(&repository, commit, collector)?;
    fetch(&repository, wanted, collector)
}

/// What a bundle says before its pack.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    object_format: String,
    /// The objects that branches and tags point to, with their names.
    references: Vec<(String, String)>,
}

impl Header {
    /// Reads the header. Afterwards the file stands at the beginning of the pack.
    fn read(file: &mut File) -> Result<Header, NotRead> {
        let failed = || CommandError::of_system("a git bundle could not be read");
        let mut reader = BufReader::new(file.try_clone().map_err(failed())?).take(HEADER_BYTES_MAX);
        let mut header = Header { object_format: "sha1".to_string(), references: Vec::new() };
        let mut header_bytes = 0;
        loop {
            let mut line = Vec::new();
            header_bytes += reader.read_until(b'\n', &mut line).map_err(failed())? as u64;
            if line.pop() != Some(b'\n') {
                return Err(NotRead::refused("it is a git bundle that is cut off"));
            }
            let line = String::from_utf8(line).map_err(|_| NotRead::refused(MALFORMED))?;
            if line.is_empty() {
                break;
            }
            header.add(&line)?;
        }
        file.seek(SeekFrom::Start(header_bytes)).map_err(failed())?;
        Ok(header)
    }

    fn add(&mut self, line: &str) -> Result<(), NotRead> {
        match line.as_bytes()[0] {
            b'#' => {}
            b'-' => {
                return Err(NotRead::refused(
                    "it is a git bundle of later commits alone: pack all of them, with `git bundle create FILE HEAD`",
                ));
            }
            b'@' => match line.strip_prefix("@object-format=") {
                Some(format @ ("sha1" | "sha256")) => self.object_format = format.to_string(),
                _ => {
                    return Err(NotRead::refused(
                        "it is a git bundle without all its objects: make it from a full clone",
                    ));
                }
            },
            _ => {
                let (object, name) = line.split_once(' ').ok_or_else(|| NotRead::refused(MALFORMED))?;
                let is_object = matches!(object.len(), 40 | 64) && object.bytes().all(|byte| byte.is_ascii_hexdigit());
                if !is_object {
                    return Err(NotRead::refused(MALFORMED));
                }
                self.references.push((object.to_string(), name.to_string()));
            }
        }
        Ok(())
    }

    /// The commit that is handed in: of HEAD, of the main branch, or of the only branch.
    fn commit(&self) -> Result<&str, NotRead> {
        let of = |wanted: &str| self.references.iter().find(|(_, name)| name == wanted);
        let usual = ["HEAD", "refs/heads/main", "refs/heads/master"].into_iter().find_map(of);
        match (usual, &self.references[..]) {
            (Some((object, _)), _) | (None, [(object, _)]) => Ok(object),
            (None, []) => Err(NotRead::refused("it is a git bundle without a branch")),
            (None, _) => Err(NotRead::refused(
                "it is a git bundle of several branches, and none is HEAD or main: make it with `git bundle create FILE HEAD`",
            )),
        }
    }
}

/// Offers the files of a commit. What is asked for comes with the name of its object.
fn list(repository: &Repository, commit: &str, collector: &mut Collector) -> Result<Vec<(Wanted, String)>, NotRead> {
    let mut git = repository.start(&["ls-tree", "-r", "-l", "-z", "--full-tree", commit])?;
    let mut reader = BufReader::new(git.output());
    let failed = || CommandError::of_system("git could not be listened to");
    let mut found = Vec::new();
    loop {
        interrupt::check()?;
        let mut line = Vec::new();
        reader.by_ref().take(LINE_BYTES_MAX).read_until(0, &mut line).map_err(failed())?;
        match line.pop() {
            None => break,
            Some(0) => {}
            Some(_) => return Err(NotRead::refused("it is a git bundle with a path that is too long")),
        }
        let (object, kind, bytes, path) = entry(&line).ok_or_else(|| NotRead::refused(MALFORMED))?;
        if let Some(wanted) = collector.offer(path, kind, bytes)? {
            found.push((wanted, object));
        }
    }
    match git.has_succeeded() {
        true => Ok(found),
        false => Err(NotRead::refused("it is a git bundle whose branch is no commit, or lacks objects")),
    }
}

/// A line of `git ls-tree -l`: mode, type, object, size, and behind a tab the path.
fn entry(line: &[u8]) -> Option<(String, EntryKind, u64, &[u8])> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let words: Vec<&str> = std::str::from_utf8(&line[..tab]).ok()?.split_whitespace().collect();
    let &[mode, _, object, bytes] = &words[..] else { return None };
    let kind = match mode {
        "100644" | "100755" | "100664" => EntryKind::File,
        "120000" => EntryKind::Link,
        _ => EntryKind::Other,
    };
    // Submodules have no size.
    Some((object.to_string(), kind, bytes.parse().unwrap_or(0), &line[tab + 1..]))
}

/// Reads the objects that are asked for.
fn fetch(repository: &Repository, wanted: Vec<(Wanted, String)>, collector: &mut Collector) -> Result<(), NotRead> {
    let mut git = repository.start(&["cat-file", "--batch"])?;
    let (mut requests, mut answers) = (git.input(), BufReader::new(git.output()));
    for (wanted, object) in wanted {
        interrupt::check()?;
        let missing = |_: io::Error| NotRead::refused(format!("{} is not in the git bundle", wanted.name));
        writeln!(requests, "{object}").map_err(missing)?;
        let mut line = String::new();
        answers.by_ref().take(LINE_BYTES_MAX).read_line(&mut line).map_err(missing)?;
        // Object, type and size; or the object and `missing`.
        let words: Vec<&str> = line.split_whitespace().collect();
        let bytes = match words[..] {
            [_, "blob", bytes] => bytes.parse::<u64>().ok(),
            _ => None,
        };
        let bytes = bytes.ok_or_else(|| missing(io::ErrorKind::NotFound.into()))?;
        let read = limits::read_file(&wanted.name, answers.by_ref().take(bytes))?.map_err(missing)?;
        if read.len() as u64 != bytes || answers.read_exact(&mut [0]).is_err() {
            return Err(missing(io::ErrorKind::UnexpectedEof.into()));
        }
        collector.keep(wanted, read)?;
    }
    Ok(())
}
