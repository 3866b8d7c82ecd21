//! Lab 2B's server: a replica, and a thread that sends what is committed to the service.

use lab2a_election::{Election, Raft};
use labrpc::channel::Sender;
use labrpc::{ApplyMsg, Link, Replication, thread};

use crate::log::VecLog;
use crate::replica::Replica;

/// Starts lab 2B's server. Committed commands come out of the other end of `apply_ch`.
pub fn boot(election: Election, links: Vec<Link>, apply_ch: Sender<ApplyMsg>) -> Raft<Replica<VecLog>> {
    spawn(Replica::new(election), |_| {}, links, apply_ch)
}

/// Starts a server around `core`, as [`Raft::spawn`] does, and an applier beside it.
pub fn spawn<P: Replication>(
    core: P,
    save: impl FnMut(&P) + Send + 'static,
    links: Vec<Link>,
    apply_ch: Sender<ApplyMsg>,
) -> Raft<P> {
    let raft = Raft::spawn(core, save, links);
    let source = raft.clone();
    thread::Builder::new()
        .name("applier".into())
        .spawn(move || apply_committed(&source, &apply_ch))
        .expect("a thread for the applier");
    raft
}

/// The applier, the only thread that sends to the service. Whatever is committed is sent at once, in order
/// and once. The server does not wait meanwhile, however slow the service is. The thread ends when the server
/// or the service ends, and uses no processor while there is nothing to send.
fn apply_committed<P: Replication>(raft: &Raft<P>, apply_ch: &Sender<ApplyMsg>) {
    // BEGIN 2B Figure 2, Rules for Servers, All Servers rule 1
    // HINT What must this thread not hold while it is blocked in `send`, and what would wait for it otherwise?
    // HINT `wait_for_committed` blocks until there is something, takes it under the lock, and returns without it.
    // HINT It is `None` at the end of the server; a send that fails is the end of the service.
    // It waits for a signal: an applier that polls every few milliseconds is late each time.
    while let Some(messages) = raft.wait_for_committed(P::take_committed) {
        // The lock is free. The service may be slow, or may call this server before it receives
        // the next message; with the lock held, both would wait for each other.
        for message in messages {
            if apply_ch.send(message).is_err() {
                return; // The service is gone.
            }
        }
    }
    // END
}
