//! A server of the service: a map from the index of a command to the request that waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use labrpc::kv::{Answer, Command, CommandId, Op, Refusal};
use labrpc::sync::Mutex;
use labrpc::wire::{self, WireError};
use labrpc::{
    ApplyMsg, Compact, Elect, Index, LogPosition, PeerId, Persister, Replicate, Service, Status, Term, thread,
};

use super::snapshots::SnapshotRule;
use super::store::Store;

const NO_THREAD: &str = "a service needs two threads, and the operating system refused one";

/// A server of the service. Clones are the same server.
#[derive(Clone)]
pub struct KvServer {
    shared: Arc<Shared>,
}

struct Shared {
    raft: Arc<dyn Replicate>,
    /// How long a request waits for its command.
    patience: Duration,
    waiting: Mutex<Waiting>,
}

/// The requests that wait.
#[derive(Default)]
struct Waiting {
    /// By the index that Raft has given to the command.
    requests: BTreeMap<Index, WaitingRequest>,
    /// The newest term that Raft is known to be in.
    term: Term,
    tickets: u64,
    is_shut_down: bool,
}

struct WaitingRequest {
    /// Tells it apart from later requests at the same index.
    ticket: u64,
    id: CommandId,
    is_write: bool,
    /// The term in which Raft took the command.
    term: Term,
    answer: Sender<Answer>,
}

impl WaitingRequest {
    fn answer(self, answer: Answer) {
        let _ = self.answer.send(answer); // The request may have given up.
    }
}

impl KvServer {
    /// Starts a server over a Raft whose log is never cut.
    pub fn start(raft: Arc<dyn Replicate>, apply_ch: Receiver<ApplyMsg>, patience: Duration) -> KvServer {
        KvServer::spawn(raft, patience, move |server| {
            let mut store = Store::default();
            for message in apply_ch.iter() {
                server.receive(&mut store, message);
            }
        })
    }

    /// Starts a server that cuts the log when Raft's saved state has more than `raft_state_bytes_max` bytes.
    pub fn start_compacting(
        raft: Arc<dyn Compact>,
        apply_ch: Receiver<ApplyMsg>,
        persister: Arc<Persister>,
        raft_state_bytes_max: usize,
        patience: Duration,
    ) -> KvServer {
        let below: Arc<dyn Replicate> = raft.clone();
        KvServer::spawn(below, patience, move |server| {
            let mut store = Store::default();
            let mut rule = SnapshotRule::new(raft_state_bytes_max);
            for message in apply_ch.iter() {
                match &message {
                    ApplyMsg::Command { command, .. } => rule.applied(command),
                    ApplyMsg::Snapshot { .. } => rule.cut(),
                }
                let through = server.receive(&mut store, message);
                if rule.is_due(persister.raft_state_bytes()) {
                    raft.snapshot(through, store.to_bytes());
                    rule.cut();
                }
            }
        })
    }

    fn spawn(
        raft: Arc<dyn Replicate>,
        patience: Duration,
        apply_loop: impl FnOnce(&KvServer) + Send + 'static,
    ) -> KvServer {
        let server = KvServer { shared: Arc::new(Shared { raft, patience, waiting: Mutex::default() }) };
        let applier = server.clone();
        thread::Builder::new().name("kv applier".into()).spawn(move || apply_loop(&applier)).expect(NO_THREAD);
        let watcher = server.clone();
        thread::Builder::new().name("kv watcher".into()).spawn(move || watcher.watch_terms()).expect(NO_THREAD);
        server
    }

    /// Gives a command to Raft, and waits until it is applied. `None` once the server is shut down.
    fn submit(&self, command: &Command) -> Option<Answer> {
        let (sender, answered) = bounded(1);
        let bytes = wire::encode(command).into();
        let (ticket, index) = {
            // The mutex is held while Raft takes the command, so that the command is not applied before its request waits.
            let mut waiting = self.shared.waiting.lock();
            if waiting.is_shut_down {
                return None;
            }
            let Ok(LogPosition { term, index }) = self.shared.raft.start(bytes) else {
                return Some(Err(Refusal::NotLeader));
            };
            if term < waiting.term {
                return Some(Err(Refusal::LeadershipLost));
            }
            waiting.tickets += 1;
            let ticket = waiting.tickets;
            let is_write = !matches!(command.op, Op::Get { .. });
            let request = WaitingRequest { ticket, id: command.id(), is_write, term, answer: sender };
            // A request that waited at this index waits for a command that was lost.
            if let Some(lost) = waiting.requests.insert(index, request) {
                lost.answer(Err(Refusal::LeadershipLost));
            }
            (ticket, index)
        };
        match answered.recv_timeout(self.shared.patience) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => self.give_up(ticket, index).or_else(|| answered.try_recv().ok()),
        }
    }

    /// A request that has waited for too long is refused; `None` if it was answered just now.
    fn give_up(&self, ticket: u64, index: Index) -> Option<Answer> {
        let mut waiting = self.shared.waiting.lock();
        let is_its_own = waiting.requests.get(&index).is_some_and(|request| request.ticket == ticket);
        is_its_own.then(|| {
            waiting.requests.remove(&index);
            Err(Refusal::Undecided)
        })
    }

    /// Applies what Raft has sent, answers who waits for it, and returns the index through which everything is applied.
    fn receive(&self, store: &mut Store, message: ApplyMsg) -> Index {
        match message {
            ApplyMsg::Command { at, command } => {
                let command: Command = wire::decode(&command).expect("only the service writes to its log");
                let id = command.id();
                let value = store.apply(command);
                // Under the mutex, so that a request which gives up now finds itself either waiting or answered.
                let mut waiting = self.shared.waiting.lock();
                if let Some(request) = waiting.requests.remove(&at.index) {
                    let answer = if request.id == id { Ok(value) } else { Err(Refusal::LeadershipLost) };
                    request.answer(answer);
                }
                at.index
            }
            ApplyMsg::Snapshot { through, snapshot } => {
                *store = Store::from_bytes(&snapshot);
                self.replaced(store, through.index);
                through.index
            }
        }
    }

    /// A snapshot has replaced the commands through an index: a write that it holds is done, and nobody knows what became of
    /// the others through that index.
    fn replaced(&self, store: &Store, through: Index) {
        let mut waiting = self.shared.waiting.lock();
        for (index, request) in std::mem::take(&mut waiting.requests) {
            let (client, sequence) = request.id;
            if request.is_write && store.is_done(client, sequence) {
                request.answer(Ok(String::new()));
            } else if index <= through {
                request.answer(Err(Refusal::Undecided));
            } else {
                waiting.requests.insert(index, request);
            }
        }
    }

    /// Refuses the requests of a term that is over, as soon as it is over.
    fn watch_terms(&self) {
        let mut seen = self.shared.raft.status();
        loop {
            let mut waiting = self.shared.waiting.lock();
            waiting.term = seen.term;
            let is_current = |request: &WaitingRequest| request.term >= seen.term;
            let (current, over) = std::mem::take(&mut waiting.requests).into_iter().partition(|(_, r)| is_current(r));
            waiting.requests = current;
            drop(waiting);
            let over: BTreeMap<Index, WaitingRequest> = over;
            over.into_values().for_each(|request| request.answer(Err(Refusal::LeadershipLost)));
            match self.shared.raft.watch(seen) {
                Some(status) => seen = status,
                None => return,
            }
        }
    }
}

impl Service for KvServer {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let command: Command = wire::decode(request).map_err(|error| error.sent_by(from))?;
        Ok(self.submit(&command).map(|answer| wire::encode(&answer)))
    }
}

impl Elect for KvServer {
    fn status(&self) -> Status {
        self.shared.raft.status()
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        self.shared.raft.watch(seen)
    }

    fn shutdown(&self) {
        let mut waiting = self.shared.waiting.lock();
        waiting.is_shut_down = true;
        waiting.requests.clear(); // Each request sees that its channel is closed.
        drop(waiting);
        self.shared.raft.shutdown();
    }
}
