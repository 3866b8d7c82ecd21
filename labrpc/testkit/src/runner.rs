//! A lab's graded tests: each runs several seeds, and each run is noted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use labrpc::sim::{self, Failure, FailureKind, Keep, Preemption, Report, Settings};

use crate::codec::Codec;
use crate::environment::{Environment, Mode, misuse};
use crate::record::{Record, note};
use crate::recording::Exchange;
use crate::rule::{self, Rule};
use crate::token::Token;
use crate::violation::Violation;
use crate::world::World;

/// A lab, as its test files know it: `tests/points.txt` holds a line for each graded test.
///
/// ```
/// use testkit::Lab;
///
/// static LAB: Lab = Lab { package: "lab2a-election", points: "initial_election_2a 10 5\n", codec: None };
///
/// fn initial_election_2a() {
///     LAB.test(|world| assert!(world.is_simulated()));
/// }
/// initial_election_2a();
/// ```
pub struct Lab {
    /// The package's name: `env!("CARGO_PKG_NAME")`.
    pub package: &'static str,
    /// The text of `points.txt`: a line for each test, with its name, its points and its seeds.
    pub points: &'static str,
    /// How the bytes of its servers are read; with none, no oracle watches.
    pub codec: Option<&'static dyn Codec>,
}

/// On real threads, scripts, random faults and counts are not run.
const NEEDS_VIRTUAL_TIME: &str = "not run: this test is exact to the millisecond, which only virtual time is";
/// What the nodes of servers are called, with a number.
pub(crate) const SERVER_LABEL: &str = "server ";
/// No graded test comes near it; a run that does is going nowhere.
const VIRTUAL_TIME_MAX: Duration = Duration::from_secs(600);
/// The busiest graded test makes a few million operations.
const OPERATIONS_MAX: u64 = 200_000_000;

impl Lab {
    /// Runs a graded test with each of its seeds, and fails with the first that fails. The test is
    /// the function that `body` is written in.
    ///
    /// Each run has a world of its own. `LAB_SEEDS` asks for another number of seeds,
    /// `LAB_REPLAY` for one particular run, `LAB_WORLD=real` for real threads.
    ///
    /// # Panics
    ///
    /// When a run fails, with its report; and when `points.txt` does not know the test.
    pub fn test(&self, body: impl Fn(&World) + Send + Sync) {
        self.run(name_of(&body), None, &body);
    }

    /// As [`test`](Lab::test), for a test that is about one rule: if it fails, it is this rule that
    /// was broken, unless an oracle has seen another broken before.
    ///
    /// # Panics
    ///
    /// As [`test`](Lab::test) does.
    pub fn rule(&self, rule: &'static Rule, body: impl Fn(&World) + Send + Sync) {
        self.run_in_virtual_time(name_of(&body), Some(rule), &body);
    }

    /// As [`test`](Lab::test), for a test that needs virtual time: random faults, or a count.
    ///
    /// # Panics
    ///
    /// As [`test`](Lab::test) does.
    pub fn simulated(&self, body: impl Fn(&World) + Send + Sync) {
        self.run_in_virtual_time(name_of(&body), None, &body);
    }

    fn run_in_virtual_time(&self, test: &str, rule: Option<&'static Rule>, body: &(impl Fn(&World) + Send + Sync)) {
        match Environment::get().mode {
            Mode::Simulated => self.run(test, rule, body),
            Mode::Real => eprintln!("{NEEDS_VIRTUAL_TIME}"),
        }
    }

    fn run(&self, test: &str, rule: Option<&'static Rule>, body: &(impl Fn(&World) + Send + Sync)) {
        labrpc::logging::init();
        let environment = Environment::get();
        let usual_seeds = self.seeds_of(test);
        if let Some(token) = &environment.replay {
            if !self.knows(&token.test) {
                misuse(&format!("LAB_REPLAY={token}: {} has no graded test `{}`", self.package, token.test));
            }
            return match token.test == test {
                true => self.replay(token, rule, body),
                false => eprintln!("not run: LAB_REPLAY names another test, {}", token.test),
            };
        }
        let seeds = match environment.mode {
            Mode::Simulated => environment.seeds.unwrap_or(usual_seeds),
            Mode::Real => environment.seeds.unwrap_or(1),
        };
        for seed in 1..=seeds {
            let token = Token { test: test.into(), seed, kept: None };
            let (outcome, report) = match environment.mode {
                Mode::Simulated => run_simulated(&token, Keep::All, false, self.codec, body),
                Mode::Real => run_real(&token, body),
            };
            self.conclude(&token, rule, seeds, outcome, &report);
        }
    }

    fn replay(&self, token: &Token, rule: Option<&'static Rule>, body: &(impl Fn(&World) + Send + Sync)) {
        let keep = match token.kept {
            None => Keep::All,
            Some(_) => {
                let (_, full) = run_simulated(token, Keep::All, true, self.codec, body);
                token.keep(&full.choices).unwrap_or_else(|error| misuse(&format!("LAB_REPLAY={token}: {error}")))
            }
        };
        let (outcome, report) = run_simulated(token, keep, false, self.codec, body);
        self.conclude(token, rule, 1, outcome, &report);
    }

    fn conclude(
        &self,
        token: &Token,
        tested: Option<&'static Rule>,
        seeds: u64,
        outcome: Result<u64, Broken>,
        report: &Report,
    ) {
        let requests = outcome.as_ref().map_or(0, |requests| *requests);
        let broken = outcome.err();
        let rule = broken.as_ref().and_then(|broken| broken.rule(tested));
        let failure = broken.map(|broken| self.describe(token, seeds, &broken.story(rule), report));
        note(&Record {
            test: &token.test,
            seed: token.seed,
            seeds,
            outcome: if failure.is_some() { "failed" } else { "passed" },
            trace: format!("{:016x}", report.trace),
            virtual_ns: report.virtual_time.as_nanos() as u64,
            cpu_ns: report.cpu_time.as_nanos() as u64,
            requests,
            token: token.to_string(),
            rule: rule.map(|rule| rule.name),
            failure: failure.as_deref(),
        });
        if let Some(text) = failure {
            eprintln!("\n{text}");
            // Said already, and in full: no second message with a line of the test kit's own.
            std::panic::resume_unwind(Box::new("a graded test failed"));
        }
    }

    fn describe(&self, token: &Token, seeds: u64, story: &str, report: &Report) -> String {
        let Token { test, seed, .. } = token;
        let (name, lab) = test.rsplit_once('_').unwrap_or((test, ""));
        let seconds = report.virtual_time.as_secs_f64();
        let title = format!("{}  {}", lab.to_uppercase(), name.replace('_', " "));
        let which = if Environment::get().replay.is_some() { "replayed".into() } else { format!("of {seeds}") };
        let story: String = story.lines().map(|line| format!("{}\n", format!("    {line}").trim_end())).collect();
        let replay = match Environment::get().mode {
            Mode::Simulated => format!("    replay   LAB_REPLAY={token} cargo test -p {} {test}\n", self.package),
            Mode::Real => "    on real threads, which cannot be replayed; the same test in virtual time can\n".into(),
        };
        format!("{title} … FAILED   seed {seed} {which}, virtual time {seconds:.3} s\n\n{story}\n{replay}")
    }

    /// How many seeds the test runs by default.
    fn seeds_of(&self, test: &str) -> u64 {
        let line = self.lines().find(|(name, _)| *name == test);
        let (_, rest) = line.unwrap_or_else(|| panic!("{}/tests/points.txt has no line for {test}", self.package));
        let seeds = rest.split_whitespace().nth(1).and_then(|text| text.parse().ok());
        seeds.unwrap_or_else(|| panic!("{}/tests/points.txt: the line for {test} is `name points seeds`", self.package))
    }

    fn knows(&self, test: &str) -> bool {
        self.lines().any(|(name, _)| name == test)
    }

    /// The lines of `points.txt`: a test's name, and the rest.
    fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.points.lines().map(|line| line.split('#').next().unwrap_or_default());
        lines.filter_map(|line| line.trim().split_once(char::is_whitespace))
    }
}

/// The function that a closure is written in: `it_leads_2a` for `graded::rules::it_leads_2a::{{closure}}`.
fn name_of<F>(_: &F) -> &'static str {
    let path = std::any::type_name::<F>().split("::{{closure}}").next().unwrap_or_default();
    path.rsplit("::").next().unwrap_or_default()
}

/// A run that failed, and the rule that an oracle has seen broken, if any.
pub(crate) struct Broken {
    pub(crate) failure: Failure,
    violation: Option<Violation>,
    /// The last events before the failure, if a script recorded them.
    exchange: String,
}

impl Broken {
    /// The rule that was broken: what an oracle says, or what the test is about, or what holds for
    /// any server.
    pub(crate) fn rule(&self, tested: Option<&'static Rule>) -> Option<&'static Rule> {
        if let Some(violation) = &self.violation {
            return Some(violation.rule);
        }
        let is_servers = self.failure.node.starts_with(SERVER_LABEL);
        tested.or(match self.failure.kind {
            FailureKind::Panic if is_servers => Some(&rule::life::RUNS),
            FailureKind::Deadlock | FailureKind::Stuck | FailureKind::Operations => Some(&rule::life::STUCK),
            FailureKind::CrashSwallowed => Some(&rule::life::SILENT),
            _ => None,
        })
    }

    /// What happened, and which rule that breaks.
    fn story(&self, rule: Option<&'static Rule>) -> String {
        let story = match (&self.violation, rule) {
            (Some(violation), _) => violation.to_string(),
            (None, Some(rule)) => {
                format!("{}\n{}: {} ({}).\nLook at: {}", self.failure, rule.name, rule.text, rule.place, rule.hint)
            }
            (None, None) => self.failure.to_string(),
        };
        format!("{}{story}", self.exchange)
    }
}

pub(crate) fn run_simulated(
    token: &Token,
    keep: Keep,
    is_recording: bool,
    codec: Option<&'static dyn Codec>,
    body: &(impl Fn(&World) + Send + Sync),
) -> (Result<u64, Broken>, Report) {
    let settings = Settings {
        seed: token.seed,
        keep,
        is_recording,
        preemption: preemption_of(token.seed),
        virtual_time_max: VIRTUAL_TIME_MAX,
        operations_max: OPERATIONS_MAX,
        ..Settings::default()
    };
    let violation: Arc<OnceLock<Violation>> = Arc::default();
    let seen = violation.clone();
    let exchange = Exchange::default();
    let shown = exchange.clone();
    let (outcome, report) = sim::run(settings, move || {
        let world = World::new(Mode::Simulated, token.seed, &token.test, codec, seen, shown);
        body(&world);
        world.requests()
    });
    let broken = |failure| Broken { failure, violation: violation.get().cloned(), exchange: exchange.text() };
    (outcome.map_err(broken), report)
}

/// Seeds differ in how the scheduler interrupts tasks, too: not at all, at random, by priorities.
/// The first one does it at random, since whoever runs one seed only should meet most.
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

fn run_real(token: &Token, body: &(impl Fn(&World) + Send + Sync)) -> (Result<u64, Broken>, Report) {
    let world = World::new(Mode::Real, token.seed, &token.test, None, Arc::default(), Exchange::default());
    let began = labrpc::time::Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        body(&world);
        world.complain();
        world.requests()
    }));
    let elapsed = began.elapsed();
    let report = Report { virtual_time: elapsed, cpu_time: elapsed, ..Report::default() };
    let broken =
        |payload| Broken { failure: world.failure_of(payload), violation: world.violation(), exchange: String::new() };
    (outcome.map_err(broken), report)
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
        Token { test: "chatter".into(), seed: 2, kept }
    }

    fn trace(token: &Token, full: &Report) -> u64 {
        let keep = token.keep(&full.choices).expect("the run has these decisions");
        run_simulated(token, keep, false, None, &chatter).1.trace
    }

    /// A token makes the same run again: with all of its chance, with all of it named one by one,
    /// and with a part of it.
    #[test]
    fn tokens_replay_runs() {
        let (_, full) = run_simulated(&token(None), Keep::All, true, None, &chatter);
        assert!(full.choices.len() > 200, "only {} wild decisions", full.choices.len());
        assert_eq!(trace(&token(None), &full), full.trace);
        assert_eq!(trace(&token(Some((0..full.choices.len()).collect())), &full), full.trace);
        let some = token(Some(vec![3, 5, 8]));
        assert_eq!(trace(&some, &full), trace(&some, &full));
        assert_ne!(trace(&some, &full), full.trace);
    }

    /// What is kept of a run stays wild, and all else is calm: no new chance comes up.
    #[test]
    fn what_is_not_kept_is_calm() {
        let (_, full) = run_simulated(&token(None), Keep::All, true, None, &chatter);
        let some = token(Some(vec![3, 5, 8]));
        let keep = some.keep(&full.choices).expect("the run has these decisions");
        let (_, kept) = run_simulated(&some, keep, true, None, &chatter);
        assert!(kept.choices.len() <= 3, "{:?}", kept.choices);
    }

    /// A token for other code is refused, and not replayed as something else.
    #[test]
    fn tokens_of_other_code_are_refused() {
        let (_, full) = run_simulated(&token(None), Keep::All, true, None, &chatter);
        assert!(token(Some(vec![full.choices.len()])).keep(&full.choices).is_err());
    }

    fn name_of_a_body_2a() -> &'static str {
        let seed = 1;
        name_of(&|_: &World| assert_eq!(seed, 1))
    }

    /// A test's name is that of the function which its body is written in.
    #[test]
    fn a_body_knows_its_function() {
        assert_eq!(name_of_a_body_2a(), "name_of_a_body_2a");
    }

    /// Each kind of preemption comes up among any four seeds.
    #[test]
    fn seeds_differ_in_how_they_interrupt() {
        let kinds: std::collections::HashSet<_> =
            (1..=4).map(|seed| std::mem::discriminant(&preemption_of(seed))).collect();
        assert_eq!(kinds.len(), 3);
    }
}
