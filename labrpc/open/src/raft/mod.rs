//! A Raft server as students of a course in Go often write it: one struct, one mutex, a thread for each request.
//!
//! | file | contains |
//! |---|---|
//! | `messages` | Figures 2 and 13, argument by argument |
//! | `log`, `state` | what the mutex guards |
//! | `election` | the ticker, campaigns, votes |
//! | `replication` | entries: sent, received, committed |
//! | `snapshots` | what the log no longer has |
//! | `applier` | what the service receives |
//!
//! Each method that ends in `locked` is called with the mutex held, and returns the requests that have to be sent
//! when it is free.

mod applier;
mod election;
mod log;
pub mod messages;
mod replication;
mod snapshots;
mod state;

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::Sender;
use labrpc::sync::{Condvar, Mutex, MutexGuard};
use labrpc::thread;
use labrpc::wire::{self, WireError};
use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Entry, Index, Link, LogPosition, NotLeader, PeerId, Persister, Replicate, Service,
    Status, Term, Timing,
};

use messages::{Reply, Request};
use state::{Role, State};

/// How long a thread waits for the reply to its request.
///
/// The longest round trip of an unreliable network is far shorter. A vote that comes later than the shortest election
/// timeout would be of an old term, and entries are sent again with the next heartbeat in any case.
const PATIENCE: Duration = Duration::from_millis(400);

const NO_THREAD: &str = "a server needs a thread, and the operating system refused one";

/// The requests that have to be sent once the mutex is free.
type Outgoing = Vec<(PeerId, Request)>;

/// A server. Clones are the same server.
#[derive(Clone)]
pub struct Raft {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// The ticker waits here. Signalled when something is due sooner than before.
    due_sooner: Condvar,
    /// The applier waits here. Signalled when there is something to apply.
    committed: Condvar,
    /// Watchers wait here. Signalled when the term or the leadership changes.
    status_changed: Condvar,
    peers: Vec<Link>,
}

impl Raft {
    /// Starts server `me`, with a link to each server in `peers`. Without a disk it forgets everything in a crash. What is
    /// committed is sent to `apply_ch`, if there is one.
    pub fn start(
        me: PeerId,
        peers: Vec<Link>,
        timing: Timing,
        seed: u64,
        disk: Option<Arc<Persister>>,
        apply_ch: Option<Sender<ApplyMsg>>,
    ) -> Raft {
        let shared = Shared {
            state: Mutex::new(State::boot(me, peers.len(), timing, seed, disk)),
            due_sooner: Condvar::new(),
            committed: Condvar::new(),
            status_changed: Condvar::new(),
            peers,
        };
        let raft = Raft { shared: Arc::new(shared) };
        raft.spawn("ticker", |raft| raft.tick());
        if let Some(apply_ch) = apply_ch {
            raft.spawn("applier", move |raft| raft.apply(&apply_ch));
        }
        raft
    }

    fn spawn(&self, name: &str, work: impl FnOnce(Raft) + Send + 'static) {
        let raft = self.clone();
        thread::Builder::new().name(name.into()).spawn(move || work(raft)).expect(NO_THREAD);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }

    /// Sends each request in a thread of its own, which waits for the reply and handles it. The mutex is free.
    fn send(&self, outgoing: Outgoing) {
        for (peer, request) in outgoing {
            self.spawn("call", move |raft| {
                let reply = raft.shared.peers[peer].call(&request, PATIENCE);
                raft.handle_reply(peer, &request, reply);
            });
        }
    }

    /// A reply comes, or none in time.
    fn handle_reply(&self, from: PeerId, request: &Request, reply: Option<Reply>) {
        let mut state = self.lock();
        if state.is_shut_down {
            return;
        }
        if let Some(reply) = &reply {
            self.observe_term_locked(&mut state, reply.term());
        }
        let outgoing = match (request, reply) {
            (Request::Vote(args), Some(Reply::Vote(results))) => {
                self.count_vote_locked(&mut state, from, args, &results)
            }
            (Request::Append(args), Some(Reply::Append(results))) => {
                self.appended_locked(&mut state, from, args, &results)
            }
            (Request::Install(args), reply) => self.installed_locked(&mut state, from, args, reply.is_some()),
            _ => Vec::new(),
        };
        drop(state);
        self.send(outgoing);
    }

    /// Figure 2, All Servers: a newer term makes every server a follower in it.
    fn observe_term_locked(&self, state: &mut State, term: Term) {
        if term > state.term {
            ::log::debug!("goes on to term {term}");
            (state.term, state.voted_for) = (term, None);
            state.persist();
            self.step_down_locked(state);
            self.shared.status_changed.notify_all();
        }
    }

    /// The server follows in its term. A leader waits for another one from now on.
    fn step_down_locked(&self, state: &mut State) {
        if state.is_leader() {
            state.restart_timer();
            self.shared.status_changed.notify_all();
        }
        state.role = Role::Follower;
    }
}

impl Elect for Raft {
    fn status(&self) -> Status {
        self.lock().status()
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        let mut state = self.lock();
        while state.status() == seen && !state.is_shut_down {
            self.shared.status_changed.wait(&mut state);
        }
        (!state.is_shut_down).then(|| state.status())
    }

    fn shutdown(&self) {
        let mut state = self.lock();
        state.is_shut_down = true;
        self.shared.due_sooner.notify_all();
        self.shared.committed.notify_all();
        self.shared.status_changed.notify_all();
    }
}

impl Replicate for Raft {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        let mut state = self.lock();
        if !state.is_leader() || state.is_shut_down {
            return Err(NotLeader);
        }
        let term = state.term;
        let at = state.log.push(Entry { term, command });
        state.persist();
        let outgoing = self.replicate_locked(&mut state);
        drop(state);
        self.send(outgoing);
        Ok(at)
    }
}

impl Compact for Raft {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        self.compact(through, snapshot);
    }
}

impl Service for Raft {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let request = wire::decode(request).map_err(|error| error.sent_by(from))?;
        let mut state = self.lock();
        if state.is_shut_down {
            return Ok(None);
        }
        let reply = match request {
            Request::Vote(args) => Reply::Vote(self.vote_locked(&mut state, &args)),
            Request::Append(args) => Reply::Append(self.append_locked(&mut state, args)),
            Request::Install(args) => Reply::Install(self.install_locked(&mut state, args)),
        };
        drop(state);
        Ok(Some(wire::encode(&reply)))
    }
}
