//! What every server applied, and whether they agree (State Machine Safety, §5.4.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use labrpc::sync::Mutex;
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, PeerId};

use crate::observer::Observer;
use crate::report::Reporter;
use crate::rule::replication::{APPLY_ORDER, STATE_MACHINE};
use crate::rule::service::LABEL;
use crate::rule::snapshots::{BOUNDARY, DELIVERED};
use crate::violation::Violation;

/// What was applied in a cluster. Clones are the same one. A broken promise ends the run.
#[derive(Clone)]
pub struct AppliedLogs {
    reporter: Reporter,
    book: Arc<Mutex<Book>>,
}

/// Where it is noted what one incarnation of a server hands over.
#[derive(Clone)]
pub(super) struct AppliedLog {
    applied_logs: AppliedLogs,
    server: PeerId,
    incarnation: u64,
    observer: Option<Observer>,
}

impl AppliedLog {
    /// The server handed something over.
    pub(super) fn applied(&self, message: &ApplyMsg) {
        self.note(|book| match message {
            ApplyMsg::Command { at, command } => book.command(self.server, *at, command),
            ApplyMsg::Snapshot { through, .. } => book.snapshot(self.server, *through),
        });
        if let Some(observer) = &self.observer {
            observer.applied(self.server, message);
        }
    }

    /// The server has taken a snapshot that its service gave it.
    pub(super) fn compacted(&self, through: Index) {
        if let Some(observer) = &self.observer {
            observer.compacted(self.server, through);
        }
    }

    /// The service was given a snapshot that, read back, holds these commands.
    pub(super) fn read_back(&self, through: LogPosition, commands: &[Bytes]) {
        self.note(|book| book.read_back(self.server, through, commands));
    }

    /// On real threads an incarnation that was shut down may still hand over what it had in hand.
    fn note(&self, entry: impl FnOnce(&mut Book) -> Result<(), Violation>) {
        let outcome = {
            let mut book = self.applied_logs.book.lock();
            if book.incarnations.get(&self.server) != Some(&self.incarnation) {
                return;
            }
            entry(&mut book)
        };
        if let Err(violation) = outcome {
            self.applied_logs.reporter.violation(violation);
        }
    }
}

struct Book {
    /// Every server is a real one. Else the script's servers have agreed on entries of which
    /// nothing is known here.
    is_whole: bool,
    /// The command at each index, from 1 on, as whoever applied it first had it.
    agreed: Vec<(LogPosition, Bytes)>,
    /// How far each server's present incarnation has come.
    applied: BTreeMap<PeerId, Index>,
    /// How often each server has booted.
    incarnations: BTreeMap<PeerId, u64>,
    snapshots_installed: u64,
}

impl AppliedLogs {
    pub(super) fn new(reporter: &Reporter, size: usize, is_whole: bool) -> AppliedLogs {
        let applied = (0..size).map(|server| (server, 0)).collect();
        let incarnations = BTreeMap::new();
        let book = Book { is_whole, agreed: Vec::new(), applied, incarnations, snapshots_installed: 0 };
        AppliedLogs { reporter: reporter.clone(), book: Arc::new(Mutex::new(book)) }
    }

    /// A server boots, with nothing applied yet. What it hands over goes onto its page, and before
    /// the eyes of who watches.
    pub(super) fn open_log(&self, server: PeerId, observer: Option<Observer>) -> AppliedLog {
        let mut book = self.book.lock();
        book.applied.insert(server, 0);
        let incarnation = book.incarnations.entry(server).or_default();
        *incarnation += 1;
        AppliedLog { applied_logs: self.clone(), server, incarnation: *incarnation, observer }
    }

    /// How many servers have applied the entry at `index`, and which command it holds.
    pub fn applied_at(&self, index: Index) -> (usize, Option<Bytes>) {
        let book = self.book.lock();
        let servers = book.applied.values().filter(|&&applied| index >= 1 && applied >= index).count();
        let command = index.checked_sub(1).and_then(|place| book.agreed.get(place as usize));
        (servers, command.map(|(_, command)| command.clone()))
    }

    /// The index of the last entry that any server has applied.
    pub fn last_applied(&self) -> Index {
        self.book.lock().agreed.len() as Index
    }

    /// Every command applied so far, in order.
    pub fn commands(&self) -> Vec<Bytes> {
        self.book.lock().agreed.iter().map(|(_, command)| command.clone()).collect()
    }

    /// How many snapshots servers took in, from their disks or from a leader.
    pub fn snapshots_installed(&self) -> u64 {
        self.book.lock().snapshots_installed
    }
}

impl Book {
    fn command(&mut self, server: PeerId, at: LogPosition, command: &Bytes) -> Result<(), Violation> {
        let applied = self.applied.entry(server).or_default();
        if at.index != *applied + 1 {
            let what = format!("server {server} handed over entry {} after entry {applied}", at.index);
            return Err(Violation::new(&APPLY_ORDER, what));
        }
        *applied = at.index;
        match self.agreed.get(at.index as usize - 1) {
            None if at.index as usize > self.agreed.len() + 1 => {} // A played leader's snapshot came before it.
            None => self.agreed.push((at, command.clone())),
            Some((first, agreed)) if (first, agreed) != (&at, command) => {
                let what = format!(
                    "server {server} handed over {command:?} of term {} at index {}, where another server had handed \
                     over {agreed:?} of term {}",
                    at.term, at.index, first.term
                );
                return Err(Violation::new(&STATE_MACHINE, what));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn snapshot(&mut self, server: PeerId, through: LogPosition) -> Result<(), Violation> {
        let applied = self.applied.entry(server).or_default();
        if through.index <= *applied {
            let what = format!(
                "server {server} had handed over entry {applied}, and then handed over a snapshot through entry {}",
                through.index
            );
            return Err(Violation::new(&DELIVERED, what));
        }
        *applied = through.index;
        self.snapshots_installed += 1;
        let agreed = through.index.checked_sub(1).and_then(|slot| self.agreed.get(slot as usize));
        match agreed {
            Some((at, _)) if *at == through => Ok(()),
            Some((at, _)) => {
                let what = format!(
                    "server {server} handed over a snapshot whose last entry is said to be of term {}; entry {} is of \
                     term {}",
                    through.term, through.index, at.term
                );
                Err(Violation::new(&BOUNDARY, what))
            }
            None if !self.is_whole => Ok(()),
            None => {
                let what = format!(
                    "server {server} handed over a snapshot through entry {}, of which only {} were ever handed over",
                    through.index,
                    self.agreed.len()
                );
                Err(Violation::new(&LABEL, what))
            }
        }
    }

    fn read_back(&self, server: PeerId, through: LogPosition, commands: &[Bytes]) -> Result<(), Violation> {
        let agreed = &self.agreed[..self.agreed.len().min(through.index as usize)];
        let is_agreed =
            agreed.len() == commands.len() && agreed.iter().zip(commands).all(|((_, own), theirs)| own == theirs);
        if is_agreed {
            return Ok(());
        }
        let what = format!(
            "server {server} handed over a snapshot through entry {} that holds {} commands, and not the {} that were \
             handed over until then",
            through.index,
            commands.len(),
            agreed.len()
        );
        Err(Violation::new(&LABEL, what))
    }
}
