//! A real key-value service over a scripted Raft.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use labrpc::kv::{Answer, Command};
use labrpc::thread::{self, JoinHandle};
use labrpc::{Bytes, Index};

use super::ScriptedRaft;
use super::steps::fail;

/// Enough time for a few threads to take their turns: no message travels here.
const TURNS: Duration = Duration::from_millis(1);

/// A real key-value service over a [`ScriptedRaft`].
pub struct ScriptedService<S> {
    server: Arc<S>,
    raft: ScriptedRaft,
    submit: fn(&S, &Command) -> Option<Answer>,
}

/// A client's request that may not be answered yet.
pub struct PendingAnswer {
    request: Command,
    thread: JoinHandle<Option<Answer>>,
}

impl<S: Send + Sync + 'static> ScriptedService<S> {
    /// The service of `server`, which runs over `raft` and answers clients by `submit`.
    pub fn new(raft: ScriptedRaft, server: Arc<S>, submit: fn(&S, &Command) -> Option<Answer>) -> ScriptedService<S> {
        ScriptedService { server, raft, submit }
    }

    /// The server.
    pub fn server(&self) -> &S {
        &self.server
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
        let (server, submit, command) = (self.server.clone(), self.submit, request.clone());
        PendingAnswer { request, thread: thread::spawn(move || submit(&server, &command)) }
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

    /// A client asks, its command is applied, and the client is told a result. The command is the
    /// only entry that is not applied yet.
    ///
    /// # Panics
    ///
    /// When the client is not told a result at once.
    #[track_caller]
    pub fn expect_done(&self, request: Command) -> String {
        let asked = self.ask(request.clone());
        let index = self.raft.last_index();
        self.raft.commit(index, &request);
        match asked.expect_at_once(format!("its command was applied as entry {index}")) {
            Some(Ok(value)) => value,
            other => wrong_answer(&request, "a result", &format!("its command was applied as entry {index}"), &other),
        }
    }

    /// Gives every thread its turn.
    pub fn let_threads_run(&self) {
        thread::sleep(TURNS);
    }
}

impl PendingAnswer {
    /// Whether there is an answer, or will never be one.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the answer. `None` if the server was shut down.
    ///
    /// # Panics
    ///
    /// When the server's code panics. So do the checks here.
    #[track_caller]
    pub fn wait(self) -> Option<Answer> {
        self.thread.join().expect("a request ends without a panic")
    }

    /// The answer, which must come at once.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn expect_at_once(self, why: impl Display) -> Option<Answer> {
        thread::sleep(TURNS);
        if !self.is_finished() {
            let expected = format!("an answer within {TURNS:?}");
            fail(
                "a client waits for its answer",
                &[
                    ("sent", &format!("{:?}", self.request)),
                    ("expected", &expected),
                    ("because", &why),
                    ("got", &"nothing"),
                ],
            );
        }
        self.wait()
    }

    /// The operation is done, at once, with this result.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn expect_result(self, value: &str, why: impl Display) {
        let (request, why) = (self.request.clone(), why.to_string());
        let told = self.expect_at_once(&why);
        if told != Some(Ok(value.to_string())) {
            wrong_answer(&request, &format!("the result {value:?}"), &why, &told);
        }
    }

    /// The client is refused at once.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn expect_refusal(self, why: impl Display) {
        let (request, why) = (self.request.clone(), why.to_string());
        let told = self.expect_at_once(&why);
        if !matches!(told, Some(Err(_))) {
            wrong_answer(&request, "a refusal", &why, &told);
        }
    }

    /// The client is not told a result, however long it takes.
    ///
    /// # Panics
    ///
    /// When it is.
    #[track_caller]
    pub fn expect_no_result(self, why: impl Display) {
        let request = self.request.clone();
        let told = self.wait();
        if matches!(told, Some(Ok(_))) {
            wrong_answer(&request, "a refusal, or no answer", &why.to_string(), &told);
        }
    }

    /// The client is not told anything, however long it takes.
    ///
    /// # Panics
    ///
    /// When it is.
    #[track_caller]
    pub fn expect_no_answer(self, why: impl Display) {
        let request = self.request.clone();
        let told = self.wait();
        if told.is_some() {
            wrong_answer(&request, "no answer", &why.to_string(), &told);
        }
    }
}

#[track_caller]
fn wrong_answer(request: &Command, expected: &str, why: &str, told: &Option<Answer>) -> ! {
    fail(
        "a client is told the wrong thing",
        &[("sent", &format!("{request:?}")), ("expected", &expected), ("because", &why), ("got", &format!("{told:?}"))],
    )
}
