//! Save before you send: which state must survive a crash, and how it is written and read back.

use std::collections::VecDeque;
use std::sync::Arc;

use lab2b_log::Replica;
use labrpc::{Ballot, Bytes, Entry, Head, Index, LogPosition, Persister, RaftLog, Save, Term, wire};
use serde::de::DeserializeOwned;

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
        // BEGIN 2C Figure 2, persistent state on all servers
        // HINT What is in an image, and what of it does the replica need? What of it does the next `save` need?
        // HINT There is no image before the first save. The log begins at the base that the head names.
        // HINT `read_back` the head and each entry, and push them; `catch_up` with them; `resume`; return the snapshot.
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

    /// Makes the disk hold the current state of the replica, and the snapshot, if there is a new one (lab 2D). The
    /// caller sends the step's messages only after this has returned.
    ///
    /// Every step is saved here, so no rule can forget to save. A crash finds either all or nothing of what a
    /// step changed. A step that changed nothing which must survive costs no save.
    pub fn save<L: RaftLog>(&mut self, replica: &Replica<L>, snapshot: Option<Bytes>) {
        // BEGIN 2C Figure 2, persistent state on all servers
        // HINT How do you find out cheaply that a step changed nothing that must survive?
        // HINT One call of the persister for one step: ballot, log and snapshot together, or a crash comes in between.
        if Fingerprint::of(replica) != self.summary.fingerprint() {
            let changes = self.changes(replica.election().ballot(), replica.log());
            self.persister.save(Save { snapshot, ..changes });
        }
        // END
    }

    /// Returns the smallest save that makes the disk hold `ballot` and `log`, without a snapshot. The summary
    /// describes the disk after that save.
    fn changes<L: RaftLog>(&mut self, ballot: Ballot, log: &L) -> Save {
        // BEGIN 2C Figure 2, persistent state on all servers
        // HINT What of a `Save` is always written whole, and who knows what the disk has of the log?
        // HINT `catch_up` gives the edit; the head has the ballot and the log's base. Encode both by `wire`.
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

/// A short value that differs whenever the state that must survive a crash differs.
///
/// Two positions stand for a whole log. An index and a term identify one entry and all entries
/// before it: if two logs agree on both, they agree up to there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Term and vote.
    pub ballot: Ballot,
    /// Where the log begins.
    pub base: LogPosition,
    /// Where the log ends.
    pub last: LogPosition,
}

impl Fingerprint {
    /// The fingerprint of a replica's persistent state. It is cheap, because each step needs it.
    pub fn of<L: RaftLog>(replica: &Replica<L>) -> Fingerprint {
        // BEGIN 2C Figure 2, persistent state on all servers
        // HINT Figure 2 names three things. Two are in the ballot; what stands for the third?
        // HINT By Log Matching, an index and its term identify all up to there. Where does the log begin and end?
        let (base, last) = (replica.log().base(), replica.log().last());
        Fingerprint { ballot: replica.election().ballot(), base, last }
        // END
    }
}

/// A change of the log on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<'a> {
    /// How many entries at the front to forget (lab 2D).
    pub forget: usize,
    /// How many of the remaining entries to keep.
    pub keep: usize,
    /// The entries to append after those.
    pub append: &'a [Entry],
}

/// What a server needs to know about its disk in order to write only what changed.
///
/// The default describes an empty disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskSummary {
    fingerprint: Fingerprint,
    /// The term of each entry on disk, from the one right after the base on.
    terms: VecDeque<Term>,
}

impl DiskSummary {
    /// The fingerprint of the state on disk.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns the edit that turns the log on disk into `log`, and updates the summary as if `log` and
    /// `ballot` were written.
    ///
    /// The edit is the smallest one: nothing is written that is on disk already. Before the base of `log` nothing
    /// is left. The base never moves back.
    pub fn catch_up<'a, L: RaftLog>(&mut self, ballot: Ballot, log: &'a L) -> Edit<'a> {
        // BEGIN 2C §5.3, Log Matching
        // HINT Which entries on disk come before the new base, which others are the same in `log`, which are missing?
        // HINT If two logs agree on one entry, they agree on all before it: find the last one on which they agree.
        // HINT Note everything in the summary: the terms that are left and the new ones, and the whole fingerprint.
        let base = log.base();
        let forget = self.terms.len().min((base.index - self.fingerprint.base.index) as usize);
        self.terms.drain(..forget);

        let is_kept =
            |slot: usize, term: Term| log.get(base.index + 1 + slot as Index).is_some_and(|own| own.term == term);
        let last_kept = self.terms.iter().enumerate().rposition(|(slot, &term)| is_kept(slot, term));
        let keep = last_kept.map_or(0, |slot| slot + 1);
        self.terms.truncate(keep);

        let fresh = log.suffix(base.index + 1 + keep as Index).expect("the log holds what follows its base");
        self.terms.extend(fresh.entries.iter().map(|entry| entry.term));
        self.fingerprint = Fingerprint { ballot, base, last: log.last() };
        Edit { forget, keep, append: fresh.entries }
        // END
    }
}
