//! What does a client see?
//!
//! It sees one server that does each operation once, in the order in which requests arrive, and
//! never fails. In reality there are several servers, which crash, and a network that loses, delays
//! and doubles messages. This crate makes them look like one server.
//!
//! Read in this order:
//!
//! 1. [`labrpc::kv`]: what clients ask, and what they are told.
//! 2. [`store`]: the replicated state. Every server applies the same commands in the same order
//!    to a [`Store`] that begins empty, so all stores go through the same states. A retried command
//!    may be in the log twice; the store knows how far each client has written, and does not do a
//!    write a second time (§8).
//! 3. [`server`]: a [`KvServer`] joins the store to anything that can [`Replicate`]. A request puts
//!    a command into the log; the apply loop takes commands out of it and answers the waiters. A
//!    request waits until its own command is applied, or until this server no longer leads the
//!    term in which it took the command.
//! 4. [`clerk`]: the client's side. A [`Clerk`] asks one server after the other, with the same
//!    sequence number each time, until one of them answers.
//!
//! Reads go through the log like writes. That is slower than asking the leader alone, and
//! always right: a server that only believes that it leads cannot answer from an old store.
//!
//! Missing on purpose: the log keeps growing, and a server that restarts applies all of it
//! again. Lab 3B changes both. Clients are never forgotten either: a session costs 16 bytes, and
//! ending one safely would take a clock that all servers agree on.
//!
//! [`Replicate`]: labrpc::Replicate

pub mod clerk;
pub mod server;
pub mod store;

pub use clerk::Clerk;
pub use server::KvServer;
pub use store::Store;
