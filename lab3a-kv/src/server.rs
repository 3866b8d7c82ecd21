//! A key-value server: requests go into the log, commands come out of it and are answered.

use std::sync::Arc;

use labrpc::channel::{Receiver, RecvTimeoutError};
use labrpc::sync::Mutex;
use labrpc::wire::{self, WireError};
use labrpc::{ApplyMsg, Elect, NotLeader, PeerId, Replicate, Service, Standing, thread};

use crate::clerk::Clerk;
use crate::message::{Answer, Refusal};
use crate::store::{Command, Store};
use crate::waiting::Waiting;

const NO_THREAD: &str = "a key-value server needs two threads, and the operating system refused one";

/// One server of the key-value service, on top of one server of Raft.
///
/// The store is not in here. It belongs to the apply loop, which alone reads and writes it, so
/// it needs no lock and is never seen between two commands. Requests meet the loop at the list
/// of who waits; that has the server's only lock, which is held neither while Raft is called
/// nor while anything blocks.
pub struct KvServer<R: Replicate> {
    raft: R,
    /// Inside its lock: there is no way to look at the list without holding it.
    waiting: Mutex<Waiting>,
}

impl<R: Replicate> KvServer<R> {
    /// Starts a server with an empty store, and a log that is never cut.
    pub fn serve(raft: R, applied: Receiver<ApplyMsg>) -> Arc<KvServer<R>> {
        KvServer::spawn(raft, |server| {
            let mut store = Store::default();
            for message in applied {
                match message {
                    ApplyMsg::Command { command, .. } => server.apply(&mut store, &command),
                    ApplyMsg::Snapshot { through, .. } => panic!(
                        "lab 3A's server was handed a snapshot through index {}, which it cannot take in; \
                         use lab3b_kvsnap::serve where the log is cut",
                        through.index
                    ),
                }
            }
        })
    }

    /// Starts a server around an apply loop of the caller's, in a thread of its own. The loop
    /// ends when Raft has closed the channel that it reads.
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

    /// Asks Raft for agreement on a command, and blocks until there is an answer to give.
    /// `None` once the server is shut down.
    pub fn submit(&self, command: &Command) -> Option<Answer> {
        // BEGIN 3A §8, clients: first wait, then start; hold no lock while Raft works or this thread waits
        let (ticket, answered) = self.waiting.lock().register(command.id());
        match self.raft.start(wire::encode(command).into()) {
            Ok(at) => self.waiting.lock().started(ticket, at.term),
            Err(NotLeader) => self.waiting.lock().refuse(ticket, Refusal::NotLeader),
        }
        // The last resort, for a leader that is cut off: it commits nothing, and learns of no
        // newer term. Once its clerk has given up, a request would only hold on to its thread.
        match answered.recv_timeout(Clerk::PATIENCE) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.waiting.lock().refuse(ticket, Refusal::Undecided);
                // The refusal, or an answer that has overtaken it.
                answered.try_recv().ok()
            }
        }
        // END
    }

    /// Applies one committed command to the apply loop's store, and answers whoever waits for
    /// it. On most servers that is nobody.
    ///
    /// # Panics
    ///
    /// When the bytes are not a [`Command`]: this server put them into the log, or its like did.
    pub fn apply(&self, store: &mut Store, command: &[u8]) {
        // BEGIN 3A Figure 2, rules for all servers: decode the command, apply it, answer whoever waits for it
        let command: Command = wire::decode(command).unwrap_or_else(|error| {
            panic!("a committed command is not one of this service's ({error}); only `submit` may start commands")
        });
        let id = command.id();
        let value = store.apply(command);
        self.waiting.lock().applied(id, value);
        // END
    }

    /// Answers those whose write is in a store that came as a snapshot (lab 3B). Their commands
    /// will never be applied one by one.
    pub fn replaced(&self, store: &Store) {
        self.waiting.lock().replaced(store);
    }

    /// Refuses requests as soon as the term is over in which their command was taken.
    fn watch_terms(&self) {
        // BEGIN 3A §5.1, terms: see what Raft stands at, act, then watch for the next change, till there is none
        let mut seen = self.raft.standing();
        loop {
            self.waiting.lock().reached(seen.term);
            match self.raft.watch(seen) {
                Some(standing) => seen = standing,
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
    fn standing(&self) -> Standing {
        self.raft.standing()
    }

    fn watch(&self, seen: Standing) -> Option<Standing> {
        self.raft.watch(seen)
    }

    /// Shuts Raft down as well, which ends the apply loop and the watching of terms.
    fn shutdown(&self) {
        self.waiting.lock().close();
        self.raft.shutdown();
    }
}
