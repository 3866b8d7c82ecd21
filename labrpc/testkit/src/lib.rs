//! Does it keep Raft's promises, and if not, what is the shortest story?
//!
//! A graded test is a closure that [`Lab::test`] runs with several seeds, each in a [`World`] of
//! its own. The closure boots a [`Cluster`], does something to it, and checks what a client, a
//! service or the paper may expect. What a test cannot know by itself, the harness watches: what
//! every server applies (the [`Ledger`]), and what every client of the key-value service saw
//! ([`linear`]).
//!
//! Reading order: [`Lab`] (seeds, replay, points), [`World`] (time and chance), `cluster` (layered
//! like the labs), [`kv`] (the scenarios of labs 3A and 3B), [`linear`] (was there an order?). Then
//! how a broken promise is found: [`rule`] (the promises), [`Eyes`] (how a lab's bytes are read),
//! [`Watch`] (all that happens, in one shape), `oracle` (who judges it), [`Verdict`]. And how it is
//! brought about: [`script`] (one real server among played ones), [`chaos`] (random faults), and
//! [`cost`] (what servers spend).
//!
//! **Invariant.** No lab crate is named here: the contracts of `labrpc` are all that is known.
//! **Invariant.** A check that did not finish is a failure, never a pass.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "parts of the kit watch in real time")]

pub mod chaos;
pub mod cluster;
pub mod cost;
mod environment;
mod eyes;
pub mod kv;
mod lab;
pub mod linear;
mod oracle;
mod record;
pub mod rule;
pub mod script;
mod token;
mod verdict;
mod watch;
mod world;

pub use cluster::{Boot, Booted, Cluster, Ledger, number};
pub use eyes::{Eyes, Replica};
pub use lab::Lab;
pub use token::{Token, TokenError};
pub use verdict::{Moment, Verdict};
pub use watch::{Campaign, Disk, DiskChange, Event, Known, Letter, Pending, Said, Server, Tally, Watch, What};
pub use world::{Dice, Part, World};
