//! A real key-value service over a scripted Raft.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::Receiver;
use labrpc::kv::{Answer, Command};
use labrpc::sim::tape;
use labrpc::thread;
use labrpc::{ApplyMsg, Bytes, Elect, Index, PeerId, Service, Term};

use super::steps::about_while;
use super::{PendingAnswer, ScriptedRaft, get, put};
use crate::rule::life::BOOTS;
use crate::rule::service::ANSWERED;
use crate::sweep::Stimulus;
use crate::taped::Taped;

/// Enough time for a few threads to take their turns: no message travels here.
pub(super) const TURNS: Duration = Duration::from_millis(1);

/// The end of the network that clients ask from.
const CLIENT: PeerId = 1;

/// The client with which a service shows that it works.
const PROVER: u64 = 77;

/// A real key-value service over a [`ScriptedRaft`].
pub struct ScriptedService<S> {
    server: Arc<Taped<S>>,
    raft: ScriptedRaft,
}

impl<S: Service> ScriptedService<S> {
    /// The service that `serve` starts over `raft`, whose apply messages come from the receiver.
    pub fn new(
        raft: ScriptedRaft,
        serve: impl FnOnce(ScriptedRaft, Receiver<ApplyMsg>) -> Arc<S>,
    ) -> ScriptedService<S> {
        let mut server = None;
        about_while(&BOOTS, || tape::enter_for_nothing(|| server = Some(serve(raft.clone(), raft.apply_rx()))));
        let server = Arc::new(server.map_or_else(Taped::player, Taped::real));
        ScriptedService { server, raft }
    }

    /// Asks the server, as the network does, and returns its answer.
    fn submitting(&self, request: Command) -> impl FnOnce() -> Option<Answer> + Send + use<S> {
        let (server, contract, story) = (self.server.clone(), self.raft.contract(), self.raft.story().clone());
        move || {
            let number = story.is_asked(&request);
            let reply =
                server.request(CLIENT, &contract.write_command(&request)).unwrap_or_else(|error| panic!("{error}"));
            let answer =
                reply.map(|reply| contract.codec().read_answer(&reply).unwrap_or_else(|error| panic!("{error}")));
            story.has_answered(number, answer.as_ref());
            answer
        }
    }

    /// The server.
    pub fn server(&self) -> &Taped<S> {
        &self.server
    }

    /// The server as the type that it is, for tests that are not graded.
    pub fn typed(&self) -> &S {
        self.server.inner()
    }

    /// The Raft below it.
    pub fn raft(&self) -> &ScriptedRaft {
        &self.raft
    }

    /// A client asks, in a thread of its own. Every thread gets its turn before this returns.
    pub fn ask(&self, request: Command) -> PendingAnswer {
        let asked = self.ask_and_go_on(request);
        self.let_threads_run();
        asked
    }

    /// A client asks, in a thread of its own that may not have begun when this returns.
    pub fn ask_and_go_on(&self, request: Command) -> PendingAnswer {
        let thread = thread::spawn(self.submitting(request.clone()));
        PendingAnswer { raft: self.raft.clone(), request, thread }
    }

    /// Raft applies a command that another server has taken, as the next entry.
    pub fn apply(&self, request: &Command) {
        let index = self.raft.push(request);
        self.raft.commit(index, request);
    }

    /// Raft applies a command as the entry at `index`, and every thread gets its turn.
    pub fn commit(&self, index: Index, request: &Command) {
        self.raft.commit(index, request);
        self.let_threads_run();
    }

    /// Raft applies a snapshot of the entries through `through`.
    pub fn install(&self, through: Index, snapshot: Bytes) {
        self.raft.install(through, snapshot);
    }

    /// A client asks, its command is applied, and the client is told a result at once, which is returned.
    /// The command is the only entry that is not applied yet.
    ///
    /// # Panics
    ///
    /// When the client is not told a result at once.
    #[track_caller]
    pub fn do_command(&self, request: Command) -> String {
        self.ask_and_apply(request).expect_any_result("its command was applied")
    }

    /// As [`do_command`](ScriptedService::do_command), and the result is `value`.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn expect_value(&self, request: Command, value: &str, why: impl Display) {
        self.ask_and_apply(request).expect_result(value, why);
    }

    /// The service does its work: it keeps a value, and returns it. A test of what must *not* happen begins with this, on a
    /// service of its own, so that a server that does nothing does not pass.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn expect_work(&self) {
        about_while(&ANSWERED, || {
            self.expect_value(put(PROVER, 1, "key", "kept"), "", "a Put returns nothing");
            self.expect_value(get(PROVER, 2, "key"), "kept", "this client has put it there");
        });
    }

    fn ask_and_apply(&self, request: Command) -> PendingAnswer {
        let asked = self.ask(request.clone());
        self.raft.commit(self.raft.last_index(), &request);
        asked
    }

    /// A client asks. The result is its answer.
    pub fn is_asked(&self, request: Command) -> Stimulus<Option<Answer>> {
        Stimulus::now(self.submitting(request))
    }

    /// Raft applies a command as the entry at `index`.
    pub fn is_committed(&self, index: Index, request: Command) -> Stimulus<()> {
        let raft = self.raft.clone();
        Stimulus::now(move || raft.commit(index, &request))
    }

    /// Raft applies a snapshot of the entries through `through`.
    pub fn is_installed(&self, through: Index, snapshot: Bytes) -> Stimulus<()> {
        let raft = self.raft.clone();
        Stimulus::now(move || raft.install(through, snapshot))
    }

    /// Raft's status changes.
    pub fn status_becomes(&self, term: Term, is_leader: bool) -> Stimulus<()> {
        let raft = self.raft.clone();
        Stimulus::now(move || raft.set_status(term, is_leader))
    }

    /// Raft's status changes several times, each time by so much later than the time before.
    pub fn status_becomes_each(
        &self,
        statuses: impl IntoIterator<Item = (Duration, Term, bool)> + Send + 'static,
    ) -> Stimulus<()> {
        let raft = self.raft.clone();
        Stimulus::now(move || {
            for (later, term, is_leader) in statuses {
                thread::sleep(later);
                raft.set_status(term, is_leader);
            }
        })
    }

    /// The server is shut down.
    pub fn is_shut_down(&self) -> Stimulus<()>
    where
        S: Elect,
    {
        let server = self.server.clone();
        Stimulus::now(move || server.shutdown())
    }

    /// Gives every thread its turn.
    pub fn let_threads_run(&self) {
        thread::sleep(TURNS);
    }
}
