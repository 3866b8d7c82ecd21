//! Takes a tape apart.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use rustc_hash::FxHashMap;

use super::SegmentId;
use super::writer::code;

/// What the servers of a run did, as it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    bytes: Vec<u8>,
    /// Where each segment's records are, in order.
    segments: FxHashMap<SegmentId, Vec<Range<usize>>>,
    observations: Vec<i64>,
    /// What it says of its seed.
    mark: Option<u64>,
    /// What functions make of their inputs.
    functions: BTreeMap<Vec<u8>, Made>,
}

/// What a function makes of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Value(Vec<u8>),
    Panic,
    /// Not always the same.
    Several,
}

/// The most changes of the segment, and answers of functions, on a tape: they are what takes memory besides the tape's own bytes.
/// The longest graded run has a tenth of it.
const PARTS_MAX: usize = 4_000_000;

/// The smallest and the largest stack of a thread that a tape starts.
const STACK_BYTES: RangeInclusive<usize> = 64 << 10..=1 << 30;

/// Something that the server's code does.
#[derive(Debug)]
pub(super) enum Record<'a> {
    Operations(u64),
    Yield,
    Park { keys: Keys<'a>, is_lock: bool, deadline_ns: Option<u64> },
    UnparkOne(u64),
    UnparkAll(u64),
    Spawn { child: SegmentId, stack_bytes: usize, name: &'a str },
    Choose(usize),
    Act { action: u64, argument: &'a [u8] },
    Return(&'a [u8]),
    Panic,
}

/// The keys that a task waits for.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    left: u64,
    reader: Reader<'a>,
}

impl Iterator for Keys<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        self.reader.number()
    }
}

/// Where in a segment a player is.
#[derive(Debug, Default)]
pub(super) struct Position {
    range: usize,
    /// The next byte in it; 0 at its beginning.
    at: usize,
}

/// Bytes that are no tape, and the position from which on they are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapeError(usize);

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the tape cannot be read from byte {} on", self.0)
    }
}

impl std::error::Error for TapeError {}

impl Tape {
    /// Reads a tape.
    ///
    /// # Errors
    ///
    /// [`TapeError`] when the bytes are not what a run records, or more than a run records.
    pub fn read(bytes: Vec<u8>) -> Result<Tape, TapeError> {
        let mut tape = Tape::default();
        let mut reader = Reader { bytes: &bytes, at: 0 };
        let mut range: Option<(SegmentId, usize)> = None;
        let mut parts = 0;
        let mut end = |tape: &mut Tape, range: Option<(SegmentId, usize)>, at: usize| {
            if let Some((segment, from)) = range {
                tape.segments.entry(segment).or_default().push(from..at);
            }
            parts += 1;
            if parts > PARTS_MAX { Err(TapeError(at)) } else { Ok(()) }
        };
        while reader.at < bytes.len() {
            let at = reader.at;
            match reader.part().ok_or(TapeError(at))? {
                Part::Segment(id) => {
                    end(&mut tape, range, at)?;
                    range = Some((id, reader.at));
                }
                Part::Record(_) if range.is_none() => return Err(TapeError(at)),
                Part::Record(_) => {}
                Part::Observed(value) => tape.observations.push(value),
                Part::Mark(mark) => tape.mark = Some(mark),
                Part::Made(input, made) => {
                    end(&mut tape, None, at)?;
                    tape.add_made(input, made.map_or(Made::Panic, |made| Made::Value(made.to_vec())));
                }
            }
        }
        end(&mut tape, range, bytes.len())?;
        Ok(Tape { bytes, ..tape })
    }

    /// The next record of a segment, after which the position moves on.
    pub(super) fn next(&self, segment: SegmentId, position: &mut Position) -> Option<Record<'_>> {
        let ranges = self.segments.get(&segment)?;
        loop {
            let range = ranges.get(position.range)?;
            let mut reader = Reader { bytes: &self.bytes[..range.end], at: position.at.max(range.start) };
            if reader.at == range.end {
                *position = Position { range: position.range + 1, at: 0 };
                continue;
            }
            // It could be read before.
            let part = reader.part()?;
            position.at = reader.at;
            if let Part::Record(record) = part {
                return Some(record);
            }
        }
    }

    pub(super) fn mark(&self) -> Option<u64> {
        self.mark
    }

    pub(super) fn observation(&self, nth: usize) -> Option<i64> {
        self.observations.get(nth).copied()
    }

    /// Shows to `is_same` each input that a function was asked about, and what it has made of it. Where the result is false, this
    /// is no function, see [`NoAnswer::Several`](super::NoAnswer::Several).
    pub fn compare_functions(&mut self, mut is_same: impl FnMut(&[u8], &[u8]) -> bool) {
        for (input, made) in &mut self.functions {
            if let Made::Value(value) = made
                && !is_same(input, value)
            {
                *made = Made::Several;
            }
        }
    }

    pub(super) fn made_of(&self, input: &[u8]) -> Option<&Made> {
        self.functions.get(input)
    }

    fn add_made(&mut self, input: &[u8], made: Made) {
        match self.functions.entry(input.to_vec()) {
            Entry::Vacant(entry) => drop(entry.insert(made)),
            Entry::Occupied(entry) if *entry.get() == made => {}
            Entry::Occupied(mut entry) => drop(entry.insert(Made::Several)),
        }
    }
}

/// What stands at one place of a tape.
enum Part<'a> {
    /// From here on the records are of this segment.
    Segment(SegmentId),
    Record(Record<'a>),
    Observed(i64),
    Mark(u64),
    /// A function has made something of an input, or has panicked.
    Made(&'a [u8], Option<&'a [u8]>),
}

#[derive(Clone, Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn part(&mut self) -> Option<Part<'a>> {
        let record = match self.byte()? {
            code::SEGMENT => return Some(Part::Segment(self.number()?.try_into().ok()?)),
            code::MARK => return Some(Part::Mark(self.number()?)),
            code::OBSERVED => {
                let number = self.number()?;
                return Some(Part::Observed((number >> 1) as i64 ^ -((number & 1) as i64)));
            }
            code::MADE => return Some(Part::Made(self.text()?, Some(self.text()?))),
            code::MADE_NOTHING => return Some(Part::Made(self.text()?, None)),
            code::OPERATIONS => Record::Operations(self.number()?),
            code::YIELD => Record::Yield,
            code::PARK_FOR_LOCK => {
                let keys = self.keys().filter(|keys| keys.left > 0)?;
                let deadline_ns = if self.number()? == 0 { None } else { Some(self.number()?) };
                Record::Park { keys, is_lock: true, deadline_ns }
            }
            code::PARK => Record::Park { keys: self.keys()?, is_lock: false, deadline_ns: None },
            code::PARK_UNTIL => Record::Park { keys: self.keys()?, is_lock: false, deadline_ns: Some(self.number()?) },
            code::UNPARK_ONE => Record::UnparkOne(self.number()?),
            code::UNPARK_ALL => Record::UnparkAll(self.number()?),
            code::SPAWN => {
                let child = self.number()?.try_into().ok()?;
                // 0 stands for the run's own size.
                let stack_bytes = self.number()?.try_into().ok()?;
                if stack_bytes != 0 && !STACK_BYTES.contains(&stack_bytes) {
                    return None;
                }
                Record::Spawn { child, stack_bytes, name: str::from_utf8(self.text()?).ok()? }
            }
            code::CHOOSE => Record::Choose(self.number()?.try_into().ok()?),
            code::ACT => Record::Act { action: self.number()?, argument: self.text()? },
            code::RETURN => Record::Return(self.text()?),
            code::PANIC => Record::Panic,
            _ => return None,
        };
        Some(Part::Record(record))
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn keys(&mut self) -> Option<Keys<'a>> {
        let left = self.number()?;
        let keys = Keys { left, reader: self.clone() };
        for _ in 0..left {
            self.number()?;
        }
        Some(keys)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let text = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(text)
    }
}
