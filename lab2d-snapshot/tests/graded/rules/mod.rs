//! Lab 2D's rules, one by one: your server among scripted ones (§7, Figure 13).
//!
//! Your server is number 0; a script sends and answers for all others.
//!
//! | module | tests |
//! |---|---|
//! | `cutting` | a snapshot of the server's own service |
//! | `covered` | requests about entries that the snapshot covers |
//! | `installing` | a leader's snapshot |
//! | `delivering` | what the service receives, and when |
//! | `sending` | a leader, and a follower that is far behind |
//! | `restarts` | what is on disk, and what a boot makes of it |
//! | `random_peers` | everything at once, against a model of the whole protocol |
//!
//! `setup` has the servers that most scripts begin with.

mod covered;
mod cutting;
mod delivering;
mod installing;
mod random_peers;
mod restarts;
mod sending;
mod setup;
