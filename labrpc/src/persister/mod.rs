//! A server's disk, which survives a crash (Figure 2, persistent state).

mod head;
mod image;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

pub use head::{Ballot, Head};
pub use image::{Image, Save};

use crate::api::PeerId;
use crate::sim::tape::{self, Action};
use crate::sim::{self, Kind, Name, NodeId, Stamp, mix};
use crate::thread;
use crate::time::Instant;
use crate::wire::{self, Bytes};

/// Whether a crash at a save happens before or after the save takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CrashPoint {
    /// Nothing of the save is on disk.
    Before,
    /// The whole save is on disk.
    After,
}

/// Observes every save as it takes effect. It must not block and must not use the disk.
pub trait DiskTap: Send + Sync + 'static {
    /// `save` took effect at `at`, so the disk of `server` now holds `image`. Saving took `took`.
    fn saved(&self, at: Instant, server: PeerId, save: &Save, image: &Image, took: Duration);
}

/// A server's disk. It outlives the server, and a new incarnation boots from it.
///
/// Every save is atomic, so the disk after each save is also a *crash image*: the state that a crash
/// at that time leaves. A [`DiskTap`] sees each of them.
///
/// ```
/// use labrpc::{Persister, Save};
///
/// let disk = Persister::new(0);
/// assert!(disk.image().is_none()); // a first boot
/// disk.save(Save { head: b"term 1".to_vec().into(), ..Save::default() });
/// assert_eq!(&disk.image().unwrap().head[..], b"term 1");
/// assert_eq!(disk.raft_state_bytes(), 6);
/// ```
pub struct Persister {
    server: PeerId,
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    image: Option<Image>,
    entries_bytes: usize,
    saves: u64,
    saved_bytes: u64,
    save_time: Duration,
    crashes_per_mille: u64,
    stamp: Stamp,
    tap: Option<Arc<dyn DiskTap>>,
    /// How a tape calls what is written to it.
    action: Action,
}

impl State {
    fn apply(&mut self, save: &Save) {
        let image = self.image.get_or_insert_default();
        // Counts only the entries that change, not the whole log at each save.
        let held = image.entries.len();
        let cut_from = (save.forget + save.keep).min(held);
        let removed = image.entries.range(..save.forget.min(held)).chain(image.entries.range(cut_from..));
        self.entries_bytes -= removed.map(|entry| entry.len()).sum::<usize>();
        self.entries_bytes += save.append.iter().map(|entry| entry.len()).sum::<usize>();
        image.apply(save);
        self.saves += 1;
        self.saved_bytes += save.bytes() as u64;
    }
}

impl Persister {
    /// An empty disk of a server.
    pub fn new(server: PeerId) -> Persister {
        Persister { server, state: Mutex::default() }
    }

    /// A disk with a state on it, as a crash left it.
    pub fn from_image(server: PeerId, image: Image) -> Persister {
        let entries_bytes = image.entries.iter().map(|entry| entry.len()).sum();
        let state = State { image: Some(image), entries_bytes, ..State::default() };
        Persister { server, state: Mutex::new(state) }
    }

    /// An independent copy of this disk.
    pub fn copy(&self) -> Persister {
        Persister { server: self.server, state: Mutex::new(self.state.lock().clone()) }
    }

    /// Writes a change, as a whole or not at all. In a simulation a crash may happen right before or
    /// right after it, and then this does not return. A crashed server writes nothing more: saves of its
    /// destructors have no effect.
    pub fn save(&self, save: Save) {
        let Save { head, forget, keep, append, snapshot } = &save;
        let _harness = tape::leave(self.action(), || wire::encode(&(head, forget, keep, append, snapshot)));
        self.save_here(save);
    }

    fn action(&self) -> Action {
        self.state.lock().action
    }

    /// Lets the player of a tape write to this disk in the place of the server in `node`.
    pub fn offer(self: &Arc<Self>, node: Option<NodeId>) {
        let disk = self.clone();
        self.state.lock().action = tape::offer(node, move |save| match wire::decode(save) {
            Ok((head, forget, keep, append, snapshot)) => disk.save_here(Save { head, forget, keep, append, snapshot }),
            Err(_) => sim::fail("the tape saves nothing that can be read"),
        });
    }

    fn save_here(&self, save: Save) {
        if sim::is_simulated() && !sim::is_alive(sim::node()) {
            return;
        }
        let (save_time, crash) = self.decide_crash();
        if !save_time.is_zero() {
            thread::sleep(save_time);
        }
        if crash == Some(CrashPoint::Before) {
            sim::kill(sim::node());
        }
        self.write(save, save_time);
        if crash == Some(CrashPoint::After) {
            sim::kill(sim::node());
        }
    }

    /// Saves a whole state: `head`, all `entries` after the log's base, and a new snapshot if there is one. It
    /// finds out what differs from the disk, and saves only that; if nothing does, it saves nothing.
    ///
    /// The comparison takes time in proportion to the log, which [`save`](Persister::save) does not. A crash may
    /// happen as it may there.
    ///
    /// ```
    /// use labrpc::{Bytes, Persister};
    ///
    /// let disk = Persister::new(0);
    /// let entries = |numbers: &[u8]| numbers.iter().map(|&number| vec![number].into()).collect::<Vec<Bytes>>();
    /// disk.save_state(vec![7].into(), &entries(&[1, 2, 3]), None);
    /// disk.save_state(vec![7].into(), &entries(&[2, 3, 4]), None);
    /// disk.save_state(vec![7].into(), &entries(&[2, 3, 4]), None); // nothing changed
    /// assert_eq!(disk.image().unwrap().entries, entries(&[2, 3, 4]));
    /// assert_eq!((disk.saves(), disk.saved_bytes()), (2, 6));
    /// ```
    pub fn save_state(&self, head: Bytes, entries: &[Bytes], snapshot: Option<Bytes>) {
        let change = {
            let state = self.state.lock();
            match &state.image {
                Some(image) => Save::between(image, head, entries, snapshot),
                None => Some(Save { head, append: entries.to_vec(), snapshot, ..Save::default() }),
            }
        };
        if let Some(save) = change {
            self.save(save);
        }
    }

    /// How long the next save takes, and whether a crash happens at it.
    fn decide_crash(&self) -> (Duration, Option<CrashPoint>) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let (save_time, crashes_per_mille) = (state.save_time, state.crashes_per_mille);
        if crashes_per_mille == 0 || !sim::is_simulated() {
            return (save_time, None);
        }
        let name = Name::new(Kind::CrashAtSave, self.server as u64, state.stamp.next(now.as_nanos()));
        drop(state);
        let crash = sim::decide(name, None, |bits| match bits % 1000 < crashes_per_mille {
            true if mix(bits, 1).is_multiple_of(2) => Some(CrashPoint::Before),
            true => Some(CrashPoint::After),
            false => None,
        });
        (save_time, crash)
    }

    fn write(&self, save: Save, took: Duration) {
        let at = Instant::now();
        let bytes = save.bytes();
        if sim::is_simulated() {
            sim::record(mix(self.server as u64, bytes as u64));
        }
        let Save { forget, keep, append, snapshot, .. } = &save;
        let (append, snapshot) = (append.len(), snapshot.as_ref().map_or(0, |snapshot| snapshot.len()));
        log::debug!("saves: entries forgotten {forget}, kept {keep}, appended {append}; snapshot {snapshot} bytes");
        let mut state = self.state.lock();
        state.apply(&save);
        if let (Some(tap), Some(image)) = (&state.tap, &state.image) {
            sim::as_harness(|| tap.saved(at, self.server, &save, image, took));
        }
    }

    /// What is on disk now; `None` if nothing was ever saved.
    pub fn image(&self) -> Option<Image> {
        self.state.lock().image.clone()
    }

    /// The size of Raft's own state on disk, from which a service decides when to take a snapshot.
    pub fn raft_state_bytes(&self) -> usize {
        let state = self.state.lock();
        state.image.as_ref().map_or(0, |image| image.head.len()) + state.entries_bytes
    }

    /// The size of the snapshot on disk; 0 if there is none.
    pub fn snapshot_bytes(&self) -> usize {
        self.state.lock().image.as_ref().map_or(0, |image| image.snapshot.len())
    }

    /// The number of saves so far.
    pub fn saves(&self) -> u64 {
        self.state.lock().saves
    }

    /// The number of bytes that all saves wrote.
    pub fn saved_bytes(&self) -> u64 {
        self.state.lock().saved_bytes
    }

    /// Sets how long each later save takes.
    pub fn set_save_time(&self, save_time: Duration) {
        self.state.lock().save_time = save_time;
    }

    /// In a simulation: sets at how many of a thousand later saves the server crashes.
    pub fn set_crashes_per_mille(&self, crashes_per_mille: u64) {
        self.state.lock().crashes_per_mille = crashes_per_mille;
    }

    /// From now on `tap` observes every save.
    pub fn set_tap(&self, tap: Arc<dyn DiskTap>) {
        self.state.lock().tap = Some(tap);
    }
}
