//! Does it keep Raft's promises, and if not, what is the shortest story?
//!
//! A graded test is a closure that [`Lab::test`] runs with several seeds, each in a [`World`] of
//! its own. The closure boots a [`Cluster`], does something to it, and checks what a client, a
//! service or the paper may expect. What a test cannot know by itself, the harness watches: what
//! every server applies (the [`AppliedLogs`]), and what every client of the key-value service saw
//! ([`linear`]).
//!
//! Reading order: [`Lab`] (seeds, replay, points), [`World`] (time and chance), `cluster` (layered
//! like the labs), [`kv`] (the scenarios of labs 3A and 3B), [`linear`] (was there an order?). Then
//! how a broken promise is found: [`rule`] (the promises), [`Codec`] (how a lab's bytes are read),
//! [`Observer`] (all that happens, in one shape), `oracle` (who judges it), [`Violation`]. And how it is
//! brought about: [`script`] (one real server among scripted ones), [`chaos`] (random faults), and
//! [`cost`] (what servers spend).
//!
//! **Invariant.** No lab crate is named here: the contracts of `labrpc` are all that is known.
//! **Invariant.** A check that did not finish is a failure, never a pass.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "parts of the kit watch in real time")]

pub mod chaos;
pub mod cluster;
mod codec;
pub mod cost;
mod environment;
mod event;
mod event_line;
pub mod kv;
pub mod linear;
mod observed;
mod observer;
mod oracle;
mod record;
mod recording;
mod report;
pub mod rule;
mod runner;
pub mod script;
mod task;
mod token;
mod violation;
mod world;

pub use cluster::{AppliedLogs, Boot, Booted, Cluster, UntypedCluster, number};
pub use codec::{Codec, ServiceState};
pub use event::{DiskChange, Envelope, Event, EventId, EventKind, Payload};
pub use observed::{Campaign, DiskState, ObservedState, PendingRequest, ServerState};
pub use observer::{Observer, Tally};
pub use runner::Lab;
pub use token::{Token, TokenError};
pub use violation::Violation;
pub use world::{BackgroundTask, TestRng, World};
