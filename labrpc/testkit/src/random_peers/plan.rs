//! What happens in a run, as a list of random numbers that can be shortened.

use labrpc::Term;
use labrpc::sim::mix;

/// The course of one run: what happened before the real server boots, and what happens then.
///
/// Each number stands for one thing that happens. What it is depends on the servers' state when its
/// turn comes, so a plan still makes sense when any of its numbers are left out.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// The number of servers, the real one included.
    pub size: usize,
    /// Which role the real server has most of the time.
    pub(super) role: RealRole,
    /// What happened among all servers before the real one boots. Without disks, among the others only.
    pub(super) history: Vec<u64>,
    /// What happens to the real server.
    pub(super) actions: Vec<u64>,
    /// Decides what holds for the whole run, such as the names of clients.
    circumstances: u64,
}

/// Which role the real server has most of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RealRole {
    /// Others campaign and lead.
    Follower,
    /// It campaigns, leads, and takes commands. Others do so now and then.
    Leader,
}

/// One of this many new terms is far ahead, as after campaigns that nobody has heard of for hours.
const FAR_TERM_ONE_IN: u64 = 30;
/// Terms that are far ahead: after them come terms that need more than 12, more than 32 and more than 40 bits.
const FAR_TERMS: [Term; 3] = [(1 << 12) - 1, (1 << 32) - 1, (1 << 40) - 1];
const HISTORY_LENGTH: u64 = 60;
const ACTIONS_LENGTH: u64 = 90;

impl RunPlan {
    /// The plan of a seed.
    pub(crate) fn of_seed(test: u64, seed: u64) -> RunPlan {
        let mut bits = Bits(mix(test, seed));
        // With five servers, two of them may hold an entry that is never committed.
        let size = bits.pick(&[3, 3, 4, 5, 5, 5, 5]).expect("it is not empty");
        let role = if bits.one_in(2) { RealRole::Follower } else { RealRole::Leader };
        let length = if bits.one_in(4) { 0 } else { 1 + bits.below(HISTORY_LENGTH) };
        let history = (0..length).map(|_| bits.next()).collect();
        let actions = (0..ACTIONS_LENGTH).map(|_| bits.next()).collect();
        RunPlan { size, role, history, actions, circumstances: bits.next() }
    }

    /// True for half of all plans, for tests that have two kinds of runs.
    pub(crate) fn is_odd(&self) -> bool {
        self.role == RealRole::Leader
    }

    /// What happens to the real server.
    pub(crate) fn actions(&self) -> &[u64] {
        &self.actions
    }

    /// Decides what holds for the whole run, and stays the same in a shorter plan.
    pub(crate) fn circumstances(&self) -> Bits {
        Bits(self.circumstances)
    }

    /// How many things happen.
    pub(crate) fn len(&self) -> usize {
        self.history.len() + self.actions.len()
    }

    /// The plan without `count` things from place `from` on.
    pub(crate) fn without(&self, from: usize, count: usize) -> RunPlan {
        let is_kept = |place: &usize| !(from..from + count).contains(place);
        let keep = |numbers: &[u64], offset: usize| {
            numbers.iter().enumerate().filter(|(place, _)| is_kept(&(place + offset))).map(|(_, n)| *n).collect()
        };
        RunPlan {
            size: self.size,
            role: self.role,
            history: keep(&self.history, 0),
            actions: keep(&self.actions, self.history.len()),
            circumstances: self.circumstances,
        }
    }
}

/// A sequence of random numbers.
pub(crate) struct Bits(pub(crate) u64);

impl Bits {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = mix(self.0, 1);
        self.0
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A number from `range`, ends included.
    pub(crate) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A new term: mostly `next`, rarely one far ahead of it.
    pub(crate) fn new_term(&mut self, next: Term) -> Term {
        let far = if self.one_in(FAR_TERM_ONE_IN) { self.pick(&FAR_TERMS) } else { None };
        far.map_or(next, |far| far.max(next))
    }

    /// One of these, if there are any.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len() as u64) as usize]) }
    }
}
