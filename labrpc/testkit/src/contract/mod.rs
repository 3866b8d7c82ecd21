//! What the tests know about a lab's servers.

mod probes;
mod taped_codec;
mod written;

#[cfg(test)]
use std::time::Duration;

use labrpc::sim::NodeId;
use labrpc::{Codec, ServiceState, Timing, sim};
pub(crate) use probes::MessageKind;
use taped_codec::TapedCodec;

/// What a lab's servers promise, and how their bytes are read. The oracles and the scripted peers know nothing
/// else of them.
///
/// ```
/// use std::time::Duration;
/// use testkit::{Contract, Track};
///
/// const TIMING: labrpc::Timing = labrpc::Timing {
///     heartbeat_interval: Duration::from_millis(100),
///     election_timeout_min: Duration::from_millis(400),
///     election_timeout_max: Duration::from_millis(800),
/// };
///
/// /// Lab 2C's servers.
/// static SERVERS: Contract = Contract::new(TIMING).with_disk();
/// assert!(SERVERS.has_disk && !SERVERS.has_clerks && SERVERS.track == Track::Guided);
/// ```
#[derive(Clone, Copy)]
pub struct Contract {
    /// The timing that the servers promise to keep.
    pub timing: Timing,
    /// How they encode their messages and their disks.
    codec: TapedCodec,
    /// Whether they save their state (from lab 2C on).
    pub has_disk: bool,
    /// Whether they answer clerks (from lab 3A on).
    pub has_clerks: bool,
    /// Restores a service from a snapshot; `None` if the lab cannot do that (before lab 3B).
    pub restore: Option<Restore>,
    /// Whose design the servers follow.
    pub track: Track,
}

/// The timing of the servers in the kit's own tests.
#[cfg(test)]
pub(crate) const TEST_TIMING: Timing = Timing {
    heartbeat_interval: Duration::from_millis(100),
    election_timeout_min: Duration::from_millis(400),
    election_timeout_max: Duration::from_millis(800),
};

/// Restores a service from a snapshot.
pub type Restore = fn(&[u8]) -> Box<dyn ServiceState>;

impl Contract {
    /// Servers of lab 2A or 2B in the guided track: they send `labrpc`'s messages, save nothing, and have no clerks.
    pub const fn new(timing: Timing) -> Contract {
        let (has_disk, has_clerks) = (false, false);
        Contract { timing, codec: TapedCodec::OWN, has_disk, has_clerks, restore: None, track: Track::Guided }
    }

    /// The same, and they save their state.
    pub const fn with_disk(self) -> Contract {
        Contract { has_disk: true, ..self }
    }

    /// The same, and they answer clerks.
    pub const fn with_clerks(self) -> Contract {
        Contract { has_clerks: true, ..self }
    }

    /// The same, and they take snapshots that `restore` reads.
    pub const fn with_snapshots(self, restore: Restore) -> Contract {
        Contract { restore: Some(restore), ..self }
    }

    /// The same in the open track, for servers that send and save what `codec` reads.
    pub const fn open(self, codec: &'static dyn Codec) -> Contract {
        Contract { codec: TapedCodec::of_student(codec), track: Track::Open, ..self }
    }

    /// The same in the guided track, for servers that send or save something besides `labrpc`'s types. `codec` is the course's
    /// own, so it is believed.
    pub const fn with_codec(self, codec: &'static dyn Codec) -> Contract {
        Contract { codec: TapedCodec::of_course(codec), ..self }
    }

    /// How the servers encode their messages and their disks.
    pub const fn codec(&self) -> &dyn Codec {
        &self.codec
    }

    /// Whether a codec that does not fit ends the run: not in the guided track, whose codec is not the student's, and not if the
    /// run has failed already.
    pub(crate) fn is_codec_checked(&self) -> bool {
        self.track == Track::Open && !sim::has_failed()
    }
}

/// Whose design a lab's servers follow. It decides about budgets and about hints, and about no rule of Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// The course's: a student fills in places that the hints can name.
    Guided,
    /// The student's own: any threads, locks, messages and files.
    Open,
}

impl Track {
    /// The number of a node's threads that count as the server's own.
    ///
    /// In the guided track a server sends, and a reply comes to [`Service::reply`](labrpc::Service::reply). So a thread that waits
    /// for a reply is one too many, and counts. In the open track such a thread stands for a request on its way.
    pub(crate) fn threads_in(self, node: NodeId) -> usize {
        match self {
            Track::Guided => sim::tasks_in(node),
            Track::Open => sim::tasks_in(node) - sim::calls_in(node),
        }
    }
}
