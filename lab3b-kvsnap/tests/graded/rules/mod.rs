//! Lab 3B's rules, one by one (§7, §8).
//!
//! | module | under test | scripted |
//! |---|---|---|
//! | `servers` | a whole server, Raft and service | all other servers, and the clients |
//! | `contents` | the service alone: what a snapshot holds | its Raft |
//! | `timing` | the service alone: when it takes a snapshot | its Raft |
//! | `random_service` | the service alone: everything at once | its Raft |
//!
//! `setup` has the services that most scripts begin with.

mod contents;
mod random_service;
mod servers;
mod setup;
mod timing;
