//! Takes a tape apart.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use rustc_hash::FxHashMap;

use super::SegmentId;
use super::writer::code;

/// What the servers of a run did, as it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// Each segment's records, in order.
    segments: FxHashMap<SegmentId, Vec<Record>>,
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

/// The most records of a tape. Those of the longest graded run are a hundredth of it, and each takes some fifty bytes of memory.
const RECORDS_MAX: usize = 4_000_000;

/// The smallest and the largest stack of a thread that a tape starts.
const STACK_BYTES: std::ops::RangeInclusive<usize> = 64 << 10..=1 << 30;

/// Something that the server's code does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Operations(u64),
    Yield,
    Park { keys: Vec<u64>, is_lock: bool, deadline_ns: Option<u64> },
    UnparkOne(u64),
    UnparkAll(u64),
    Spawn { child: SegmentId, stack_bytes: usize, name: String },
    Choose(usize),
    Act { action: u64, argument: Vec<u8> },
    Return(Vec<u8>),
    Panic,
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
    pub fn read(bytes: &[u8]) -> Result<Tape, TapeError> {
        let mut tape = Tape::default();
        let mut reader = Reader { bytes, at: 0 };
        let mut segment = None;
        let mut records = 0;
        while reader.at < bytes.len() {
            let at = reader.at;
            match reader.record(&mut tape).ok_or(TapeError(at))? {
                Part::Segment(id) => segment = Some(id),
                Part::Record(record) => tape.segments.entry(segment.ok_or(TapeError(at))?).or_default().push(record),
                Part::OfNoSegment => {}
            }
            records += 1;
            if records > RECORDS_MAX {
                return Err(TapeError(at));
            }
        }
        Ok(tape)
    }

    pub(super) fn record(&self, segment: SegmentId, nth: usize) -> Option<&Record> {
        self.segments.get(&segment)?.get(nth)
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

    fn add_made(&mut self, input: Vec<u8>, made: Made) {
        match self.functions.entry(input) {
            Entry::Vacant(entry) => drop(entry.insert(made)),
            Entry::Occupied(entry) if *entry.get() == made => {}
            Entry::Occupied(mut entry) => drop(entry.insert(Made::Several)),
        }
    }
}

/// What stands at one place of a tape.
enum Part {
    Segment(SegmentId),
    Record(Record),
    OfNoSegment,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn record(&mut self, tape: &mut Tape) -> Option<Part> {
        let record = match self.byte()? {
            code::SEGMENT => return Some(Part::Segment(self.number()?.try_into().ok()?)),
            code::MARK => {
                tape.mark = Some(self.number()?);
                return Some(Part::OfNoSegment);
            }
            code::OBSERVED => {
                let number = self.number()?;
                tape.observations.push((number >> 1) as i64 ^ -((number & 1) as i64));
                return Some(Part::OfNoSegment);
            }
            code::MADE => {
                let (input, value) = (self.text()?, self.text()?);
                tape.add_made(input, Made::Value(value));
                return Some(Part::OfNoSegment);
            }
            code::MADE_NOTHING => {
                let input = self.text()?;
                tape.add_made(input, Made::Panic);
                return Some(Part::OfNoSegment);
            }
            code::OPERATIONS => Record::Operations(self.number()?),
            code::YIELD => Record::Yield,
            code::PARK_FOR_LOCK => {
                let keys = self.keys().filter(|keys| !keys.is_empty())?;
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
                Record::Spawn { child, stack_bytes, name: String::from_utf8(self.text()?).ok()? }
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

    fn keys(&mut self) -> Option<Vec<u64>> {
        let count = self.number()?;
        (0..count).map(|_| self.number()).collect()
    }

    fn text(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.number()?).ok()?;
        let text = self.bytes.get(self.at..self.at.checked_add(length)?)?.to_vec();
        self.at += length;
        Some(text)
    }
}
