//! What survives a crash (Figure 2, persistent state).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::api::PeerId;
use crate::sim::{self, Kind, Name, Stamp, mix};
use crate::time::Instant;
use crate::{Bytes, thread};

/// One change of what is on disk. It takes effect whole or not at all.
///
/// The head is small and written anew each time; of the log only what changed is written, so
/// that a save costs what it adds and not what is already there.
///
/// ```
/// use labrpc::{Image, Save};
///
/// let mut image = Image::default();
/// image.apply(&Save { append: vec![vec![1].into(), vec![2].into()], ..Save::default() });
/// image.apply(&Save { forget: 1, keep: 1, append: vec![vec![3].into()], ..Save::default() });
/// assert_eq!(image.entries, [vec![2].into(), vec![3].into()]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Save {
    /// Term, vote and the log's base: everything but entries and snapshot.
    pub head: Bytes,
    /// How many entries at the front are forgotten (lab 2D).
    pub forget: usize,
    /// How many of the entries that are left then stay. Those after them are cut off.
    pub keep: usize,
    /// The entries that then follow.
    pub append: Vec<Bytes>,
    /// A new snapshot, if there is one (lab 2D).
    pub snapshot: Option<Bytes>,
}

/// What all saves so far add up to: what a server finds when it boots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The latest head.
    pub head: Bytes,
    /// The log's entries, in order.
    pub entries: VecDeque<Bytes>,
    /// The latest snapshot; empty if there never was one.
    pub snapshot: Bytes,
}

impl Image {
    /// Lets a save take effect.
    ///
    /// # Panics
    ///
    /// When it forgets or keeps more entries than there are: the log in memory and the log on
    /// disk have parted ways.
    pub fn apply(&mut self, save: &Save) {
        let held = self.entries.len();
        assert!(
            save.forget + save.keep <= held,
            "a save forgets {} entries and keeps {}, but only {held} are on disk",
            save.forget,
            save.keep
        );
        self.head = save.head.clone();
        self.entries.drain(..save.forget);
        self.entries.truncate(save.keep);
        self.entries.extend(save.append.iter().cloned());
        if let Some(snapshot) = &save.snapshot {
            self.snapshot = snapshot.clone();
        }
    }

    /// The size of Raft's own state: everything but the snapshot.
    pub fn raft_state_bytes(&self) -> usize {
        self.head.len() + self.entries.iter().map(|entry| entry.len()).sum::<usize>()
    }
}

/// Where a crash strikes, when it strikes at a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CrashPoint {
    /// Nothing of the save is on disk.
    Before,
    /// All of it is.
    After,
}

/// A save that took effect, and when.
#[derive(Clone, Debug)]
pub struct Saved {
    /// In virtual time.
    pub at: Instant,
    /// What changed.
    pub save: Save,
}

/// Sees every save as it takes effect. It must neither block nor use the disk.
pub trait DiskTap: Send + Sync + 'static {
    /// A server's disk now holds `image`, because of `save`, which took so long.
    fn saved(&self, at: Instant, server: PeerId, save: &Save, image: &Image, took: Duration);
}

/// A server's disk. It outlives the server, and a new incarnation boots from it.
///
/// Only whole saves are ever seen. Each is also a *crash image*: a state that a crash right then
/// would have left, see [`images`](Persister::images).
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
    disk: Mutex<Disk>,
}

#[derive(Clone, Default)]
struct Disk {
    image: Option<Image>,
    entries_bytes: usize,
    /// What the disk held before the oldest save in `history`.
    history_base: Image,
    history: VecDeque<Saved>,
    history_bytes: usize,
    saves: u64,
    saved_bytes: u64,
    save_time: Duration,
    crashes_per_mille: u64,
    stamp: Stamp,
    tap: Option<Arc<dyn DiskTap>>,
}

impl Disk {
    fn apply(&mut self, save: &Save) {
        let image = self.image.get_or_insert_default();
        // Only what goes and what comes is counted, not the whole log at each save.
        let held = image.entries.len();
        let cut_from = (save.forget + save.keep).min(held);
        let gone = image.entries.range(..save.forget.min(held)).chain(image.entries.range(cut_from..));
        self.entries_bytes -= gone.map(|entry| entry.len()).sum::<usize>();
        self.entries_bytes += save.append.iter().map(|entry| entry.len()).sum::<usize>();
        image.apply(save);
        self.saves += 1;
        self.saved_bytes += save.bytes() as u64;
    }

    fn remember(&mut self, saved: Saved) {
        self.history_bytes += saved.save.bytes();
        self.history.push_back(saved);
        while self.history.len() > HISTORY_SAVES_MAX || self.history_bytes > HISTORY_BYTES_MAX && self.history.len() > 1
        {
            let Some(oldest) = self.history.pop_front() else { break };
            self.history_bytes -= oldest.save.bytes();
            self.history_base.apply(&oldest.save);
        }
    }
}

/// How many saves back a crash image can be asked for.
const HISTORY_SAVES_MAX: usize = 256;
/// And how much memory they may take: snapshots are large, and shared with nobody once replaced.
const HISTORY_BYTES_MAX: usize = 256 << 10;

impl Persister {
    /// An empty disk of a server.
    pub fn new(server: PeerId) -> Persister {
        Persister { server, disk: Mutex::default() }
    }

    /// A disk with a state on it, as a crash left it.
    pub fn from_image(server: PeerId, image: Image) -> Persister {
        let entries_bytes = image.entries.iter().map(|entry| entry.len()).sum();
        let disk = Disk { history_base: image.clone(), image: Some(image), entries_bytes, ..Disk::default() };
        Persister { server, disk: Mutex::new(disk) }
    }

    /// Another disk with the same state on it. What is saved on one is not on the other.
    pub fn copy(&self) -> Persister {
        Persister { server: self.server, disk: Mutex::new(self.disk.lock().clone()) }
    }

    /// Writes what changed, whole or not at all. In a simulation a crash may strike right before
    /// it or right after it, and then this does not return. A server that has crashed writes
    /// nothing more: what its destructors save is not on disk.
    pub fn save(&self, save: Save) {
        if sim::is_simulated() && !sim::is_alive(sim::node()) {
            return;
        }
        let (save_time, crash) = self.fate();
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

    fn fate(&self) -> (Duration, Option<CrashPoint>) {
        let now = Instant::now();
        let mut disk = self.disk.lock();
        let (save_time, crashes_per_mille) = (disk.save_time, disk.crashes_per_mille);
        if crashes_per_mille == 0 || !sim::is_simulated() {
            return (save_time, None);
        }
        let name = Name::new(Kind::CrashAtSave, self.server as u64, disk.stamp.next(now.as_nanos()));
        drop(disk);
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
        let mut disk = self.disk.lock();
        disk.apply(&save);
        disk.remember(Saved { at, save: save.clone() });
        if let (Some(tap), Some(image)) = (&disk.tap, &disk.image) {
            tap.saved(at, self.server, &save, image, took);
        }
    }

    /// What is on disk now; `None` if nothing was ever saved.
    pub fn image(&self) -> Option<Image> {
        self.disk.lock().image.clone()
    }

    /// The latest crash images, oldest first: what a crash before each of the latest saves would
    /// have left, and, last, what is on disk now. How many there are is bounded.
    pub fn images(&self) -> Vec<Image> {
        let disk = self.disk.lock();
        let mut image = disk.history_base.clone();
        let mut images = vec![image.clone()];
        for saved in &disk.history {
            image.apply(&saved.save);
            images.push(image.clone());
        }
        images
    }

    /// The size of Raft's own state on disk, for a service to decide when to take a snapshot.
    pub fn raft_state_bytes(&self) -> usize {
        let disk = self.disk.lock();
        disk.image.as_ref().map_or(0, |image| image.head.len()) + disk.entries_bytes
    }

    /// The size of the snapshot on disk; 0 if there is none.
    pub fn snapshot_bytes(&self) -> usize {
        self.disk.lock().image.as_ref().map_or(0, |image| image.snapshot.len())
    }

    /// How many saves there were.
    pub fn saves(&self) -> u64 {
        self.disk.lock().saves
    }

    /// How many bytes they wrote.
    pub fn saved_bytes(&self) -> u64 {
        self.disk.lock().saved_bytes
    }

    /// How long each save takes from now on.
    pub fn set_save_time(&self, save_time: Duration) {
        self.disk.lock().save_time = save_time;
    }

    /// How many of a thousand saves a crash strikes at from now on (in a simulation).
    pub fn set_crashes_per_mille(&self, crashes_per_mille: u64) {
        self.disk.lock().crashes_per_mille = crashes_per_mille;
    }

    /// Lets `tap` see every save from now on.
    pub fn set_tap(&self, tap: Arc<dyn DiskTap>) {
        self.disk.lock().tap = Some(tap);
    }
}

impl Save {
    /// How much is written.
    pub fn bytes(&self) -> usize {
        let entries = self.append.iter().map(|entry| entry.len()).sum::<usize>();
        self.head.len() + entries + self.snapshot.as_ref().map_or(0, |snapshot| snapshot.len())
    }
}
