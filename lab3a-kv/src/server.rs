//! A key-value server: it puts requests into the log, applies what comes out, and answers.

use std::sync::Arc;

use labrpc::channel::{Receiver, RecvTimeoutError};
use labrpc::kv::{Answer, Command, Refusal};
use labrpc::sync::Mutex;
use labrpc::wire::{self, WireError};
use labrpc::{ApplyMsg, Elect, NotLeader, PeerId, Replicate, Service, Status, thread};

use crate::clerk::Clerk;
use crate::store::Store;
use crate::waiting::Waiting;

const NO_THREAD: &str = "a key-value server needs two threads, and the operating system refused one";

/// One server of the key-value service, on top of one server of Raft.
///
/// The store is not in here. It belongs to the apply loop, the only code that reads and writes it,
/// so it needs no lock and nobody sees it in the middle of a command. Requests and the apply loop
/// share only the list of waiters. Its lock is the server's only one, and is never held while Raft
/// is called or while a thread blocks.
pub struct KvServer<R: Replicate> {
    raft: R,
    waiting: Mutex<Waiting>,
}

impl<R: Replicate> KvServer<R> {
    /// Starts a server with an empty store, and a log that is never cut.
    pub fn serve(raft: R, apply_ch: Receiver<ApplyMsg>) -> Arc<KvServer<R>> {
        KvServer::spawn(raft, |server| {
            let mut store = Store::default();
            for message in apply_ch {
                match message {
                    ApplyMsg::Command { command, .. } => server.apply(&mut store, &command),
                    ApplyMsg::Snapshot { through, .. } => panic!(
                        "lab 3A's server received a snapshot through index {}, which it cannot use; \
                         call lab3b_kvsnap::serve for a log that is cut",
                        through.index
                    ),
                }
            }
        })
    }

    /// Starts a server that runs the caller's apply loop in a thread of its own. The loop ends
    /// when Raft closes the channel that it reads.
    pub fn spawn(raft: R, apply_loop: impl FnOnce(&KvServer<R>) + Send + 'static) -> Arc<KvServer<R>> {
        let server = Arc::new(KvServer { raft, waiting: Mutex::default() });
        let applier = server.clone();
        thread::Builder::new().name("kv applier".to_string()).spawn(move || apply_loop(&applier)).expect(NO_THREAD);
        let watcher = server.clone();
        thread::Builder::new().name("kv leadership".to_string()).spawn(move || watcher.watch_terms()).expect(NO_THREAD);
        server
    }

    /// The Raft server below.
    pub fn raft(&self) -> &R {
        &self.raft
    }

    /// Asks Raft for agreement on a command, and blocks until there is an answer. `None` once the
    /// server is shut down.
    pub fn submit(&self, command: &Command) -> Option<Answer> {
        // BEGIN 3A §8, clients: register the waiter first, then start; hold no lock while Raft works or this thread waits
        let (ticket, answered) = self.waiting.lock().register(command.id());
        match self.raft.start(wire::encode(command).into()) {
            Ok(at) => self.waiting.lock().started(ticket, at.term),
            Err(NotLeader) => self.waiting.lock().refuse(ticket, Refusal::NotLeader),
        }
        // A timeout, for a leader that is cut off: it commits nothing and hears of no newer term.
        // Its clerk has given up by then, so waiting longer would only occupy this thread.
        match answered.recv_timeout(Clerk::PATIENCE) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.waiting.lock().refuse(ticket, Refusal::Undecided);
                // The refusal, or an answer that came first.
                answered.try_recv().ok()
            }
        }
        // END
    }

    /// Applies one committed command to the apply loop's store, and answers the requests that wait
    /// for it. On most servers there are none.
    ///
    /// # Panics
    ///
    /// When the bytes are not a [`Command`]: only servers of this service write to the log.
    pub fn apply(&self, store: &mut Store, command: &[u8]) {
        // BEGIN 3A Figure 2, rules for all servers: decode the command, apply it, answer the requests that wait for it
        let command: Command = wire::decode(command).unwrap_or_else(|error| {
            panic!("a committed entry is not a command of this service ({error}); only `submit` may start commands")
        });
        let id = command.id();
        let value = store.apply(command);
        self.waiting.lock().applied(id, value);
        // END
    }

    /// Answers the requests whose write is in a store that came as a snapshot (lab 3B). Their
    /// commands will never be applied one by one.
    pub fn replaced(&self, store: &Store) {
        self.waiting.lock().replaced(store);
    }

    /// Refuses requests as soon as the term in which Raft took their command is over.
    fn watch_terms(&self) {
        // BEGIN 3A §5.1, terms: read Raft's status, act on it, then watch for the next change, until the server is shut down
        let mut seen = self.raft.status();
        loop {
            self.waiting.lock().reached(seen.term);
            match self.raft.watch(seen) {
                Some(status) => seen = status,
                None => return,
            }
        }
        // END
    }
}

impl<R: Replicate> Service for KvServer<R> {
    fn request(&self, from: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let command = wire::decode(request).map_err(|error| error.sent_by(from))?;
        Ok(self.submit(&command).map(|answer| wire::encode(&answer)))
    }
}

impl<R: Replicate> Elect for KvServer<R> {
    fn status(&self) -> Status {
        self.raft.status()
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        self.raft.watch(seen)
    }

    /// Shuts Raft down as well, which ends the apply loop and the thread that watches terms.
    fn shutdown(&self) {
        self.waiting.lock().close();
        self.raft.shutdown();
    }
}
