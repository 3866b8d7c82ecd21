//! Lab 3A part by part: the store alone, a server over a Raft that the test controls, and a clerk
//! over a network that the test controls. Time is virtual, so "at once" means within a millisecond.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lab3a_kv::{Clerk, KvServer, Store};
use labrpc::channel::{Receiver, Sender, bounded, unbounded};
use labrpc::kv::{Answer, ClientId, Command, KvClient, Op, Refusal};
use labrpc::network::Carrier;
use labrpc::sim::{self, Settings};
use labrpc::sync::{Condvar, Mutex};
use labrpc::thread::{self, JoinHandle};
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{ApplyMsg, Bytes, Elect, Link, LogPosition, NotLeader, PeerId, Port, Replicate, Status, Term};

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

/// A Raft whose status the test sets. It leads at first, and commits nothing by itself.
struct RaftStub {
    status: Mutex<Option<Status>>,
    status_changed: Condvar,
    /// The newest term that the service has seen.
    seen_term: Mutex<Term>,
    term_seen: Condvar,
    started: Sender<()>,
    /// What else happens before `start` returns.
    during_start: Box<dyn Fn(&RaftStub) + Send + Sync>,
}

impl RaftStub {
    fn set_status(&self, term: Term, is_leader: bool) {
        *self.status.lock() = Some(Status { term, is_leader });
        self.status_changed.notify_all();
    }

    /// Loses the leadership to a newer term, and waits until the service has seen it.
    fn lose_leadership(&self, term: Term) {
        self.set_status(term, false);
        let mut seen_term = self.seen_term.lock();
        while *seen_term < term {
            self.term_seen.wait(&mut seen_term);
        }
    }
}

impl Elect for RaftStub {
    fn status(&self) -> Status {
        self.status.lock().unwrap_or(Status { term: 0, is_leader: false })
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        *self.seen_term.lock() = seen.term;
        self.term_seen.notify_all();
        let mut status = self.status.lock();
        while *status == Some(seen) {
            self.status_changed.wait(&mut status);
        }
        *status
    }

    fn shutdown(&self) {
        *self.status.lock() = None;
        self.status_changed.notify_all();
    }
}

impl Replicate for RaftStub {
    fn start(&self, _command: Bytes) -> Result<LogPosition, NotLeader> {
        let Status { term, is_leader } = self.status();
        if !is_leader {
            return Err(NotLeader);
        }
        (self.during_start)(self);
        self.started.send(()).unwrap();
        Ok(LogPosition { term, index: 1 })
    }
}

/// A server over a [`RaftStub`] that leads term 1, and the channels by which the test controls it.
struct KvTest {
    server: Arc<KvServer<RaftStub>>,
    apply_ch: Sender<ApplyMsg>,
    started: Receiver<()>,
}

impl KvTest {
    fn new() -> KvTest {
        KvTest::with(|_, _| ())
    }

    fn with(during_start: impl Fn(&RaftStub, &Sender<ApplyMsg>) + Send + Sync + 'static) -> KvTest {
        // The channel has no buffer: a send returns only once the apply loop has finished with
        // everything before it.
        let (apply_ch, apply_rx) = bounded(0);
        let (sender, started) = unbounded();
        let apply_ch_of_raft = apply_ch.clone();
        let raft = RaftStub {
            status: Mutex::new(Some(Status { term: 1, is_leader: true })),
            status_changed: Condvar::new(),
            seen_term: Mutex::new(0),
            term_seen: Condvar::new(),
            started: sender,
            during_start: Box::new(move |raft| during_start(raft, &apply_ch_of_raft)),
        };
        KvTest { server: KvServer::serve(raft, apply_rx), apply_ch, started }
    }

    /// Sends a request, which is blocked when this returns: Raft has taken its command.
    fn blocked(&self, command: Command) -> JoinHandle<Option<Answer>> {
        let server = self.server.clone();
        let request = thread::spawn(move || server.submit(&command));
        self.started.recv().unwrap();
        thread::sleep(AT_ONCE);
        request
    }

    fn commit(&self, command: &Command) {
        commit(&self.apply_ch, command);
    }
}

fn commit(apply_ch: &Sender<ApplyMsg>, command: &Command) {
    let at = LogPosition { term: 1, index: 1 };
    apply_ch.send(ApplyMsg::Command { at, command: wire::encode(command).into() }).unwrap();
}

/// A request's answer, which must come at once.
fn answer_at_once(request: JoinHandle<Option<Answer>>) -> Option<Answer> {
    let asked = Instant::now();
    let answer = request.join().unwrap();
    assert!(asked.elapsed() <= AT_ONCE, "{answer:?} only came after {:?}", asked.elapsed());
    answer
}

fn ok(value: &str) -> Option<Answer> {
    Some(Ok(value.to_string()))
}

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
        let kv = KvTest::with(|_, apply_ch| {
            commit(apply_ch, &put(ALICE, 1, "v"));
            commit(apply_ch, &get(BOB, 1)); // Received only once the put is applied and answered.
        });
        let server = kv.server.clone();
        assert_eq!(answer_at_once(thread::spawn(move || server.submit(&put(ALICE, 1, "v")))), ok(""));
    });
}

/// A request gets the result of its own command, and not that of its client's earlier command or of
/// another command at its index. It does not matter which copy of its command is applied.
#[test]
fn a_request_gets_the_result_of_its_own_command_3a() {
    in_virtual_time(|| {
        let kv = KvTest::new();
        let request = kv.blocked(get(ALICE, 2));
        kv.commit(&append(ALICE, 1, "a"));
        kv.commit(&append(BOB, 1, "b"));
        assert!(!request.is_finished());
        kv.commit(&get(ALICE, 2));
        assert_eq!(answer_at_once(request), ok("ab"));
    });
}

/// When the network doubles a request, both copies are answered.
#[test]
fn every_copy_of_a_request_is_answered_3a() {
    in_virtual_time(|| {
        let kv = KvTest::new();
        let copies = [kv.blocked(append(ALICE, 1, "a")), kv.blocked(append(ALICE, 1, "a"))];
        kv.commit(&append(ALICE, 1, "a"));
        for copy in copies {
            assert_eq!(answer_at_once(copy), ok(""));
        }
    });
}

/// A leader that loses its leadership refuses its blocked requests at once, even if it already leads
/// a newer term. A follower refuses every request.
#[test]
fn a_lost_leadership_refuses_requests_at_once_3a() {
    in_virtual_time(|| {
        let kv = KvTest::new();
        let request = kv.blocked(put(ALICE, 1, "v"));
        kv.server.raft().set_status(3, true);
        assert_eq!(answer_at_once(request), Some(Err(Refusal::LeadershipLost)));
        let request = kv.blocked(put(ALICE, 1, "v"));
        kv.server.raft().lose_leadership(4);
        assert_eq!(answer_at_once(request), Some(Err(Refusal::LeadershipLost)));
        assert_eq!(kv.server.submit(&put(ALICE, 1, "v")), Some(Err(Refusal::NotLeader)));
    });
}

/// A request is refused at once if the leadership ends before `start` returns.
#[test]
fn a_leadership_lost_inside_start_refuses_at_once_3a() {
    in_virtual_time(|| {
        let kv = KvTest::with(|raft, _| raft.lose_leadership(2));
        let request = kv.blocked(put(ALICE, 1, "v"));
        assert_eq!(answer_at_once(request), Some(Err(Refusal::LeadershipLost)));
    });
}

/// A leader that is cut off refuses a request when its clerk has given up, and no other request.
#[test]
fn a_request_without_an_answer_times_out_with_its_clerk_3a() {
    in_virtual_time(|| {
        let kv = KvTest::new();
        let asked = Instant::now();
        let request = kv.blocked(put(ALICE, 1, "v"));
        thread::sleep(Clerk::PATIENCE / 2);
        let copy = kv.blocked(put(ALICE, 1, "v"));
        assert_eq!(request.join().unwrap(), Some(Err(Refusal::Undecided)));
        assert!(asked.elapsed() < Clerk::PATIENCE + AT_ONCE);
        kv.commit(&put(ALICE, 1, "v"));
        assert_eq!(answer_at_once(copy), ok(""));
    });
}

/// A server that is shut down releases its requests without an answer, and later ones at once.
#[test]
fn a_shut_down_server_answers_nothing_3a() {
    in_virtual_time(|| {
        let kv = KvTest::new();
        let request = kv.blocked(put(ALICE, 1, "v"));
        kv.server.shutdown();
        kv.server.shutdown();
        assert_eq!(answer_at_once(request), None);
        assert_eq!(kv.server.submit(&put(ALICE, 1, "v")), None);
    });
}

/// A request whose command was taken in a term is not refused when the server learns of that same
/// term later.
#[test]
fn a_change_within_its_term_refuses_no_request_3a() {
    in_virtual_time(|| {
        let kv = KvTest::new();
        let request = kv.blocked(put(ALICE, 1, "v"));
        kv.server.raft().set_status(1, false);
        thread::sleep(AT_ONCE);
        assert!(!request.is_finished(), "there is no newer term, so its command may still be applied");
        kv.commit(&put(ALICE, 1, "v"));
        assert_eq!(answer_at_once(request), ok(""));
    });
}

/// When a snapshot replaces the store (lab 3B), only the requests whose write is in it are answered.
#[test]
fn a_replaced_store_answers_the_writes_in_it_3a() {
    in_virtual_time(|| {
        let kv = KvTest::new();
        let written = kv.blocked(put(ALICE, 2, "v"));
        let others = [kv.blocked(put(ALICE, 3, "v")), kv.blocked(put(BOB, 2, "v"))];
        let mut store = Store::default();
        store.apply(put(ALICE, 2, "v"));
        kv.server.replaced(&store);
        assert_eq!(answer_at_once(written), ok(""));
        assert!(others.iter().all(|other| !other.is_finished()), "their writes are not in it");
    });
}

/// The service's status is its Raft's.
#[test]
fn a_watcher_of_the_service_learns_rafts_status_3a() {
    in_virtual_time(|| {
        let kv = KvTest::new();
        let leader = Status { term: 1, is_leader: true };
        assert_eq!(kv.server.watch(Status { term: 0, is_leader: false }), Some(leader));
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
