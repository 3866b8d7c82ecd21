//! What every server applied, and whether they agree (State Machine Safety, §5.4.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use labrpc::sync::Mutex;
use labrpc::{Bytes, Index, LogPosition, PeerId};

use crate::world::World;

/// What was applied in a cluster. Clones are the same one. A broken promise ends the run.
#[derive(Clone)]
pub struct Ledger {
    world: World,
    book: Arc<Mutex<Book>>,
}

/// Where one incarnation of a server notes what it applies.
pub(super) struct Page {
    ledger: Ledger,
    server: PeerId,
    incarnation: u64,
}

impl Page {
    /// The server applied a command.
    pub(super) fn command(&self, at: LogPosition, command: Bytes) {
        self.note(|book| book.command(self.server, at, command));
    }

    /// The server took a snapshot of the service in, which claims to hold these commands.
    pub(super) fn snapshot(&self, through: LogPosition, commands: &[Bytes]) {
        self.note(|book| book.snapshot(self.server, through, commands));
    }

    /// On real threads an incarnation that was shut down may still hand over what it had in hand.
    fn note(&self, entry: impl FnOnce(&mut Book) -> Result<(), String>) {
        let outcome = {
            let mut book = self.ledger.book.lock();
            if book.incarnations.get(&self.server) != Some(&self.incarnation) {
                return;
            }
            entry(&mut book)
        };
        if let Err(complaint) = outcome {
            self.ledger.world.fail(complaint);
        }
    }
}

struct Book {
    /// The command at each index, from 1 on, as whoever applied it first had it.
    agreed: Vec<(LogPosition, Bytes)>,
    /// How far each server's present incarnation has come.
    applied: BTreeMap<PeerId, Index>,
    /// How often each server has booted.
    incarnations: BTreeMap<PeerId, u64>,
    snapshots_installed: u64,
}

impl Ledger {
    pub(super) fn new(world: &World, size: usize) -> Ledger {
        let applied = (0..size).map(|server| (server, 0)).collect();
        let incarnations = BTreeMap::new();
        let book = Book { agreed: Vec::new(), applied, incarnations, snapshots_installed: 0 };
        Ledger { world: world.clone(), book: Arc::new(Mutex::new(book)) }
    }

    /// A server boots, with nothing applied yet. What it applies goes onto its page.
    pub(super) fn open_page(&self, server: PeerId) -> Page {
        let mut book = self.book.lock();
        book.applied.insert(server, 0);
        let incarnation = book.incarnations.entry(server).or_default();
        *incarnation += 1;
        Page { ledger: self.clone(), server, incarnation: *incarnation }
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
    fn command(&mut self, server: PeerId, at: LogPosition, command: Bytes) -> Result<(), String> {
        let applied = self.applied.entry(server).or_default();
        if at.index != *applied + 1 {
            return Err(format!(
                "server {server} applied entry {} after entry {applied}: entries are applied in order, each once \
                 (Figure 2, Rules for Servers, All Servers rule 1)",
                at.index
            ));
        }
        *applied = at.index;
        match self.agreed.get(at.index as usize - 1) {
            None => self.agreed.push((at, command)),
            Some((first, agreed)) if (first, agreed) != (&at, &command) => {
                return Err(format!(
                    "server {server} applied {command:?} of term {} at index {}, where another server applied \
                     {agreed:?} of term {} (State Machine Safety, §5.4.3)",
                    at.term, at.index, first.term
                ));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn snapshot(&mut self, server: PeerId, through: LogPosition, commands: &[Bytes]) -> Result<(), String> {
        let applied = self.applied.entry(server).or_default();
        if through.index < *applied {
            return Err(format!(
                "server {server} had applied entry {applied}, and was then given a snapshot of entry {} (§7): \
                 a service must not go back",
                through.index
            ));
        }
        let agreed = &self.agreed[..self.agreed.len().min(through.index as usize)];
        let is_agreed =
            agreed.len() == commands.len() && agreed.iter().zip(commands).all(|((_, own), theirs)| own == theirs);
        if !is_agreed || commands.len() as Index != through.index {
            return Err(format!(
                "server {server} was given a snapshot of entry {} that holds {} commands, and not the {} that were \
                 applied until then (§7)",
                through.index,
                commands.len(),
                agreed.len()
            ));
        }
        if agreed.last().is_some_and(|(at, _)| *at != through) {
            return Err(format!(
                "server {server} was given a snapshot whose last entry is said to be of term {}, but entry {} is of \
                 another term (Figure 13, lastIncludedTerm)",
                through.term, through.index
            ));
        }
        *applied = through.index;
        self.snapshots_installed += 1;
        Ok(())
    }
}
