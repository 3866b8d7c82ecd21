//! A lab's graded tests: each runs several seeds, and each run is recorded.

mod cause;
mod endless;
mod frames;
mod likelihood;
mod measure;
mod origin;
mod points;
mod repeat;
mod report_text;
mod reprints;
mod run;
mod shrink;
mod source;
mod test_runs;
mod told;
mod twin;

use labrpc::sim::Keep;

pub(crate) use frames::SeenPlace;
pub use measure::{Measured, MeasuredShrink, measure, measure_shrinking};
use repeat::Run;
use run::{Body, FailedRun, run_real};
pub(crate) use run::{Recorded, run_simulated};
use test_runs::TestRuns;

use crate::contract::{Contract, Track};
use crate::environment::{Environment, Mode, misuse};
use crate::random_peers::RunPlan;
use crate::record::{Record, append};
use crate::rule::{Hint, Place, Rule};
use crate::token::Token;
use crate::world::{World, hash_of};

/// A lab, as its test files declare it: `tests/points.txt` holds a line for each graded test.
///
/// ```
/// use testkit::Lab;
///
/// static LAB: Lab = Lab { package: "lab2a-election", points: "initial_election_2a 10 5\n", contract: None };
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
    pub contract: Option<&'static Contract>,
}

/// A student's own test runs this many seeds.
const OWN_SEEDS: u64 = 4;
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
        self.run(&self.listed(name_of(&body), &body));
    }

    /// As [`test`](Lab::test), for a test of one rule in virtual time: if one of its steps fails, this
    /// rule is broken, unless the step says that it is about another one or only a
    /// [preparation](crate::script::prepare).
    ///
    /// # Panics
    ///
    /// As [`test`](Lab::test) does.
    pub fn rule(&self, rule: &'static Rule, body: impl Fn(&World) + Send + Sync) {
        assert!(
            cause::can_be_tested(rule),
            "no step of a test can be about `{}`: a failure names it by itself",
            rule.name
        );
        self.run_in_virtual_time(&GradedTest { rule: Some(rule), ..self.listed(name_of(&body), &body) });
    }

    /// As [`test`](Lab::test), for a test that needs virtual time, because of random faults or exact counts.
    ///
    /// # Panics
    ///
    /// As [`test`](Lab::test) does.
    pub fn simulated(&self, body: impl Fn(&World) + Send + Sync) {
        self.run_in_virtual_time(&self.listed(name_of(&body), &body));
    }

    /// Runs a test with random peers: `body` lets the servers of a [`RunPlan`] play. If a run fails, a shorter
    /// one that fails in the same way is looked for, and printed as a test that can be pasted into a file.
    ///
    /// # Panics
    ///
    /// As [`test`](Lab::test) does.
    pub fn random_peers(&self, body: impl Fn(&World, &RunPlan) + Send + Sync) {
        let test = name_of(&body);
        let plan_of = |seed| RunPlan::of_seed(hash_of(test), seed);
        let play = |world: &World| body(world, &plan_of(world.seed()));
        let shorten = |token: &Token, failed: FailedRun| {
            let run = |plan: &RunPlan| {
                let play = |world: &World| body(world, plan);
                run_simulated(token, Keep::All, Recorded::Silence, self.contract, &play).0.err()
            };
            shrink::shrink_plan(plan_of(token.seed), failed, run).1
        };
        self.run_in_virtual_time(&GradedTest { shorten: Some(&shorten), ..self.listed(test, &play) });
    }

    /// Runs a test of the student's own: it has no line in `points.txt`, and counts no points.
    ///
    /// # Panics
    ///
    /// When a run fails, with its report.
    pub fn own(&self, body: impl Fn(&World) + Send + Sync) {
        let name = name_of(&body);
        self.run_in_virtual_time(&GradedTest { name, seeds: OWN_SEEDS, rule: None, body: &body, shorten: None });
    }

    /// A lab of the guided track that has no tests.
    #[cfg(test)]
    pub(crate) const fn guided(package: &'static str) -> Lab {
        Lab { package, points: "", contract: None }
    }

    /// Where a student of the open track writes how the servers' bytes are read. `None` in the guided track, and outside of
    /// the labs.
    fn codec_file(&self) -> Option<String> {
        let is_open = self.contract.is_some_and(|contract| contract.track == Track::Open);
        (is_open && self.package.starts_with("lab")).then(|| format!("{}/src/codec.rs", self.package))
    }

    /// The places that a hint names in this lab. In the open track there are none: a hint knows only the guided track's files.
    fn places_of(&self, hint: &Hint) -> &'static [Place] {
        match self.contract.map(|contract| contract.track) {
            Some(Track::Open) => &[],
            Some(Track::Guided) | None => hint.places_in(self.package),
        }
    }

    /// A test with a line in `points.txt`.
    fn listed<'a>(&self, name: &'a str, body: Body<'a>) -> GradedTest<'a> {
        GradedTest { name, seeds: self.seeds_of(name), rule: None, body, shorten: None }
    }

    fn run_in_virtual_time(&self, test: &GradedTest) {
        match Environment::get().mode {
            Mode::Simulated => self.run(test),
            Mode::Real => eprintln!("{NEEDS_VIRTUAL_TIME}"),
        }
    }

    fn run(&self, test: &GradedTest) {
        let environment = Environment::get();
        match environment.replay {
            Some(_) => labrpc::logging::listen(crate::story::logged),
            None => labrpc::logging::init(),
        }
        if let Some(token) = &environment.replay {
            if token.test == test.name {
                return self.replay(token, test, environment.flip.as_deref());
            }
            if !self.knows(&token.test) {
                misuse(&format!("LAB_REPLAY={token}: {} has no graded test `{}`", self.package, token.test));
            }
            if !crate::named::is_named(&token.test) {
                let command = format!("LAB_REPLAY={token} cargo test -p {} {}", self.package, token.test);
                misuse(&format!("LAB_REPLAY={token}: this command leaves that test out: run `{command}`"));
            }
            return eprintln!("not run: LAB_REPLAY names another test, {}", token.test);
        }
        let seeds = match environment.mode {
            Mode::Simulated => environment.seeds.unwrap_or(test.seeds),
            Mode::Real => environment.seeds.unwrap_or(1),
        };
        if let (Mode::Simulated, Some(misuse)) = (environment.mode, source::misuse(self.package)) {
            // Not left out, but failed: the code is wrong.
            const NO_TRACE: &str = "0000000000000000";
            return self.conclude_without_run(test.name, seeds, misuse, ("misuse", Some(misuse), NO_TRACE));
        }
        if let Some(reason) = endless::LOOPS.reason_to_give_up() {
            return self.conclude_without_run(test.name, seeds, &reason, ("not run", None, ""));
        }
        let first_seed = environment.first_seed.unwrap_or(1);
        for seed in first_seed..first_seed + seeds {
            let token = Token::of_seed(test.name, seed);
            let again = || run_simulated(&token, Keep::All, Recorded::Turns, self.contract, test.body);
            let (run, complaint) = match environment.mode {
                Mode::Simulated => {
                    let run = run_simulated(&token, Keep::All, Recorded::Nothing, self.contract, test.body);
                    // A process that plays tapes has no servers to run again.
                    let is_repeated = run.0.is_err() && !environment.plays_tapes();
                    let complaint = is_repeated.then(|| repeat::complaint(&run, again)).flatten();
                    (run, complaint)
                }
                Mode::Real => (run_real(&token, test.body), None),
            };
            let is_final = complaint.is_some() || environment.mode == Mode::Real;
            let (token, run) = if is_final { (token, run) } else { self.smallest(token, run, test) };
            self.conclude(&token, test.rule, seeds, run, complaint);
        }
    }

    /// Makes the run of a token again; or the run that differs from it by a change of an event, `flip`.
    fn replay(&self, token: &Token, test: &GradedTest, flip: Option<&str>) {
        let keep = self.runs(test).keep(token);
        let keep = keep.unwrap_or_else(|error| misuse(&format!("LAB_REPLAY={token}: {error}")));
        let run = run_simulated(token, keep.clone(), Recorded::Nothing, self.contract, test.body);
        let again = || run_simulated(token, keep.clone(), Recorded::Turns, self.contract, test.body);
        let complaint = repeat::complaint(&run, again);
        let asked = token;
        let token = token.clone();
        let (token, run) = if complaint.is_some() { (token, run) } else { self.smallest(token, run, test) };
        if token != *asked {
            eprintln!(
                "note: this is a smaller run that fails in the same way. The run of {asked} itself: LAB_SHRINK=0"
            );
        }
        if let Some(note) = origin::changes_since(&token) {
            eprintln!("{note}");
        }
        if let Some(flip) = flip {
            return self.replay(&self.flipped(&token, flip, test, &run), test, None);
        }
        self.tell(&token, test, &run);
        self.conclude(&token, test.rule, 1, run, complaint);
    }

    fn runs<'a>(&self, test: &GradedTest<'a>) -> TestRuns<'a> {
        TestRuns { tested: test.rule, contract: self.contract, body: test.body }
    }

    /// A smaller run that fails in the same way as a failed one, and its token; or else the given ones.
    fn smallest(&self, token: Token, (outcome, report): Run, test: &GradedTest) -> (Token, Run) {
        let failed = match outcome {
            Err(failed) if !Environment::get().is_unshrunk && !Environment::get().plays_tapes() => failed,
            _ => return (token, (outcome, report)),
        };
        let smaller = match test.shorten {
            Some(shorten) if token.kept.is_none() && token.flips.is_empty() => {
                return (token.clone(), (Err(shorten(&token, failed)), report));
            }
            // Of a failure that is told in full elsewhere, no more than the token is printed.
            None if reprints::is_first(failed.group(test.rule).as_deref(), test.name) => {
                shrink::shrink_decisions(self.runs(test), &token, &failed, report.operations)
            }
            _ => None,
        };
        smaller.unwrap_or((token, (Err(failed), report)))
    }

    /// Records a run, and ends the test if the run failed, or if there is a complaint about it.
    fn conclude(
        &self,
        token: &Token,
        tested: Option<&'static Rule>,
        seeds: u64,
        (outcome, report): Run,
        complaint: Option<String>,
    ) {
        let cause = outcome.as_ref().err().map(|failed| failed.cause());
        let group = outcome.as_ref().err().and_then(|failed| failed.group(tested));
        let requests = outcome.as_ref().map_or(0, |requests| *requests);
        let failed = outcome.err();
        if failed.is_some() && Environment::get().replay.is_none() {
            origin::note(token);
        }
        failed.iter().for_each(|failed| endless::LOOPS.note(&failed.failure));
        let rule = failed.as_ref().and_then(|failed| failed.rule(tested));
        let places = failed.as_ref().map(|failed| failed.places(tested, self)).unwrap_or_default();
        let story = match (failed.map(|failed| failed.story(tested, self)), complaint) {
            (Some(story), Some(complaint)) => Some(format!("{story}\n\n{complaint}")),
            (story, complaint) => story.or(complaint),
        };
        let failure = story.map(|story| self.describe(token, seeds, &story, &report));
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
            cause,
            group: group.as_deref(),
        });
        // One cause often fails many tests.
        let failure = failure.map(|text| reprints::once(group.as_deref(), &token.test, text));
        if let Some(text) = failure {
            fail(&text);
        }
    }

    /// Fails a test that is not run. A record without a trace says that the rest of the process is not run either.
    fn conclude_without_run(
        &self,
        test: &str,
        seeds: u64,
        reason: &str,
        (cause, group, trace): (&'static str, Option<&str>, &str),
    ) {
        let token = Token::of_seed(test, 1);
        let (name, lab) = test.rsplit_once('_').unwrap_or((test, ""));
        let text = format!("{}  {} … FAILED   not run: {reason}", lab.to_uppercase(), name.replace('_', " "));
        append(&Record {
            test,
            seed: 1,
            seeds,
            outcome: "failed",
            trace: trace.into(),
            virtual_ns: 0,
            cpu_ns: 0,
            requests: 0,
            token: token.to_string(),
            rule: None,
            places: &[],
            failure: Some(&text),
            cause: Some(cause),
            group,
        });
        fail(&reprints::once(group, test, text));
    }
}

/// Ends a test whose report is complete.
fn fail(text: &str) -> ! {
    eprintln!("\n{text}");
    // The report is printed already: no second message that names a line of the test kit.
    std::panic::resume_unwind(Box::new("a graded test failed"))
}

/// A test, and how it is run.
struct GradedTest<'a> {
    name: &'a str,
    /// How many seeds it runs by default.
    seeds: u64,
    /// The rule that it is about, if it is about one.
    rule: Option<&'static Rule>,
    body: Body<'a>,
    shorten: Option<Shorten<'a>>,
}

/// Finds a shorter run that fails in the same way.
type Shorten<'a> = &'a dyn Fn(&Token, FailedRun) -> FailedRun;

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
