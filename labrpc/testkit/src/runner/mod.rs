//! A lab's graded tests: each runs several seeds, and each run is recorded.

mod cause;
mod frames;
mod measure;
mod points;
mod report_text;
mod run;

use labrpc::sim::{Keep, Report};

pub(crate) use frames::SeenPlace;
pub use measure::{Measured, measure};
pub(crate) use run::run_simulated;
use run::{Body, FailedRun, run_real};

use crate::codec::Codec;
use crate::environment::{Environment, Mode, misuse};
use crate::record::{Record, append};
use crate::rule::Rule;
use crate::token::Token;
use crate::world::World;

/// A lab, as its test files declare it: `tests/points.txt` holds a line for each graded test.
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
    /// How the bytes of its servers are read. With `None`, no oracle checks the runs.
    pub codec: Option<&'static dyn Codec>,
}

/// Scripts, random faults and exact counts do not run on real threads.
const NEEDS_VIRTUAL_TIME: &str = "not run: this test is exact to the millisecond, which only virtual time is";

impl Lab {
    /// Runs a graded test with each of its seeds, and fails at the first seed that fails. The test is
    /// the function that `body` is written in.
    ///
    /// Each run has a world of its own. `LAB_SEEDS` sets another number of seeds, `LAB_REPLAY`
    /// repeats one run, and `LAB_WORLD=real` uses real threads.
    ///
    /// # Panics
    ///
    /// When a run fails, with its report, and when `points.txt` has no line for the test.
    pub fn test(&self, body: impl Fn(&World) + Send + Sync) {
        self.run(name_of(&body), None, &body);
    }

    /// As [`test`](Lab::test), for a test of one rule in virtual time: if one of its steps fails, this
    /// rule is broken, unless the step says that it is about another one or only a
    /// [preparation](crate::script::prepare).
    ///
    /// # Panics
    ///
    /// As [`test`](Lab::test) does.
    pub fn rule(&self, rule: &'static Rule, body: impl Fn(&World) + Send + Sync) {
        self.run_in_virtual_time(name_of(&body), Some(rule), &body);
    }

    /// As [`test`](Lab::test), for a test that needs virtual time, because of random faults or exact counts.
    ///
    /// # Panics
    ///
    /// As [`test`](Lab::test) does.
    pub fn simulated(&self, body: impl Fn(&World) + Send + Sync) {
        self.run_in_virtual_time(name_of(&body), None, &body);
    }

    fn run_in_virtual_time(&self, test: &str, rule: Option<&'static Rule>, body: Body) {
        match Environment::get().mode {
            Mode::Simulated => self.run(test, rule, body),
            Mode::Real => eprintln!("{NEEDS_VIRTUAL_TIME}"),
        }
    }

    fn run(&self, test: &str, rule: Option<&'static Rule>, body: Body) {
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

    fn replay(&self, token: &Token, rule: Option<&'static Rule>, body: Body) {
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

    /// Records a run, and ends the test if the run failed.
    fn conclude(
        &self,
        token: &Token,
        tested: Option<&'static Rule>,
        seeds: u64,
        outcome: Result<u64, FailedRun>,
        report: &Report,
    ) {
        let requests = outcome.as_ref().map_or(0, |requests| *requests);
        let failed = outcome.err();
        let rule = failed.as_ref().and_then(|failed| failed.rule(tested));
        let places = failed.as_ref().map(|failed| failed.places(tested, self.package)).unwrap_or_default();
        let failure = failed.map(|failed| self.describe(token, seeds, &failed.story(tested, self.package), report));
        append(&Record {
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
            places: &places,
            failure: failure.as_deref(),
        });
        if let Some(text) = failure {
            eprintln!("\n{text}");
            // The report is printed already: no second message that names a line of the test kit.
            std::panic::resume_unwind(Box::new("a graded test failed"));
        }
    }
}

/// The function that a closure is written in: `it_leads_2a` for `graded::rules::it_leads_2a::{{closure}}`.
fn name_of<F>(_: &F) -> &'static str {
    let path = std::any::type_name::<F>().split("::{{closure}}").next().unwrap_or_default();
    path.rsplit("::").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of_a_body_2a() -> &'static str {
        let seed = 1;
        name_of(&|_: &World| assert_eq!(seed, 1))
    }

    /// A test's name is that of the function which its body is written in.
    #[test]
    fn a_body_knows_its_function() {
        assert_eq!(name_of_a_body_2a(), "name_of_a_body_2a");
    }
}
