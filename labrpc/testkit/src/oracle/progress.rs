//! What should happen does happen: answers at any time, all else once nothing is in the way.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use labrpc::face::RaftRequest;
use labrpc::time::Instant;
use labrpc::{ApplyMsg, Index, LogPosition, PeerId, Term};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::election::LEADER_IN_TIME;
use crate::rule::life::STUCK;
use crate::rule::replication::{CATCH_UP, COMMIT_AT_ONCE};
use crate::rule::service::ANSWERED;
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, Letter, Said, What};

/// A server answers another within this: far more than it needs, even with a slow disk.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);
/// A server answers or refuses a client within this, even one that is cut off.
const CLIENT_PATIENCE: Duration = Duration::from_secs(5);
/// Once nothing is in the way, there is a leader within this: several elections.
const LEADER_PATIENCE: Duration = Duration::from_secs(5);
/// And what its log holds is applied everywhere within this: many round trips and heartbeats.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(2);
/// A message that travels longer is in the way of others.
const TRAVEL_MAX: Duration = Duration::from_millis(50);
/// How often is looked.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Since when nothing is in anybody's way, and what is still owed.
#[derive(Default)]
pub(super) struct Progress {
    cuts: BTreeSet<(PeerId, PeerId)>,
    trouble: Option<Instant>,
    looked: Option<Instant>,
    led: Option<Reign>,
    applied: FxHashMap<PeerId, Index>,
    /// Commands that a leader took, and that nobody has applied.
    owed: VecDeque<(Moment, PeerId, LogPosition)>,
}

/// What the present leader owes. What an earlier one left behind may stay uncommitted until a
/// client comes with a command (§5.4.2).
struct Reign {
    leader: PeerId,
    term: Term,
    spoken: Moment,
    /// What it has said to be committed, and since when.
    announced: VecDeque<(Moment, Index)>,
}

impl Progress {
    fn sees(&mut self, event: &Event) {
        let at = event.at();
        match &event.what {
            What::Cut(from, to, is_cut) => {
                self.trouble = Some(at);
                match is_cut {
                    true => self.cuts.insert((*from, *to)),
                    false => self.cuts.remove(&(*from, *to)),
                };
            }
            What::Crashed(_) | What::Paused(..) | What::Lost(..) => self.trouble = Some(at),
            What::Booted(server) => {
                self.trouble = Some(at);
                self.applied.insert(*server, 0);
            }
            What::Arrived(letter, _) if at - letter.sent.at > TRAVEL_MAX => self.trouble = Some(at),
            What::Sent(letter) => {
                if let Some(&RaftRequest::AppendEntries { term, leader_commit, .. }) = letter.request() {
                    self.speaks(letter.from, term, leader_commit, event.moment);
                }
            }
            What::Applied(server, message) => {
                let index = match message {
                    ApplyMsg::Command { at, .. } => at.index,
                    ApplyMsg::Snapshot { through, .. } => through.index,
                };
                self.applied.insert(*server, index);
                self.owed.retain(|(_, _, position)| position.index > index);
            }
            What::Started(server, _, Ok(position))
                if self.applied.values().all(|applied| *applied < position.index) =>
            {
                self.owed.push_back((event.moment, *server, *position));
            }
            _ => {}
        }
    }

    fn speaks(&mut self, leader: PeerId, term: Term, leader_commit: Index, moment: Moment) {
        if self.led.as_ref().is_none_or(|reign| reign.term < term) {
            self.led = Some(Reign { leader, term, spoken: moment, announced: VecDeque::new() });
        }
        let Some(reign) = self.led.as_mut().filter(|reign| reign.term == term) else { return };
        reign.spoken = moment;
        if reign.announced.back().is_none_or(|(_, index)| leader_commit > *index) {
            reign.announced.push_back((moment, leader_commit));
        }
    }

    /// Requests are answered whatever the network does: no lock is held for long.
    fn answers(moment: Moment, known: &Known) -> Result<(), Verdict> {
        for (server, state) in known.servers.iter().enumerate().filter(|(_, state)| state.is_real) {
            for pending in &state.pending {
                let letter: &Letter = &pending.letter;
                let (rule, patience) = match letter.said {
                    Said::Ask(_) => (&ANSWERED, CLIENT_PATIENCE),
                    _ => (&STUCK, ANSWER_PATIENCE),
                };
                let since = pending.arrived;
                if moment.at - since.at > patience && known.ran_since(server, since.at) {
                    let what = format!("server {server} does not answer server or client {}", letter.from);
                    return Err(Verdict::new(rule, what)
                        .with(since, format!("a request of {} reaches server {server}", letter.from))
                        .with(moment, format!("{patience:?} later it is not answered")));
                }
            }
        }
        Ok(())
    }

    fn look(&mut self, moment: Moment, known: &Known) -> Result<(), Verdict> {
        Progress::answers(moment, known)?;
        let is_calm = self.cuts.is_empty() && known.is_whole && known.servers.iter().all(|server| server.is_running());
        let Some(since) = self.trouble.filter(|_| is_calm) else {
            self.trouble = Some(moment.at);
            return Ok(());
        };
        let is_calm_for = |patience| moment.at - since > patience;
        if known.pace.is_some() && known.majority() > 1 && is_calm_for(LEADER_PATIENCE) {
            let is_led = self.led.as_ref().is_some_and(|reign| moment.at - reign.spoken.at <= LEADER_PATIENCE);
            if !is_led {
                let what = format!("nothing is in the way, but for {LEADER_PATIENCE:?} nobody has led");
                return Err(Verdict::new(&LEADER_IN_TIME, what).with(moment, "no leader speaks"));
            }
        }
        if !is_calm_for(CATCH_UP_PATIENCE) {
            return Ok(());
        }
        let Some(reign) = &mut self.led else { return Ok(()) };
        while reign.announced.get(1).is_some_and(|(since, _)| moment.at - since.at > CATCH_UP_PATIENCE) {
            reign.announced.pop_front();
        }
        let due = reign.announced.front().filter(|(since, _)| moment.at - since.at > CATCH_UP_PATIENCE);
        let behind = |height: Index| self.applied.iter().find(move |(_, applied)| **applied < height);
        if let Some((&(reached, height), (server, applied))) = due.and_then(|due| Some((due, behind(due.1)?))) {
            let what =
                format!("nothing is in the way, but server {server} has applied only {applied} of {height} entries");
            return Err(Verdict::new(&CATCH_UP, what)
                .with(reached, format!("server {} says that entry {height} is committed", reign.leader))
                .with(moment, format!("server {server} has applied entries through {applied}")));
        }
        if let Some(&(taken, leader, position)) = self.owed.front()
            && moment.at - taken.at > CATCH_UP_PATIENCE
            && (leader, position.term) == (reign.leader, reign.term)
        {
            let what = format!(
                "nothing is in the way, but the command that server {leader} took at index {} is not applied",
                position.index
            );
            return Err(Verdict::new(&COMMIT_AT_ONCE, what)
                .with(taken, format!("server {leader} takes it, in term {}", position.term))
                .with(moment, "no server has applied it"));
        }
        self.owed.retain(|(_, _, position)| position.term >= reign.term);
        Ok(())
    }
}

impl Oracle for Progress {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        self.sees(event);
        if self.looked.is_none_or(|looked| event.at() - looked >= LOOK_INTERVAL) {
            self.looked = Some(event.at());
            return self.look(event.moment, known);
        }
        Ok(())
    }
}
