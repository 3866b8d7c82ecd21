//! Lab 3A's rules, one by one (§8).
//!
//! | module | under test | scripted |
//! |---|---|---|
//! | `answers`, `waiting` | a whole server, Raft and service | all other servers, and the clients |
//! | `state` | the service alone | its Raft |
//! | `races` | the service alone | its Raft, so that two things happen at the same moment |
//! | `random_service` | the service alone: everything at once | its Raft |
//! | `clerk` | a clerk | all servers |
//!
//! `setup` has the servers that most scripts begin with.

mod answers;
mod clerk;
mod races;
mod random_service;
mod setup;
mod state;
mod waiting;
