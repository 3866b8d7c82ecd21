//! How else can the labs be solved?
//!
//! The labs' own solutions are layers of plain values with one server around them. This is the other design, the one that
//! students write who begin with Figure 2 and a mutex: one struct for everything, a thread for each request that waits
//! for its reply, the whole state saved at each change. All graded tests of all labs hold for it, which shows that they
//! judge what a server does and not how it is built.
//!
//! Read in this order:
//!
//! 1. [`raft`]: the server. [`codec`]: how the tests read its messages, which are Figure 2's.
//! 2. [`kv`]: the service over it.
//! 3. `lab2a` to `lab3b`: what each lab takes of it. Without what is between the markers, these files are the `lib.rs` files of
//!    a student's workspace in the open track.
//!
//! What this design costs: each request has a thread; a save compares the whole log with the disk; a reply that comes after
//! its thread has given up is lost; and each place that changes something has to remember to save, to signal and to send,
//! in this order, which a single door would do for all of them.
//!
//! Missing on purpose: parts for the early labs alone. A server without a disk or without a service is the same server.

pub mod codec;
pub mod kv;
pub mod lab2a;
pub mod lab2b;
pub mod lab2c;
pub mod lab2d;
pub mod lab3a;
pub mod lab3b;
pub mod raft;
