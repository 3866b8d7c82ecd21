//! What every server applied, and whether they agree (State Machine Safety, §5.4.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use labrpc::sim::tape::{self, Action};
use labrpc::sim::{self, NodeId};
use labrpc::sync::Mutex;
use labrpc::{ApplyMsg, Bytes, Index, LogPosition, PeerId, wire};
use serde::{Deserialize, Serialize};

use crate::observer::Observer;
use crate::report::Reporter;
use crate::rule::replication::{APPLY_ORDER, STATE_MACHINE};
use crate::rule::service::LABEL;
use crate::rule::snapshots::{BOUNDARY, DELIVERED, INSTALLS};
use crate::taped::{read_message, write_message};
use crate::violation::Violation;

/// What the servers of a cluster applied. Clones are the same logs. A broken rule ends the run.
#[derive(Clone)]
pub struct AppliedLogs {
    reporter: Reporter,
    records: Arc<Mutex<Records>>,
}

/// Records what one incarnation of a server applies.
#[derive(Clone)]
pub(super) struct AppliedLog {
    applied_logs: AppliedLogs,
    server: PeerId,
    incarnation: u64,
    observer: Option<Observer>,
    /// How a tape calls what is noted here.
    action: Action,
}

impl AppliedLog {
    /// The server applied something.
    pub(super) fn applied(&self, message: &ApplyMsg) {
        let _harness = self.leave(|| Noted::Applied(write_message(message)));
        self.note(|records| match message {
            ApplyMsg::Command { at, command } => records.command(self.server, *at, command),
            ApplyMsg::Snapshot { through, .. } => records.snapshot(self.server, *through),
        });
        if let Some(observer) = &self.observer {
            observer.applied(self.server, message);
        }
    }

    /// The server has taken its service's snapshot.
    pub(super) fn compacted(&self, through: Index) {
        let _harness = self.leave(|| Noted::Compacted(through));
        if let Some(observer) = &self.observer {
            observer.compacted(self.server, through);
        }
    }

    /// The service received a snapshot, which holds these commands.
    pub(super) fn read_back(&self, through: LogPosition, commands: &[Bytes]) {
        let _harness = self.leave(|| Noted::ReadBack(through, commands.to_vec()));
        self.note(|records| records.read_back(self.server, through, commands));
    }

    fn leave(&self, noted: impl FnOnce() -> Noted) -> tape::Left {
        tape::leave(self.action, || wire::encode(&noted()))
    }

    /// Lets a tape's player apply.
    pub(super) fn offer(&mut self, node: Option<NodeId>) {
        let log = self.clone();
        self.action = tape::offer(node, move |noted| match wire::decode(noted) {
            Ok(Noted::Applied(message)) => match read_message(&message) {
                Some(message) => log.applied(&message),
                None => sim::fail("the tape applies nothing that can be read"),
            },
            Ok(Noted::Compacted(through)) => log.compacted(through),
            Ok(Noted::ReadBack(through, commands)) => log.read_back(through, &commands),
            Err(_) => sim::fail("the tape applies nothing that can be read"),
        });
    }

    /// Records something, unless a newer incarnation runs: on real threads an incarnation that was shut
    /// down may still apply what it had taken.
    fn note(&self, entry: impl FnOnce(&mut Records) -> Result<(), Violation>) {
        let outcome = {
            let mut records = self.applied_logs.records.lock();
            if records.incarnations.get(&self.server) != Some(&self.incarnation) {
                return;
            }
            sim::as_harness(|| entry(&mut records))
        };
        if let Err(violation) = outcome {
            self.applied_logs.reporter.violation(violation);
        }
    }
}

/// What a server's gate or service notes, for a tape.
#[derive(Serialize, Deserialize)]
enum Noted {
    Applied(Vec<u8>),
    Compacted(Index),
    ReadBack(LogPosition, Vec<Bytes>),
}

/// What is recorded of all servers.
struct Records {
    /// Whether every server is a real one. If not, scripted servers may know of entries that are not
    /// recorded here.
    is_whole: bool,
    /// The command at each index, from 1 on, as the first server applied it.
    agreed: Vec<(LogPosition, Bytes)>,
    /// The last index that each server's present incarnation applied.
    applied: BTreeMap<PeerId, Index>,
    /// How often each server has booted.
    incarnations: BTreeMap<PeerId, u64>,
    snapshots_installed: u64,
}

impl AppliedLogs {
    pub(super) fn new(reporter: &Reporter, size: usize, is_whole: bool) -> AppliedLogs {
        let applied = (0..size).map(|server| (server, 0)).collect();
        let incarnations = BTreeMap::new();
        let records = Records { is_whole, agreed: Vec::new(), applied, incarnations, snapshots_installed: 0 };
        AppliedLogs { reporter: reporter.clone(), records: Arc::new(Mutex::new(records)) }
    }

    /// A server boots, with nothing applied yet. Returns the log of this incarnation; what it records
    /// is also shown to the observer.
    pub(super) fn open_log(&self, server: PeerId, observer: Option<Observer>) -> AppliedLog {
        let mut records = self.records.lock();
        records.applied.insert(server, 0);
        let incarnation = records.incarnations.entry(server).or_default();
        *incarnation += 1;
        AppliedLog {
            applied_logs: self.clone(),
            server,
            incarnation: *incarnation,
            observer,
            action: Action::default(),
        }
    }

    /// How many servers have applied the entry at `index`, and its command.
    pub fn applied_at(&self, index: Index) -> (usize, Option<Bytes>) {
        let records = self.records.lock();
        let servers = records.applied.values().filter(|&&applied| index >= 1 && applied >= index).count();
        let command = index.checked_sub(1).and_then(|place| records.agreed.get(place as usize));
        (servers, command.map(|(_, command)| command.clone()))
    }

    /// The index of the last entry that any server has applied.
    pub fn last_applied(&self) -> Index {
        self.records.lock().agreed.len() as Index
    }

    /// Every command applied so far, in order.
    pub fn commands(&self) -> Vec<Bytes> {
        self.records.lock().agreed.iter().map(|(_, command)| command.clone()).collect()
    }

    /// How many snapshots services received, from their servers' disks or from a leader.
    pub fn snapshots_installed(&self) -> u64 {
        self.records.lock().snapshots_installed
    }
}

impl Records {
    fn command(&mut self, server: PeerId, at: LogPosition, command: &Bytes) -> Result<(), Violation> {
        let applied = self.applied.entry(server).or_default();
        if at.index != *applied + 1 {
            let what = format!("server {server} applied entry {} after entry {applied}", at.index);
            return Err(Violation::new(&APPLY_ORDER, what));
        }
        *applied = at.index;
        match self.agreed.get(at.index as usize - 1) {
            None if at.index as usize > self.agreed.len() + 1 => {} // A scripted leader's snapshot came before it.
            None => self.agreed.push((at, Bytes::from(command.to_vec()))), // no bytes of the server's
            Some((first, agreed)) if (first, agreed) != (&at, command) => {
                let what = format!(
                    "server {server} applied {command:?} of term {} at index {}, where another server had applied \
                     {agreed:?} of term {}",
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
                "server {server} had applied entry {applied}, and then applied a snapshot through entry {}",
                through.index
            );
            return Err(Violation::new(&DELIVERED, what).look_at(&INSTALLS));
        }
        *applied = through.index;
        self.snapshots_installed += 1;
        let agreed = through.index.checked_sub(1).and_then(|slot| self.agreed.get(slot as usize));
        match agreed {
            Some((at, _)) if *at == through => Ok(()),
            Some((at, _)) => {
                let what = format!(
                    "server {server} applied a snapshot with term {} for its last entry, but entry {} is of term {}",
                    through.term, through.index, at.term
                );
                Err(Violation::new(&BOUNDARY, what))
            }
            None if !self.is_whole => Ok(()),
            None => {
                let what = format!(
                    "server {server} applied a snapshot through entry {}, but only entries through {} were ever applied",
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
            "server {server} applied a snapshot through entry {} that holds {} commands, but not the {} that were \
             applied until then",
            through.index,
            commands.len(),
            agreed.len()
        );
        Err(Violation::new(&LABEL, what))
    }
}
