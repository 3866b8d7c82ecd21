//! A key-value server: it puts requests into the log, applies committed commands, and
//! answers the requests that wait.

use std::fmt;
use std::sync::Arc;

use labrpc::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use labrpc::kv::{Answer, Command, CommandId, Refusal};
use labrpc::sync::Mutex;
use labrpc::wire::{self, WireError};
use labrpc::{ApplyMsg, Elect, NotLeader, PeerId, Replicate, Service, Status, Term, thread};

use crate::clerk::Clerk;
use crate::store::Store;

const NO_THREAD: &str = "a key-value server needs two threads, and the operating system refused one";
/// A channel to a waiting request carries one answer.
const ANSWERS_MAX: usize = 1;

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

    /// Asks Raft for agreement on a command, and blocks until there is an answer: the result once the command is
    /// applied, or a refusal. It takes no longer than the clerk waits for it ([`Clerk::PATIENCE`]), and holds no
    /// lock meanwhile. `None` once the server is shut down.
    pub fn submit(&self, command: &Command) -> Option<Answer> {
        // BEGIN 3A §8, clients
        // HINT The command may be applied before `start` returns. What must be there by then?
        // HINT Three ways to an answer: it is applied; the term is over; nothing happens, on a leader that is cut off.
        // HINT Register; `start`; `started` with its term, or `refuse`; then receive with a timeout, without the lock.
        // HINT After the timeout refuse your own ticket, and receive what is there now: an answer may have come first.
        let (ticket, answered) = self.waiting.lock().register(command.id());
        match self.raft.start(wire::encode(command).into()) {
            Ok(at) => self.waiting.lock().started(ticket, at.term),
            Err(NotLeader) => self.waiting.lock().refuse(ticket, Refusal::NotLeader),
        }
        // The timeout is for a leader that is cut off: it commits nothing and hears of no newer term.
        // The clerk has given up by then, so waiting longer would only occupy this thread.
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
        // BEGIN 3A Figure 2, Rules for Servers, All Servers rule 1
        // HINT Who waits for this command, and by what do you recognize it?
        // HINT Decode, or panic; note its id; apply it to the store; `applied` with the value.
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
        log::debug!("has a new store, from a snapshot");
        self.waiting.lock().replaced(store);
    }

    /// Lets no request wait for a term that is over, from the boot of the server to its shutdown: see
    /// [`reached`](Waiting::reached). It uses no processor while nothing changes.
    fn watch_terms(&self) {
        // BEGIN 3A §5.1, terms
        // HINT A status may change between two looks at it. Which call does not miss that?
        // HINT `status` for the beginning; then `watch` with what was seen last, until it is `None`.
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
        let command: Command = wire::decode(request).map_err(|error| error.sent_by(from))?;
        log::debug!("is asked for {}", Named(command.id()));
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

/// A command in a log line.
struct Named(CommandId);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Named((client, sequence)) = self;
        write!(f, "operation {sequence} of client {}", client.0)
    }
}

/// Identifies one waiter among all that this server ever had. With it, a request that gives up
/// removes itself, and not another one that waits for the same command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticket(u64);

/// One blocked request. It waits at the other end of `answer`.
struct Waiter {
    ticket: Ticket,
    command: CommandId,
    /// The term in which Raft took the command; `None` until `start` has returned it.
    term: Option<Term>,
    answer: Sender<Answer>,
}

/// All requests that are blocked in this server.
///
/// # Invariants
///
/// - A waiter is answered or refused at most once: it is first taken off the list.
/// - No waiter's term is older than `current_term`, so none waits for a lost leadership.
/// - Once closed, the list stays empty.
///
/// A plain list is enough. It has one element per blocked thread, and a thread costs far more than
/// a step along the list.
#[derive(Default)]
struct Waiting {
    waiters: Vec<Waiter>,
    latest_ticket: Ticket,
    /// The newest term that this server is known to have reached.
    current_term: Term,
    is_closed: bool,
}

impl Waiting {
    /// Adds a request. Call it before the command is started: the command may be applied before
    /// `start` returns, and the waiter must be on the list by then.
    ///
    /// Several requests may wait for the same command, since the network doubles requests and a
    /// clerk repeats them. All of them are answered.
    fn register(&mut self, command: CommandId) -> (Ticket, Receiver<Answer>) {
        self.latest_ticket.0 += 1;
        let ticket = self.latest_ticket;
        let (answer, answered) = bounded(ANSWERS_MAX);
        if !self.is_closed {
            self.waiters.push(Waiter { ticket, command, term: None, answer });
            log::debug!("waits with {}", Named(command));
        }
        (ticket, answered)
    }

    /// Raft has taken a waiter's command, in the given term. From now on, the waiter is refused when that term is
    /// over, and it may be over already.
    fn started(&mut self, ticket: Ticket, term: Term) {
        // BEGIN 3A §5.1, terms
        // HINT A change of term is told once. What if it was told while `start` was still returning?
        // HINT Compare with the newest term that is known. The waiter may be gone already: it was answered.
        if term < self.current_term {
            return self.refuse(ticket, Refusal::LeadershipLost);
        }
        if let Some(waiter) = self.waiters.iter_mut().find(|waiter| waiter.ticket == ticket) {
            waiter.term = Some(term);
        }
        // END
    }

    /// A command was applied with this result: all requests that wait for it are answered, and no others.
    ///
    /// It may be applied at another index than `start` returned, and another command may be applied at that index:
    /// a later leader decides.
    fn applied(&mut self, command: CommandId, value: &str) {
        // BEGIN 3A §8, clients
        // HINT The same request may have come twice, from the network or from the clerk.
        // HINT `answer_all`, for the waiters with this command.
        self.answer_all(Ok(value), |waiter| waiter.command == command);
        // END
    }

    /// This server has reached a term. No request waits any longer whose command was taken in an older one: what
    /// that leader had not committed may be lost, and then no answer would ever come. It may also still be
    /// applied, which is why the refusal promises nothing.
    fn reached(&mut self, term: Term) {
        // BEGIN 3A §5.1, terms
        // HINT Which waiters know their term, and which do not yet? Who takes care of the latter?
        // HINT Terms only grow: assert it. Remember the term, and refuse with LeadershipLost.
        assert!(term >= self.current_term, "Raft went back from term {} to {term}: terms only grow", self.current_term);
        self.current_term = term;
        self.answer_all(Err(Refusal::LeadershipLost), |waiter| waiter.term.is_some_and(|taken_in| taken_in < term));
        // END
    }

    /// The store was replaced by a snapshot: answers all requests whose write is in it.
    ///
    /// A snapshot has no answer for a get. The get's command was taken in an older term than that
    /// of the leader that sent the snapshot, so [`reached`](Waiting::reached) refuses it.
    fn replaced(&mut self, store: &Store) {
        self.answer_all(Ok(""), |waiter| store.has_just_written(waiter.command));
    }

    /// Refuses one waiter, if it still waits.
    fn refuse(&mut self, ticket: Ticket, refusal: Refusal) {
        self.answer_all(Err(refusal), |waiter| waiter.ticket == ticket);
    }

    /// Releases all waiters without an answer. Later waiters are released as soon as they register.
    fn close(&mut self) {
        self.is_closed = true;
        self.waiters.clear();
    }

    /// Takes the chosen waiters off the list and answers them.
    fn answer_all(&mut self, answer: Result<&str, Refusal>, is_chosen: impl Fn(&Waiter) -> bool) {
        for waiter in self.waiters.extract_if(.., |waiter| is_chosen(waiter)) {
            match answer {
                Ok(_) => log::debug!("answers {}", Named(waiter.command)),
                Err(refusal) => log::debug!("refuses {}: {refusal:?}", Named(waiter.command)),
            }
            // This never blocks: the channel is empty and has room for one answer. An error means
            // that the request is gone.
            let _ = waiter.answer.send(answer.map(str::to_owned));
        }
    }
}
