//! The bytes that the tests write in the place of a lab's servers and clerks.
//!
//! In the open track a student writes the codec. What it writes is read back at once: a mistake in it would otherwise
//! look like a mistake of the server.

use std::fmt::Debug;

use labrpc::kv::{Answer, Command};
use labrpc::wire::WireError;
use labrpc::{AppendEntriesReply, AppendOutcome, Bytes, Codec, Entry, Head, RaftReply, RaftRequest, RequestVoteReply};

use super::Contract;
use crate::report::Reporter;
use crate::rule::life::CODEC;
use crate::violation::Violation;

impl Contract {
    /// A request of another server.
    pub(crate) fn write_request(&self, request: &RaftRequest) -> Vec<u8> {
        self.checked(self.request(request))
    }

    /// The reply of another server.
    pub(crate) fn write_reply(&self, request: &RaftRequest, reply: &RaftReply) -> Vec<u8> {
        self.checked(self.reply(request, reply))
    }

    /// The head of a disk.
    pub(crate) fn write_head(&self, head: &Head) -> Bytes {
        self.checked(self.head(head))
    }

    /// An entry of a disk.
    pub(crate) fn write_entry(&self, entry: &Entry) -> Bytes {
        self.checked(self.entry(entry))
    }

    /// A clerk's request.
    pub(crate) fn write_command(&self, command: &Command) -> Vec<u8> {
        self.checked(self.command(command))
    }

    /// A clerk's command as it stands in the log.
    pub(crate) fn write_logged(&self, command: &Command) -> Vec<u8> {
        let write = || self.codec.write_logged(command);
        let bytes = write();
        let misfit = self.misfit("logged", command, (&bytes, write), || self.codec.read_logged(&bytes));
        self.checked((bytes, misfit))
    }

    /// The answer to a clerk.
    pub(crate) fn write_answer(&self, answer: &Answer) -> Vec<u8> {
        self.checked(self.answer(answer))
    }

    /// The bytes, unless the codec does not read from them what it was given: then the run ends.
    #[track_caller]
    fn checked<B>(&self, (bytes, misfit): (B, Option<String>)) -> B {
        if let Some(misfit) = misfit {
            Reporter::end_run(Violation::new(&CODEC, misfit));
        }
        bytes
    }

    pub(super) fn request(&self, request: &RaftRequest) -> Written<Vec<u8>> {
        let write = || self.codec.write_request(request);
        let bytes = write();
        let misfit = self.misfit("request", request, (&bytes, write), || self.codec.read_request(&bytes));
        (bytes, misfit)
    }

    pub(super) fn reply(&self, request: &RaftRequest, reply: &RaftReply) -> Written<Vec<u8>> {
        let write = || self.codec.write_reply(request, reply);
        let bytes = write();
        if !is_expressible(request, reply) {
            return (bytes, None);
        }
        let read = || self.codec.read_reply(request, &bytes).map(|reply| without_hint(&reply));
        let misfit = self.misfit("reply", &without_hint(reply), (&bytes, write), read);
        (bytes, misfit)
    }

    pub(super) fn head(&self, head: &Head) -> Written<Bytes> {
        let write = || self.codec.write_head(head);
        let bytes = write();
        let misfit = self.misfit("head", head, (&bytes, write), || self.codec.read_head(&bytes));
        (bytes, misfit)
    }

    pub(super) fn entry(&self, entry: &Entry) -> Written<Bytes> {
        let write = || self.codec.write_entry(entry);
        let bytes = write();
        let misfit = self.misfit("entry", entry, (&bytes, write), || self.codec.read_entry(&bytes));
        (bytes, misfit)
    }

    pub(super) fn command(&self, command: &Command) -> Written<Vec<u8>> {
        let write = || self.codec.write_command(command);
        let bytes = write();
        let misfit = self.misfit("command", command, (&bytes, write), || self.codec.read_command(&bytes));
        (bytes, misfit)
    }

    pub(super) fn answer(&self, answer: &Answer) -> Written<Vec<u8>> {
        let write = || self.codec.write_answer(answer);
        let bytes = write();
        // Why a client is refused is for the client alone.
        let result = |answer: &Answer| answer.clone().map_err(drop);
        let read = || self.codec.read_answer(&bytes).map(|answer| result(&answer));
        let misfit = self.misfit("answer", &result(answer), (&bytes, write), read);
        (bytes, misfit)
    }

    /// What `read_{what}` makes of the bytes that `write_{what}` made, in a sentence. `None` if it is what was written, and
    /// in the guided track. `write` writes them once more.
    fn misfit<T: PartialEq + Debug, B: PartialEq>(
        &self,
        what: &str,
        written: &T,
        (bytes, write): (&B, impl FnOnce() -> B),
        read: impl FnOnce() -> Result<T, WireError>,
    ) -> Option<String> {
        if !self.is_codec_checked() {
            return None;
        }
        if write() != *bytes {
            return Some(format!(
                "`write_{what}` of the codec was given twice\n    {written:?}\nand made other bytes of it the second time"
            ));
        }
        let read = match read() {
            Ok(read) if read == *written => return None,
            Ok(read) => format!("{read:?}"),
            Err(error) => format!("the error {:?}", error.to_string()),
        };
        Some(format!(
            "`write_{what}` of the codec was given\n    {written:?}\nand of its bytes `read_{what}` makes\n    {read}"
        ))
    }
}

/// What a codec wrote, and in a sentence what it reads from that instead of what it was given; `None` if it reads the same.
type Written<B> = (B, Option<String>);

/// Whether a server of any design can send this reply. One whose replies say no more than Figure 2's agrees with all that a
/// request says, or refuses it.
fn is_expressible(request: &RaftRequest, reply: &RaftReply) -> bool {
    match (request, reply) {
        (RaftRequest::RequestVote(_), reply) => matches!(reply, RaftReply::RequestVote(_)),
        (_, RaftReply::RequestVote(_)) => false,
        (_, RaftReply::AppendEntries(reply)) => match reply.outcome {
            AppendOutcome::Through(index) => index == request.through().index && reply.term == request.term(),
            AppendOutcome::RetryFrom(_) => {
                matches!(request, RaftRequest::AppendEntries(_)) && reply.term == request.term()
            }
            AppendOutcome::StaleTerm => reply.term > request.term(),
        },
    }
}

/// The reply without what each design may choose: from where a leader should send again.
fn without_hint(reply: &RaftReply) -> RaftReply {
    match reply {
        RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::RetryFrom(_) }) => {
            RaftReply::AppendEntries(AppendEntriesReply { term: *term, outcome: AppendOutcome::RetryFrom(0) })
        }
        RaftReply::RequestVote(RequestVoteReply { term, granted }) => {
            RaftReply::RequestVote(RequestVoteReply { term: *term, granted: *granted })
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use labrpc::wire::{self, WireError};
    use labrpc::{AppendEntries, LogPosition, RequestVote};

    use super::*;
    use crate::contract::TEST_TIMING;

    /// Replies as in Figure 2. Its requests forget where a candidate's log ends.
    struct Figure2;

    impl Codec for Figure2 {
        fn write_request(&self, request: &RaftRequest) -> Vec<u8> {
            let mut request = request.clone();
            if let RaftRequest::RequestVote(vote) = &mut request {
                vote.last_log = LogPosition::ZERO;
            }
            wire::encode(&request)
        }

        fn write_reply(&self, _: &RaftRequest, reply: &RaftReply) -> Vec<u8> {
            let RaftReply::AppendEntries(reply) = reply else { panic!("no votes here") };
            wire::encode(&(reply.term, matches!(reply.outcome, AppendOutcome::Through(_))))
        }

        fn read_reply(&self, request: &RaftRequest, bytes: &[u8]) -> Result<RaftReply, WireError> {
            let (term, success) = wire::decode::<(u64, bool)>(bytes)?;
            let outcome = match success {
                true => AppendOutcome::Through(request.through().index),
                false if term > request.term() => AppendOutcome::StaleTerm,
                false => AppendOutcome::RetryFrom(1),
            };
            Ok(RaftReply::AppendEntries(AppendEntriesReply { term, outcome }))
        }
    }

    static OPEN: Contract = Contract::new(TEST_TIMING).open(&Figure2);

    /// What a codec loses is named, with both values.
    #[test]
    #[should_panic(
        expected = "`write_request` of the codec was given\n    RequestVote(RequestVote { term: 2, candidate: 1"
    )]
    fn a_codec_that_loses_something_is_named() {
        let last_log = LogPosition { term: 1, index: 1 };
        OPEN.write_request(&RaftRequest::RequestVote(RequestVote { term: 2, candidate: 1, last_log }));
    }

    /// Numbers the answers that it writes.
    struct Numbering;

    impl Codec for Numbering {
        fn write_answer(&self, answer: &Answer) -> Vec<u8> {
            static NUMBERS: AtomicU64 = AtomicU64::new(0);
            wire::encode(&(answer, NUMBERS.fetch_add(1, Ordering::Relaxed)))
        }

        fn read_answer(&self, bytes: &[u8]) -> Result<Answer, WireError> {
            wire::decode::<(Answer, u64)>(bytes).map(|(answer, _)| answer)
        }
    }

    static NUMBERED: Contract = Contract::new(TEST_TIMING).open(&Numbering);

    /// Equal messages are equal bytes.
    #[test]
    #[should_panic(expected = "`write_answer` of the codec was given twice\n    Ok(\"\")\nand made other bytes")]
    fn a_codec_that_numbers_messages_is_named() {
        NUMBERED.write_answer(&Ok(String::new()));
    }

    /// A reply without an index is as good as one with it, whatever it says.
    #[test]
    fn a_reply_is_understood_along_with_its_request() {
        let entries = vec![Entry { term: 3, command: Bytes::default() }];
        let prev = LogPosition { term: 2, index: 6 };
        let request = RaftRequest::AppendEntries(AppendEntries { term: 3, leader: 1, prev, entries, leader_commit: 0 });
        for (term, outcome) in [
            (3, AppendOutcome::Through(7)),
            (3, AppendOutcome::Through(2)),
            (3, AppendOutcome::RetryFrom(4)),
            (4, AppendOutcome::StaleTerm),
        ] {
            OPEN.write_reply(&request, &RaftReply::AppendEntries(AppendEntriesReply { term, outcome }));
        }
    }
}
