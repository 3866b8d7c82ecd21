//! Lab 3B part by part: what a snapshot holds, when it is taken, and an apply loop over a Raft
//! that does as the test says. Time is virtual.

use labrpc::kv::{Answer, ClientId, Command, Op};
use std::sync::Arc;
use std::time::Duration;

use lab3a_kv::{KvServer, Store};
use lab3b_kvsnap::{SnapshotRule, serve, snapshot};
use labrpc::channel::{Receiver, Sender, bounded, unbounded};
use labrpc::sim::{self, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Index, LogPosition, NotLeader, Persister, Replicate, Save, Status, wire,
};

const ALICE: ClientId = ClientId(1);
const RAFT_STATE_BYTES_MAX: usize = 1000;
/// Long enough for a few threads to take their turns, far shorter than a request's patience.
const AT_ONCE: Duration = Duration::from_millis(1);

fn get(sequence: u64) -> Command {
    Command { client: ALICE, sequence, op: Op::Get { key: "k".to_string() } }
}

fn append(sequence: u64, value: &str) -> Command {
    Command { client: ALICE, sequence, op: Op::Append { key: "k".to_string(), value: value.to_string() } }
}

fn store_of(commands: impl IntoIterator<Item = Command>) -> Store {
    let mut store = Store::default();
    for command in commands {
        store.apply(command);
    }
    store
}

/// A leader whose log is on disk and nothing else: it commits when the test says so.
struct ScriptedRaft {
    persister: Arc<Persister>,
    /// How many entries are on disk.
    entries: Mutex<usize>,
    snapshots: Mutex<Vec<(Index, Bytes)>>,
    never: Receiver<()>,
    _never: Sender<()>,
}

impl ScriptedRaft {
    fn new(persister: Arc<Persister>) -> ScriptedRaft {
        let (_never, never) = bounded(0);
        ScriptedRaft { persister, entries: Mutex::new(0), snapshots: Mutex::default(), never, _never }
    }

    fn snapshot_last_index(&self) -> Index {
        self.snapshots.lock().last().map_or(0, |(through, _)| *through)
    }
}

impl Elect for ScriptedRaft {
    fn status(&self) -> Status {
        Status { term: 1, is_leader: true }
    }

    fn watch(&self, _seen: Status) -> Option<Status> {
        let _ = self.never.recv();
        None
    }

    fn shutdown(&self) {}
}

impl Replicate for ScriptedRaft {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        let mut entries = self.entries.lock();
        self.persister.save(Save { keep: *entries, append: vec![command], ..Save::default() });
        *entries += 1;
        Ok(LogPosition { term: 1, index: self.snapshot_last_index() + *entries as Index })
    }
}

impl Compact for ScriptedRaft {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        let mut entries = self.entries.lock();
        let forget = (through - self.snapshot_last_index()) as usize;
        *entries -= forget;
        self.persister.save(Save { forget, keep: *entries, snapshot: Some(snapshot.clone()), ..Save::default() });
        self.snapshots.lock().push((through, snapshot));
    }
}

/// A server over a scripted Raft, and the test's hold on it.
struct Stage {
    server: Arc<KvServer<ScriptedRaft>>,
    applied: Sender<ApplyMsg>,
    persister: Arc<Persister>,
}

impl Stage {
    fn new() -> Stage {
        let persister = Arc::new(Persister::new(0));
        let (applied, applying) = unbounded();
        let raft = ScriptedRaft::new(persister.clone());
        Stage { server: serve(raft, applying, persister.clone(), RAFT_STATE_BYTES_MAX), applied, persister }
    }

    fn commit(&self, index: Index, command: &Command) {
        let at = LogPosition { term: 1, index };
        self.applied.send(ApplyMsg::Command { at, command: wire::encode(command).into() }).unwrap();
    }

    fn install(&self, index: Index, snapshot: Bytes) {
        self.applied.send(ApplyMsg::Snapshot { through: LogPosition { term: 1, index }, snapshot }).unwrap();
    }

    /// The answer to a request whose command is committed as soon as it waits; or that waits
    /// for something that is about to be installed.
    fn answer(&self, command: Command, bring: impl FnOnce()) -> Option<Answer> {
        let server = self.server.clone();
        let request = thread::spawn(move || server.submit(&command));
        thread::sleep(AT_ONCE);
        bring();
        thread::sleep(AT_ONCE);
        assert!(request.is_finished(), "the request is not answered at once");
        request.join().unwrap()
    }
}

/// A store comes back from a snapshot whole: a write that it holds is not done again.
#[test]
fn a_snapshot_holds_the_sessions_3b() {
    let store = store_of([append(1, "a"), append(2, "b")]);
    let mut restored = snapshot::decode(&snapshot::encode(&store));
    assert_eq!(restored, store);
    restored.apply(append(2, "b"));
    assert_eq!(restored.apply(get(3)), "ab");
}

/// A server that is handed a damaged snapshot stops, and says why.
#[test]
fn a_damaged_snapshot_ends_the_server_3b() {
    let whole = snapshot::encode(&store_of([append(1, "a")]));
    let (result, _) = sim::run(Settings::default(), || {
        let stage = Stage::new();
        stage.install(1, Bytes::from(&whole[..whole.len() - 1]));
        thread::sleep(AT_ONCE);
    });
    let failure = result.expect_err("the server goes on without its snapshot");
    assert!(failure.message.contains("no going on without this snapshot"), "{failure}");
}

/// However far Raft is ahead, each snapshot holds what was applied through its own index, and
/// no more; and once a log that came all at once is applied, little of it is left.
#[test]
fn a_snapshot_is_the_state_at_its_index_3b() {
    const COMMANDS: u64 = 500;
    in_virtual_time(|| {
        let stage = Stage::new();
        let command = |index| append(index, &format!("{index},"));
        for index in 1..=COMMANDS {
            stage.server.raft().start(wire::encode(&command(index)).into()).unwrap();
        }
        assert!(stage.persister.raft_state_bytes() > 8 * RAFT_STATE_BYTES_MAX);
        for index in 1..=COMMANDS {
            stage.commit(index, &command(index));
        }
        thread::sleep(AT_ONCE);
        let snapshots = stage.server.raft().snapshots.lock().clone();
        for (through, bytes) in &snapshots {
            assert_eq!(snapshot::decode(bytes), store_of((1..=*through).map(command)), "through {through}");
        }
        assert!(snapshots.len() > 10 && snapshots.len() < 100, "{} snapshots", snapshots.len());
        let left_bytes = stage.persister.raft_state_bytes();
        assert!(left_bytes <= RAFT_STATE_BYTES_MAX, "{left_bytes} bytes of log are left with all of it applied");
    });
}

/// Commands in flight, though they exceed the limit alone, do not make a snapshot after each
/// command; and the log stays far below eight times the limit.
#[test]
fn commands_in_flight_do_not_make_a_snapshot_each_3b() {
    const COMMAND_BYTES: usize = 80;
    const IN_FLIGHT_BYTES: usize = 20 * COMMAND_BYTES;
    const COMMANDS: usize = 1000;
    let mut rule = SnapshotRule::new(RAFT_STATE_BYTES_MAX);
    let (mut applied_bytes, mut snapshots) = (0, 0);
    for _ in 0..COMMANDS {
        rule.applied(COMMAND_BYTES);
        applied_bytes += COMMAND_BYTES;
        assert!(IN_FLIGHT_BYTES + applied_bytes <= 3 * RAFT_STATE_BYTES_MAX);
        if rule.is_due(IN_FLIGHT_BYTES + applied_bytes) {
            rule.taken();
            (applied_bytes, snapshots) = (0, snapshots + 1);
        }
    }
    assert!(snapshots * 5 < COMMANDS, "{snapshots} snapshots for {COMMANDS} commands");
    assert!(!SnapshotRule::new(usize::MAX).is_due(usize::MAX), "without a limit nothing is ever due");
}

/// A snapshot takes the place of the store, of its sessions too, and commands go on from there.
#[test]
fn a_server_goes_on_from_a_snapshot_3b() {
    in_virtual_time(|| {
        let stage = Stage::new();
        stage.commit(1, &append(1, "only here"));
        stage.install(9, snapshot::encode(&store_of([append(1, "a"), append(2, "b")])));
        stage.commit(10, &append(2, "b"));
        stage.commit(11, &append(3, "c"));
        assert_eq!(stage.answer(get(4), || stage.commit(12, &get(4))), Some(Ok("abc".to_string())));
    });
}

/// A write that a snapshot covers is answered when the snapshot comes: its command never will.
#[test]
fn a_write_inside_a_snapshot_is_answered_3b() {
    in_virtual_time(|| {
        let stage = Stage::new();
        let install = || stage.install(9, snapshot::encode(&store_of([append(1, "a")])));
        assert_eq!(stage.answer(append(1, "a"), install), Some(Ok(String::new())));
    });
}

fn in_virtual_time(body: impl FnOnce() + Send) {
    sim::run(Settings::default(), body).0.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A log may be as long as its limit, and a cut must remove more than half of that.
#[test]
fn snapshots_are_due_above_the_limit_3b() {
    let mut rule = SnapshotRule::new(100);
    rule.applied(50);
    assert!(!rule.is_due(101), "half the limit is too little to gain");
    rule.applied(1);
    assert!(!rule.is_due(100), "that is the limit, and not above it");
    assert!(rule.is_due(101));
}
