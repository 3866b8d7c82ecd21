//! How a failure that no two events explain reaches the story: what was waited for, and what threads did.

use labrpc::sim::{self, Settings};
use labrpc::sync::Mutex;
use labrpc::wire::WireError;
use labrpc::{Elect, PeerId, Service, Status, thread};
use story::{Kind, Meta, Story, explanation};

use super::{Ending, StoryRecord, tell};
use crate::cluster::Booted;
use crate::contract::{Contract, TEST_TIMING};
use crate::environment::Mode;
use crate::report::Reporter;
use crate::script::ScriptedCluster;
use crate::world::World;

static SERVERS: Contract = Contract::new(TEST_TIMING);

/// What a server does when it is asked.
#[derive(Clone, Copy)]
enum Asked {
    Panics,
    LocksTwice,
    IsSilent,
}

struct Server {
    asked: Asked,
    lock: Mutex<()>,
}

impl Elect for Server {
    fn status(&self) -> Status {
        Status { term: 0, is_leader: false }
    }

    fn watch(&self, _: Status) -> Option<Status> {
        None
    }

    fn shutdown(&self) {}
}

impl Service for Server {
    fn request(&self, _: PeerId, _: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        match self.asked {
            Asked::Panics => panic!("no such entry"),
            Asked::LocksTwice => {
                let first = self.lock.lock();
                drop(self.lock.lock());
                drop(first);
            }
            Asked::IsSilent => {}
        }
        Ok(None)
    }
}

/// The story of a run in which `body` fails.
fn failed(is_of_threads: bool, body: impl FnOnce(&World) + Send) -> Story {
    let record = StoryRecord::default();
    let reporter = Reporter::new(Mode::Simulated).with_story(Some(record.clone()));
    let in_run = reporter.clone();
    let (outcome, _) = sim::run(Settings::default(), move || {
        in_run.make_current();
        body(&World::new(Mode::Simulated, 1, "story", Some(&SERVERS), in_run));
    });
    let failure = outcome.expect_err("the run fails");
    let violation = reporter.first_violation();
    let wait = violation.as_ref().map_or(reporter.wait(), |violation| violation.wait.as_deref().cloned());
    let meta = Meta { failed: true, verdict: "It failed.".into(), ..Meta::default() };
    let (failure, violation) = (Some(&failure), violation.as_ref());
    tell(&record, &SERVERS, Ending { flips: &[], meta, failure, violation, wait: wait.as_ref(), is_of_threads })
}

/// Server 1 asks the real server, which does this.
fn asked(asked: Asked) -> impl FnOnce(&World) + Send {
    move |world| {
        let script = ScriptedCluster::new(world, 3, move |_| Booted::raft(Server { asked, lock: Mutex::new(()) }));
        script.leader(1).in_term(1).heartbeat();
    }
}

/// A panic is marked where the request arrived in whose handling it happened, and at the end, on the server's lane.
#[test]
fn a_panic_is_marked_at_the_request() {
    let story = failed(true, asked(Asked::Panics));
    let marked: Vec<_> =
        story.clash.iter().map(|step| (story.events[step.e].k, story.events[step.e].at.clone())).collect();
    assert_eq!(marked, [(Kind::Recv, Some("0".to_string())), (Kind::Say, Some("0".to_string()))]);
    let [thread] = &story.threads[..] else { panic!("one thread: {:?}", story.threads) };
    assert_eq!((thread.name.as_str(), thread.does.as_str(), thread.handles), ("serve", "panics", true));
    assert!(explanation(&story).contains("    handles, since 0.001 s: heartbeat term 1"), "{}", explanation(&story));
}

/// A thread that waits for its own lock has the lock, both lines, and the request.
#[test]
fn a_deadlock_has_its_lock_and_the_request() {
    let story = failed(true, asked(Asked::LocksTwice));
    let [thread] = &story.threads[..] else { panic!("one thread: {:?}", story.threads) };
    let wait = thread.waits.as_ref().expect("it waits");
    assert_eq!((wait.on.as_str(), wait.holder, thread.handles), ("Mutex", Some(0), true));
    let [lock] = &thread.holds[..] else { panic!("one lock: {thread:?}") };
    assert_eq!(lock.made, wait.made);
    assert!(lock.taken.contains("story/tests.rs") && lock.taken != wait.place, "{lock:?}");
    assert_eq!(story.events[story.clash[0].e].k, Kind::Recv);
}

/// A wait of a script is told with its time, and the last event is on the lane of the server that it was for.
#[test]
fn a_wait_for_a_reply_is_told() {
    let story = failed(false, asked(Asked::IsSilent));
    let waited = story.waited.as_ref().expect("it has waited");
    assert_eq!(waited.awaited, story::Awaited::Reply { at: "0".into(), e: None });
    assert!((200_000..201_000).contains(&(waited.until - waited.since)), "{waited:?}");
    assert_eq!(story.events.last().and_then(|event| event.at.as_deref()), Some("0"));
    let text = explanation(&story);
    assert!(text.contains("from then on: the answer of server 0") && text.contains("it had not answered"), "{text}");
}

/// What a script waits for is told in its own words.
#[test]
fn a_wait_for_a_campaign_is_told() {
    let story = failed(false, |world| {
        let new = |_| Booted::raft(Server { asked: Asked::IsSilent, lock: Mutex::new(()) });
        ScriptedCluster::new(world, 3, new).await_campaign();
    });
    let text = explanation(&story);
    assert!(text.contains("from then on: server 0 sends a RequestVote") && text.contains("it had not"), "{text}");
}

/// A vacuous test says what it is about.
#[test]
fn a_vacuous_test_is_told() {
    let story = failed(false, |world| {
        ScriptedCluster::new(world, 3, |_| Booted::raft(Server { asked: Asked::IsSilent, lock: Mutex::new(()) }));
        world.assert_covered("a snapshot", false);
        thread::yield_now();
    });
    assert_eq!(story.missing.as_deref(), Some("a snapshot"));
    assert!(explanation(&story).starts_with("What did not happen: a snapshot.\n"), "{}", explanation(&story));
}
