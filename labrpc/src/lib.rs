//! In what world does a server run?
//!
//! In the real one, or in a simulation. A server is ordinary code with threads, locks, channels and a
//! clock. This crate has a version of each, with an API that Rust programmers know. Outside of a
//! simulation these are the real ones. Inside of [`sim::run`] they are made of coroutines and virtual
//! time: the same code then runs in the same way each time, a minute passes in a fraction of a
//! second, and a crash ends a server at any point.
//!
//! In reading order:
//!
//! 1. [`api`]: a server as its service sees it: terms and positions, and a trait for each lab.
//!    [`message`] and [`kv`]: the messages of servers and clients. [`layers`]: the traits of a
//!    server's rules, which are plain state machines without threads or clocks. Students use the items
//!    of these four modules, and must not change them.
//! 2. [`wire`]: encodes values as bytes, and decodes them. [`codec`]: how the tests read a server's bytes.
//! 3. [`thread`], [`sync`], [`channel`], [`time`]: the facade over the two worlds.
//!    [`logging`] adds the virtual time and the server's name to each log line.
//! 4. [`network`]: messages that are late, lost, doubled, out of order. [`persister`]: a server's disk,
//!    which survives a crash.
//! 5. [`sim`]: the simulated world itself. It comes last because everything above can be used, and
//!    every lab can be solved, without knowing how the simulation works.
//!
//! | here | looks like | outside of a simulation | inside of one |
//! |---|---|---|---|
//! | [`thread::spawn`] | std | an OS thread | a coroutine in its spawner's node |
//! | [`thread::sleep`] | std | sleeps | returns when enough virtual time has passed |
//! | [`time::Instant`] | std | the monotonic clock | virtual time since the run began |
//! | [`sync`] | parking_lot | parking_lot | a wait gives the turn to another task |
//! | [`channel`], [`select!`] | crossbeam-channel | crossbeam-channel | the simulation's own |
//! | [`network::Network`] | | delays in real time, on threads | events of the scheduler |
//! | [`Persister`] | | in memory | in memory, and a crash may happen at any save |
//!
//! **Invariant.** The facade finds out at run time which world it is in, at each call or when a
//! channel or a network is made. There is no feature for this, and no second build.
//!
//! **Invariant.** In a simulation all chance comes from one seed, by decisions that are drawn
//! [by name](sim::Name). Only the watchdog looks at real time, to end a run that would not end.
//!
//! **Invariant.** No lab and no test kit is named here: the labs depend on this crate, and it
//! depends on none of them. The network knows only the bytes, the sender and the receiver of a message.
//!
//! **Invariant.** `unsafe` is used only under `sim`, where stacks are switched.
//!
//! Missing on purpose: sockets and files. A real transport can implement [`network::Carrier`]. A disk in
//! memory is enough, because the crash of its server is simulated too.

#![allow(clippy::disallowed_macros, reason = "what each thread of the operating system has, the simulation keeps here")]

pub mod api;
pub mod channel;
pub mod codec;
pub mod kv;
pub mod layers;
pub mod logging;
pub mod message;
pub mod network;
pub mod persister;
pub mod sim;
pub mod summary;
pub mod sync;
pub mod thread;
pub mod time;
pub mod wire;

pub use api::{
    ApplyMsg, Compact, Elect, ElectionServer, Index, KvClient, LogPosition, LogServer, NotLeader, PeerId, Replicate,
    ServiceState, SnapshotServer, Status, Term, Timing,
};
pub use codec::Codec;
pub use layers::{Compacted, Compaction, Conflict, Outbox, Protocol, RaftLog, Replication, Suffix};
pub use message::{
    APPEND_BYTES_MAX, AppendEntries, AppendEntriesReply, AppendOutcome, Entry, InstallSnapshot, RaftReply, RaftRequest,
    RequestVote, RequestVoteReply,
};
pub use network::{Link, Port, Service};
pub use persister::{Ballot, Head, Image, Persister, Save};
pub use summary::Summary;
pub use wire::Bytes;
