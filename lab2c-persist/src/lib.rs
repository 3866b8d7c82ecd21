//! What survives a crash?
//!
//! A server that comes back must stand by what it said: the term it knew, the vote it gave, the
//! entries it acknowledged. So all of these are on disk before anybody hears of them. What was
//! committed and handed over may be forgotten, since a leader will tell it again.
//!
//! Read in this order:
//!
//! 1. [`durable`]: which part of a server's state must survive, how it is written and read back.
//! 2. [`outline`]: what is on disk, in outline: enough to see at once whether a step changed
//!    anything, and to write no more than what changed.
//! 3. [`persisted`]: a layer around any protocol that saves each step before the step's messages
//!    leave. No rule of the labs before is touched, and none can forget to save.
//!
//! **Invariant.** No message, and nothing that is handed over, tells more than the disk holds.
//!
//! Missing on purpose: the disk keeps the whole log, and a restarted server hands all of it over
//! again (lab 2D).

pub mod durable;
pub mod face;
pub mod outline;
pub mod persisted;

pub use durable::{Durable, Head};
pub use outline::{Mark, Outline};
pub use persisted::{Persisted, Raft, boot};
