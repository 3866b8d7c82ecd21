//! The requests that are blocked in a server until their command is applied.

use labrpc::Term;
use labrpc::channel::{Receiver, Sender, bounded};

use crate::message::{Answer, Refusal};
use crate::store::{CommandId, Store};

/// A channel to a waiting request carries one answer and is then done with.
const ANSWERS_MAX: usize = 1;

/// Names one waiter among all that this server ever had. A request that gives up thereby
/// removes itself, and not another that came to wait for the same command since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// One blocked request. Its channel is owned, by this end and by the request's: there is no
/// third copy to wake by mistake, and to answer is to use it up.
struct Waiter {
    ticket: Ticket,
    command: CommandId,
    /// The term in which Raft took the command; `None` until `start` has said so.
    term: Option<Term>,
    answer: Sender<Answer>,
}

/// All requests that are blocked in this server.
///
/// - A waiter is answered or refused at most once: whoever does so takes it off the list first.
/// - No waiter's term is older than `current_term`, so none waits for a lost leadership.
/// - Once closed the list is empty for good.
///
/// A plain list is enough. It is as long as there are threads blocked here, and a thread costs
/// far more than looking past it.
#[derive(Default)]
pub(crate) struct Waiting {
    waiters: Vec<Waiter>,
    latest_ticket: Ticket,
    /// The newest term that this server is known to have reached.
    current_term: Term,
    is_closed: bool,
}

impl Waiting {
    /// Adds a request. To be called before its command is started: it may be applied before
    /// `start` returns, and by then somebody must be found waiting.
    ///
    /// Several requests may wait for the same command, since the network doubles them and a
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
        // BEGIN 3A §5.1, terms: what if that term ended while start() was returning? Its end is announced only once
        if term < self.current_term {
            return self.refuse(ticket, Refusal::LeadershipLost);
        }
        if let Some(waiter) = self.waiters.iter_mut().find(|waiter| waiter.ticket == ticket) {
            waiter.term = Some(term);
        }
        // END
    }

    /// A command was applied with this result: answers all that wait for it.
    ///
    /// They are found by the command and not by its place in the log. An index can come to hold
    /// another leader's command; and a command that this server's Raft lost can still be
    /// applied, at an index where a later leader put a copy.
    pub(crate) fn applied(&mut self, command: CommandId, value: &str) {
        // BEGIN 3A §8, clients: the right answer for whoever waits for this command, and for nobody else
        self.settle(Ok(value), |waiter| waiter.command == command);
        // END
    }

    /// This server has reached a term: refuses all whose command was taken in an older one.
    ///
    /// A leader leaves office only for a newer term, so the term alone tells that it is over.
    /// What it had not committed may be lost, and then nobody would ever answer. It may also
    /// yet be applied, which is why the refusal promises nothing.
    pub(crate) fn reached(&mut self, term: Term) {
        // BEGIN 3A §5.1, terms: remember the newest term, too, for those that are just being started
        assert!(term >= self.current_term, "Raft went back from term {} to {term}: terms only grow", self.current_term);
        self.current_term = term;
        self.settle(Err(Refusal::LeadershipLost), |waiter| waiter.term.is_some_and(|taken_in| taken_in < term));
        // END
    }

    /// The store was replaced by a snapshot: answers all whose write is in it.
    ///
    /// A get that it covers has no answer in it. Its command was taken in an older term than
    /// that of the leader that sent the snapshot, so [`reached`](Waiting::reached) refuses it.
    pub(crate) fn replaced(&mut self, store: &Store) {
        self.settle(Ok(""), |waiter| store.has_just_written(waiter.command));
    }

    /// Refuses one waiter, if it still waits.
    pub(crate) fn refuse(&mut self, ticket: Ticket, refusal: Refusal) {
        self.settle(Err(refusal), |waiter| waiter.ticket == ticket);
    }

    /// Lets all waiters go without an answer, and every later one, too.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.waiters.clear();
    }

    /// Takes the waiters that are meant off the list and answers them.
    fn settle(&mut self, answer: Result<&str, Refusal>, is_meant: impl Fn(&Waiter) -> bool) {
        for waiter in self.waiters.extract_if(.., |waiter| is_meant(waiter)) {
            // This never blocks: the channel is empty and has room for one answer. Where the
            // request is gone, nobody misses it.
            let _ = waiter.answer.send(answer.map(str::to_owned));
        }
    }
}
