//! A Raft server: a protocol behind one lock, with a ticker beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use labrpc::sync::{Condvar, Mutex};
use labrpc::thread;
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{
    AppendEntriesReply, AppendOutcome, Bytes, Compact, Compaction, Elect, Index, Link, LogPosition, NotLeader, Outbox,
    PeerId, Protocol, RaftReply, Replicate, Replication, RequestVoteReply, Service, Status, Summary,
};

/// A server. What it can do depends on the protocol that is plugged in: any [`Protocol`] makes it
/// [`Elect`], a [`Replication`] makes it [`Replicate`], a [`Compaction`] makes it [`Compact`].
/// Clones are the same server.
///
/// # Invariants
///
/// - The protocol changes only in [`step`](Raft::step), and in the
///   `take` of [`wait_for_committed`](Raft::wait_for_committed).
/// - While a thread holds the lock, it sends nothing, and it waits only at a condition variable,
///   which releases the lock.
/// - No thread polls: each sleeps until it is signalled or due.
pub struct Raft<P: Protocol> {
    shared: Arc<SharedParts<P>>,
}

/// What all clones of a server share.
struct SharedParts<P: Protocol> {
    inside: Mutex<Inside<P>>,
    /// The ticker waits here. Signalled when the next tick is due sooner than before.
    due_sooner: Condvar,
    /// An applier waits here. Signalled when there is something to apply and there was nothing before.
    committed: Condvar,
    /// Watchers wait here. Signalled when term or leadership changed.
    status_changed: Condvar,
    links: BTreeMap<PeerId, Link>,
}

/// Everything that the lock guards.
struct Inside<P> {
    core: P,
    /// Saves what a step changed.
    save: Box<dyn FnMut(&P) + Send>,
    is_shut_down: bool,
}

impl<P: Protocol> Clone for Raft<P> {
    fn clone(&self) -> Self {
        Raft { shared: self.shared.clone() }
    }
}

impl<P: Protocol> Raft<P> {
    /// Puts `core` behind a lock and starts its ticker. `links` lead to the other servers.
    ///
    /// `save` is called at the end of each step, before any of the step's messages leaves. Lab 2C
    /// writes to disk there; in labs 2A and 2B, `save` does nothing.
    pub fn spawn(core: P, save: impl FnMut(&P) + Send + 'static, links: Vec<Link>) -> Raft<P> {
        let save = logging(core.summary(), save);
        let shared = SharedParts {
            inside: Mutex::new(Inside { core, save: Box::new(save), is_shut_down: false }),
            due_sooner: Condvar::new(),
            committed: Condvar::new(),
            status_changed: Condvar::new(),
            links: links.into_iter().map(|link| (link.to(), link)).collect(),
        };
        let raft = Raft { shared: Arc::new(shared) };
        let ticker = raft.clone();
        thread::Builder::new()
            .name("ticker".into())
            .spawn(move || ticker.tick_when_due())
            .expect("a thread for the ticker");
        raft
    }

    /// Changes the protocol. All messages, commands and deadlines are handled in here, one step at a
    /// time. `step` gets the time at which it runs, and returns what this returns.
    ///
    /// - What `step` changed is saved before any of its messages leaves, and before another step begins.
    /// - The lock is free while messages leave: a slow network never delays an incoming message.
    /// - Those whose condition has come true are woken, and no others: the ticker if it is due sooner
    ///   than before, the applier if there is something to apply and there was nothing before, watchers
    ///   if the status changed.
    ///
    /// `None` if the server is shut down; then `step` was not called.
    pub fn step<R>(&self, step: impl FnOnce(&mut P, Instant, &mut Outbox) -> R) -> Option<R> {
        // BEGIN 2A §5, all rules
        // HINT Which of the things that must hold concern the lock, and which the order of saving and sending?
        // HINT Who sleeps at each of the three condition variables, and what has each of them seen before the step?
        // HINT Lock; None if it is shut down; note the three conditions; step, with the time of now; save.
        // HINT Then compare the conditions, unlock, notify, and send what is in the outbox over `links`.
        let mut outbox = Outbox::default();
        let mut inside = self.shared.inside.lock();
        if inside.is_shut_down {
            return None;
        }
        let Inside { core, save, .. } = &mut *inside;
        let (due, had_committed, status) = (core.due(), core.has_committed(), core.status());
        let result = step(core, Instant::now(), &mut outbox);
        save(core);
        let is_due_sooner = core.due() < due;
        let is_newly_committed = core.has_committed() && !had_committed;
        let is_status_changed = core.status() != status;
        drop(inside);

        if is_due_sooner {
            self.shared.due_sooner.notify_one();
        }
        if is_newly_committed {
            self.shared.committed.notify_one();
        }
        if is_status_changed {
            self.shared.status_changed.notify_all();
        }
        for (to, request) in outbox.take() {
            self.shared.links[&to].send(&request);
        }
        Some(result)
        // END
    }

    /// Blocks until something is committed that the service has not received, then takes it.
    /// `None` once the server is shut down. Only one thread may wait here, since only one is woken.
    ///
    /// The lock is free again when this returns, so the caller may take its time.
    pub fn wait_for_committed<R>(&self, take: impl FnOnce(&mut P) -> R) -> Option<R> {
        let mut inside = self.shared.inside.lock();
        while !inside.is_shut_down {
            if inside.core.has_committed() {
                let core = &mut inside.core;
                let before = summary_for_log(core);
                let taken = take(core);
                log_changes(core, before);
                return Some(taken);
            }
            self.shared.committed.wait(&mut inside);
        }
        None
    }

    fn tick_when_due(&self) {
        while self.wait_until_due() {
            self.step(|core, now, outbox| core.tick(now, outbox));
        }
    }

    /// Blocks until a tick is due. False once the server is shut down.
    fn wait_until_due(&self) -> bool {
        let mut inside = self.shared.inside.lock();
        while !inside.is_shut_down {
            let due = inside.core.due();
            if due <= Instant::now() {
                return true;
            }
            self.shared.due_sooner.wait_until(&mut inside, due);
        }
        false
    }
}

impl<P: Protocol> Elect for Raft<P> {
    fn status(&self) -> Status {
        self.shared.inside.lock().core.status()
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        let mut inside = self.shared.inside.lock();
        while !inside.is_shut_down {
            let status = inside.core.status();
            if status != seen {
                return Some(status);
            }
            self.shared.status_changed.wait(&mut inside);
        }
        None
    }

    fn shutdown(&self) {
        // The lock ensures that no step is half done when this returns. Messages of a finished step
        // may still be leaving: what they say is true and saved.
        self.shared.inside.lock().is_shut_down = true;
        self.shared.due_sooner.notify_all();
        self.shared.committed.notify_all();
        self.shared.status_changed.notify_all();
    }
}

impl<P: Replication> Replicate for Raft<P> {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        self.step(|core, _, outbox| core.propose(command, outbox)).unwrap_or(Err(NotLeader))
    }
}

impl<P: Compaction> Compact for Raft<P> {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        self.step(|core, _, _| core.compact(through, snapshot));
    }
}

impl<P: Protocol> Service for Raft<P> {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let request = wire::decode(request).map_err(|error| error.sent_by(from))?;
        let reply = self.step(|core, now, _| core.handle_request(request, now));
        reply.iter().for_each(|reply| log_refusal(from, reply));
        Ok(reply.map(|reply| wire::encode(&reply)))
    }

    fn reply(&self, from: PeerId, reply: &[u8]) -> Result<(), WireError> {
        let reply = wire::decode(reply).map_err(|error| error.sent_by(from))?;
        self.step(|core, now, outbox| core.handle_reply(from, reply, now, outbox));
        Ok(())
    }
}

/// What each step ends with: log lines for what changed since `before`, the server's state at first, and then
/// `write`, which saves it.
fn logging<P: Protocol>(mut before: Summary, mut write: impl FnMut(&P) + Send) -> impl FnMut(&P) + Send {
    move |core| {
        if let Some(after) = summary_for_log(core) {
            // What the service takes between two steps is logged when it is taken.
            log_changes(core, Some(Summary { last_applied: after.last_applied, ..before }));
            before = after;
        }
        write(core);
    }
}

/// The state that log lines compare, unless nobody asked for them.
fn summary_for_log<P: Protocol>(core: &P) -> Option<Summary> {
    log::log_enabled!(log::Level::Debug).then(|| core.summary())
}

/// Writes a log line for each transition since `before`: a campaign, a vote, a longer log, a commitment.
fn log_changes<P: Protocol>(core: &P, before: Option<Summary>) {
    let changes = before.map(|before| core.summary().changes_since(&before));
    changes.into_iter().flatten().for_each(|change| log::debug!("{change}"));
}

/// Writes a log line if a request is refused.
fn log_refusal(from: PeerId, reply: &RaftReply) {
    match reply {
        RaftReply::RequestVote(RequestVoteReply { term, granted: false }) => {
            log::debug!("does not vote for {from} in term {term}");
        }
        RaftReply::AppendEntries(AppendEntriesReply { term, outcome: AppendOutcome::StaleTerm }) => {
            log::debug!("refuses leader {from} of an older term than {term}");
        }
        RaftReply::AppendEntries(AppendEntriesReply { outcome: AppendOutcome::RetryFrom(index), .. }) => {
            log::debug!("does not hold what precedes the entries of {from}: asks for those from {index} on");
        }
        _ => {}
    }
}
