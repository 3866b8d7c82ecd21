//! Whether clients are told what they may be told, and whether a request that waits should have been answered.

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::kv::{Answer, Command, CommandId, Op, Refusal};

use super::driver::{OpenRequest, ServiceRun};
use super::model::key_of;
use crate::event_line::{Asked, Told};
use crate::rule::Rule;
use crate::rule::service::{ANSWERED, EARNED, EXACTLY_ONCE, LEADERSHIP_LOST, LINEARIZABLE, WAITERS};
use crate::violation::Violation;

/// A server does not give up earlier than this.
const UNDECIDED_AFTER_MIN: Duration = Duration::from_millis(100);
/// How late a timeout may be.
const TIMEOUT_SLACK: Duration = Duration::from_millis(20);

impl ServiceRun<'_> {
    /// Checks all requests, and returns those that were answered with a result.
    pub(super) fn check_answers(&mut self) -> Vec<Command> {
        self.tell_copies_apart();
        let copied = self.copied_commands();
        let mut done = Vec::new();
        let mut still = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if self.is_over {
                break;
            }
            if !waiting.answer.is_finished() {
                if let Some(violation) = self.should_not_wait(&waiting) {
                    self.report(violation);
                }
                still.push(waiting);
                continue;
            }
            // Of several requests for one command, one may have been refused and another one taken.
            let is_taken = waiting.own_entry.is_some() && !copied.contains(&waiting.command.id());
            let OpenRequest { command, answer, since, term, led_always, led_once, replaced, versions_before, .. } =
                waiting;
            let told = answer.wait();
            let waited = since.elapsed();
            let is_replaced = replaced.is_some();
            let circumstances =
                Circumstances { waited, term, led_always, led_once, is_taken, is_replaced, versions_before };
            if let Some(violation) = self.wrong_answer(&command, &told, circumstances) {
                self.report(violation);
            }
            if matches!(told, Some(Ok(_))) {
                done.push(command);
            }
        }
        self.waiting = still;
        done
    }

    /// The commands that several requests wait for.
    fn copied_commands(&self) -> BTreeSet<CommandId> {
        let mut seen = BTreeSet::new();
        let ids = self.waiting.iter().map(|waiting| waiting.command.id());
        ids.filter(|id| !seen.insert(*id)).collect()
    }

    /// Of several requests for one command, each has put an entry into the log, and nobody saw which entry is whose. Those
    /// that are answered have put in the earlier ones.
    fn tell_copies_apart(&mut self) {
        let (finished, mut open): (Vec<_>, Vec<_>) =
            self.waiting.iter_mut().partition(|waiting| waiting.answer.is_finished());
        for answered in finished {
            for waiting in open.iter_mut().filter(|waiting| waiting.command == answered.command) {
                if waiting.own_entry.is_some() && answered.own_entry > waiting.own_entry {
                    std::mem::swap(&mut answered.own_entry, &mut waiting.own_entry);
                }
            }
        }
    }

    /// Why a request that is not answered should have been.
    fn should_not_wait(&self, waiting: &OpenRequest) -> Option<Violation> {
        let command = &waiting.command;
        let violation = |rule: &'static Rule, why: &str| {
            Some(Violation::new(rule, format!("{}, and is not answered: {why}", asks(command))))
        };
        if waiting.own_entry.is_some_and(|index| index <= self.applied()) {
            return violation(&ANSWERED, "the entry that it put into the log was applied");
        }
        if waiting.is_covered {
            return violation(&ANSWERED, "the snapshot that replaced the store holds its write");
        }
        if !waiting.led_once {
            return violation(&ANSWERED, "the server does not lead, and must refuse at once");
        }
        if self.term > waiting.term {
            let why = format!("it came in term {}, which is over: the server is in term {}", waiting.term, self.term);
            return violation(&LEADERSHIP_LOST, &why);
        }
        let waited = waiting.since.elapsed();
        if waited > self.under_test.patience + TIMEOUT_SLACK {
            let why = format!(
                "it has waited for {waited:?}, and the server must give up after {:?}",
                self.under_test.patience
            );
            return violation(&WAITERS, &why);
        }
        None
    }

    /// What is wrong with an answer.
    fn wrong_answer(
        &self,
        command: &Command,
        told: &Option<Answer>,
        circumstances: Circumstances,
    ) -> Option<Violation> {
        let Circumstances { waited, term, led_always, led_once, is_taken, is_replaced, versions_before } =
            circumstances;
        let Some(answer) = told else {
            let what = format!("{}, and gets no answer, though the server is not shut down", asks(command));
            return Some(Violation::new(&ANSWERED, what));
        };
        let violation = |rule: &'static Rule, why: String| {
            Some(Violation::new(rule, format!("{}, and is told “{}”: {why}", asks(command), Told(answer))))
        };
        match answer {
            Ok(_) if self.clients.has_gone_on(command) => None,
            Ok(value) => {
                let results = self.model.results(command.id());
                if results.is_empty() {
                    return violation(&EARNED, "its command was not applied".into());
                }
                // A get may also read after its command was applied, while its client still waits.
                let is_read = matches!(command.op, Op::Get { .. });
                if results.contains(value)
                    || is_read && self.model.had_since(key_of(&command.op), versions_before, value)
                {
                    return None;
                }
                let rule = if is_read { &LINEARIZABLE } else { &EXACTLY_ONCE };
                violation(rule, format!("when its command was applied, the result was {results:?}"))
            }
            Err(Refusal::LeadershipLost | Refusal::Undecided) if is_replaced => None,
            Err(Refusal::NotLeader) if led_always && self.term == term => {
                violation(&ANSWERED, format!("the server leads term {term} all the time"))
            }
            Err(Refusal::NotLeader) if led_always || is_taken => {
                let now = if self.is_leader { "leads" } else { "is in" };
                let why = format!(
                    "the server took its command in term {term}, and {now} term {} now: the command may still take effect",
                    self.term
                );
                violation(&LEADERSHIP_LOST, why)
            }
            Err(Refusal::LeadershipLost) if self.term == term || !led_once => violation(
                &LEADERSHIP_LOST,
                format!("it came in term {term}, and the server is in term {} now", self.term),
            ),
            Err(Refusal::Undecided) if waited < UNDECIDED_AFTER_MIN && self.term == term => {
                violation(&ANSWERED, format!("it has waited for {waited:?} only"))
            }
            Err(_) => None,
        }
    }
}

/// What happened while a request waited, as in [`OpenRequest`].
struct Circumstances {
    waited: Duration,
    term: labrpc::Term,
    led_always: bool,
    led_once: bool,
    /// Whether its command was certainly put into the log.
    is_taken: bool,
    is_replaced: bool,
    versions_before: usize,
}

fn asks(command: &Command) -> String {
    format!("client {} asks for {}", command.client, Asked(command))
}
