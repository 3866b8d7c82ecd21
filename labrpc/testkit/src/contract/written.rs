//! The bytes that the tests write in the place of a lab's servers and clerks.
//!
//! In the open track a student writes the codec. What it writes is read back at once: a mistake in it would otherwise
//! look like a mistake of the server.

use std::fmt::Debug;

use labrpc::kv::{Answer, Command};
use labrpc::wire::WireError;
use labrpc::{AppendEntriesReply, AppendOutcome, Bytes, Entry, Head, RaftReply, RaftRequest, RequestVoteReply};

use super::{Contract, Track};
use crate::rule::life::CODEC;
use crate::script::about;

impl Contract {
    /// A request of another server.
    pub(crate) fn write_request(&self, request: &RaftRequest) -> Vec<u8> {
        let bytes = self.codec.write_request(request);
        self.check("request", request, self.codec.read_request(&bytes));
        bytes
    }

    /// The reply of another server.
    pub(crate) fn write_reply(&self, request: &RaftRequest, reply: &RaftReply) -> Vec<u8> {
        let bytes = self.codec.write_reply(request, reply);
        if is_expressible(request, reply) {
            self.check(
                "reply",
                &without_hint(reply),
                self.codec.read_reply(request, &bytes).as_ref().map(without_hint),
            );
        }
        bytes
    }

    /// The head of a disk.
    pub(crate) fn write_head(&self, head: &Head) -> Bytes {
        let bytes = self.codec.write_head(head);
        self.check("head", head, self.codec.read_head(&bytes));
        bytes
    }

    /// An entry of a disk.
    pub(crate) fn write_entry(&self, entry: &Entry) -> Bytes {
        let bytes = self.codec.write_entry(entry);
        self.check("entry", entry, self.codec.read_entry(&bytes));
        bytes
    }

    /// A clerk's request.
    pub(crate) fn write_command(&self, command: &Command) -> Vec<u8> {
        let bytes = self.codec.write_command(command);
        self.check("command", command, self.codec.read_command(&bytes));
        bytes
    }

    /// A clerk's command as it stands in the log.
    pub(crate) fn write_logged(&self, command: &Command) -> Vec<u8> {
        let bytes = self.codec.write_logged(command);
        self.check("logged", command, self.codec.read_logged(&bytes));
        bytes
    }

    /// The answer to a clerk.
    pub(crate) fn write_answer(&self, answer: &Answer) -> Vec<u8> {
        let bytes = self.codec.write_answer(answer);
        // Why a client is refused is for the client alone.
        let result = |answer: &Answer| answer.clone().map_err(drop);
        self.check("answer", &result(answer), self.codec.read_answer(&bytes).as_ref().map(result));
        bytes
    }

    /// Whether `read_{what}` makes the same of its bytes as `write_{what}` was given.
    #[track_caller]
    fn check<T: PartialEq + Debug>(&self, what: &str, written: &T, read: Result<T, impl Debug + Into<Unread>>) {
        if self.track == Track::Guided {
            return;
        }
        let read = match read {
            Ok(read) if read == *written => return,
            Ok(read) => format!("{read:?}"),
            Err(error) => format!("the error {:?}", error.into().0),
        };
        about(&CODEC);
        panic!(
            "`write_{what}` of the codec was given\n    {written:?}\nand of its bytes `read_{what}` makes\n    {read}"
        );
    }
}

/// Why bytes could not be read.
struct Unread(String);

impl From<WireError> for Unread {
    fn from(error: WireError) -> Unread {
        Unread(error.to_string())
    }
}

impl From<&WireError> for Unread {
    fn from(error: &WireError) -> Unread {
        Unread(error.to_string())
    }
}

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
    use std::time::Duration;

    use labrpc::wire::{self, WireError};
    use labrpc::{AppendEntries, Codec, LogPosition, RequestVote, Timing};

    use super::*;

    const TIMING: Timing = Timing {
        heartbeat_interval: Duration::from_millis(100),
        election_timeout_min: Duration::from_millis(400),
        election_timeout_max: Duration::from_millis(800),
    };

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

    static OPEN: Contract = Contract::new(TIMING).open(&Figure2);

    /// What a codec loses is named, with both values.
    #[test]
    #[should_panic(
        expected = "`write_request` of the codec was given\n    RequestVote(RequestVote { term: 2, candidate: 1"
    )]
    fn a_codec_that_loses_something_is_named() {
        let last_log = LogPosition { term: 1, index: 1 };
        OPEN.write_request(&RaftRequest::RequestVote(RequestVote { term: 2, candidate: 1, last_log }));
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
