//! In what world does a server live?
//!
//! In one of two. A server is ordinary code with threads, locks, channels and a clock. This crate
//! has its own of each, in the shapes that Rust programmers know. Called outside of a simulation
//! they are the real ones. Called inside of [`sim::run`] they are made of coroutines and virtual
//! time: the same code then runs in the same way each time, a minute passes in a fraction of a
//! second, and a crash ends a server wherever it stands.
//!
//! In reading order:
//!
//! 1. [`api`]: a server as its service sees it: terms and positions, and a trait for each lab.
//!    [`message`] and [`kv`]: what servers and clients say. [`layers`]: a server's rules as plain
//!    state machines, without threads or clocks. These four are the contract with the student.
//! 2. [`wire`]: values into bytes and back.
//! 3. [`thread`], [`sync`], [`channel`], [`time`]: the facade, which looks like what it stands for.
//!    [`logging`] adds to each log line when it was, in virtual time, and who.
//! 4. [`network`]: messages that are late, lost, doubled, out of order. [`persister`]: what is left
//!    after a crash.
//! 5. [`sim`]: the simulated world itself. It comes last because everything above can be used, and
//!    every lab be solved, without knowing how it is made.
//!
//! | here | looks like | outside of a simulation | inside of one |
//! |---|---|---|---|
//! | [`thread::spawn`] | std | an OS thread | a coroutine in its spawner's node |
//! | [`thread::sleep`] | std | sleeps | ends when virtual time has come so far |
//! | [`time::Instant`] | std | the monotonic clock | virtual time since the run began |
//! | [`sync`] | parking_lot | parking_lot | a wait gives the turn to another task |
//! | [`channel`], [`select!`] | crossbeam-channel | crossbeam-channel | the simulation's own |
//! | [`network::Network`] | | delays in real time, on threads | events of the scheduler |
//! | [`Persister`] | | in memory | in memory, and a crash may strike at any save |
//!
//! **Invariant.** The facade decides at run time which world it is in, at each call or when a
//! channel or a network is made. No feature and no second build does.
//!
//! **Invariant.** In a simulation all chance comes from one seed, by decisions that are drawn
//! [by name](sim::Name). Only the watchdog looks at real time, to end a run that would not end.
//!
//! **Invariant.** No lab and no test kit is named here: the labs depend on this crate, and it on
//! none of them. To the network a message is bytes, and who sends them to whom.
//!
//! **Invariant.** `unsafe` stands under `sim` alone, where stacks are switched.
//!
//! Missing on purpose: sockets and files. [`network::Carrier`] is the seam where something else can
//! carry messages; a disk in memory is enough as long as its owner's crash is simulated.

pub mod api;
pub mod channel;
pub mod kv;
pub mod layers;
pub mod logging;
pub mod message;
pub mod network;
pub mod persister;
pub mod sim;
pub mod sync;
pub mod thread;
pub mod time;
pub mod wire;

pub use api::{ApplyMsg, Compact, Elect, Index, LogPosition, NotLeader, PeerId, Replicate, Status, Term, Timing};
pub use layers::{Compacted, Compaction, Conflict, Outbox, Protocol, RaftLog, Replication, Suffix};
pub use message::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Ballot, Entry, Head, InstallSnapshot, RaftReply, RaftRequest,
    RequestVote, RequestVoteReply,
};
pub use network::{Link, Port, Service};
pub use persister::{Image, Persister, Save};
pub use wire::Bytes;
