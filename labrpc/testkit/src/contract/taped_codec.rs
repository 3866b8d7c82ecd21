//! A lab's codec, as the tests use it.
//!
//! In the open track a student writes it, so a tape has to know what it makes of which bytes (see [`labrpc::sim::tape`]): a
//! process that plays a tape has no such code. And it has to be a function, of bytes that hold what it reads from them.
//! Otherwise servers could share by other ways what their messages and their disks do not say.

use std::ops::Deref;

use labrpc::codec::OwnTypes;
use labrpc::kv::{Answer, Command, Op};
use labrpc::sim::tape::{NoAnswer, ask};
use labrpc::wire::{self, WireError};
use labrpc::{AppendEntries, Bytes, Codec, Entry, Head, RaftReply, RaftRequest, sim};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::report::Reporter;
use crate::rule::life::CODEC;
use crate::violation::Violation;

/// A codec, as the tests use it: that of a student is on the tapes of runs.
#[derive(Clone, Copy)]
pub(super) struct TapedCodec {
    codec: &'static dyn Codec,
    /// If not, a process that plays a tape has it, too.
    is_students: bool,
}

impl TapedCodec {
    /// `labrpc`'s own.
    pub(super) const OWN: TapedCodec = TapedCodec { codec: &OwnTypes, is_students: false };

    /// A student's.
    pub(super) const fn of_student(codec: &'static dyn Codec) -> TapedCodec {
        TapedCodec { codec, is_students: true }
    }

    /// One that is believed.
    pub(super) const fn of_course(codec: &'static dyn Codec) -> TapedCodec {
        TapedCodec { codec, is_students: false }
    }

    /// What a method that reads makes of `bytes`. `argument` is all that the method gets, and `least` how many bytes its result
    /// needs.
    fn read<T: Serialize + DeserializeOwned>(
        &self,
        method: Method,
        bytes: &[u8],
        argument: impl FnOnce() -> Vec<u8>,
        least: impl FnOnce(&T) -> usize,
        read: impl FnOnce(&dyn Codec) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        if !self.is_students {
            return read(self.codec);
        }
        let decode = |read: &[u8]| wire::decode(read).ok();
        let read = method.ask(argument, wire::encode, decode, || read(self.codec));
        let read = read.unwrap_or_else(|| Err(WireError::new::<T>(bytes, "the tape does not say what they are")))?;
        match least(&read) {
            least if bytes.len() < least => {
                let reason = format!("what `{}` reads from them needs at least {least}", method.name);
                Err(WireError::new::<T>(bytes, reason))
            }
            _ => Ok(read),
        }
    }

    /// What a method that writes makes of `argument`.
    fn write<B: From<Vec<u8>> + Deref<Target = [u8]>>(
        &self,
        method: Method,
        argument: impl FnOnce() -> Vec<u8>,
        write: impl FnOnce(&dyn Codec) -> B,
    ) -> B {
        if !self.is_students {
            return write(self.codec);
        }
        let decode = |written: &[u8]| Some(B::from(written.to_vec()));
        let written = method.ask(argument, |written: &B| written.to_vec(), decode, || write(self.codec));
        written.unwrap_or_else(|| B::from(Vec::new()))
    }
}

/// A method of a codec.
#[derive(Clone, Copy, Debug)]
struct Method {
    /// Its number on tapes.
    number: u8,
    name: &'static str,
}

const fn method(number: u8, name: &'static str) -> Method {
    Method { number, name }
}

impl Method {
    /// What this method makes of its argument; `None` if the run has failed because nobody knows.
    fn ask<T>(
        self,
        argument: impl FnOnce() -> Vec<u8>,
        encode: impl FnOnce(&T) -> Vec<u8>,
        decode: impl FnOnce(&[u8]) -> Option<T>,
        work: impl FnOnce() -> T,
    ) -> Option<T> {
        let question = || [&[self.number], argument().as_slice()].concat();
        match ask(question, encode, decode, || self.without_operations(work)) {
            Ok(made) => Some(made),
            Err(NoAnswer::OtherRun) => {
                sim::fail(format!("the tape is of another run: it does not say what `{}` makes here", self.name));
                None
            }
            Err(NoAnswer::Several) => {
                self.misfits("makes several things of the same argument");
                None
            }
        }
    }

    /// The tests call a codec between two moments of a run.
    fn without_operations<T>(self, work: impl FnOnce() -> T) -> T {
        let operations = || if sim::is_simulated() { sim::operations() } else { 0 };
        let before = operations();
        let made = work();
        if operations() != before {
            self.misfits("uses a lock, a channel, a thread or a clock");
        }
        made
    }

    fn misfits(self, what: &str) {
        let what = format!(
            "`{}` of the codec {what}. A codec is a function: what it makes depends on its arguments and on nothing else",
            self.name
        );
        Reporter::end_run(Violation::new(&CODEC, what));
    }
}

impl Codec for TapedCodec {
    fn read_request(&self, bytes: &[u8]) -> Result<RaftRequest, WireError> {
        let least = |request: &RaftRequest| match request {
            RaftRequest::RequestVote(_) => A_TERM,
            RaftRequest::AppendEntries(append) => {
                A_TERM + append.entries.iter().map(|entry| entry.command.len()).sum::<usize>()
            }
            RaftRequest::InstallSnapshot(install) => A_TERM + install.snapshot.len(),
        };
        self.read(method(0, "read_request"), bytes, || bytes.to_vec(), least, |codec| codec.read_request(bytes))
    }

    fn write_request(&self, request: &RaftRequest) -> Vec<u8> {
        self.write(method(1, "write_request"), || wire::encode(request), |codec| codec.write_request(request))
    }

    fn read_reply(&self, request: &RaftRequest, bytes: &[u8]) -> Result<RaftReply, WireError> {
        let argument = || [subject(request).as_slice(), bytes].concat();
        self.read(method(2, "read_reply"), bytes, argument, |_| A_TERM, |codec| codec.read_reply(request, bytes))
    }

    fn write_reply(&self, request: &RaftRequest, reply: &RaftReply) -> Vec<u8> {
        let argument = || [subject(request), wire::encode(reply)].concat();
        self.write(method(3, "write_reply"), argument, |codec| codec.write_reply(request, reply))
    }

    fn read_head(&self, bytes: &[u8]) -> Result<Head, WireError> {
        self.read(method(4, "read_head"), bytes, || bytes.to_vec(), |_| A_TERM, |codec| codec.read_head(bytes))
    }

    fn write_head(&self, head: &Head) -> Bytes {
        self.write(method(5, "write_head"), || wire::encode(head), |codec| codec.write_head(head))
    }

    fn read_entry(&self, bytes: &[u8]) -> Result<Entry, WireError> {
        let least = |entry: &Entry| A_TERM + entry.command.len();
        self.read(method(6, "read_entry"), bytes, || bytes.to_vec(), least, |codec| codec.read_entry(bytes))
    }

    fn write_entry(&self, entry: &Entry) -> Bytes {
        self.write(method(7, "write_entry"), || wire::encode(entry), |codec| codec.write_entry(entry))
    }

    fn read_command(&self, bytes: &[u8]) -> Result<Command, WireError> {
        self.read(method(8, "read_command"), bytes, || bytes.to_vec(), text_bytes, |codec| codec.read_command(bytes))
    }

    fn write_command(&self, command: &Command) -> Vec<u8> {
        self.write(method(9, "write_command"), || wire::encode(command), |codec| codec.write_command(command))
    }

    fn read_logged(&self, bytes: &[u8]) -> Result<Command, WireError> {
        self.read(method(10, "read_logged"), bytes, || bytes.to_vec(), text_bytes, |codec| codec.read_logged(bytes))
    }

    fn write_logged(&self, command: &Command) -> Vec<u8> {
        self.write(method(11, "write_logged"), || wire::encode(command), |codec| codec.write_logged(command))
    }

    fn read_answer(&self, bytes: &[u8]) -> Result<Answer, WireError> {
        let least = |answer: &Answer| answer.as_ref().map_or(0, String::len);
        self.read(method(12, "read_answer"), bytes, || bytes.to_vec(), least, |codec| codec.read_answer(bytes))
    }

    fn write_answer(&self, answer: &Answer) -> Vec<u8> {
        self.write(method(13, "write_answer"), || wire::encode(answer), |codec| codec.write_answer(answer))
    }
}

/// What a reply can be about, of the request that it answers. How it is read and written depends on no more.
fn subject(request: &RaftRequest) -> Vec<u8> {
    match request {
        RaftRequest::RequestVote(vote) => wire::encode(&('v', vote.term, vote.candidate)),
        RaftRequest::AppendEntries(AppendEntries { term, leader, prev, entries, .. }) => {
            wire::encode(&('a', term, leader, prev, entries.len(), request.through()))
        }
        RaftRequest::InstallSnapshot(install) => {
            wire::encode(&('s', install.term, install.leader, install.last_included))
        }
    }
}

/// The bytes that a term needs at least.
const A_TERM: usize = 1;

/// The bytes of a command's key and value.
fn text_bytes(command: &Command) -> usize {
    match &command.op {
        Op::Get { key } => key.len(),
        Op::Put { key, value } | Op::Append { key, value } => key.len() + value.len(),
    }
}

#[cfg(test)]
mod tests {
    use labrpc::time::Instant;

    use super::*;
    use crate::contract::{Contract, TEST_TIMING};

    /// Finds a command of ten bytes in any entry, and looks at the clock before it writes a head.
    struct Wrong;

    impl Codec for Wrong {
        fn read_entry(&self, _: &[u8]) -> Result<Entry, WireError> {
            Ok(Entry { term: 1, command: Bytes::from("ten bytes!") })
        }

        fn write_head(&self, head: &Head) -> Bytes {
            wire::encode(&(head, Instant::now() > Instant::ZERO)).into()
        }
    }

    static OPEN: Contract = Contract::new(TEST_TIMING).with_disk().open(&Wrong);

    /// An entry has a byte for its term, and all bytes of its command.
    #[test]
    fn an_entry_is_no_shorter_than_its_command() {
        assert!(OPEN.codec().read_entry(&[0; 11]).is_ok());
        let error = OPEN.codec().read_entry(&[0; 10]).unwrap_err().to_string();
        assert!(error.starts_with("10 bytes do not decode as"), "{error}");
        assert!(error.ends_with("what `read_entry` reads from them needs at least 11"), "{error}");
    }

    /// A codec that looks at the clock is no function.
    #[test]
    fn a_codec_makes_no_operation() {
        let settings = sim::Settings { is_silent: true, ..sim::Settings::default() };
        let (written, _) = sim::run(settings, || OPEN.codec().write_head(&Head::default()));
        let message = written.unwrap_err().message;
        assert!(
            message.starts_with("`write_head` of the codec uses a lock, a channel, a thread or a clock"),
            "{message}"
        );
    }
}
