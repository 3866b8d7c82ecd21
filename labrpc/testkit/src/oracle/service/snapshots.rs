//! A snapshot holds the pairs and the sessions as they are right after its last entry (§7, §8).

use labrpc::kv::{ClientId, Command, Op};
use labrpc::{ApplyMsg, Bytes, Index, PeerId, ServiceState};

use super::model::{StoreModel, StoreSize, ValueHash};
use crate::contract::Contract;
use crate::event::{Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::service::{COMPACT_SNAPSHOT, EXACTLY_ONCE, LABEL, REPLICAS, SESSIONS};
use crate::violation::Violation;

/// Restores snapshots and queries them.
///
/// To query a snapshot costs many times what it costs the server to make it. So each snapshot that is saved allows
/// [`QUERIES_EACH`] queries, and a snapshot is queried as soon as these suffice: every small one at once, and of large
/// ones only some. A snapshot that a service receives is always queried, since from then on it matters.
pub(super) struct SnapshotContents {
    contract: &'static Contract,
    /// The latest snapshots that were found right: other servers save the same ones.
    right: Vec<(Index, Bytes)>,
    /// How many queries may be made.
    queries: usize,
}

/// A key that no client uses, to test whether a write counts as new.
const PROBE_KEY: &str = "\u{0}probe";
/// No client has this number.
const PROBE_CLIENT: ClientId = ClientId(u64::MAX);
/// The most bytes for a session, and for a pair in addition to its key and value.
const EACH_BYTES_MAX: usize = 96;
/// The most bytes for a snapshot in addition to its pairs and sessions.
const ANY_BYTES_MAX: usize = 512;
/// How many queries each saved snapshot allows. It keeps the oracle's share of a run's time about constant, however
/// large the store is; the stores of most graded tests are smaller.
const QUERIES_EACH: usize = 64;
/// Long values take time as well: this number of bytes counts as a query.
const QUERY_BYTES: usize = 128;
/// How many snapshots are remembered.
const RIGHT_MAX: usize = 8;

/// A snapshot that a server has just saved, or that its service has just received.
struct Snapshot<'a> {
    server: PeerId,
    through: Index,
    bytes: &'a Bytes,
    id: EventId,
    /// What the server does with it.
    verb: &'static str,
}

impl SnapshotContents {
    pub(super) fn new(contract: &'static Contract) -> SnapshotContents {
        SnapshotContents { contract, right: Vec::new(), queries: 0 }
    }

    pub(super) fn check(
        &mut self,
        event: &Event,
        observed: &ObservedState,
        model: &StoreModel,
    ) -> Result<(), Violation> {
        let id = event.id;
        match &event.kind {
            EventKind::Saved(server, change) => {
                let Some(bytes) = &change.snapshot else { return Ok(()) };
                let through = observed.servers[*server].disk.head.base.index;
                let snapshot = Snapshot { server: *server, through, bytes, id, verb: "saves" };
                if through == 0 || through > model.last() || self.is_right(&snapshot) {
                    return Ok(());
                }
                self.queries += QUERIES_EACH;
                if let Some(rest) = self.queries.checked_sub(snapshot.queries(model)) {
                    self.queries = rest;
                    self.check_contents(&snapshot, model)?;
                }
                snapshot.check_size(model)
            }
            EventKind::Applied(server, ApplyMsg::Snapshot { through, snapshot: bytes }) => {
                let snapshot = Snapshot { server: *server, through: through.index, bytes, id, verb: "applies" };
                if through.index == 0 || through.index > model.last() || self.is_right(&snapshot) {
                    return Ok(());
                }
                self.check_contents(&snapshot, model)
            }
            _ => Ok(()),
        }
    }

    fn is_right(&self, snapshot: &Snapshot) -> bool {
        self.right.iter().any(|(index, bytes)| *index == snapshot.through && bytes == snapshot.bytes)
    }

    /// Queries all keys and sessions of a snapshot.
    fn check_contents(&mut self, snapshot: &Snapshot, model: &StoreModel) -> Result<(), Violation> {
        let Some(mut replica) = RestoredStore::restore(snapshot, self.contract) else { return Ok(()) };
        replica.check_pairs(snapshot, model)?;
        if replica.repeats_a_write(snapshot, model) {
            self.check_sessions(snapshot, model)?;
        }
        if self.right.len() == RIGHT_MAX {
            self.right.remove(0);
        }
        self.right.push((snapshot.through, snapshot.bytes.clone()));
        Ok(())
    }

    /// Finds the session that is missing.
    fn check_sessions(&self, snapshot: &Snapshot, model: &StoreModel) -> Result<(), Violation> {
        let Some(mut replica) = RestoredStore::restore(snapshot, self.contract) else { return Ok(()) };
        let Snapshot { server, through, .. } = *snapshot;
        let mut sessions = model.sessions(through);
        let missing = sessions.find(|(client, sequence)| {
            replica.repeat_write(*client, *sequence);
            !replica.read(PROBE_KEY).is_empty()
        });
        let Some((client, sequence)) = missing else { return Ok(()) };
        let what = format!(
            "the snapshot of server {server} through entry {through} does not hold that operation {sequence} of client {client} is done"
        );
        Err(snapshot.violation(&SESSIONS, what))
    }
}

impl Snapshot<'_> {
    fn violation(&self, rule: &'static crate::rule::Rule, what: String) -> Violation {
        let Snapshot { server, through, bytes, id, verb } = self;
        let note = format!("server {server} {verb} a snapshot of {} bytes through entry {through}", bytes.len());
        Violation::new(rule, what).with(*id, note)
    }

    /// What it costs to query all of it.
    fn queries(&self, model: &StoreModel) -> usize {
        let StoreSize { pairs, clients, .. } = model.size(model.last());
        pairs + clients + self.bytes.len() / QUERY_BYTES
    }

    fn check_size(&self, model: &StoreModel) -> Result<(), Violation> {
        // Each client may have a session, which may keep the latest answer.
        let StoreSize { bytes_len, clients, longest_bytes_len, .. } = model.size(self.through);
        let pairs = model.size(model.last()).pairs;
        let sessions_bytes_max = clients * (EACH_BYTES_MAX + longest_bytes_len);
        let bytes_max = 2 * bytes_len + pairs * EACH_BYTES_MAX + sessions_bytes_max + ANY_BYTES_MAX;
        if self.bytes.len() <= bytes_max {
            return Ok(());
        }
        let what = format!(
            "a snapshot of server {} has {} bytes for {pairs} keys and values of {bytes_len} bytes together",
            self.server,
            self.bytes.len(),
        );
        Err(self.violation(&COMPACT_SNAPSHOT, what))
    }
}

/// A service that was restored from a snapshot.
struct RestoredStore {
    state: Box<dyn ServiceState>,
    contract: &'static Contract,
    latest_query: u64,
}

impl RestoredStore {
    fn restore(snapshot: &Snapshot, contract: &'static Contract) -> Option<RestoredStore> {
        Some(RestoredStore { state: (contract.restore?)(snapshot.bytes), contract, latest_query: 0 })
    }

    fn check_pairs(&mut self, snapshot: &Snapshot, model: &StoreModel) -> Result<(), Violation> {
        let Snapshot { server, through, .. } = *snapshot;
        for (key, right) in model.values(through) {
            let found = ValueHash::of(&self.read(key));
            if found == right {
                continue;
            }
            let says = format!(
                "in the snapshot of server {server} through entry {through}, key {key:?} has {} bytes instead of {}",
                found.bytes_len, right.bytes_len
            );
            return Err(if model.held(key, found, 0, model.last()) {
                snapshot.violation(&LABEL, format!("{says}: that is the value at another index"))
            } else if model.would_hold_with_duplicates(key, found) || found.bytes_len > right.bytes_len {
                snapshot.violation(&EXACTLY_ONCE, format!("{says}, as if a write had taken effect twice"))
            } else {
                snapshot.violation(&REPLICAS, format!("{says}: the key never had that value"))
            });
        }
        Ok(())
    }

    /// Whether any write that is done takes effect once more.
    fn repeats_a_write(&mut self, snapshot: &Snapshot, model: &StoreModel) -> bool {
        model.sessions(snapshot.through).for_each(|(client, sequence)| self.repeat_write(client, sequence));
        !self.read(PROBE_KEY).is_empty()
    }

    /// Each query is an operation of its own: a service may keep the answer to a client's latest operation.
    fn read(&mut self, key: &str) -> String {
        self.latest_query += 1;
        self.apply(PROBE_CLIENT, self.latest_query, Op::Get { key: key.into() })
    }

    /// Repeats a write that is done. If it takes effect once more, the probe's key has a value.
    fn repeat_write(&mut self, client: ClientId, sequence: u64) {
        self.apply(client, sequence, Op::Append { key: PROBE_KEY.into(), value: "again".into() });
    }

    fn apply(&mut self, client: ClientId, sequence: u64, op: Op) -> String {
        self.state.apply(&self.contract.write_logged(&Command { client, sequence, op }))
    }
}
