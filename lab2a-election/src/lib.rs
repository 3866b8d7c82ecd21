//! Who leads?
//!
//! A cluster agrees on a log by letting one server decide, for a while. This lab elects that
//! server and notices when it is gone. There is no log yet: elections come first because all
//! that follows stands on their one promise, that no term ever has two leaders.
//!
//! Read in this order:
//!
//! 1. [`message`]: the two questions that servers ask each other, and how they are answered;
//!    [`timing`]: how long they wait.
//! 2. [`election`]: one server's part in elections as a plain value. It is told what happened
//!    and what time it is; it answers what to do. No thread, clock or socket is in it, so a test
//!    can put it into any situation and ask it anything.
//! 3. [`server`]: this lab's server, which is an election and nothing else.
//! 4. [`node`]: the threads around such a value: one lock, one door through it, and a ticker
//!    that sleeps until something is due. Every later lab runs inside this same node.
//!
//! **Invariant.** A message leaves a server only after the step that made it is over and the
//! lock is free. Lab 2C will save in between, and needs no other change.
//!
//! Missing on purpose: votes ignore how recent a log is, because every log is empty (lab 2B
//! fills them, and the argument `last_log` waits for it); a restarted server has forgotten its
//! vote (lab 2C).

pub mod election;
pub mod face;
pub mod message;
pub mod node;
pub mod server;
pub mod timing;

pub use election::{Ballot, Election, Wake};
pub use message::{Heartbeat, HeartbeatReply, Reply, Request, RequestVote, RequestVoteReply};
pub use node::Node;
pub use timing::Timing;
