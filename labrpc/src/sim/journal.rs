//! The turns of a run, so that two runs that should be equal can be compared turn by turn.

use rustc_hash::FxHashMap;

use super::task::TaskId;
use crate::time::instant::Instant;

/// Every run notes its fingerprint once in this many turns, which costs nothing.
const CHECKPOINT_TURNS: u64 = 64;
/// Of longer runs only the beginning is kept.
const TURNS_MAX: usize = 4_000_000;

/// The turns of a run. Every run keeps a few of them as checkpoints, and one with
/// [`Settings::is_journaling`](super::Settings::is_journaling) keeps all.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    is_full: bool,
    /// The turns that are kept: all of them, or every `CHECKPOINT_TURNS`th.
    turns: Vec<NotedTurn>,
    /// Who the turns belong to: nodes and tasks by name.
    names: Vec<String>,
    name_of_task: FxHashMap<TaskId, u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NotedTurn {
    now_ns: u64,
    /// The run's trace after the turn had begun.
    trace: u64,
    /// Whose turn it is, as an index of `names`; 0 if names are not kept.
    name: u32,
}

/// Where two runs part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// Both runs were equal until this time.
    pub after: Instant,
    /// They differed at this time.
    pub before: Instant,
    /// Whose turn it was in the one run; empty if it is not known or the run was over.
    pub here: String,
    /// Whose turn it was in the other.
    pub there: String,
}

impl Journal {
    pub(super) fn new(is_full: bool) -> Journal {
        Journal { is_full, ..Journal::default() }
    }

    /// Whether a run keeps a turn, by the turn's number from 0.
    #[inline]
    pub(super) fn is_kept(is_journaling: bool, turn: u64) -> bool {
        is_journaling || turn.is_multiple_of(CHECKPOINT_TURNS)
    }

    /// Keeps a turn of a task. `name` is asked only if names are kept and the task is new.
    pub(super) fn keep(&mut self, now_ns: u64, trace: u64, task: TaskId, name: impl FnOnce() -> String) {
        if self.turns.len() >= TURNS_MAX {
            return;
        }
        if !self.is_full {
            return self.turns.push(NotedTurn { now_ns, trace, name: 0 });
        }
        let names = &mut self.names;
        let name = *self.name_of_task.entry(task).or_insert_with(|| {
            names.push(name());
            names.len() as u32 - 1
        });
        self.turns.push(NotedTurn { now_ns, trace, name });
    }

    /// Where this run and another one of the same settings part. If one of the two has only checkpoints, the
    /// time is known less exactly, and not whose turn it was. `None` if no difference was noted.
    pub fn parting(&self, other: &Journal) -> Option<Parting> {
        let is_full = self.is_full && other.is_full;
        let step = |journal: &Journal| if journal.is_full && !is_full { CHECKPOINT_TURNS as usize } else { 1 };
        let (mine, theirs) = (self.turns.iter().step_by(step(self)), other.turns.iter().step_by(step(other)));
        let mut after = Instant::ZERO;
        let (mut mine, mut theirs) = (mine, theirs);
        loop {
            let (here, there) = (mine.next(), theirs.next());
            match (here, there) {
                (None, None) => return None,
                (Some(here), Some(there)) if here.trace == there.trace => after = Instant::from_nanos(here.now_ns),
                _ => {
                    let first = [here, there].into_iter().flatten().map(|turn| turn.now_ns).min()?;
                    let name = |journal: &Journal, turn: Option<&NotedTurn>| match turn {
                        Some(turn) if is_full => journal.names[turn.name as usize].clone(),
                        _ => String::new(),
                    };
                    let (here, there) = (name(self, here), name(other, there));
                    return Some(Parting { after, before: Instant::from_nanos(first), here, there });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of 200 turns, whose trace changes at one of them.
    fn journal(is_full: bool, changed_at: u64) -> Journal {
        let mut journal = Journal::new(is_full);
        for turn in (0..200).filter(|&turn| Journal::is_kept(is_full, turn)) {
            let trace = turn + if turn < changed_at { 0 } else { 1000 };
            journal.keep(turn, trace, turn % 2, || format!("task {}", turn % 2));
        }
        journal
    }

    /// Two full journals part at an exact turn, and a journal with checkpoints parts from a full one in between two
    /// of them.
    #[test]
    fn journals_tell_where_runs_part() {
        let at = Instant::from_nanos;
        let parting = journal(true, 999).parting(&journal(true, 99)).expect("they part");
        let exact = Parting { after: at(98), before: at(99), here: "task 1".into(), there: "task 1".into() };
        assert_eq!(parting, exact);
        let parting = journal(false, 999).parting(&journal(true, 99)).expect("they part");
        assert_eq!((parting.after, parting.before), (at(64), at(128)));
        assert_eq!(journal(true, 999).parting(&journal(true, 999)), None);
        assert_eq!(journal(false, 999).parting(&journal(true, 999)), None);
    }
}
