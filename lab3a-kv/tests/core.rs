//! Lab 3A part by part: the store alone, a server over a Raft that does as the test says, and a
//! clerk over a network that does. Time is virtual, so "at once" means within a millisecond.

use labrpc::kv::{Answer, ClientId, Command, Op, Refusal};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lab3a_kv::{Clerk, KvServer, Store};
use labrpc::channel::{Receiver, Sender, bounded, unbounded};
use labrpc::network::Carrier;
use labrpc::sim::{self, Settings};
use labrpc::sync::{Condvar, Mutex};
use labrpc::thread::{self, JoinHandle};
use labrpc::time::Instant;
use labrpc::wire::{self, WireError};
use labrpc::{ApplyMsg, Bytes, Elect, Link, LogPosition, NotLeader, PeerId, Port, Replicate, Status, Term};

const ALICE: ClientId = ClientId(1);
const BOB: ClientId = ClientId(2);
/// Long enough for a few threads to take their turns, far shorter than anybody's patience.
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

/// A Raft that leads until it is told otherwise, and commits what the test commits.
struct ScriptedRaft {
    status: Mutex<Option<Status>>,
    status_changed: Condvar,
    /// The newest term that the service has taken notice of.
    noticed: Mutex<Term>,
    term_noticed: Condvar,
    started: Sender<()>,
    /// What else happens before `start` returns.
    during_start: Box<dyn Fn(&ScriptedRaft) + Send + Sync>,
}

impl ScriptedRaft {
    fn stand(&self, term: Term, is_leader: bool) {
        *self.status.lock() = Some(Status { term, is_leader });
        self.status_changed.notify_all();
    }

    /// Loses the leadership to a newer term, and waits until the service knows.
    fn lose_leadership(&self, term: Term) {
        self.stand(term, false);
        let mut noticed = self.noticed.lock();
        while *noticed < term {
            self.term_noticed.wait(&mut noticed);
        }
    }
}

impl Elect for ScriptedRaft {
    fn status(&self) -> Status {
        self.status.lock().unwrap_or(Status { term: 0, is_leader: false })
    }

    fn watch(&self, seen: Status) -> Option<Status> {
        *self.noticed.lock() = seen.term;
        self.term_noticed.notify_all();
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

impl Replicate for ScriptedRaft {
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

/// A server over a scripted Raft that leads term 1, and the test's hold on it.
struct Stage {
    server: Arc<KvServer<ScriptedRaft>>,
    applied: Sender<ApplyMsg>,
    started: Receiver<()>,
}

impl Stage {
    fn new() -> Stage {
        Stage::with(|_, _| ())
    }

    fn with(during_start: impl Fn(&ScriptedRaft, &Sender<ApplyMsg>) + Send + Sync + 'static) -> Stage {
        // Without room of its own: a send is done when the apply loop is done with all before it.
        let (applied, applying) = bounded(0);
        let (sender, started) = unbounded();
        let committing = applied.clone();
        let raft = ScriptedRaft {
            status: Mutex::new(Some(Status { term: 1, is_leader: true })),
            status_changed: Condvar::new(),
            noticed: Mutex::new(0),
            term_noticed: Condvar::new(),
            started: sender,
            during_start: Box::new(move |raft| during_start(raft, &committing)),
        };
        Stage { server: KvServer::serve(raft, applying), applied, started }
    }

    /// Sends a request that is then blocked, its command being in Raft's hands.
    fn blocked(&self, command: Command) -> JoinHandle<Option<Answer>> {
        let server = self.server.clone();
        let request = thread::spawn(move || server.submit(&command));
        self.started.recv().unwrap();
        thread::sleep(AT_ONCE);
        request
    }

    fn commit(&self, command: &Command) {
        commit(&self.applied, command);
    }
}

fn commit(applied: &Sender<ApplyMsg>, command: &Command) {
    let at = LogPosition { term: 1, index: 1 };
    applied.send(ApplyMsg::Command { at, command: wire::encode(command).into() }).unwrap();
}

/// What a request was told, and that it was told so at once.
fn told_at_once(request: JoinHandle<Option<Answer>>) -> Option<Answer> {
    let asked = Instant::now();
    let answer = request.join().unwrap();
    assert!(asked.elapsed() <= AT_ONCE, "{answer:?} only came after {:?}", asked.elapsed());
    answer
}

fn ok(value: &str) -> Option<Answer> {
    Some(Ok(value.to_string()))
}

/// A write that stands in the log twice is done once; a read is read each time.
#[test]
fn a_write_is_done_once_and_a_read_each_time_3a() {
    let mut store = Store::default();
    assert_eq!(store.apply(get(ALICE, 1)), "", "a key that was never written");
    assert_eq!(store.apply(append(ALICE, 2, "a")), "", "a write has nothing to tell");
    store.apply(append(ALICE, 2, "a"));
    assert_eq!(store.apply(get(ALICE, 3)), "a");
    store.apply(append(BOB, 2, "b"));
    assert_eq!(store.apply(get(ALICE, 3)), "ab", "another client's number 2 is another write");
}

/// A late copy of an old write is not done again after newer ones.
#[test]
fn a_late_copy_never_follows_a_newer_write_3a() {
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
        let stage = Stage::with(|_, applied| {
            commit(applied, &put(ALICE, 1, "v"));
            commit(applied, &get(BOB, 1)); // taken only once the put is done with
        });
        let server = stage.server.clone();
        assert_eq!(told_at_once(thread::spawn(move || server.submit(&put(ALICE, 1, "v")))), ok(""));
    });
}

/// A request gets the result of its own command: not that of its client's earlier one, not that
/// of the command which took its place in the log; and it does not matter which copy is applied.
#[test]
fn a_request_gets_the_result_of_its_own_command_3a() {
    in_virtual_time(|| {
        let stage = Stage::new();
        let request = stage.blocked(get(ALICE, 2));
        stage.commit(&append(ALICE, 1, "a"));
        stage.commit(&append(BOB, 1, "b"));
        assert!(!request.is_finished());
        stage.commit(&get(ALICE, 2));
        assert_eq!(told_at_once(request), ok("ab"));
    });
}

/// When the network doubles a request, both copies are answered, so that none is refused.
#[test]
fn every_copy_of_a_request_is_answered_3a() {
    in_virtual_time(|| {
        let stage = Stage::new();
        let copies = [stage.blocked(append(ALICE, 1, "a")), stage.blocked(append(ALICE, 1, "a"))];
        stage.commit(&append(ALICE, 1, "a"));
        for copy in copies {
            assert_eq!(told_at_once(copy), ok(""));
        }
    });
}

/// A follower refuses; and so does, at once, a leader that loses its term, even if it leads again.
#[test]
fn a_lost_leadership_refuses_at_once_3a() {
    in_virtual_time(|| {
        let stage = Stage::new();
        let request = stage.blocked(put(ALICE, 1, "v"));
        stage.server.raft().stand(3, true);
        assert_eq!(told_at_once(request), Some(Err(Refusal::LeadershipLost)));
        let request = stage.blocked(put(ALICE, 1, "v"));
        stage.server.raft().lose_leadership(4);
        assert_eq!(told_at_once(request), Some(Err(Refusal::LeadershipLost)));
        assert_eq!(stage.server.submit(&put(ALICE, 1, "v")), Some(Err(Refusal::NotLeader)));
    });
}

/// A leadership that ends while `start` returns is not missed.
#[test]
fn a_leadership_lost_inside_start_refuses_at_once_3a() {
    in_virtual_time(|| {
        let stage = Stage::with(|raft, _| raft.lose_leadership(2));
        let request = stage.blocked(put(ALICE, 1, "v"));
        assert_eq!(told_at_once(request), Some(Err(Refusal::LeadershipLost)));
    });
}

/// A leader that is cut off gives a request up when its clerk does; that one and no other.
#[test]
fn a_leader_that_is_cut_off_gives_up_3a() {
    in_virtual_time(|| {
        let stage = Stage::new();
        let asked = Instant::now();
        let request = stage.blocked(put(ALICE, 1, "v"));
        thread::sleep(Clerk::PATIENCE / 2);
        let copy = stage.blocked(put(ALICE, 1, "v"));
        assert_eq!(request.join().unwrap(), Some(Err(Refusal::Undecided)));
        assert!(asked.elapsed() < Clerk::PATIENCE + AT_ONCE);
        stage.commit(&put(ALICE, 1, "v"));
        assert_eq!(told_at_once(copy), ok(""));
    });
}

/// A shut-down server lets its requests go without an answer, and later ones, too.
#[test]
fn a_shut_down_server_answers_nothing_3a() {
    in_virtual_time(|| {
        let stage = Stage::new();
        let request = stage.blocked(put(ALICE, 1, "v"));
        stage.server.shutdown();
        stage.server.shutdown();
        assert_eq!(told_at_once(request), None);
        assert_eq!(stage.server.submit(&put(ALICE, 1, "v")), None);
    });
}

/// A command that was taken in a term is not refused because the server learns late that this term
/// has begun.
#[test]
fn news_of_its_own_term_refuses_nobody_3a() {
    in_virtual_time(|| {
        let stage = Stage::new();
        let request = stage.blocked(put(ALICE, 1, "v"));
        stage.server.raft().stand(1, false);
        thread::sleep(AT_ONCE);
        assert!(!request.is_finished(), "no newer term has come: what it waits for may yet be applied");
        stage.commit(&put(ALICE, 1, "v"));
        assert_eq!(told_at_once(request), ok(""));
    });
}

/// A store that is replaced as a whole (lab 3B) answers whoever waits for a write that is in it, and
/// nobody else.
#[test]
fn a_replaced_store_answers_the_writes_in_it_3a() {
    in_virtual_time(|| {
        let stage = Stage::new();
        let written = stage.blocked(put(ALICE, 2, "v"));
        let others = [stage.blocked(put(ALICE, 3, "v")), stage.blocked(put(BOB, 2, "v"))];
        let mut store = Store::default();
        store.apply(put(ALICE, 2, "v"));
        stage.server.replaced(&store);
        assert_eq!(told_at_once(written), ok(""));
        assert!(others.iter().all(|other| !other.is_finished()), "these are not in it");
    });
}

/// Reign is watched through the service as through its Raft.
#[test]
fn the_service_passes_on_what_raft_does_3a() {
    in_virtual_time(|| {
        let stage = Stage::new();
        let leader = Status { term: 1, is_leader: true };
        assert_eq!(stage.server.watch(Status { term: 0, is_leader: false }), Some(leader));
    });
}

/// A refusal says what to do next.
#[test]
fn refusals_say_what_to_do_3a() {
    for refusal in [Refusal::NotLeader, Refusal::LeadershipLost, Refusal::Undecided] {
        assert!(refusal.to_string().contains("ask "), "{refusal}");
    }
}

/// A network that answers a clerk from a script, and notes whom it asked what.
struct ScriptedCarrier {
    script: Mutex<VecDeque<Option<Answer>>>,
    asked: Mutex<Vec<(PeerId, u64)>>,
}

impl Carrier for ScriptedCarrier {
    fn send(&self, _from: PeerId, _to: PeerId, _port: Port, _request: Vec<u8>) {
        panic!("a clerk waits for its answer: it uses call, not send");
    }

    fn call(&self, _: PeerId, to: PeerId, _: Port, request: Vec<u8>, _: Duration) -> Option<Vec<u8>> {
        let command: Command = wire::decode(&request).unwrap();
        self.asked.lock().push((to, command.sequence));
        let answer = self.script.lock().pop_front().expect("the clerk asks more often than it needs to");
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

/// A clerk asks on after a silence and after a refusal, under the same number; remembers who
/// answered; and gives its next operation a number of its own, reads included.
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

/// A clerk rests when all servers have refused, and only then.
#[test]
fn a_clerk_does_not_flood_3a() {
    in_virtual_time(|| {
        let refused = || Some(Err(Refusal::NotLeader));
        let (mut clerk, _) = scripted_clerk((0..7).map(|_| refused()).chain([ok("v")]));
        let began = Instant::now();
        assert_eq!(clerk.get("k"), "v");
        let rested = began.elapsed();
        assert!(rested >= 2 * Clerk::PAUSE && rested < 2 * Clerk::PAUSE + AT_ONCE, "rested {rested:?} in two rounds");
    });
}
