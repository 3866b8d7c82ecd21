//! What does a client see?
//!
//! One server that answers each request once, in the order in which it was asked, and never
//! goes away. There is no such server; there are five that crash, and a network that loses,
//! delays and doubles what they say. This crate keeps up the appearance.
//!
//! 1. [`store`]: what is replicated. Every server applies the same [`Command`]s in the same
//!    order to a [`Store`] that begins empty, so all stores pass through the same states. A
//!    retried command may stand in the log twice; the store knows how far each client has
//!    written, and does no write a second time (§8).
//! 2. [`message`]: what a client is told. `waiting`: who is blocked in this server, and until when. A request waits for its own
//!    command to be applied, or for the news that this server no longer leads the term in which
//!    it took the command.
//! 3. [`server`]: a [`KvServer`] joins the two to anything that can [`Replicate`]. A request puts
//!    a command into the log; the apply loop takes commands out of it and answers whoever waits.
//! 4. [`clerk`]: the client's side. A [`Clerk`] asks one server after the other, under the same
//!    number each time, until one of them answers.
//!
//! Reads go through the log like writes. That is slower than asking the leader alone, and
//! always right: a server that only believes that it leads cannot answer from an old store.
//!
//! Missing on purpose: the log grows for ever, and a server that restarts applies all of it
//! anew. Lab 3B mends both. Clients are never forgotten either: a session costs 16 bytes, and
//! to end one safely would take a clock that all servers agree on.
//!
//! [`Replicate`]: labrpc::Replicate

pub mod clerk;
pub mod face;
pub mod message;
pub mod server;
pub mod store;
mod waiting;

pub use clerk::Clerk;
pub use message::{Answer, Refusal};
pub use server::KvServer;
pub use store::{ClientId, Command, CommandId, Op, Store};
