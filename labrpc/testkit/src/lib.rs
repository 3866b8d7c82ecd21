//! Does a server keep Raft's promises, and if not, which events show it?
//!
//! A graded test is a closure that [`Lab::test`] runs with several seeds, each in a [`World`] of its
//! own. The closure starts a [`Cluster`], does something to it, and checks what a client, a service
//! or the paper may expect. The harness checks what a test cannot see by itself: what every server
//! applies ([`AppliedLogs`]), and every message and save (the oracles). The crate `kvkit` adds what
//! labs 3A and 3B need: recorded clerks, and the check that their answers are linearizable.
//!
//! Reading order:
//!
//! 1. How a test runs: [`Lab`] (seeds, replay, points), [`World`] (time and chance), `cluster`
//!    (layered like the labs).
//! 2. How a broken promise is found, in three steps. Decode: a [`Codec`](labrpc::Codec) reads a lab's bytes. Observe:
//!    everything that happens is an [`Event`], and adds to the [`ObservedState`]. Check: each `oracle`
//!    checks every event against its rules ([`rule`]), and returns a [`Violation`]. The [`Observer`]
//!    runs these steps.
//! 3. How a broken promise is provoked: [`script`] (one real server among scripted ones), [`chaos`]
//!    (random faults), [`cost`] (budgets).
//!
//! **Invariant.** No lab crate is named here; only the traits and messages of `labrpc` are. (The benches and the tests
//! of large runs name them: they need servers that work.)
//! **Invariant.** A check that did not finish is a failure, never a pass.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "parts of the kit run outside of any simulation"
)]

pub mod chaos;
pub mod cluster;
mod contract;
pub mod cost;
mod environment;
mod event;
mod event_line;
mod flip;
mod named;
mod observed;
mod observer;
mod oracle;
mod random_peers;
mod random_service;
mod record;
mod recording;
mod report;
pub mod rule;
mod runner;
pub mod script;
mod story;
pub mod sweep;
mod tape_file;
mod taped;
mod task;
mod token;
mod violation;
mod waited;
mod world;

pub use cluster::{AppliedLogs, Boot, Booted, Cluster, UntypedCluster, number};
pub use contract::{Contract, Restore, Track};
pub use event::{DiskChange, Envelope, Event, EventId, EventKind, Payload};
pub use flip::{Flip, FlipError};
pub use observed::{Campaign, DiskState, ObservedState, PendingRequest, ServerState};
pub use observer::{Observer, Tally};
pub use random_peers::RunPlan;
pub use random_service::{ServiceUnderTest, SnapshotsUnderTest};
pub use runner::Lab;
#[doc(hidden)]
pub use runner::{Measured, MeasuredShrink, measure, measure_shrinking};
pub use taped::{Taped, TapedClerk, TapedState};
pub use token::{Token, TokenError};
pub use violation::{ClashingOperation, Violation};
pub use waited::{Awaited, Wait, waited_for};
pub use world::{BackgroundTask, TestRng, World};
