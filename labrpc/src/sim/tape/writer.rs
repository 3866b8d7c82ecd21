//! Records a tape.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{NO_SEGMENT, SegmentId, TapeSink};
use crate::sim::runtime::{Key, WaitReason};

/// The codes of a tape's records.
pub(super) mod code {
    /// From here on the records are of this segment.
    pub(crate) const SEGMENT: u8 = 0;
    /// A number of operations.
    pub(crate) const OPERATIONS: u8 = 1;
    /// The turn is given up.
    pub(crate) const YIELD: u8 = 2;
    /// The task waits for a lock.
    pub(crate) const PARK_FOR_LOCK: u8 = 3;
    /// The task waits for something else, without a deadline.
    pub(crate) const PARK: u8 = 4;
    /// The task waits for something else until a deadline.
    pub(crate) const PARK_UNTIL: u8 = 5;
    /// One task is woken.
    pub(crate) const UNPARK_ONE: u8 = 6;
    /// All tasks are woken that wait for a key.
    pub(crate) const UNPARK_ALL: u8 = 7;
    /// A thread is started.
    pub(crate) const SPAWN: u8 = 8;
    /// One of several equal options is chosen.
    pub(crate) const CHOOSE: u8 = 9;
    /// The harness is called.
    pub(crate) const ACT: u8 = 10;
    /// The server's code returns.
    pub(crate) const RETURN: u8 = 11;
    /// The server's code panics.
    pub(crate) const PANIC: u8 = 12;
    /// Something was measured.
    pub(crate) const OBSERVED: u8 = 13;
    /// A function has made something of an input.
    pub(crate) const MADE: u8 = 14;
    /// A function has panicked at an input.
    pub(crate) const MADE_NOTHING: u8 = 15;
    /// The tape is of this seed.
    pub(crate) const MARK: u8 = 16;
}

/// The bytes that are kept until they are given away. They are there from the beginning, so that recording takes no
/// memory that a test would count.
const BUFFER_BYTES: usize = 64 << 10;

/// How many answers of functions are remembered, by their hashes: most questions are asked several times.
const ANSWERS: usize = 4096;

/// Records a tape.
pub(in crate::sim) struct Writer {
    sink: Option<TapeSink>,
    buffer: Vec<u8>,
    /// The hashes of questions and answers that are on the tape, each at a place of its own. They are not written again.
    answers: Vec<u64>,
    /// The segment of the latest records.
    segment: SegmentId,
    /// Operations that are not written yet.
    operations: u64,
}

impl Default for Writer {
    /// It writes nothing.
    fn default() -> Writer {
        Writer { sink: None, buffer: Vec::new(), answers: Vec::new(), segment: NO_SEGMENT, operations: 0 }
    }
}

impl Writer {
    /// The writer of a tape with this mark.
    pub(super) fn recording(sink: TapeSink, mark: u64) -> Writer {
        let buffer = Vec::with_capacity(2 * BUFFER_BYTES);
        let mut writer = Writer { sink: Some(sink), buffer, answers: vec![0; ANSWERS], ..Writer::default() };
        writer.code(code::MARK);
        writer.number(mark);
        writer
    }

    /// What follows is of this segment.
    #[inline]
    pub(super) fn in_segment(&mut self, segment: SegmentId) {
        if segment != self.segment {
            self.end_operations();
            self.code(code::SEGMENT);
            self.number(segment.into());
            self.segment = segment;
        }
    }

    #[inline]
    pub(in crate::sim) fn operation(&mut self) {
        self.operations += 1;
    }

    pub(in crate::sim) fn yields(&mut self) {
        self.begin(code::YIELD);
    }

    pub(in crate::sim) fn parks(&mut self, keys: &[Key], waiting: WaitReason, deadline_ns: Option<u64>) {
        let is_lock = matches!(waiting, WaitReason::Lock { .. });
        self.begin(match deadline_ns {
            _ if is_lock => code::PARK_FOR_LOCK,
            None => code::PARK,
            Some(_) => code::PARK_UNTIL,
        });
        self.number(keys.len() as u64);
        keys.iter().for_each(|key| self.number(*key as u64));
        match deadline_ns {
            Some(deadline_ns) if is_lock => {
                self.number(1);
                self.number(deadline_ns);
            }
            None if is_lock => self.number(0),
            Some(deadline_ns) => self.number(deadline_ns),
            None => {}
        }
    }

    pub(in crate::sim) fn unparks_one(&mut self, key: Key) {
        self.begin(code::UNPARK_ONE);
        self.number(key as u64);
    }

    pub(in crate::sim) fn unparks_all(&mut self, key: Key) {
        self.begin(code::UNPARK_ALL);
        self.number(key as u64);
    }

    pub(in crate::sim) fn spawns(&mut self, child: SegmentId, name: &str, stack_bytes: Option<usize>) {
        self.begin(code::SPAWN);
        self.number(child.into());
        self.number(stack_bytes.unwrap_or_default() as u64);
        self.bytes(name.as_bytes());
    }

    pub(in crate::sim) fn chooses(&mut self, options: usize) {
        self.begin(code::CHOOSE);
        self.number(options as u64);
    }

    pub(super) fn acts(&mut self, action: u64, argument: &[u8]) {
        self.begin(code::ACT);
        self.number(action);
        self.bytes(argument);
    }

    pub(super) fn returns(&mut self, value: &[u8]) {
        self.begin(code::RETURN);
        self.bytes(value);
    }

    pub(in crate::sim) fn panics(&mut self) {
        self.begin(code::PANIC);
    }

    pub(super) fn observed(&mut self, value: i64) {
        self.begin(code::OBSERVED);
        self.number(((value << 1) ^ (value >> 63)) as u64);
    }

    /// What a function makes of an input; `None` if it panics.
    pub(super) fn made(&mut self, input: &[u8], made: Option<&[u8]>) {
        let mut hasher = DefaultHasher::new();
        (input, made).hash(&mut hasher);
        let hash = hasher.finish();
        let place = &mut self.answers[hash as usize % ANSWERS];
        if std::mem::replace(place, hash) == hash {
            return;
        }
        self.begin(if made.is_some() { code::MADE } else { code::MADE_NOTHING });
        self.bytes(input);
        made.into_iter().for_each(|made| self.bytes(made));
    }

    fn begin(&mut self, code: u8) {
        self.end_operations();
        self.code(code);
    }

    fn end_operations(&mut self) {
        let operations = std::mem::take(&mut self.operations);
        if operations > 0 {
            self.code(code::OPERATIONS);
            self.number(operations);
        }
    }

    fn code(&mut self, code: u8) {
        if self.buffer.len() >= BUFFER_BYTES {
            self.give_away();
        }
        self.buffer.push(code);
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.buffer.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.buffer.push(number as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        // A long text does not make the buffer grow.
        for part in bytes.chunks(BUFFER_BYTES / 2) {
            if self.buffer.len() >= BUFFER_BYTES {
                self.give_away();
            }
            self.buffer.extend_from_slice(part);
        }
    }

    fn give_away(&mut self) {
        if let Some(sink) = &self.sink {
            sink.0(&self.buffer);
        }
        self.buffer.clear();
    }

    pub(super) fn flush(&mut self) {
        self.end_operations();
        self.give_away();
    }
}
