//! The requests that are blocked in a server until their command is applied.

use labrpc::Term;
use labrpc::channel::{Receiver, Sender, bounded};
use labrpc::kv::{Answer, CommandId, Refusal};

use crate::store::Store;

/// A channel to a waiting request carries one answer.
const ANSWERS_MAX: usize = 1;

/// Identifies one waiter among all that this server ever had. With it, a request that gives up
/// removes itself, and not another one that waits for the same command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// One blocked request. The list and the request own the two ends of its channel; there is no
/// third copy to wake by mistake, and answering uses the channel up.
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
pub(crate) struct Waiting {
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
    pub(crate) fn register(&mut self, command: CommandId) -> (Ticket, Receiver<Answer>) {
        self.latest_ticket.0 += 1;
        let ticket = self.latest_ticket;
        let (answer, answered) = bounded(ANSWERS_MAX);
        if !self.is_closed {
            self.waiters.push(Waiter { ticket, command, term: None, answer });
        }
        (ticket, answered)
    }

    /// Raft has taken a waiter's command, in the given term.
    pub(crate) fn started(&mut self, ticket: Ticket, term: Term) {
        // BEGIN 3A §5.1, terms: what if that term ended while start() was returning? Its end is reported only once
        if term < self.current_term {
            return self.refuse(ticket, Refusal::LeadershipLost);
        }
        if let Some(waiter) = self.waiters.iter_mut().find(|waiter| waiter.ticket == ticket) {
            waiter.term = Some(term);
        }
        // END
    }

    /// A command was applied with this result: answers all requests that wait for it.
    ///
    /// They are found by the command and not by its index. Another leader's command can replace
    /// the one at an index; and a command that this server's Raft lost can still be applied, at
    /// an index where a later leader put a copy.
    pub(crate) fn applied(&mut self, command: CommandId, value: &str) {
        // BEGIN 3A §8, clients: the right answer for the requests that wait for this command, and for no others
        self.answer_all(Ok(value), |waiter| waiter.command == command);
        // END
    }

    /// This server has reached a term: refuses all requests whose command was taken in an older one.
    ///
    /// A leader steps down only for a newer term, so the term alone shows that its leadership is
    /// over. What it had not committed may be lost, and then no answer would ever come. It may also
    /// still be applied, which is why the refusal promises nothing.
    pub(crate) fn reached(&mut self, term: Term) {
        // BEGIN 3A §5.1, terms: remember the newest term, too, for requests whose start() has not returned yet
        assert!(term >= self.current_term, "Raft went back from term {} to {term}: terms only grow", self.current_term);
        self.current_term = term;
        self.answer_all(Err(Refusal::LeadershipLost), |waiter| waiter.term.is_some_and(|taken_in| taken_in < term));
        // END
    }

    /// The store was replaced by a snapshot: answers all requests whose write is in it.
    ///
    /// A snapshot has no answer for a get. The get's command was taken in an older term than that
    /// of the leader that sent the snapshot, so [`reached`](Waiting::reached) refuses it.
    pub(crate) fn replaced(&mut self, store: &Store) {
        self.answer_all(Ok(""), |waiter| store.has_just_written(waiter.command));
    }

    /// Refuses one waiter, if it still waits.
    pub(crate) fn refuse(&mut self, ticket: Ticket, refusal: Refusal) {
        self.answer_all(Err(refusal), |waiter| waiter.ticket == ticket);
    }

    /// Releases all waiters without an answer, and every later one at once.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.waiters.clear();
    }

    /// Takes the chosen waiters off the list and answers them.
    fn answer_all(&mut self, answer: Result<&str, Refusal>, is_chosen: impl Fn(&Waiter) -> bool) {
        for waiter in self.waiters.extract_if(.., |waiter| is_chosen(waiter)) {
            // This never blocks: the channel is empty and has room for one answer. An error means
            // that the request is gone.
            let _ = waiter.answer.send(answer.map(str::to_owned));
        }
    }
}
