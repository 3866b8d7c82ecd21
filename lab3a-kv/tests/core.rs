//! Lab 3A part by part: the store alone, a server over a Raft that the test controls, and a clerk
//! over a network that the test controls. Time is virtual, so "at once" means within a millisecond.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lab2a_election::TIMING;
use lab3a_kv::{Clerk, KvServer, Store};
use labrpc::kv::{Answer, ClientId, Command, Op, Refusal};
use labrpc::network::Carrier;
use labrpc::sim::{self, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{Elect, KvClient, Link, PeerId, Port, Status};
use testkit::Contract;
use testkit::script::{ScriptedRaft, ScriptedService};

const ALICE: ClientId = ClientId(1);
const BOB: ClientId = ClientId(2);
/// Long enough for a few threads to take their turns, and far shorter than any timeout.
const AT_ONCE: Duration = Duration::from_millis(1);

fn in_virtual_time(body: impl FnOnce() + Send) {
    sim::run(Settings::default(), body).0.unwrap_or_else(|failure| panic!("{failure}"));
}

fn get(client: ClientId, sequence: u64) -> Command {
    Command { client, sequence, op: Op::Get { key: "k".to_string() } }
}

fn put(client: ClientId, sequence: u64, value: &str) -> Command {
    Command { client, sequence, op: Op::Put { key: "k".to_string(), value: value.to_string() } }
}

fn append(client: ClientId, sequence: u64, value: &str) -> Command {
    Command { client, sequence, op: Op::Append { key: "k".to_string(), value: value.to_string() } }
}

/// What these servers promise.
static SERVERS: Contract = Contract::new(TIMING).with_clerks();

/// A service over a Raft that leads term 1 and does what the test says.
type Service = ScriptedService<KvServer<ScriptedRaft>>;

fn service_over(raft: ScriptedRaft) -> Service {
    ScriptedService::new(raft, KvServer::serve)
}

/// A command is applied when `commit` returns, and so is everything before it.
fn service() -> Service {
    service_over(ScriptedRaft::in_step(&SERVERS))
}

fn ok(value: &str) -> Option<Answer> {
    Some(Ok(value.to_string()))
}

const APPLIED: &str = "its command was applied";

/// A write that is in the log twice is done once. A read is done each time.
#[test]
fn a_write_is_done_once_and_a_read_each_time_3a() {
    let mut store = Store::default();
    assert_eq!(store.apply(get(ALICE, 1)), "", "a key that was never written");
    assert_eq!(store.apply(append(ALICE, 2, "a")), "", "a write's answer is empty");
    store.apply(append(ALICE, 2, "a"));
    assert_eq!(store.apply(get(ALICE, 3)), "a");
    store.apply(append(BOB, 2, "b"));
    assert_eq!(store.apply(get(ALICE, 3)), "ab", "another client's number 2 is another write");
}

/// A late copy of an old write is not done again after newer writes.
#[test]
fn a_late_copy_of_an_old_write_is_not_done_3a() {
    let mut store = Store::default();
    for command in [put(ALICE, 1, "old"), append(ALICE, 2, "+"), put(BOB, 1, "new"), put(ALICE, 1, "old")] {
        store.apply(command);
    }
    store.apply(append(ALICE, 2, "+"));
    assert_eq!(store.apply(get(BOB, 2)), "new");
}

/// A request is answered even if its command is applied before `start` returns.
#[test]
fn a_command_applied_inside_start_is_answered_3a() {
    in_virtual_time(|| {
        let kv = service_over(ScriptedRaft::during_start(&SERVERS, |raft| {
            raft.commit(1, &put(ALICE, 1, "v"));
            thread::sleep(AT_ONCE);
        }));
        kv.ask(put(ALICE, 1, "v")).expect_result("", APPLIED);
    });
}

/// A request gets the result of its own command, and not that of its client's earlier command or of
/// another command at its index. It does not matter which copy of its command is applied.
#[test]
fn a_request_gets_the_result_of_its_own_command_3a() {
    in_virtual_time(|| {
        let kv = service();
        let request = kv.ask(get(ALICE, 2));
        kv.commit(1, &append(ALICE, 1, "a"));
        kv.commit(1, &append(BOB, 1, "b"));
        assert!(!request.is_finished());
        kv.commit(1, &get(ALICE, 2));
        request.expect_result("ab", APPLIED);
    });
}

/// When the network doubles a request, both copies are answered.
#[test]
fn every_copy_of_a_request_is_answered_3a() {
    in_virtual_time(|| {
        let kv = service();
        let copies = [kv.ask(append(ALICE, 1, "a")), kv.ask(append(ALICE, 1, "a"))];
        kv.raft().commit(1, &append(ALICE, 1, "a"));
        for copy in copies {
            copy.expect_result("", APPLIED);
        }
    });
}

/// A leader that loses its leadership refuses its blocked requests at once, even if it already leads
/// a newer term. A follower refuses every request.
#[test]
fn a_lost_leadership_refuses_requests_at_once_3a() {
    in_virtual_time(|| {
        let kv = service();
        for (term, is_leader) in [(3, true), (4, false)] {
            let request = kv.ask(put(ALICE, 1, "v"));
            kv.raft().set_status(term, is_leader);
            assert_eq!(request.expect_at_once("a newer term began"), Some(Err(Refusal::LeadershipLost)));
        }
        assert_eq!(kv.typed().submit(&put(ALICE, 1, "v")), Some(Err(Refusal::NotLeader)));
    });
}

/// A request is refused at once if the leadership ends before `start` returns.
#[test]
fn a_leadership_lost_inside_start_refuses_at_once_3a() {
    in_virtual_time(|| {
        let kv = service_over(ScriptedRaft::during_start(&SERVERS, |raft| {
            raft.set_status(2, false);
            thread::sleep(AT_ONCE);
        }));
        let request = kv.ask(put(ALICE, 1, "v"));
        assert_eq!(request.expect_at_once("term 2 began"), Some(Err(Refusal::LeadershipLost)));
    });
}

/// A leader that is cut off refuses a request when its clerk has given up, and no other request.
#[test]
fn a_request_without_an_answer_times_out_with_its_clerk_3a() {
    in_virtual_time(|| {
        let kv = service();
        let asked = Instant::now();
        let request = kv.ask(put(ALICE, 1, "v"));
        thread::sleep(Clerk::PATIENCE / 2);
        let copy = kv.ask(put(ALICE, 1, "v"));
        assert_eq!(request.wait(), Some(Err(Refusal::Undecided)));
        assert!(asked.elapsed() < Clerk::PATIENCE + AT_ONCE);
        kv.raft().commit(1, &put(ALICE, 1, "v"));
        copy.expect_result("", APPLIED);
    });
}

/// A server that is shut down releases its requests without an answer, and later ones at once.
#[test]
fn a_shut_down_server_answers_nothing_3a() {
    in_virtual_time(|| {
        let kv = service();
        let request = kv.ask(put(ALICE, 1, "v"));
        kv.server().shutdown();
        kv.server().shutdown();
        assert_eq!(request.expect_at_once("the server is shut down"), None);
        assert_eq!(kv.typed().submit(&put(ALICE, 1, "v")), None);
    });
}

/// A request whose command was taken in a term is not refused when the server learns of that same
/// term later.
#[test]
fn a_change_within_its_term_refuses_no_request_3a() {
    in_virtual_time(|| {
        let kv = service();
        let request = kv.ask(put(ALICE, 1, "v"));
        kv.raft().set_status(1, false);
        kv.let_threads_run();
        assert!(!request.is_finished(), "there is no newer term, so its command may still be applied");
        kv.raft().commit(1, &put(ALICE, 1, "v"));
        request.expect_result("", APPLIED);
    });
}

/// When a snapshot replaces the store (lab 3B), only the requests whose write is in it are answered.
#[test]
fn a_replaced_store_answers_the_writes_in_it_3a() {
    in_virtual_time(|| {
        let kv = service();
        let written = kv.ask(put(ALICE, 2, "v"));
        let others = [kv.ask(put(ALICE, 3, "v")), kv.ask(put(BOB, 2, "v"))];
        let mut store = Store::default();
        store.apply(put(ALICE, 2, "v"));
        kv.typed().replaced(&store);
        written.expect_result("", "its write is in the new store");
        assert!(others.iter().all(|other| !other.is_finished()), "their writes are not in it");
    });
}

/// The service's status is its Raft's.
#[test]
fn a_watcher_of_the_service_learns_rafts_status_3a() {
    in_virtual_time(|| {
        let kv = service();
        let leader = Status { term: 1, is_leader: true };
        assert_eq!(kv.server().watch(Status { term: 0, is_leader: false }), Some(leader));
    });
}

/// Each refusal says what to do next.
#[test]
fn refusals_say_what_to_do_3a() {
    for refusal in [Refusal::NotLeader, Refusal::LeadershipLost, Refusal::Undecided] {
        assert!(refusal.to_string().contains("ask "), "{refusal}");
    }
}

/// A network that answers a clerk from a script, and records each server and sequence number that
/// the clerk asks.
struct ScriptedCarrier {
    script: Mutex<VecDeque<Option<Answer>>>,
    asked: Mutex<Vec<(PeerId, u64)>>,
}

impl Carrier for ScriptedCarrier {
    fn send(&self, _from: PeerId, _to: PeerId, _port: Port, _request: Vec<u8>) {
        panic!("a clerk waits for its answer, so it uses call and not send");
    }

    fn call(&self, _: PeerId, to: PeerId, _: Port, request: Vec<u8>, _: Duration) -> Option<Vec<u8>> {
        let command: Command = wire::decode(&request).unwrap();
        self.asked.lock().push((to, command.sequence));
        let answer = self.script.lock().pop_front().expect("the clerk asks again although it was answered");
        answer.map(|answer| wire::encode(&answer))
    }

    fn report(&self, error: WireError) {
        panic!("{error}");
    }
}

fn scripted_clerk(script: impl IntoIterator<Item = Option<Answer>>) -> (Clerk, Arc<ScriptedCarrier>) {
    let script = Mutex::new(script.into_iter().collect());
    let carrier = Arc::new(ScriptedCarrier { script, asked: Mutex::default() });
    let links = (0..3).map(|to| Link::new(3, to, Port::Kv, carrier.clone())).collect();
    (Clerk::new(ALICE, links), carrier)
}

/// After a timeout or a refusal, a clerk asks the next server with the same sequence number. Its
/// next operation, even a read, has a new number and goes to the server that answered last.
#[test]
fn a_clerk_finds_and_remembers_the_leader_3a() {
    in_virtual_time(|| {
        let (mut clerk, carrier) = scripted_clerk([None, Some(Err(Refusal::NotLeader)), ok(""), ok("v"), ok("")]);
        clerk.append("k", "v");
        assert_eq!(clerk.get("k"), "v");
        clerk.put("k", "w");
        assert_eq!(*carrier.asked.lock(), [(0, 1), (1, 1), (2, 1), (2, 2), (2, 3)]);
    });
}

/// A clerk pauses after all servers have refused, and only then.
#[test]
fn a_clerk_pauses_after_each_round_of_refusals_3a() {
    in_virtual_time(|| {
        let refused = || Some(Err(Refusal::NotLeader));
        let (mut clerk, _) = scripted_clerk((0..7).map(|_| refused()).chain([ok("v")]));
        let began = Instant::now();
        assert_eq!(clerk.get("k"), "v");
        let paused = began.elapsed();
        assert!(paused >= 2 * Clerk::PAUSE && paused < 2 * Clerk::PAUSE + AT_ONCE, "paused {paused:?} in two rounds");
    });
}
