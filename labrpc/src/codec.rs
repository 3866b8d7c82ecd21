//! How a server encodes what it sends and saves.

use crate::kv::{Answer, Command};
use crate::message::{Entry, RaftReply, RaftRequest};
use crate::persister::Head;
use crate::wire::{self, Bytes, WireError};

/// Translates between the bytes of a lab's servers and the messages of this crate, so that the tests can
/// read what a server sends and saves, and can play its peers.
///
/// The methods that are not overridden are right for servers that send and save this crate's own types with
/// [`wire`]. A server with messages of its own overrides those that differ. Each `write` is the inverse
/// of its `read`.
///
/// Each method is a function: what it makes depends on its arguments alone, and it takes no lock and waits for nothing. Bytes
/// hold what is read from them: they are no fewer than those of its commands, keys, values and snapshots.
///
/// A reply is read along with the request that it answers. Figure 2's `success`, for example, does not say
/// which entries it is about; the request does.
///
/// ```
/// use labrpc::wire::{self, WireError};
/// use labrpc::{AppendEntriesReply, AppendOutcome, Codec, RaftReply, RaftRequest};
///
/// /// Figure 2's results: a term, and `success` or `vote_granted`.
/// struct Figure2;
///
/// impl Codec for Figure2 {
///     fn read_reply(&self, request: &RaftRequest, bytes: &[u8]) -> Result<RaftReply, WireError> {
///         let (term, success) = wire::decode::<(u64, bool)>(bytes)?;
///         let outcome = match success {
///             true => AppendOutcome::Through(request.through().index),
///             false if term > request.term() => AppendOutcome::StaleTerm,
///             false => AppendOutcome::RetryFrom(1),
///         };
///         Ok(RaftReply::AppendEntries(AppendEntriesReply { term, outcome }))
///     }
/// }
/// ```
pub trait Codec: Sync {
    /// Reads a request between servers.
    ///
    /// # Errors
    ///
    /// [`WireError`] when the bytes are not a request. The same holds for the other methods that read.
    fn read_request(&self, bytes: &[u8]) -> Result<RaftRequest, WireError> {
        wire::decode(bytes)
    }

    /// Writes a request between servers.
    fn write_request(&self, request: &RaftRequest) -> Vec<u8> {
        wire::encode(request)
    }

    /// Reads the reply to a request.
    fn read_reply(&self, _request: &RaftRequest, bytes: &[u8]) -> Result<RaftReply, WireError> {
        wire::decode(bytes)
    }

    /// Writes the reply to a request.
    fn write_reply(&self, _request: &RaftRequest, reply: &RaftReply) -> Vec<u8> {
        wire::encode(reply)
    }

    /// Reads the head of a disk.
    fn read_head(&self, bytes: &[u8]) -> Result<Head, WireError> {
        wire::decode(bytes)
    }

    /// Writes the head of a disk.
    fn write_head(&self, head: &Head) -> Bytes {
        wire::encode(head).into()
    }

    /// Reads an entry of a disk.
    fn read_entry(&self, bytes: &[u8]) -> Result<Entry, WireError> {
        wire::decode(bytes)
    }

    /// Writes an entry of a disk.
    fn write_entry(&self, entry: &Entry) -> Bytes {
        wire::encode(entry).into()
    }

    /// Reads a clerk's request.
    fn read_command(&self, bytes: &[u8]) -> Result<Command, WireError> {
        wire::decode(bytes)
    }

    /// Writes a clerk's request.
    fn write_command(&self, command: &Command) -> Vec<u8> {
        wire::encode(command)
    }

    /// Reads a clerk's command as it stands in the log. A service may put more into the log than the clerk has
    /// sent, or less.
    fn read_logged(&self, bytes: &[u8]) -> Result<Command, WireError> {
        self.read_command(bytes)
    }

    /// Writes a clerk's command as it stands in the log.
    fn write_logged(&self, command: &Command) -> Vec<u8> {
        self.write_command(command)
    }

    /// Reads the answer to a clerk.
    fn read_answer(&self, bytes: &[u8]) -> Result<Answer, WireError> {
        wire::decode(bytes)
    }

    /// Writes the answer to a clerk.
    fn write_answer(&self, answer: &Answer) -> Vec<u8> {
        wire::encode(answer)
    }
}

/// The codec of servers that send and save this crate's own types.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnTypes;

impl Codec for OwnTypes {}
