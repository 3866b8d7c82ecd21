//! In what world does a server live?
//!
//! (Prose header follows when the rooms stand.)

pub mod api;
pub mod channel;
pub mod logging;
pub mod network;
pub mod persister;
pub mod protocol;
pub mod sim;
pub mod sync;
pub mod thread;
pub mod time;
pub mod wire;

pub use api::{ApplyMsg, Compact, Elect, Index, LogPosition, NotLeader, PeerId, Replicate, Standing, Term};
pub use network::{Link, Port, Service};
pub use persister::{Image, Persister, Save};
pub use protocol::{Outbox, Protocol, Wire};
pub use wire::Bytes;
