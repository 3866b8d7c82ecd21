//! A key-value service over any Raft server (§8).
//!
//! | file | contains |
//! |---|---|
//! | `store` | the state: pairs, and which writes are done |
//! | `server` | requests that wait, by the index of their command |
//! | `snapshots` | the state as bytes, and when the log is cut |
//! | `clerk` | the client |

pub mod clerk;
pub mod server;
mod snapshots;
pub mod store;
