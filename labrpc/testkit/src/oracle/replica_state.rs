//! A snapshot holds what it says: the pairs and the sessions right after its last entry (§7, §8).

use labrpc::face::{KvOp, KvRequest};
use labrpc::{Bytes, Index, PeerId};

use super::model::{Model, Print};
use crate::eyes::{KvEyes, Replica, Restore};
use crate::rule::service::{COMPACT_SNAPSHOT, EXACTLY_ONCE, LABEL, REPLICAS, SESSIONS};
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, What};

/// Brings each snapshot to life and asks it.
pub(super) struct ReplicaState {
    eyes: KvEyes,
    restore: Restore,
    /// The latest snapshot that was found right: it travels from server to server.
    seen: Option<(Index, Bytes)>,
}

/// A key that no client uses, to see whether a write is taken for new.
const PROBE_KEY: &str = "\u{0}probe";
/// No client has this number.
const PROBE_CLIENT: u64 = u64::MAX;
/// What a session may take, and a pair beside its bytes.
const EACH_BYTES_MAX: usize = 96;
/// What any snapshot may take.
const ANY_BYTES_MAX: usize = 512;

impl ReplicaState {
    /// `None` if nobody knows how to bring a snapshot to life.
    pub(super) fn new(eyes: KvEyes) -> Option<ReplicaState> {
        Some(ReplicaState { eyes, restore: eyes.restore?, seen: None })
    }

    pub(super) fn see(&mut self, event: &Event, known: &Known, model: &Model) -> Result<(), Verdict> {
        let What::Saved(server, change) = &event.what else { return Ok(()) };
        let Some(snapshot) = &change.snapshot else { return Ok(()) };
        let through = known.servers[*server].disk.head.base.index;
        if self.seen.as_ref().is_some_and(|(index, bytes)| *index == through && bytes == snapshot) {
            return Ok(());
        }
        self.snapshot(*server, through, snapshot, event.moment, model)?;
        self.seen = Some((through, snapshot.clone()));
        Ok(())
    }

    fn snapshot(
        &self,
        server: PeerId,
        through: Index,
        bytes: &[u8],
        moment: Moment,
        model: &Model,
    ) -> Result<(), Verdict> {
        if through == 0 || through > model.last() {
            return Ok(());
        }
        let eyes = &self.eyes;
        let verdict = |rule, what: String| {
            Err(Verdict::new(rule, what).with(
                moment,
                format!("server {server} saves a snapshot of {} bytes, through entry {through}", bytes.len()),
            ))
        };
        let mut replica = (self.restore)(bytes);
        for key in model.keys() {
            let found = Print::of(&read(replica.as_mut(), eyes, key));
            let right = model.value(key, through);
            if found == right {
                continue;
            }
            let says = format!(
                "in the snapshot of server {server} through entry {through}, key {key:?} has {} bytes instead of {}",
                found.bytes_len, right.bytes_len
            );
            return if model.held(key, found, 0, model.last()) {
                verdict(&LABEL, format!("{says}: it is of another moment"))
            } else if model.would_hold_unfiltered(key, found) || found.bytes_len > right.bytes_len {
                verdict(&EXACTLY_ONCE, format!("{says}: a write took effect twice"))
            } else {
                verdict(&REPLICAS, format!("{says}: it never held that"))
            };
        }
        for (client, sequence) in model.sessions(through) {
            let op = KvOp::Append { key: PROBE_KEY.into(), value: "again".into() };
            replica.apply(&(eyes.write_request)(KvRequest { client, sequence, op }));
            if !read(replica.as_mut(), eyes, PROBE_KEY).is_empty() {
                return verdict(
                    &SESSIONS,
                    format!(
                        "the snapshot of server {server} through entry {through} has forgotten that operation {sequence} of client {client} is done"
                    ),
                );
            }
        }
        let (pairs, sessions) = (model.keys().count(), model.sessions(through).count());
        let bytes_max = 2 * model.bytes_len(through) + (pairs + sessions) * EACH_BYTES_MAX + ANY_BYTES_MAX;
        if bytes.len() > bytes_max {
            let what = format!(
                "a snapshot of server {server} has {} bytes, for {pairs} keys of {} bytes",
                bytes.len(),
                model.bytes_len(through)
            );
            return verdict(&COMPACT_SNAPSHOT, what);
        }
        Ok(())
    }
}

fn read(replica: &mut dyn Replica, eyes: &KvEyes, key: &str) -> String {
    let op = KvOp::Get { key: key.into() };
    replica.apply(&(eyes.write_request)(KvRequest { client: PROBE_CLIENT, sequence: 1, op }))
}
