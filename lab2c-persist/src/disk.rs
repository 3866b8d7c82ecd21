//! Save before you send: which state must survive a crash, and how it is written and read back.

use std::sync::Arc;

use lab2b_log::Replica;
use labrpc::{Ballot, Bytes, Entry, Head, LogPosition, Persister, RaftLog, Save, wire};
use serde::de::DeserializeOwned;

use crate::summary::{DiskSummary, Edit, Fingerprint};

/// A server's disk, and a summary of what is on it.
///
/// # Invariants
///
/// - Between two steps, the disk holds the current state of the replica.
/// - A step is saved once and whole, or not at all if it changed nothing that must survive.
pub struct Disk {
    persister: Arc<Persister>,
    summary: DiskSummary,
}

impl Disk {
    /// The disk behind `persister`. Call [`restore`](Disk::restore) before anything else.
    pub fn new(persister: Arc<Persister>) -> Disk {
        Disk { persister, summary: DiskSummary::default() }
    }

    /// The position right before the first entry on disk.
    pub fn base(&self) -> LogPosition {
        self.summary.fingerprint().base
    }

    /// Puts a server back to where it was before a crash, and returns the snapshot on disk: empty
    /// if there is none. On the first boot it changes nothing and writes nothing.
    ///
    /// # Panics
    ///
    /// When the disk cannot be read back.
    pub fn restore<L: RaftLog>(&mut self, replica: &mut Replica<L>) -> Bytes {
        // BEGIN 2C Figure 2, persistent state: read back the head, then a log that starts after its base; the summary catches up
        let Some(image) = self.persister.image() else { return Bytes::default() };
        let head: Head = read_back("its term, vote and log base", &image.head);
        let mut log = L::starting_after(head.base);
        for entry in &image.entries {
            log.push(read_back::<Entry>("an entry of its log", entry));
        }
        self.summary.catch_up(head.ballot, &log);
        replica.resume(head.ballot, log);
        image.snapshot
        // END
    }

    /// Saves what a step changed, and a new snapshot with it (lab 2D). The caller sends the step's
    /// messages only after this has returned.
    ///
    /// Every step is saved here, so no rule can forget to save. Everything that a step changes is
    /// saved at once, under the lock that the step was taken under: no crash and no other step
    /// comes in between.
    pub fn save<L: RaftLog>(&mut self, replica: &Replica<L>, snapshot: Option<Bytes>) {
        // BEGIN 2C Figure 2, updated on stable storage before responding: compare the fingerprints, save once
        if Fingerprint::of(replica) != self.summary.fingerprint() {
            let changes = self.changes(replica.election().ballot(), replica.log());
            self.persister.save(Save { snapshot, ..changes });
        }
        // END
    }

    /// What must be written so that the disk holds `ballot` and `log`, and no more than that. The
    /// summary then takes it as written.
    fn changes<L: RaftLog>(&mut self, ballot: Ballot, log: &L) -> Save {
        // BEGIN 2C Figure 2, persistent state: the whole head, and of the log only what the summary says
        let Edit { forget, keep, append } = self.summary.catch_up(ballot, log);
        let head = wire::encode(&Head { ballot, base: log.base() }).into();
        let append = append.iter().map(|entry| wire::encode(entry).into()).collect();
        Save { head, forget, keep, append, snapshot: None }
        // END
    }
}

/// Decodes what this server wrote before a crash, or refuses to boot: a server that continued
/// without its memory could vote twice, or lose entries that it had acknowledged.
fn read_back<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> T {
    wire::decode(bytes).unwrap_or_else(|error| {
        panic!("this server refuses to boot: {what} cannot be read back: {error}; `save` and `restore` must agree")
    })
}
