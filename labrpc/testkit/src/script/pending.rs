//! A client's request to a service over a scripted Raft, and the answers that a script expects.

use std::fmt::Display;

use labrpc::kv::{Answer, Command};
use labrpc::thread::{self, JoinHandle};

use super::ScriptedRaft;
use super::service::TURNS;
use super::steps::{about, fail};
use crate::event_line::{Asked, Told};
use crate::rule::service::ANSWERED;

/// A client's request that may not be answered yet.
pub struct PendingAnswer {
    pub(super) raft: ScriptedRaft,
    pub(super) request: Command,
    pub(super) thread: JoinHandle<Option<Answer>>,
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
            self.wrong_answer("an answer at once", &why, "no answer yet");
        }
        self.wait()
    }

    /// The operation is done at once, with any result.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn expect_any_result(self, why: impl Display) -> String {
        self.expect_done("a result", &why, |_| true)
    }

    /// The operation is done, at once, with this result.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn expect_result(self, value: &str, why: impl Display) {
        self.expect_done(&format!("the result {value:?}"), &why, |result| result == value);
    }

    /// The client is refused at once.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn expect_refusal(self, why: impl Display) {
        self.expect_told("a refusal", &why, |told| matches!(told, Some(Err(_))));
    }

    /// The client is not told a result, however long it takes.
    ///
    /// # Panics
    ///
    /// When it is.
    #[track_caller]
    pub fn expect_no_result(self, why: impl Display) {
        self.expect_in_the_end("a refusal, or no answer", &why, |told| !matches!(told, Some(Ok(_))));
    }

    /// The client is not told anything, however long it takes.
    ///
    /// # Panics
    ///
    /// When it is.
    #[track_caller]
    pub fn expect_no_answer(self, why: impl Display) {
        self.expect_in_the_end("no answer", &why, Option::is_none);
    }

    /// The operation is done at once, with a right result. Not to be told a result is about
    /// [`ANSWERED`], whatever the test is about.
    #[track_caller]
    fn expect_done(self, expected: &str, why: &dyn Display, is_right: impl Fn(&str) -> bool) -> String {
        thread::sleep(TURNS);
        if !self.is_finished() {
            about(&ANSWERED);
            self.wrong_answer(expected, why, "no answer yet");
        }
        let (raft, request) = (self.raft.clone(), self.request.clone());
        match self.wait() {
            Some(Ok(result)) if is_right(&result) => result,
            told => {
                if !matches!(told, Some(Ok(_))) {
                    about(&ANSWERED);
                }
                let got = told.map_or("no answer".to_string(), |answer| Told(&answer).to_string());
                wrong_answer(&raft, &request, expected, why, &got)
            }
        }
    }

    #[track_caller]
    fn expect_told(
        self,
        expected: &str,
        why: &dyn Display,
        is_right: impl Fn(&Option<Answer>) -> bool,
    ) -> Option<Answer> {
        thread::sleep(TURNS);
        if !self.is_finished() {
            self.wrong_answer(expected, why, "no answer yet");
        }
        self.expect_in_the_end(expected, why, is_right)
    }

    #[track_caller]
    fn expect_in_the_end(
        self,
        expected: &str,
        why: &dyn Display,
        is_right: impl Fn(&Option<Answer>) -> bool,
    ) -> Option<Answer> {
        let (raft, request) = (self.raft.clone(), self.request.clone());
        let told = self.wait();
        if !is_right(&told) {
            let got = told.map_or("no answer".to_string(), |answer| Told(&answer).to_string());
            wrong_answer(&raft, &request, expected, why, &got);
        }
        told
    }

    #[track_caller]
    fn wrong_answer(&self, expected: &str, why: &dyn Display, got: &str) -> ! {
        wrong_answer(&self.raft, &self.request, expected, why, got)
    }
}

#[track_caller]
fn wrong_answer(raft: &ScriptedRaft, request: &Command, expected: &str, why: &dyn Display, got: &str) -> ! {
    fail(
        "a client is told the wrong thing",
        &[
            ("applied", &raft.history()),
            ("sent", &format!("client {}, {}", request.client, Asked(request))),
            ("expected", &expected),
            ("because", why),
            ("got", &got),
        ],
    )
}
