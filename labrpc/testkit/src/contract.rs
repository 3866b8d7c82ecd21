//! How a lab's servers encode their messages and their disks.

use labrpc::kv::{Answer, Command};
use labrpc::wire::{self, WireError};
use labrpc::{Bytes, Entry, Head, RaftReply, RaftRequest, Timing};

/// Reads and writes the bytes of a lab's servers, for the oracles and for scripted peers.
///
/// By default servers send and save `labrpc`'s own messages. Then a lab implements only the methods
/// about its timing, disks, clerks and snapshots. A lab whose servers have other messages also
/// overrides the methods that read and write them.
///
/// ```
/// struct Lab2c(labrpc::Timing);
///
/// impl testkit::Codec for Lab2c {
///     fn timing(&self) -> labrpc::Timing {
///         self.0
///     }
///     fn has_disk(&self) -> bool {
///         true
///     }
/// }
/// ```
pub trait Codec: Sync {
    /// The timing that the servers promise to keep.
    fn timing(&self) -> Timing;

    /// Whether servers save their state (from lab 2C on).
    fn has_disk(&self) -> bool {
        false
    }

    /// Whether servers answer clerks (from lab 3A on).
    fn has_clerks(&self) -> bool {
        false
    }

    /// Restores a service from a snapshot; `None` if the lab cannot do that (before lab 3B).
    fn restore(&self, _snapshot: &[u8]) -> Option<Box<dyn ServiceState>> {
        None
    }

    /// Reads a request between servers.
    fn read_request(&self, bytes: &[u8]) -> Result<RaftRequest, WireError> {
        wire::decode(bytes)
    }

    /// Writes a request between servers.
    fn write_request(&self, request: &RaftRequest) -> Vec<u8> {
        wire::encode(request)
    }

    /// Reads the reply to a request. Another format may need the request to understand its reply.
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

    /// Reads a clerk's request, or a command in the log.
    fn read_command(&self, bytes: &[u8]) -> Result<Command, WireError> {
        wire::decode(bytes)
    }

    /// Writes a clerk's request.
    fn write_command(&self, command: &Command) -> Vec<u8> {
        wire::encode(command)
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

/// A key-value service restored from a snapshot, without a server.
pub trait ServiceState {
    /// Applies a command of the log, and returns the answer to its client.
    fn apply(&mut self, command: &[u8]) -> String;
}
