//! What a test, or an oracle, waited for and did not get in time. The story of the run explains it.

use std::time::Duration;

use labrpc::{Index, PeerId};

use crate::event::EventId;
use crate::report::Reporter;

/// A wait that was too long. It ended when the run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What was waited for.
    pub awaited: Awaited,
    /// For how long.
    pub lasted: Duration,
    /// The servers that were up and could reach one another. Empty if it is not about several.
    pub among: Vec<PeerId>,
}

/// What was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A leader.
    Leader,
    /// A command is applied on this many servers, as the entry at an index. `None` if no leader took it, or several did.
    Applied(Option<Index>, usize),
    /// A server applies everything through an index.
    CatchUp(PeerId, Index),
    /// The operation of the client at this end of the network returns. `None` if several are waited for.
    Answer(Option<PeerId>),
    /// A server answers the request that arrived in this event, if it is known.
    Reply(PeerId, Option<EventId>),
    /// A server sends a message, such as `a RequestVote`.
    Message(PeerId, String),
    /// A method of a server returns.
    Return(PeerId, String),
}

impl Wait {
    /// A wait for something that is not about several servers.
    pub fn new(awaited: Awaited, lasted: Duration) -> Wait {
        Wait { awaited, lasted, among: Vec::new() }
    }

    /// The server that it is about, if it is about one.
    pub(crate) fn server(&self) -> Option<PeerId> {
        match self.awaited {
            Awaited::CatchUp(server, _) | Awaited::Reply(server, _) => Some(server),
            Awaited::Message(server, _) | Awaited::Return(server, _) => Some(server),
            Awaited::Leader | Awaited::Applied(..) | Awaited::Answer(_) => None,
        }
    }

    /// These servers were up and could reach one another.
    pub fn among(self, among: impl IntoIterator<Item = PeerId>) -> Wait {
        Wait { among: among.into_iter().collect(), ..self }
    }
}

/// The failure that follows is that this has not come.
pub fn waited_for(wait: Wait) {
    if let Some(reporter) = Reporter::current() {
        reporter.set_wait(wait);
    }
}
