//! Lab 3B's rules, one by one (§7, §8).
//!
//! | file | under test | played |
//! |---|---|---|
//! | `servers` | a whole server, Raft and service | all other servers, and the clients |
//! | `contents`, `moments` | the service alone | its Raft |

mod scripted_raft;
mod stores;

mod contents;
mod moments;
mod servers;
