//! Lab 3B part by part: what a snapshot holds, when it is taken, and an apply loop over a Raft
//! that the test controls. Time is virtual.

use std::sync::Arc;
use std::time::Duration;

use lab2a_election::TIMING;
use lab3a_kv::{KvServer, Store};
use lab3b_kvsnap::{SnapshotRule, serve, snapshot};
use labrpc::kv::{ClientId, Command, Op};
use labrpc::sim::{self, Settings};
use labrpc::{Bytes, Persister, thread};
use testkit::Contract;
use testkit::script::{ScriptedRaft, ScriptedService};

/// What these servers promise.
static SERVERS: Contract = Contract::new(TIMING).with_disk().with_clerks();

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

/// A service over a Raft with a disk that does what the test says, and the disk.
fn service() -> (ScriptedService<KvServer<ScriptedRaft>>, Arc<Persister>) {
    let persister = Arc::new(Persister::new(0));
    let raft = ScriptedRaft::with_disk(&SERVERS, persister.clone(), Duration::ZERO);
    let disk = persister.clone();
    (ScriptedService::new(raft, |raft, apply_rx| serve(raft, apply_rx, disk, RAFT_STATE_BYTES_MAX)), persister)
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
        let (kv, _) = service();
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
        let (kv, persister) = service();
        let command = |index| append(index, &format!("{index},"));
        for index in 1..=COMMANDS {
            kv.raft().push(&command(index));
        }
        assert!(persister.raft_state_bytes() > 8 * RAFT_STATE_BYTES_MAX);
        for index in 1..=COMMANDS {
            kv.raft().commit(index, &command(index));
        }
        kv.let_threads_run();
        let snapshots = kv.raft().snapshots();
        for taken in &snapshots {
            let expected = store_of((1..=taken.through).map(command));
            assert_eq!(snapshot::decode(&taken.snapshot), expected, "through {}", taken.through);
        }
        assert!(snapshots.len() > 10 && snapshots.len() < 100, "{} snapshots", snapshots.len());
        let left_bytes = persister.raft_state_bytes();
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
        let (kv, _) = service();
        kv.apply(&append(1, "only here"));
        kv.install(9, snapshot::encode(&store_of([append(1, "a"), append(2, "b")])));
        kv.apply(&append(2, "b"));
        kv.apply(&append(3, "c"));
        kv.expect_value(get(4), "abc", "the snapshot holds a and b, and c was applied after it");
    });
}

/// A request whose write is in a snapshot is answered when the snapshot comes, since its command
/// will not be applied.
#[test]
fn a_write_inside_a_snapshot_is_answered_3b() {
    in_virtual_time(|| {
        let (kv, _) = service();
        let request = kv.ask(append(1, "a"));
        kv.install(9, snapshot::encode(&store_of([append(1, "a")])));
        request.expect_result("", "its write is in the snapshot");
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
