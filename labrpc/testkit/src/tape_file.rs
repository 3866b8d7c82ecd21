//! Where the tapes of runs are kept: a file for each run.
//!
//! A file is a sequence of parts. Each begins with two lengths of four bytes, the lowest byte first: how long the part is, and how
//! many bytes follow in the file. Where these are fewer, they are the part compressed as LZ4.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use labrpc::sim::tape::{Tape, TapeSink, Taping};

use crate::environment::{Environment, Tapes, misuse};
use crate::token::Token;

/// Whether the run of this token records a tape or plays one, as `LAB_TAPES` says.
pub(crate) fn taping_of(token: &Token) -> Taping {
    match &Environment::get().tapes {
        None => Taping::Off,
        Some(Tapes::Record(folder)) => Taping::Record(sink(&path_of(folder, token))),
        Some(Tapes::Play(folder)) => Taping::Play(Arc::new(read(&path_of(folder, token)))),
    }
}

fn path_of(folder: &Path, token: &Token) -> PathBuf {
    folder.join(format!("{}.{}.tape", token.test, token.seed))
}

fn sink(path: &Path) -> TapeSink {
    let cannot =
        |error: std::io::Error| -> ! { misuse(&format!("LAB_TAPES: {} cannot be written: {error}", path.display())) };
    let file = Mutex::new(File::create(path).unwrap_or_else(|error| cannot(error)));
    let name = path.display().to_string();
    TapeSink::new(move |part| {
        let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&packed(part));
        if let Err(error) = written {
            misuse(&format!("LAB_TAPES: {name} cannot be written: {error}"));
        }
    })
}

/// A tape that is missing or broken is an empty one: the run cannot be made with it, and fails.
fn read(path: &Path) -> Tape {
    let bytes = fs::read(path).ok().and_then(|file| unpacked(&file));
    let mut tape = bytes.and_then(|bytes| Tape::read(bytes).ok()).unwrap_or_default();
    let mut answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    tape.compare_functions(|input, made| answers.agree(input, made));
    tape
}

/// The longest part. A tape is given away in parts of a quarter of it.
const PART_BYTES_MAX: usize = 1 << 20;

/// The longest tape. Those of the reference are a third of it at most.
const TAPE_BYTES_MAX: usize = 256 << 20;

fn packed(part: &[u8]) -> Vec<u8> {
    let compressed = lz4_flex::compress(part);
    let kept = if compressed.len() < part.len() { &compressed } else { part };
    let lengths = [part.len(), kept.len()].map(|length| (length as u32).to_le_bytes());
    [&lengths[0], &lengths[1], kept].concat()
}

/// The inverse of [`packed`], for all parts of a file. `None` if that is not what the file has.
fn unpacked(mut file: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while !file.is_empty() {
        let (lengths, rest) = file.split_at_checked(8)?;
        let length = |at: usize| Some(u32::from_le_bytes(lengths[at..at + 4].try_into().ok()?) as usize);
        let (part_bytes, kept_bytes) = (length(0)?, length(4)?);
        if part_bytes > PART_BYTES_MAX || bytes.len() + part_bytes > TAPE_BYTES_MAX {
            return None;
        }
        let (kept, rest) = rest.split_at_checked(kept_bytes)?;
        match kept_bytes == part_bytes {
            true => bytes.extend_from_slice(kept),
            false => bytes.extend(lz4_flex::decompress(kept, part_bytes).ok()?),
        }
        file = rest;
    }
    Some(bytes)
}

static ANSWERS: Mutex<Answers> = Mutex::new(Answers(BTreeMap::new()));

/// What functions have made of their inputs on the tapes that were read so far: it is the same on every tape.
struct Answers(BTreeMap<Hashes, u64>);

/// Two hashes of an input. Two inputs do not agree in both by chance.
type Hashes = (u64, u64);

impl Answers {
    /// How many are kept: those of the first runs, if there are more. They take 64 MB at most.
    const COUNT_MAX: usize = 1 << 20;

    /// Whether the function has made the same of this input before, if it is known.
    fn agree(&mut self, input: &[u8], made: &[u8]) -> bool {
        let made = hash(0, made);
        let is_full = self.0.len() >= Answers::COUNT_MAX;
        match self.0.entry((hash(0, input), hash(1, input))) {
            Entry::Occupied(before) => *before.get() == made,
            Entry::Vacant(entry) => {
                if !is_full {
                    entry.insert(made);
                }
                true
            }
        }
    }
}

fn hash(which: u8, bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(which);
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was packed in parts is unpacked as a whole, and what was not packed is refused.
    #[test]
    fn parts_are_unpacked() {
        let parts = [vec![7; 1000], (0..=255).collect(), vec![], b"another".to_vec()];
        let file = parts.iter().map(|part| packed(part)).collect::<Vec<_>>().concat();
        assert!(file.len() < 1000, "{}", file.len());
        assert_eq!(unpacked(&file), Some(parts.concat()));
        let broken = [file[..file.len() - 1].to_vec(), vec![1], [file[..8].to_vec(), vec![255; 400]].concat()];
        let too_long = [(2_u32 << 20).to_le_bytes(), 0_u32.to_le_bytes()].concat();
        for broken in broken.iter().chain([&too_long]) {
            assert_eq!(unpacked(broken), None);
        }
        let one = packed(&vec![0; PART_BYTES_MAX]);
        assert!(unpacked(&one.repeat(256)).is_some());
        assert_eq!(unpacked(&one.repeat(257)), None);
    }

    /// A function makes the same of an input in each run.
    #[test]
    fn answers_of_runs_are_compared() {
        let mut answers = Answers(BTreeMap::new());
        assert!(answers.agree(b"one", b"1") && answers.agree(b"two", b"2"));
        assert!(answers.agree(b"one", b"1"));
        assert!(!answers.agree(b"two", b"1"));
        assert!(answers.agree(b"two", b"2"), "the first answer counts");
    }
}
