//! Lab 3B part by part: what a snapshot holds, when it is taken, and an apply loop over a Raft
//! that the test controls. Time is virtual.

use std::sync::Arc;
use std::time::Duration;

use lab3a_kv::{KvServer, Store};
use lab3b_kvsnap::{SnapshotRule, serve, snapshot};
use labrpc::channel::{Receiver, Sender, bounded, unbounded};
use labrpc::kv::{Answer, ClientId, Command, Op};
use labrpc::sim::{self, Settings};
use labrpc::sync::Mutex;
use labrpc::thread;
use labrpc::{
    ApplyMsg, Bytes, Compact, Elect, Index, LogPosition, NotLeader, Persister, Replicate, Save, Status, wire,
};

const ALICE: ClientId = ClientId(1);
const RAFT_STATE_BYTES_MAX: usize = 1000;
/// Long enough for a few threads to take their turns, and far shorter than a request's timeout.
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

/// A Raft that always leads term 1 and keeps its log on disk only. The test says what is committed.
struct LeaderStub {
    persister: Arc<Persister>,
    /// How many entries are on disk.
    entries: Mutex<usize>,
    snapshots: Mutex<Vec<(Index, Bytes)>>,
    never: Receiver<()>,
    _never: Sender<()>,
}

impl LeaderStub {
    fn new(persister: Arc<Persister>) -> LeaderStub {
        let (_never, never) = bounded(0);
        LeaderStub { persister, entries: Mutex::new(0), snapshots: Mutex::default(), never, _never }
    }

    fn snapshot_last_index(&self) -> Index {
        self.snapshots.lock().last().map_or(0, |(through, _)| *through)
    }
}

impl Elect for LeaderStub {
    fn status(&self) -> Status {
        Status { term: 1, is_leader: true }
    }

    fn watch(&self, _seen: Status) -> Option<Status> {
        let _ = self.never.recv();
        None
    }

    fn shutdown(&self) {}
}

impl Replicate for LeaderStub {
    fn start(&self, command: Bytes) -> Result<LogPosition, NotLeader> {
        let mut entries = self.entries.lock();
        self.persister.save(Save { keep: *entries, append: vec![command], ..Save::default() });
        *entries += 1;
        Ok(LogPosition { term: 1, index: self.snapshot_last_index() + *entries as Index })
    }
}

impl Compact for LeaderStub {
    fn snapshot(&self, through: Index, snapshot: Bytes) {
        let mut entries = self.entries.lock();
        let forget = (through - self.snapshot_last_index()) as usize;
        *entries -= forget;
        self.persister.save(Save { forget, keep: *entries, snapshot: Some(snapshot.clone()), ..Save::default() });
        self.snapshots.lock().push((through, snapshot));
    }
}

/// A server over a [`LeaderStub`], and the channel and disk by which the test controls it.
struct SnapshotTest {
    server: Arc<KvServer<LeaderStub>>,
    apply_ch: Sender<ApplyMsg>,
    persister: Arc<Persister>,
}

impl SnapshotTest {
    fn new() -> SnapshotTest {
        let persister = Arc::new(Persister::new(0));
        let (apply_ch, apply_rx) = unbounded();
        let raft = LeaderStub::new(persister.clone());
        let server = serve(raft, apply_rx, persister.clone(), RAFT_STATE_BYTES_MAX);
        SnapshotTest { server, apply_ch, persister }
    }

    fn commit(&self, index: Index, command: &Command) {
        let at = LogPosition { term: 1, index };
        self.apply_ch.send(ApplyMsg::Command { at, command: wire::encode(command).into() }).unwrap();
    }

    fn install(&self, index: Index, snapshot: Bytes) {
        self.apply_ch.send(ApplyMsg::Snapshot { through: LogPosition { term: 1, index }, snapshot }).unwrap();
    }

    /// The answer to a request that waits for `event`: a commit or a snapshot, which comes as soon
    /// as the request is blocked.
    fn answer(&self, command: Command, event: impl FnOnce()) -> Option<Answer> {
        let server = self.server.clone();
        let request = thread::spawn(move || server.submit(&command));
        thread::sleep(AT_ONCE);
        event();
        thread::sleep(AT_ONCE);
        assert!(request.is_finished(), "the request is not answered at once");
        request.join().unwrap()
    }
}

/// A store that is restored from a snapshot has its sessions: it does not repeat a write.
#[test]
fn a_snapshot_holds_the_sessions_3b() {
    let store = store_of([append(1, "a"), append(2, "b")]);
    let mut restored = snapshot::decode(&snapshot::encode(&store));
    assert_eq!(restored, store);
    restored.apply(append(2, "b"));
    assert_eq!(restored.apply(get(3)), "ab");
}

/// A server that receives a damaged snapshot stops, and says why.
#[test]
fn a_damaged_snapshot_ends_the_server_3b() {
    let whole = snapshot::encode(&store_of([append(1, "a")]));
    let (result, _) = sim::run(Settings::default(), || {
        let kv = SnapshotTest::new();
        kv.install(1, Bytes::from(&whole[..whole.len() - 1]));
        thread::sleep(AT_ONCE);
    });
    let failure = result.expect_err("the server continues without its snapshot");
    assert!(failure.message.contains("cannot continue without its snapshot"), "{failure}");
}

/// Each snapshot holds exactly what was applied through its own index, no matter how far Raft is
/// ahead. Once a log that came all at once is applied, little of it is left.
#[test]
fn a_snapshot_is_the_state_at_its_index_3b() {
    const COMMANDS: u64 = 500;
    in_virtual_time(|| {
        let kv = SnapshotTest::new();
        let command = |index| append(index, &format!("{index},"));
        for index in 1..=COMMANDS {
            kv.server.raft().start(wire::encode(&command(index)).into()).unwrap();
        }
        assert!(kv.persister.raft_state_bytes() > 8 * RAFT_STATE_BYTES_MAX);
        for index in 1..=COMMANDS {
            kv.commit(index, &command(index));
        }
        thread::sleep(AT_ONCE);
        let snapshots = kv.server.raft().snapshots.lock().clone();
        for (through, bytes) in &snapshots {
            assert_eq!(snapshot::decode(bytes), store_of((1..=*through).map(command)), "through {through}");
        }
        assert!(snapshots.len() > 10 && snapshots.len() < 100, "{} snapshots", snapshots.len());
        let left_bytes = kv.persister.raft_state_bytes();
        assert!(left_bytes <= RAFT_STATE_BYTES_MAX, "everything is applied, but {left_bytes} bytes of log are left");
    });
}

/// Commands in flight that exceed the limit alone do not cause a snapshot after each command, and the
/// log stays far below eight times the limit.
#[test]
fn commands_in_flight_do_not_cause_a_snapshot_each_3b() {
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
    assert!(!SnapshotRule::new(usize::MAX).is_due(usize::MAX), "without a limit no snapshot is ever due");
}

/// A snapshot replaces the store and its sessions, and later commands are applied to it.
#[test]
fn a_snapshot_replaces_the_store_3b() {
    in_virtual_time(|| {
        let kv = SnapshotTest::new();
        kv.commit(1, &append(1, "only here"));
        kv.install(9, snapshot::encode(&store_of([append(1, "a"), append(2, "b")])));
        kv.commit(10, &append(2, "b"));
        kv.commit(11, &append(3, "c"));
        assert_eq!(kv.answer(get(4), || kv.commit(12, &get(4))), Some(Ok("abc".to_string())));
    });
}

/// A request whose write is in a snapshot is answered when the snapshot comes, since its command
/// will not be applied.
#[test]
fn a_write_inside_a_snapshot_is_answered_3b() {
    in_virtual_time(|| {
        let kv = SnapshotTest::new();
        let install = || kv.install(9, snapshot::encode(&store_of([append(1, "a")])));
        assert_eq!(kv.answer(append(1, "a"), install), Some(Ok(String::new())));
    });
}

fn in_virtual_time(body: impl FnOnce() + Send) {
    sim::run(Settings::default(), body).0.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A snapshot is due only if the log exceeds its limit and a cut removes more than half of the limit.
#[test]
fn snapshots_are_due_above_the_limit_3b() {
    let mut rule = SnapshotRule::new(100);
    rule.applied(50);
    assert!(!rule.is_due(101), "half the limit is not enough to gain");
    rule.applied(1);
    assert!(!rule.is_due(100), "the log is at its limit, and not above it");
    assert!(rule.is_due(101));
}
