//! Lab 3B's rules, one by one (§7, §8).
//!
//! | module | under test | scripted |
//! |---|---|---|
//! | `servers` | a whole server, Raft and service | all other servers, and the clients |
//! | `contents` | the service alone: what a snapshot holds | its Raft |
//! | `timing` | the service alone: when it takes a snapshot | its Raft |
//! | `paths` | whole servers and services: every path to a snapshot | all else |
//! | `sweeps` | whole servers and services: two snapshots at almost the same moment | all else |
//! | `random_service` | the service alone: everything at once | its Raft |
//!
//! `setup` has the services that most scripts begin with.

mod contents;
mod paths;
mod random_service;
mod servers;
pub(crate) mod setup;
mod sweeps;
mod timing;
