//! The observer and its oracles, without a cluster.

use std::sync::Arc;
use std::time::Duration;

use labrpc::network::{Message, Passage, Port, Tap};
use labrpc::sim::{self, Keep};
use labrpc::sync::Mutex;
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{AppendEntries, Ballot, Codec, Entry, Head, RaftRequest, RequestVote, Term};
use labrpc::{Bytes, Index, LogPosition, Persister, Save, thread};

use super::Observer;
use crate::contract::{Contract, TEST_TIMING};
use crate::runner::{Lab, Recorded, run_simulated};
use crate::token::Token;
use crate::world::World;

/// The observer of one real server that has just booted.
fn observer(world: &World) -> Observer {
    let contract = world.contract().expect("the run has a contract");
    let observer = Observer::new(world.reporter(), contract, 1, |_| true);
    observer.booted(0, sim::new_node("server 0"), None);
    observer
}

static TERMS_ONLY: Contract = Contract::new(TEST_TIMING).with_disk().open(&TermsOnly);

/// Reads heads that are only a number, the term.
struct TermsOnly;

impl Codec for TermsOnly {
    fn read_head(&self, bytes: &[u8]) -> Result<Head, WireError> {
        let ballot = Ballot { term: wire::decode(bytes)?, voted_for: None };
        Ok(Head { ballot, base: LogPosition::ZERO })
    }

    fn write_head(&self, head: &Head) -> Bytes {
        wire::encode(&head.ballot.term).into()
    }
}

/// The rule and the story of a failed run; `None` if it does not fail.
fn failure(contract: &'static Contract, body: impl Fn(&World) + Send + Sync) -> Option<(&'static str, String)> {
    let token = Token::of_seed("codec", 1);
    let failed = run_simulated(&token, Keep::All, Recorded::Nothing, Some(contract), &body).0.err()?;
    let lab = Lab { contract: Some(contract), ..Lab::guided("lab2c-persist") };
    Some((failed.rule(None).map_or("none", |rule| rule.name), failed.story(None, &lab)))
}

/// The failure of a run in which a server saves this head.
fn save(contract: &'static Contract, head: Vec<u8>) -> Option<(&'static str, String)> {
    failure(contract, move |world: &World| {
        let disk = Persister::new(0);
        disk.set_tap(Arc::new(observer(world)));
        disk.save(Save { head: head.clone().into(), ..Save::default() });
    })
}

/// A save that cannot be decoded fails the run, and is not taken for an empty disk.
#[test]
fn unreadable_saves_are_named() {
    let term = wire::encode(&7_u64);
    assert_eq!(save(&TERMS_ONLY, term.clone()), None);
    let (rule, story) = save(&TERMS_ONLY, term[1..].to_vec()).expect("the head cannot be decoded");
    assert_eq!(rule, "codec-fits");
    assert!(story.starts_with("The tests cannot decode what server 0 has saved"), "{story}");
    assert!(story.contains("Look at: lab2c-persist/src/codec"), "{story}");
    assert_eq!(save(&WITH_DISK, term).expect("a number is no head").0, "none");
}

/// Reads requests without their term, and heads without their vote.
struct Forgetful;

impl Codec for Forgetful {
    fn read_request(&self, bytes: &[u8]) -> Result<RaftRequest, WireError> {
        let mut request = wire::decode(bytes)?;
        if let RaftRequest::RequestVote(vote) = &mut request {
            vote.term = 0;
        }
        Ok(request)
    }

    fn read_head(&self, bytes: &[u8]) -> Result<Head, WireError> {
        let mut head: Head = wire::decode(bytes)?;
        head.ballot.term = 0;
        Ok(head)
    }
}

static FORGETFUL: Contract = Contract::new(TEST_TIMING).with_disk().open(&Forgetful);
static GUIDED: Contract = Contract::new(TEST_TIMING).with_codec(&Forgetful);

/// The failure of a run in which a server asks for a vote.
fn ask(contract: &'static Contract, bytes: Vec<u8>) -> Option<(&'static str, String)> {
    failure(contract, move |world: &World| {
        let bytes = bytes.clone().into();
        let request = Message { number: 0, answers: None, from: 0, to: 1, port: Port::Raft, bytes };
        observer(world).message(Instant::now(), &request, Passage::Sent);
    })
}

/// What a codec loses is named when the first message of its kind is sent, before any rule is checked.
#[test]
fn a_codec_that_loses_the_term_is_named_at_once() {
    let request = RaftRequest::RequestVote(RequestVote { term: 3, candidate: 0, last_log: LogPosition::ZERO });
    let (rule, story) = ask(&FORGETFUL, wire::encode(&request)).expect("it reads no term");
    assert_eq!(rule, "codec-fits");
    assert!(
        story.starts_with("`write_request` of the codec was given\n    RequestVote(RequestVote { term: 1"),
        "{story}"
    );
    assert!(story.contains("Look at: lab2c-persist/src/codec"), "{story}");
    let head = Head { ballot: Ballot { term: 3, voted_for: None }, base: LogPosition::ZERO };
    assert_eq!(save(&FORGETFUL, wire::encode(&head)).expect("it reads no term").0, "codec-fits");
    assert_ne!(ask(&GUIDED, wire::encode(&request)).map(|(rule, _)| rule), Some("codec-fits"));
}

/// A message that the codec cannot read at all is named, too.
#[test]
fn a_message_that_the_codec_cannot_read_is_named() {
    let (rule, story) = ask(&FORGETFUL, vec![7]).expect("it is no request");
    assert_eq!(rule, "codec-fits");
    assert!(story.starts_with("The codec cannot read what server 0 sends: 1 bytes do not decode as"), "{story}");
}

static WITH_DISK: Contract = Contract::new(TEST_TIMING).with_disk();

/// A server campaigns, wins by its own vote alone, and takes commands; its request for another's
/// vote leaves only then. Returns the rule that is broken if the request says that the log ends
/// at `last_log`.
fn broken_by_late_request(last_log: LogPosition) -> Option<&'static str> {
    /// More saves than the oracle looks back at least.
    const COMMANDS: usize = 5;
    let token = Token::of_seed("late", 1);
    let body = move |world: &World| {
        let observer = observer(world);
        let disk = Persister::new(0);
        disk.set_tap(Arc::new(observer.clone()));
        let ballot = Ballot { term: 1, voted_for: Some(0) };
        let head: Bytes = wire::encode(&Head { ballot, base: LogPosition::ZERO }).into();
        disk.save(Save { head: head.clone(), ..Save::default() });
        for keep in 0..COMMANDS {
            let append = vec![wire::encode(&Entry { term: 1, command: Bytes::default() }).into()];
            disk.save(Save { head: head.clone(), keep, append, ..Save::default() });
            let position = LogPosition { term: 1, index: keep as Index + 1 };
            observer.started(0, &Bytes::default(), Ok(position));
        }
        let asked = RaftRequest::RequestVote(RequestVote { term: 1, candidate: 0, last_log });
        let bytes = wire::encode(&asked).into();
        let request = Message { number: 0, answers: None, from: 0, to: 1, port: Port::Raft, bytes };
        observer.message(Instant::now(), &request, Passage::Sent);
    };
    let outcome = run_simulated(&token, Keep::All, Recorded::Nothing, Some(&WITH_DISK), &body).0;
    outcome.err().map(|failed| failed.rule(None).map_or("none", |rule| rule.name))
}

/// A vote request may leave long after its campaign, and then describes the log as it was at some
/// moment since.
#[test]
fn a_late_vote_request_describes_the_log_of_its_campaign() {
    assert_eq!(broken_by_late_request(LogPosition::default()), None);
    let never = LogPosition { term: 1, index: 100 };
    assert_eq!(broken_by_late_request(never), Some("election-restriction"));
}

/// What a server does at a moment.
#[derive(Clone, Copy)]
enum Step {
    Campaigns(Term),
    Leads(Term),
    IsPausedAndResumed,
}

/// The rule that is broken by a server that does this, each at its time in milliseconds.
fn broken_by_steps(steps: &'static [(u64, Step)]) -> Option<&'static str> {
    let token = Token::of_seed("steps", 1);
    let body = move |world: &World| {
        let observer = observer(world);
        for (ms, step) in steps {
            thread::sleep((Instant::ZERO + Duration::from_millis(*ms)).duration_since(Instant::now()));
            let request = match *step {
                Step::Campaigns(term) => {
                    RaftRequest::RequestVote(RequestVote { term, candidate: 0, last_log: LogPosition::ZERO })
                }
                Step::Leads(term) => RaftRequest::AppendEntries(AppendEntries {
                    term,
                    leader: 0,
                    prev: LogPosition::ZERO,
                    entries: Vec::new(),
                    leader_commit: 0,
                }),
                Step::IsPausedAndResumed => {
                    observer.paused(0, true);
                    observer.paused(0, false);
                    continue;
                }
            };
            let bytes = wire::encode(&request).into();
            let request = Message { number: *ms, answers: None, from: 0, to: 1, port: Port::Raft, bytes };
            observer.message(Instant::now(), &request, Passage::Sent);
        }
    };
    static SERVERS: Contract = Contract::new(TEST_TIMING);
    let outcome = run_simulated(&token, Keep::All, Recorded::Nothing, Some(&SERVERS), &body).0;
    outcome.err().map(|failed| failed.rule(None).map_or("none", |rule| rule.name))
}

/// Between two campaigns there is a whole timeout, less the time that a message may leave late.
#[test]
fn campaigns_are_a_timeout_apart() {
    use Step::{Campaigns, IsPausedAndResumed};
    let early = Some("campaign-restarts-the-timer");
    assert_eq!(broken_by_steps(&[(400, IsPausedAndResumed), (500, Campaigns(1)), (501, Campaigns(2))]), early);
    let at_once = broken_by_steps(&[(499, IsPausedAndResumed), (500, Campaigns(1)), (501, Campaigns(2))]);
    assert_eq!(at_once, None, "the first one may have begun before the pause");
    assert_eq!(broken_by_steps(&[(500, Campaigns(1)), (501, Campaigns(2))]), early);
    assert_eq!(broken_by_steps(&[(500, Campaigns(1)), (840, Campaigns(2))]), early);
    assert_eq!(broken_by_steps(&[(500, Campaigns(1)), (900, Campaigns(2))]), None);
    assert_eq!(broken_by_steps(&[(500, Campaigns(1)), (501, Campaigns(1))]), None, "it asks once more");
    assert_eq!(broken_by_steps(&[(500, Campaigns(2)), (501, Campaigns(1))]), None, "a late request");
}

/// A leader that steps down does not campaign at once. Its timer may run from its last heartbeat, which came an interval
/// before its last entries at most, unless it was paused.
#[test]
fn a_deposed_leader_waits() {
    use Step::{Campaigns, IsPausedAndResumed, Leads};
    let early = Some("deposed-leader-waits");
    assert_eq!(broken_by_steps(&[(500, Campaigns(1)), (2_000, Leads(1)), (2_010, Campaigns(3))]), early);
    assert_eq!(broken_by_steps(&[(500, Campaigns(1)), (2_000, Leads(1)), (2_240, Campaigns(3))]), early);
    // It stopped leading without a newer term, as far as these messages tell. That is another rule.
    let late = broken_by_steps(&[(500, Campaigns(1)), (2_000, Leads(1)), (2_310, Campaigns(3))]);
    assert_ne!(late, early);
    let paused = [(500, Campaigns(1)), (1_990, IsPausedAndResumed), (2_000, Leads(1)), (2_010, Campaigns(3))];
    assert_ne!(broken_by_steps(Vec::from(paused).leak()), early, "its last heartbeat came before the pause");
}

/// The rule that is broken if a server sends while it holds a lock, or after it has released it.
fn broken_by_send(is_locked: bool) -> Option<&'static str> {
    let token = Token::of_seed("locked", 1);
    let body = move |world: &World| {
        let network = world.network(2);
        network.set_tap(Arc::new(observer(world)));
        network.plug(0, Some(sim::new_node("server 0")));
        let lock = Mutex::new(());
        let guard = is_locked.then(|| lock.lock());
        network.link(0, 1, Port::Raft).send(&1_u64);
        drop(guard);
    };
    let outcome = run_simulated(&token, Keep::All, Recorded::Nothing, Some(&WITH_DISK), &body).0;
    outcome.err().map(|failed| failed.rule(None).map_or("none", |rule| rule.name))
}

/// A server that sends while it holds a lock of its own package is found. The lock of a service that calls its
/// server does not count.
#[test]
fn a_send_under_a_lock_is_found() {
    assert_eq!(broken_by_send(true), Some("sends-unlocked"));
    assert_eq!(broken_by_send(false), None);
    assert_eq!(super::taps::package_of("lab2a-election/src/raft.rs"), "lab2a-election");
    assert_ne!(
        super::taps::package_of("lab3a-kv/src/server.rs"),
        super::taps::package_of("lab2a-election/src/raft.rs")
    );
}
