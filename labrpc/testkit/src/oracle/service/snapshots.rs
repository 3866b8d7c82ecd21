//! A snapshot holds the pairs and the sessions as they are right after its last entry (§7, §8).

use labrpc::kv::{ClientId, Command, Op};
use labrpc::{Bytes, Index, PeerId};

use super::model::{StoreModel, ValueHash};
use crate::codec::{Codec, ServiceState};
use crate::event::{Event, EventId, EventKind};
use crate::observed::ObservedState;
use crate::rule::service::{COMPACT_SNAPSHOT, EXACTLY_ONCE, LABEL, REPLICAS, SESSIONS};
use crate::violation::Violation;

/// Restores each snapshot and queries it.
pub(super) struct SnapshotContents {
    codec: &'static dyn Codec,
    /// The latest snapshot that was found right: other servers save the same one.
    seen: Option<(Index, Bytes)>,
}

/// A key that no client uses, to test whether a write counts as new.
const PROBE_KEY: &str = "\u{0}probe";
/// No client has this number.
const PROBE_CLIENT: ClientId = ClientId(u64::MAX);
/// The most bytes for a session, and for a pair in addition to its key and value.
const EACH_BYTES_MAX: usize = 96;
/// The most bytes for a snapshot in addition to its pairs and sessions.
const ANY_BYTES_MAX: usize = 512;

impl SnapshotContents {
    pub(super) fn new(codec: &'static dyn Codec) -> SnapshotContents {
        SnapshotContents { codec, seen: None }
    }

    pub(super) fn check(
        &mut self,
        event: &Event,
        observed: &ObservedState,
        model: &StoreModel,
    ) -> Result<(), Violation> {
        let EventKind::Saved(server, change) = &event.kind else { return Ok(()) };
        let Some(snapshot) = &change.snapshot else { return Ok(()) };
        let through = observed.servers[*server].disk.head.base.index;
        if self.seen.as_ref().is_some_and(|(index, bytes)| *index == through && bytes == snapshot) {
            return Ok(());
        }
        self.snapshot(*server, through, snapshot, event.id, model)?;
        self.seen = Some((through, snapshot.clone()));
        Ok(())
    }

    fn snapshot(
        &self,
        server: PeerId,
        through: Index,
        bytes: &[u8],
        id: EventId,
        model: &StoreModel,
    ) -> Result<(), Violation> {
        if through == 0 || through > model.last() {
            return Ok(());
        }
        let codec = self.codec;
        let violation = |rule, what: String| {
            Err(Violation::new(rule, what)
                .with(id, format!("server {server} saves a snapshot of {} bytes through entry {through}", bytes.len())))
        };
        let Some(mut replica) = codec.restore(bytes) else { return Ok(()) };
        // Each probe is an operation of its own: a store may keep the answer to a client's latest one.
        let mut probes = 1..;
        let mut read = |replica: &mut dyn ServiceState, key: &str| {
            let op = Op::Get { key: key.into() };
            let sequence = probes.next().unwrap_or_default();
            replica.apply(&codec.write_command(&Command { client: PROBE_CLIENT, sequence, op }))
        };
        for key in model.keys() {
            let found = ValueHash::of(&read(replica.as_mut(), key));
            let right = model.value(key, through);
            if found == right {
                continue;
            }
            let says = format!(
                "in the snapshot of server {server} through entry {through}, key {key:?} has {} bytes instead of {}",
                found.bytes_len, right.bytes_len
            );
            return if model.held(key, found, 0, model.last()) {
                violation(&LABEL, format!("{says}: that is the value at another index"))
            } else if model.would_hold_with_duplicates(key, found) || found.bytes_len > right.bytes_len {
                violation(&EXACTLY_ONCE, format!("{says}, as if a write had taken effect twice"))
            } else {
                violation(&REPLICAS, format!("{says}: the key never had that value"))
            };
        }
        for (client, sequence) in model.sessions(through) {
            let op = Op::Append { key: PROBE_KEY.into(), value: "again".into() };
            replica.apply(&codec.write_command(&Command { client, sequence, op }));
            if !read(replica.as_mut(), PROBE_KEY).is_empty() {
                return violation(
                    &SESSIONS,
                    format!(
                        "the snapshot of server {server} through entry {through} does not hold that operation {sequence} of client {client} is done"
                    ),
                );
            }
        }
        // Each client may have a session, which may keep the latest answer.
        let (pairs, sessions) = (model.keys().count(), model.clients(through));
        let answers_bytes_max = sessions * model.longest_bytes_len(through);
        let bytes_max =
            2 * model.bytes_len(through) + (pairs + sessions) * EACH_BYTES_MAX + answers_bytes_max + ANY_BYTES_MAX;
        if bytes.len() > bytes_max {
            let what = format!(
                "a snapshot of server {server} has {} bytes for {pairs} keys and values of {} bytes together",
                bytes.len(),
                model.bytes_len(through)
            );
            return violation(&COMPACT_SNAPSHOT, what);
        }
        Ok(())
    }
}
