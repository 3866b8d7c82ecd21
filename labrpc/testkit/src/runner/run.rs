//! One run of a test's body, simulated or on real threads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use labrpc::sim::tape::Taping;
use labrpc::sim::{self, Failure, FailureKind, Keep, Preemption, Report, Settings};
use labrpc::time::Instant;

use super::Lab;
use super::cause::FailureCause;
use super::frames::SeenPlace;
use crate::contract::Contract;
use crate::environment::{Environment, Mode};
use crate::random_peers::TestText;
use crate::recording::Exchange;
use crate::report::Reporter;
use crate::rule::{Hint, Rule};
use crate::story::StoryRecord;
use crate::tape_file::taping_of;
use crate::token::Token;
use crate::violation::Violation;
use crate::waited::Wait;
use crate::world::World;

/// No graded test comes near it. A run that reaches it makes no progress.
const VIRTUAL_TIME_MAX: Duration = Duration::from_secs(600);
/// The busiest graded test makes a few million operations.
const OPERATIONS_MAX: u64 = 50_000_000;

/// A server that handles every message in a thread of its own, and has a second's calls on their way to six others, has
/// a tenth of these.
const THREADS_MAX: usize = 3_000;

/// The body of a test.
pub(super) type Body<'a> = &'a (dyn Fn(&World) + Send + Sync);

/// A run that failed, and why.
pub(crate) struct FailedRun {
    pub(crate) failure: Failure,
    cause: FailureCause,
    /// The run as a test that a student could write, if it can be told like that.
    test_text: Option<TestText>,
    /// What was special about the run then, in a sentence; mostly empty.
    note: String,
    /// What the report ends with; mostly empty.
    remark: String,
    /// What was waited for, if something did not come in time.
    wait: Option<Wait>,
    /// The last events before the failure, if a script recorded them.
    exchange: Exchange,
    /// What was kept for the story of the run, if one is told.
    record: Option<StoryRecord>,
}

impl FailedRun {
    fn new(failure: Failure, reporter: &Reporter) -> FailedRun {
        let cause = FailureCause::of(&failure, reporter);
        let test_text = reporter.test_text().cloned();
        let wait = match &cause {
            FailureCause::Violation(violation) => violation.wait.as_deref().cloned(),
            _ => reporter.wait().filter(|_| !cause.is_of_threads()),
        };
        FailedRun {
            failure,
            cause,
            test_text,
            wait,
            note: reporter.note(),
            remark: String::new(),
            exchange: reporter.exchange().clone(),
            record: reporter.story().cloned(),
        }
    }

    /// What ended the run, in a word for programs.
    pub(super) fn cause(&self) -> &'static str {
        self.cause.word(self.failure.kind)
    }

    /// When the events happened that contradict one another.
    pub(super) fn clash_times(&self) -> Vec<Instant> {
        match &self.cause {
            FailureCause::Violation(violation) => violation.clash.iter().map(|(id, _)| id.at).collect(),
            _ => Vec::new(),
        }
    }

    /// What makes another run fail in the same way. `tested` is the rule that the test is about.
    pub(crate) fn signature(&self, tested: Option<&'static Rule>) -> Signature {
        let failure = &self.failure;
        let place = if failure.kind == FailureKind::Panic { failure.place.clone() } else { String::new() };
        Signature { rule: self.rule(tested).map(|rule| rule.name), kind: failure.kind, cause: self.cause(), place }
    }

    /// Whether an oracle or a check of the test has reported a broken rule.
    pub(super) fn is_violation(&self) -> bool {
        matches!(self.cause, FailureCause::Violation(_))
    }

    /// The rule that is broken, if one is known. `tested` is the rule that the test is about.
    pub(crate) fn rule(&self, tested: Option<&'static Rule>) -> Option<&'static Rule> {
        self.cause.rule(tested)
    }

    /// The broken rule, if an oracle or a check of the test has reported one.
    pub(super) fn violation(&self) -> Option<&Violation> {
        if let FailureCause::Violation(violation) = &self.cause { Some(violation) } else { None }
    }

    /// What was waited for, if something did not come in time.
    pub(super) fn wait(&self) -> Option<&Wait> {
        self.wait.as_ref()
    }

    /// Whether the run failed because of what threads did, and not by a check.
    pub(super) fn is_of_threads(&self) -> bool {
        self.cause.is_of_threads()
    }

    /// What to ask oneself.
    pub(super) fn hint(&self, tested: Option<&'static Rule>) -> Option<&'static Hint> {
        self.cause.hint(tested)
    }

    /// What was kept for the story of the run, if one is told.
    pub(super) fn record(&self) -> Option<&StoryRecord> {
        self.record.as_ref()
    }

    /// Where to look, in this lab.
    pub(super) fn places(&self, tested: Option<&'static Rule>, lab: &Lab) -> Vec<SeenPlace> {
        self.cause.places(&self.failure, tested, lab)
    }

    /// What happened, which rule that breaks, where to look, and what happened last.
    pub(crate) fn story(&self, tested: Option<&'static Rule>, lab: &Lab) -> String {
        let story = self.cause.story(&self.failure, tested, lab);
        let left = STORY_LINES_MAX.saturating_sub(story.lines().count());
        let exchange = self.exchange.text(left);
        let exchange = if exchange.is_empty() { exchange } else { format!("\n\n{}", exchange.trim_end()) };
        let test_text = self.test_text.as_ref().map(|text| text.text(lab.package)).unwrap_or_default();
        let remark = if self.remark.is_empty() { String::new() } else { format!("\n\n{}", self.remark) };
        format!("{}{story}{exchange}{test_text}{remark}", self.note)
    }

    /// Ends the report with this sentence.
    pub(super) fn with_remark(self, remark: String) -> FailedRun {
        FailedRun { remark, ..self }
    }
}

/// In which way a run fails. Runs with equal signatures fail in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) rule: Option<&'static str>,
    pub(crate) kind: FailureKind,
    /// The cause in a word for programs.
    pub(crate) cause: &'static str,
    /// The file and line of a panic.
    place: String,
}

/// A report of more lines is not read.
const STORY_LINES_MAX: usize = 20;

/// What a run keeps for its report, beyond what every run counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    Nothing,
    /// Not even what it prints, because it is one of many attempts.
    Silence,
    /// The wild decisions. It prints nothing.
    Choices,
    /// Every turn, to compare it with another run's, and the wild decisions. It prints nothing.
    Turns,
}

/// How long a run may become before it fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunLimits {
    pub(crate) virtual_time: Duration,
    pub(crate) operations: u64,
}

impl RunLimits {
    pub(crate) const USUAL: RunLimits = RunLimits { virtual_time: VIRTUAL_TIME_MAX, operations: OPERATIONS_MAX };
}

/// How a token's run is made.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    /// The decisions that stay wild.
    pub(crate) keep: Keep,
    pub(crate) recorded: Recorded,
    pub(crate) limits: RunLimits,
    /// From when on chance decides anew, and from which seed.
    pub(crate) redeal: Option<(Instant, u64)>,
}

impl RunOptions {
    pub(crate) fn of(keep: Keep, recorded: Recorded) -> RunOptions {
        RunOptions { keep, recorded, limits: RunLimits::USUAL, redeal: None }
    }
}

/// Runs a body in virtual time. Returns how many requests it sent, or how it failed.
pub(crate) fn run_simulated(
    token: &Token,
    keep: Keep,
    recorded: Recorded,
    contract: Option<&'static Contract>,
    body: Body,
) -> (Result<u64, FailedRun>, Report) {
    run_with(token, RunOptions::of(keep, recorded), contract, body)
}

/// As [`run_simulated`], with limits and a moment from which on chance decides anew.
pub(crate) fn run_with(
    token: &Token,
    RunOptions { keep, recorded, limits, redeal }: RunOptions,
    contract: Option<&'static Contract>,
    body: Body,
) -> (Result<u64, FailedRun>, Report) {
    let is_redealt = redeal.is_some();
    let settings = Settings {
        label: token.to_string(),
        seed: token.seed,
        keep,
        redeal,
        forced: token.forced(),
        is_recording: matches!(recorded, Recorded::Choices | Recorded::Turns),
        is_journaling: recorded == Recorded::Turns,
        is_silent: recorded != Recorded::Nothing,
        preemption: preemption_of(token.seed),
        virtual_time_max: limits.virtual_time,
        operations_max: limits.operations,
        tasks_max: THREADS_MAX,
        taping: if recorded == Recorded::Nothing { taping_of(token) } else { Taping::Off },
        ..Settings::default()
    };
    let is_told = Environment::get().replay.is_some() && recorded != Recorded::Turns && !is_redealt;
    let reporter = Reporter::new(Mode::Simulated).with_story(is_told.then(StoryRecord::begin));
    let in_run = reporter.clone();
    let (outcome, report) = sim::run(settings, move || {
        in_run.make_current();
        let world = World::new(Mode::Simulated, token.seed, &token.test, contract, in_run);
        body(&world);
        world.requests()
    });
    (outcome.map_err(|failure| FailedRun::new(failure, &reporter)), report)
}

/// Seeds also differ in how the scheduler interrupts tasks: not at all, at random, or by
/// priorities. The first seed does it at random, which finds most bugs when only one seed is run.
fn preemption_of(seed: u64) -> Preemption {
    /// Each way costs little and finds bugs that the others miss.
    const ONE_IN: u64 = 10;
    const CHANGE_ONE_IN: u64 = 500;
    match seed % 4 {
        0 => Preemption::None,
        3 => Preemption::Priorities { change_one_in: CHANGE_ONE_IN },
        _ => Preemption::Random { one_in: ONE_IN },
    }
}

/// Runs a body on real threads.
pub(super) fn run_real(token: &Token, body: Body) -> (Result<u64, FailedRun>, Report) {
    let reporter = Reporter::new(Mode::Real);
    reporter.make_current();
    let world = World::new(Mode::Real, token.seed, &token.test, None, reporter.clone());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        body(&world);
        world.raise_reported();
        world.requests()
    }));
    let elapsed = world.elapsed();
    let report = Report { virtual_time: elapsed, cpu_time: elapsed, ..Report::default() };
    let failed = |payload| FailedRun::new(failure_of(payload, elapsed), &reporter);
    (outcome.map_err(failed), report)
}

/// The failure that a panic's payload describes.
fn failure_of(payload: Box<dyn Any + Send>, elapsed: Duration) -> Failure {
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string()));
    Failure {
        kind: FailureKind::Panic,
        message: text.unwrap_or_else(|| "a panic".into()),
        at: Instant::ZERO + elapsed,
        node: String::new(),
        task: String::new(),
        place: String::new(),
        backtrace: String::new(),
        tasks: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use labrpc::network::{Conditions, Port, Service};
    use labrpc::wire::WireError;
    use labrpc::{PeerId, thread};

    use super::*;

    struct Echo;

    impl Service for Echo {
        fn request(&self, _: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
            Ok(Some(request.to_vec()))
        }
    }

    /// A world with chance in it: messages between two servers, over a bad network.
    fn chatter(world: &World) {
        let network = world.network(2);
        network.set_conditions(Conditions::UNRELIABLE);
        for server in 0..2 {
            network.plug(server, Some(sim::new_node(format!("server {server}"))));
            network.add_service(server, Port::Raft, Arc::new(Echo));
        }
        for nth in 0..200_u64 {
            network.link(0, 1, Port::Raft).send(&nth);
            thread::sleep(Duration::from_millis(3));
        }
    }

    fn token(kept: Option<Vec<usize>>) -> Token {
        Token { kept, ..Token::of_seed("chatter", 2) }
    }

    fn trace(token: &Token, full: &Report) -> u64 {
        let keep = token.keep(&full.choices).expect("the run has these decisions");
        run_simulated(token, keep, Recorded::Nothing, None, &chatter).1.trace
    }

    /// A token makes the same run again: with all of its chance, with all of it named one by one,
    /// and with a part of it.
    #[test]
    fn tokens_replay_runs() {
        let (_, full) = run_simulated(&token(None), Keep::All, Recorded::Choices, None, &chatter);
        assert!(full.choices.len() > 200, "only {} wild decisions", full.choices.len());
        assert_eq!(trace(&token(None), &full), full.trace);
        assert_eq!(trace(&token(Some((0..full.choices.len()).collect())), &full), full.trace);
        let some = token(Some(vec![3, 5, 8]));
        assert_eq!(trace(&some, &full), trace(&some, &full));
        assert_ne!(trace(&some, &full), full.trace);
    }

    /// The decisions of a keep-set stay wild, and all others are calm: no new ones come up.
    #[test]
    fn decisions_outside_the_keep_set_are_calm() {
        let (_, full) = run_simulated(&token(None), Keep::All, Recorded::Choices, None, &chatter);
        let some = token(Some(vec![3, 5, 8]));
        let keep = some.keep(&full.choices).expect("the run has these decisions");
        let (_, kept) = run_simulated(&some, keep, Recorded::Choices, None, &chatter);
        assert!(kept.choices.len() <= 3, "{:?}", kept.choices);
    }

    /// A token for other code is refused, and not replayed as something else.
    #[test]
    fn tokens_of_other_code_are_refused() {
        let (_, full) = run_simulated(&token(None), Keep::All, Recorded::Choices, None, &chatter);
        assert!(token(Some(vec![full.choices.len()])).keep(&full.choices).is_err());
    }

    /// Each kind of preemption comes up among any four seeds.
    #[test]
    fn seeds_differ_in_how_they_interrupt() {
        let kinds: std::collections::HashSet<_> =
            (1..=4).map(|seed| std::mem::discriminant(&preemption_of(seed))).collect();
        assert_eq!(kinds.len(), 3);
    }
}
