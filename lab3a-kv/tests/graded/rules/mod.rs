//! Lab 3A's rules, one by one (§8).
//!
//! | file | under test | played |
//! |---|---|---|
//! | `answers`, `waiting` | a whole server, Raft and service | all other servers, and the clients |
//! | `state` | the service alone | its Raft |
//! | `moments` | the service alone | its Raft, so that two things happen at the very same moment |
//! | `clerk` | a clerk | all servers |

mod preludes;
mod scripted_raft;

mod answers;
mod clerk;
mod moments;
mod state;
mod waiting;
