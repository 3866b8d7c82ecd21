//! Elections and heartbeats come in time (§5.2, §5.6).

use std::collections::BTreeSet;
use std::time::Duration;

use labrpc::face::{RaftReply, RaftRequest};
use labrpc::{PeerId, Term};
use rustc_hash::FxHashMap;

use super::Oracle;
use crate::rule::election::{CAMPAIGN, CAMPAIGN_DUE, FIRST_HEARTBEAT, HEARTBEATS, LEADER_STAYS, TIMER};
use crate::verdict::{Moment, Verdict};
use crate::watch::{Event, Known, Letter, What};

/// Messages of one round leave one after another, with nothing in between that takes time.
const ROUND: Duration = Duration::from_millis(1);
/// Overdue servers are looked for so often.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Since when each server waits for what.
#[derive(Default)]
pub(super) struct Deadlines {
    clocks: FxHashMap<PeerId, Clock>,
    looked: Option<Moment>,
}

/// One server's obligations.
#[derive(Default)]
struct Clock {
    /// The latest request that certainly restarted its timer, at the earliest moment it can have.
    reset_after: Option<Moment>,
    /// The latest moment at which anything may have restarted it.
    reset_before: Option<Moment>,
    /// The newest term that it can know of.
    term: Term,
    /// The latest term that it campaigned in.
    campaigned: Term,
    /// The round of vote requests that it is sending.
    campaign: Option<Round>,
    reign: Option<Reign>,
}

/// Requests that leave for all others at once.
struct Round {
    term: Term,
    began: Moment,
    sent_to: BTreeSet<PeerId>,
    /// The server was stopped in the midst of it.
    is_excused: bool,
}

/// A term that a server has won, until it can know of a newer one.
struct Reign {
    term: Term,
    won: Moment,
    /// When each other server was last sent anything.
    spoken: FxHashMap<PeerId, Moment>,
}

impl Clock {
    fn knows(&mut self, term: Term) {
        self.term = self.term.max(term);
        let newest = self.term;
        self.reign.take_if(|reign| reign.term < newest);
        self.campaign.take_if(|round| round.term < newest);
    }
}

impl Deadlines {
    fn campaigns(&mut self, letter: &Letter, term: Term, event: &Event, known: &Known) -> Result<(), Verdict> {
        let server = letter.from;
        let clock = self.clocks.entry(server).or_default();
        let is_new = term > clock.campaigned;
        clock.campaigned = clock.campaigned.max(term);
        if is_new && term > clock.term {
            if let (Some(reset), Some(pace)) = (clock.reset_after, known.pace)
                && event.at() < reset.at + pace.election_timeout_min
            {
                let waited = event.at() - reset.at;
                let what = format!("server {server} campaigned {waited:.0?} after its election timer had to restart");
                return Err(Verdict::new(&TIMER, what)
                    .with(reset, format!("server {server} gives its vote, or hears from the leader of its term"))
                    .with(
                        event.moment,
                        format!("it campaigns in term {term}; no time-out is under {:?}", pace.election_timeout_min),
                    ));
            }
            // A vote that has arrived may not have been counted yet.
            let has_led = |reign: &Reign| {
                !reign.spoken.is_empty() || event.at() - reign.won.at > known.slack(server, reign.won.at)
            };
            if let Some(reign) = clock.reign.take().filter(has_led) {
                let what =
                    format!("server {server} gave up leading term {} though it heard of no newer one", reign.term);
                return Err(Verdict::new(&LEADER_STAYS, what)
                    .with(reign.won, format!("server {server} wins term {}", reign.term))
                    .with(event.moment, format!("it campaigns in term {term}")));
            }
        }
        clock.knows(term);
        if is_new {
            clock.reset_before = Some(event.moment);
            clock.campaign = Some(Round { term, began: event.moment, sent_to: BTreeSet::new(), is_excused: false });
        }
        if let Some(round) = &mut clock.campaign {
            round.sent_to.insert(letter.to);
        }
        Ok(())
    }

    fn leads(&mut self, letter: &Letter, term: Term, event: &Event) {
        let clock = self.clocks.entry(letter.from).or_default();
        clock.knows(term);
        clock.campaign = None;
        // Who steps down later waits from its last word as a leader on.
        clock.reset_before = Some(event.moment);
        if let Some(reign) = clock.reign.as_mut().filter(|reign| reign.term == term) {
            reign.spoken.insert(letter.to, event.moment);
        }
    }

    fn answers(&mut self, letter: &Letter, event: &Event, known: &Known) {
        let Some((request, reply)) = letter.reply() else { return };
        let clock = self.clocks.entry(letter.from).or_default();
        clock.knows(reply.term());
        let restarts = match (request, reply) {
            (_, RaftReply::RequestVote { granted, .. }) => *granted,
            _ => request.term() == reply.term(),
        };
        if !restarts {
            return;
        }
        let pending = letter.answers.as_ref().and_then(|request| known.servers[letter.from].pending(request.number));
        if let Some(pending) = pending {
            let earlier = clock.reset_after.filter(|reset| reset.at > pending.arrived.at);
            clock.reset_after = earlier.or(Some(pending.arrived));
        }
        clock.reset_before = Some(event.moment);
    }

    /// A server has enough votes: from now on it owes everyone heartbeats.
    fn wins(&mut self, letter: &Letter, event: &Event, known: &Known) {
        let Some((_, &RaftReply::RequestVote { term, granted: true })) = letter.reply() else { return };
        let won = known.campaign(letter.to, term).and_then(|campaign| campaign.won);
        let clock = self.clocks.entry(letter.to).or_default();
        if won == Some(event.moment) && clock.term == term {
            clock.reign = Some(Reign { term, won: event.moment, spoken: FxHashMap::default() });
        }
    }

    /// Who is overdue?
    fn look(&mut self, moment: Moment, known: &Known) -> Result<(), Verdict> {
        let Some(pace) = known.pace else { return Ok(()) };
        for (&server, clock) in &mut self.clocks {
            let state = &known.servers[server];
            if !state.is_real || !state.is_running() {
                (clock.reign, clock.campaign, clock.reset_before) = (None, None, None);
                continue;
            }
            let ran_since = |since: Moment| known.ran_since(server, since.at);
            let others = (0..known.servers.len()).filter(|&other| other != server);
            if let Some(round) = clock.campaign.take_if(|round| moment.at - round.began.at > ROUND)
                && !round.is_excused
                && ran_since(round.began)
                && let Some(missing) = others.clone().find(|other| !round.sent_to.contains(other))
            {
                let what = format!(
                    "server {server} campaigns in term {}, but did not ask server {missing} at once",
                    round.term
                );
                return Err(Verdict::new(&CAMPAIGN, what)
                    .with(round.began, format!("server {server} asks {:?} for their votes", round.sent_to))
                    .with(moment, format!("server {missing} was not asked")));
            }
            if let Some(reign) = &clock.reign {
                for other in others {
                    let spoken = reign.spoken.get(&other).copied();
                    let (since, patience) =
                        spoken.map_or((reign.won, Duration::ZERO), |at| (at, pace.heartbeat_interval));
                    if moment.at - since.at <= patience + known.slack(server, since.at) || !ran_since(since) {
                        continue;
                    }
                    let (rule, said) = match spoken {
                        None => {
                            (&FIRST_HEARTBEAT, format!("server {server} gets the vote that wins term {}", reign.term))
                        }
                        Some(_) => (&HEARTBEATS, format!("server {server} last speaks to server {other}")),
                    };
                    let what =
                        format!("server {server} leads term {}, but server {other} does not hear from it", reign.term);
                    return Err(Verdict::new(rule, what).with(since, said).with(
                        moment,
                        format!(
                            "nothing more was sent to server {other}, though heartbeats are due every {:?}",
                            pace.heartbeat_interval
                        ),
                    ));
                }
            } else if let Some(reset) = clock.reset_before
                && known.servers.len() > 1
                && !state.pending.iter().any(|pending| pending.letter.request().is_some())
                && moment.at - reset.at > pace.election_timeout_max + known.slack(server, reset.at)
                && ran_since(reset)
            {
                let what = format!("server {server} hears of no leader, but does not campaign");
                return Err(Verdict::new(&CAMPAIGN_DUE, what)
                    .with(reset, format!("the last time that anything may have restarted the timer of server {server}"))
                    .with(
                        moment,
                        format!(
                            "{:?} later it has not campaigned; no time-out is over {:?}",
                            moment.at - reset.at,
                            pace.election_timeout_max
                        ),
                    ));
            }
        }
        Ok(())
    }
}

impl Oracle for Deadlines {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        let result = match &event.what {
            What::Sent(letter) if known.is_real(letter.from) => match letter.request() {
                Some(&RaftRequest::RequestVote { term, .. }) => self.campaigns(letter, term, event, known),
                Some(request) => {
                    self.leads(letter, request.term(), event);
                    Ok(())
                }
                None => {
                    self.answers(letter, event, known);
                    Ok(())
                }
            },
            What::Arrived(letter, _) if known.is_real(letter.to) => {
                let term = letter.request().map(RaftRequest::term).or(letter.reply().map(|(_, reply)| reply.term()));
                if let Some(term) = term {
                    // Only a newer term ends a reign, and only once it can have been taken in.
                    self.clocks.entry(letter.to).or_default().knows(term);
                    self.wins(letter, event, known);
                }
                Ok(())
            }
            What::Booted(server) => {
                let clock = Clock {
                    term: known.servers[*server].disk.head.term,
                    reset_before: Some(event.moment),
                    ..Clock::default()
                };
                self.clocks.insert(*server, clock);
                Ok(())
            }
            What::Paused(server, _) => {
                let clock = self.clocks.entry(*server).or_default();
                clock.reign = None;
                clock.campaign.iter_mut().for_each(|round| round.is_excused = true);
                clock.reset_before = Some(event.moment);
                Ok(())
            }
            _ => Ok(()),
        };
        result?;
        if self.looked.is_none_or(|looked| event.at() - looked.at >= LOOK_INTERVAL) {
            self.looked = Some(event.moment);
            return self.look(event.moment, known);
        }
        Ok(())
    }
}
