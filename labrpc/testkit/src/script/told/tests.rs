//! The story of a service over a scripted Raft.

use std::sync::Arc;
use std::time::Duration;

use labrpc::channel::Receiver;
use labrpc::kv::Refusal;
use labrpc::network::Service;
use labrpc::sim::{self, Keep, Settings};
use labrpc::wire::WireError;
use labrpc::{ApplyMsg, PeerId, Replicate, thread};
use story::{Event, Kind, Meta, Story};

use crate::contract::{Contract, TEST_TIMING};
use crate::environment::Mode;
use crate::report::Reporter;
use crate::rule::life::BOOTS;
use crate::rule::service::EARNED;
use crate::runner::{Recorded, run_simulated};
use crate::script::{ScriptedRaft, ScriptedService, put};
use crate::story::{Ending, StoryRecord, tell};
use crate::token::Token;
use crate::world::World;

static SERVERS: Contract = Contract::new(TEST_TIMING).with_clerks();

/// Answers each request when the next entry is applied.
struct Echo {
    raft: ScriptedRaft,
    applied: Receiver<ApplyMsg>,
}

impl Service for Echo {
    fn request(&self, _: PeerId, request: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let answer = match self.raft.start(request.to_vec().into()) {
            Err(_) => Err(Refusal::NotLeader),
            Ok(_) => self.applied.recv().map(|_| String::new()).map_err(|_| Refusal::Undecided),
        };
        Ok(Some(SERVERS.write_answer(&answer)))
    }
}

/// The trace of a run in which clients ask a service, and its story.
fn run(record: Option<StoryRecord>) -> (u64, Option<Story>) {
    let reporter = Reporter::new(Mode::Simulated).with_story(record.clone());
    let (outcome, report) = sim::run(Settings::default(), move || {
        reporter.make_current();
        let raft = ScriptedRaft::during_start(&SERVERS, |raft| raft.commit(1, &put(0, 1, "k", "v")));
        let service = ScriptedService::new(raft, |raft, applied| Arc::new(Echo { applied, raft }));
        service.ask(put(0, 1, "k", "v")).expect_any_result("it was applied while start was called");
        service.raft().set_status(2, false);
        service.ask(put(3, 1, "k", "w")).expect_refusal("it does not lead");
    });
    outcome.expect("the service does what the script expects");
    let ending =
        Ending { flips: &[], meta: Meta::default(), failure: None, violation: None, wait: None, is_of_threads: false };
    (report.trace, record.map(|record| tell(&record, &SERVERS, ending)))
}

/// What a service is asked, proposes, receives and answers is told, in order, and telling it changes nothing in the run.
#[test]
fn a_service_is_told_without_changing_its_run() {
    let (quiet, _) = run(None);
    let (told, story) = run(Some(StoryRecord::default()));
    assert_eq!(quiet, told);
    let story = story.expect("it was recorded");
    let words = |event: &Event| match event.k {
        Kind::Send => format!("{} to {}", event.at.as_deref().unwrap_or("?"), event.to.as_deref().unwrap_or("?")),
        kind => format!("{kind:?} {}", event.say.as_deref().unwrap_or_default()).trim_end().to_string(),
    };
    let told: Vec<String> = story.events.iter().filter(|event| event.k != Kind::Recv).map(words).collect();
    let expected = [
        "Restart",
        "Role",
        "a to 0",
        "Append proposes k=v: start() returns 1:1",
        "Apply 1:1",
        "Say start() returns 1:1 only now",
        "0 to a",
        "Role",
        "b to 0",
        "Say proposes k=w: start() refuses, as Raft does not lead",
        "0 to b",
    ];
    assert_eq!(told, expected);
    assert!(
        story.events.iter().all(|event| event.flips.is_empty()),
        "no network is between the service and its clients"
    );
    assert_eq!(story.states_after(story.events.len())["0"].kv["k"], "v");
}

/// A service that does not come up is told as such, and not as a violation of what is tested.
#[test]
fn a_service_that_does_not_boot_is_told_as_such() {
    let body = |_: &World| {
        ScriptedService::new(ScriptedRaft::new(&SERVERS), |raft, applied| {
            thread::sleep(Duration::MAX);
            Arc::new(Echo { applied, raft })
        });
    };
    let outcome = run_simulated(&Token::of_seed("boot", 1), Keep::All, Recorded::Nothing, Some(&SERVERS), &body).0;
    let failed = outcome.expect_err("it sleeps forever");
    assert_eq!(failed.rule(Some(&EARNED)), Some(&BOOTS));
}
