//! How a lab's bytes are read and written: the way from its own types to [`labrpc::face`].

use labrpc::face::{DiskHead, KvReply, KvRequest, LogEntry, Pace, RaftReply, RaftRequest, Unspoken};
use labrpc::wire::{self, WireError};
use labrpc::{Bytes, Wire};

/// How a lab's messages and disks are read, and written in its servers' stead.
///
/// ```
/// use labrpc::face::{RaftReply, RaftRequest};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Clone, Serialize, Deserialize)] struct Request;
/// # impl From<Request> for RaftRequest { fn from(_: Request) -> Self { unimplemented!() } }
/// # impl TryFrom<RaftRequest> for Request { type Error = labrpc::face::Unspoken;
/// #   fn try_from(_: RaftRequest) -> Result<Self, Self::Error> { unimplemented!() } }
/// # #[derive(Clone, Serialize, Deserialize)] struct Reply;
/// # impl From<Reply> for RaftReply { fn from(_: Reply) -> Self { unimplemented!() } }
/// # impl TryFrom<RaftReply> for Reply { type Error = labrpc::face::Unspoken;
/// #   fn try_from(_: RaftReply) -> Result<Self, Self::Error> { unimplemented!() } }
/// use testkit::Eyes;
///
/// static EYES: Eyes = Eyes::of::<Request, Reply>();
/// ```
#[derive(Clone, Copy)]
pub struct Eyes {
    pub(crate) read_request: fn(&[u8]) -> Result<RaftRequest, WireError>,
    pub(crate) write_request: fn(RaftRequest) -> Result<Vec<u8>, Unspoken>,
    pub(crate) read_reply: fn(&[u8]) -> Result<RaftReply, WireError>,
    pub(crate) write_reply: fn(RaftReply) -> Result<Vec<u8>, Unspoken>,
    pub(crate) disk: Option<DiskEyes>,
    pub(crate) kv: Option<KvEyes>,
    pub(crate) pace: Option<fn() -> Pace>,
}

/// How what a lab saves is read and written.
#[derive(Clone, Copy)]
pub(crate) struct DiskEyes {
    pub(crate) read_head: fn(&[u8]) -> Result<DiskHead, WireError>,
    pub(crate) write_head: fn(DiskHead) -> Bytes,
    pub(crate) read_entry: fn(&[u8]) -> Result<LogEntry, WireError>,
    pub(crate) write_entry: fn(LogEntry) -> Bytes,
}

/// Brings a snapshot to life.
pub(crate) type Restore = fn(&[u8]) -> Box<dyn Replica>;

/// How what clerks ask and are told is read and written.
#[derive(Clone, Copy)]
pub(crate) struct KvEyes {
    pub(crate) read_request: fn(&[u8]) -> Result<KvRequest, WireError>,
    pub(crate) write_request: fn(KvRequest) -> Vec<u8>,
    pub(crate) read_reply: fn(&[u8]) -> Result<KvReply, WireError>,
    pub(crate) write_reply: fn(KvReply) -> Vec<u8>,
    /// The service's state as a snapshot holds it, brought to life again.
    pub(crate) restore: Option<Restore>,
}

/// A key-value service without a server around it: what a snapshot turns into.
pub trait Replica {
    /// Applies a command as it stands in the log, and says what its client would be told.
    fn apply(&mut self, command: &[u8]) -> String;
}

impl Eyes {
    /// Eyes for servers that ask `Q` and answer `A`.
    pub const fn of<Q, A>() -> Eyes
    where
        Q: Wire + Into<RaftRequest> + TryFrom<RaftRequest, Error = Unspoken>,
        A: Wire + Into<RaftReply> + TryFrom<RaftReply, Error = Unspoken>,
    {
        Eyes {
            read_request: |bytes| wire::decode::<Q>(bytes).map(Into::into),
            write_request: |request| Ok(wire::encode(&Q::try_from(request)?)),
            read_reply: |bytes| wire::decode::<A>(bytes).map(Into::into),
            write_reply: |reply| Ok(wire::encode(&A::try_from(reply)?)),
            disk: None,
            kv: None,
            pace: None,
        }
    }

    /// And who save a head `H` and entries `E` (from lab 2C on).
    pub const fn with_disk<H, E>(self) -> Eyes
    where
        H: Wire + Into<DiskHead> + From<DiskHead>,
        E: Wire + Into<LogEntry> + From<LogEntry>,
    {
        let disk = DiskEyes {
            read_head: |bytes| wire::decode::<H>(bytes).map(Into::into),
            write_head: |head| wire::encode(&H::from(head)).into(),
            read_entry: |bytes| wire::decode::<E>(bytes).map(Into::into),
            write_entry: |entry| wire::encode(&E::from(entry)).into(),
        };
        Eyes { disk: Some(disk), ..self }
    }

    /// And whose clerks ask `Q` and are told `A` (from lab 3A on).
    pub const fn with_clerks<Q, A>(self) -> Eyes
    where
        Q: Wire + Into<KvRequest> + From<KvRequest>,
        A: Wire + Into<KvReply> + From<KvReply>,
    {
        let kv = KvEyes {
            read_request: |bytes| wire::decode::<Q>(bytes).map(Into::into),
            write_request: |request| wire::encode(&Q::from(request)),
            read_reply: |bytes| wire::decode::<A>(bytes).map(Into::into),
            write_reply: |reply| wire::encode(&A::from(reply)),
            restore: None,
        };
        Eyes { kv: Some(kv), ..self }
    }

    /// And whose snapshots turn into a service by `restore` (lab 3B).
    ///
    /// # Panics
    ///
    /// When there are no clerks.
    pub const fn with_snapshots(self, restore: fn(&[u8]) -> Box<dyn Replica>) -> Eyes {
        match self.kv {
            Some(kv) => Eyes { kv: Some(KvEyes { restore: Some(restore), ..kv }), ..self },
            None => panic!("clerks come before snapshots"),
        }
    }

    /// And who promise to keep this pace.
    pub const fn with_pace(self, pace: fn() -> Pace) -> Eyes {
        Eyes { pace: Some(pace), ..self }
    }
}
