//! What kept a server from becoming the leader: who asked whom for votes, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use super::list;
use super::messages::{Messages, Outcome, count, is, is_of_leader, line, number, times};
use super::waited::{is_under_test, with_sender};
use crate::words::seconds;
use crate::{Event, Field, Kind, Position, Waited};

pub(super) fn text(messages: &Messages, waited: &Waited) -> String {
    let story = messages.story;
    let is_asked = |lane: &&String| waited.among.is_empty() || waited.among.contains(lane);
    let mut text = String::new();
    for lane in story.under_test().filter(is_asked) {
        let campaigns = Campaigns::of(messages, lane, (waited.since, waited.until));
        for (nth, told) in campaigns.told(messages, waited).iter().enumerate() {
            text += &line(if nth == 0 { story.name_of(lane) } else { "" }, told);
        }
    }
    text
}

/// The campaigns of a server in some time: the requests of each, by term.
struct Campaigns<'a> {
    lane: &'a str,
    by_term: BTreeMap<u64, Vec<usize>>,
}

/// What the votes of a campaign were.
#[derive(Default)]
struct Votes<'a> {
    granted: BTreeMap<&'a str, u64>,
    late: usize,
    denied: usize,
    lost: usize,
    unanswered: usize,
}

impl<'a> Campaigns<'a> {
    fn of(messages: &Messages, lane: &'a str, time: (u64, u64)) -> Campaigns<'a> {
        let mut by_term: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for place in messages.on(lane, Kind::Send, time) {
            let event = messages.event(place);
            if let Some(term) = number(event, "term").filter(|_| event.msg.as_deref() == Some("RequestVote")) {
                by_term.entry(term).or_default().push(place);
            }
        }
        Campaigns { lane, by_term }
    }

    fn told(&self, messages: &Messages, waited: &Waited) -> Vec<String> {
        let mut told = vec![self.summary(messages, waited)];
        told.extend(self.by_term.keys().rev().find_map(|term| self.won(messages, waited, *term)));
        told.extend(self.led(messages, waited));
        if told.len() == 1 {
            told.extend(self.last(messages));
        }
        told
    }

    fn summary(&self, messages: &Messages, waited: &Waited) -> String {
        let (Some((first, sent)), Some((last, at_last))) =
            (self.by_term.first_key_value(), self.by_term.last_key_value())
        else {
            let heard = messages.on(self.lane, Kind::Recv, (waited.since, waited.until)).last();
            let heard =
                heard.map(|place| (messages.event(place).t, with_sender(messages.story, messages.event(place))));
            let heard = match heard {
                Some((t, heard)) => format!("the last that it got: at {} {heard}", seconds(t)),
                None => "it got no message either".into(),
            };
            let alone = messages.story.servers.len() == 1;
            return if alone {
                "asked nobody for a vote: it is alone".into()
            } else {
                format!("asked nobody for a vote; {heard}")
            };
        };
        let terms = if first == last { format!("in term {first}") } else { format!("in terms {first} to {last}") };
        let (from, to) = (messages.event(sent[0]).t, messages.event(at_last[0]).t);
        let when = if first == last {
            format!("at {}", seconds(from))
        } else {
            format!("from {} to {}", seconds(from), seconds(to))
        };
        let mut all = Votes::default();
        let mut granted = 0;
        for term in self.by_term.keys() {
            let votes = self.votes(messages, *term);
            granted += votes.granted.len();
            all.late += votes.late;
            all.denied += votes.denied;
            all.lost += votes.lost;
            all.unanswered += votes.unanswered;
        }
        let parts = [
            (granted, "granted"),
            (all.late, "granted too late"),
            (all.denied, "denied"),
            (all.lost, "lost on the way"),
            (all.unanswered, "without an answer"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        format!("campaigned {}, {terms}, {when}; votes: {}", times(self.by_term.len()), parts.join(", "))
    }

    /// The votes of the campaign in a term. A vote that comes after the next campaign is late.
    fn votes<'m>(&self, messages: &Messages<'m>, term: u64) -> Votes<'m> {
        let next = self.by_term.range(term + 1..).next().map(|(_, sent)| sent[0]).unwrap_or(usize::MAX);
        let mut votes = Votes::default();
        for request in &self.by_term[&term] {
            match messages.outcome(*request) {
                Outcome::Lost | Outcome::ReplyLost => votes.lost += 1,
                Outcome::OnItsWay | Outcome::Unanswered(_) => votes.unanswered += 1,
                Outcome::Answered(reply, arrived) if is(messages.event(reply), "granted") => {
                    let voter = messages.event(reply).at.as_deref().unwrap_or_default();
                    match arrived < next {
                        true => drop(votes.granted.insert(voter, messages.event(arrived).t)),
                        false => votes.late += 1,
                    }
                }
                Outcome::Answered(..) => votes.denied += 1,
            }
        }
        votes
    }

    /// A campaign that had the votes of a majority, without a message as the leader.
    fn won(&self, messages: &Messages, waited: &Waited, term: u64) -> Option<String> {
        let story = messages.story;
        let votes = self.votes(messages, term);
        let majority = story.servers.len() / 2 + 1;
        let mut at: Vec<u64> = votes.granted.values().copied().collect();
        at.sort_unstable();
        // Its own vote is one of them.
        let won = *at.get(majority.checked_sub(2)?)?;
        let has_led = |event: &Event| {
            is_of_leader(event) && event.at.as_deref() == Some(self.lane) && number(event, "term") == Some(term)
        };
        if story.events.iter().any(|event| event.t <= waited.until && has_led(event)) {
            return None;
        }
        let voters: Vec<&str> = votes.granted.keys().map(|lane| story.name_of(lane)).collect();
        Some(format!(
            "in term {term} it had the vote of {} by {}: with its own, a majority of {}; it sent no message as the leader",
            list(&voters),
            seconds(won),
            story.servers.len()
        ))
    }

    /// Its last message as a leader in this time, though it is said not to lead.
    fn led(&self, messages: &Messages, waited: &Waited) -> Option<String> {
        let sent = messages.on(self.lane, Kind::Send, (waited.since, waited.until));
        let last = sent.filter(|place| is_of_leader(messages.event(*place))).last()?;
        let event = messages.event(last);
        let term = number(event, "term")?;
        Some(format!("it sent messages as the leader of term {term}, the last at {}", seconds(event.t)))
    }

    /// What each server answered in the last campaign that is over.
    fn last(&self, messages: &Messages) -> Option<String> {
        let (term, requests) = self.by_term.iter().next_back()?;
        let mut outcomes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut told = BTreeSet::new();
        for request in requests {
            let event = messages.event(*request);
            let to = event.to.as_deref()?;
            if !told.insert(to) {
                continue;
            }
            let outcome = match messages.outcome(*request) {
                Outcome::Lost | Outcome::ReplyLost => "lost on the way".to_string(),
                Outcome::OnItsWay => "the answer had not come".to_string(),
                Outcome::Unanswered(_) => "no answer".to_string(),
                Outcome::Answered(reply, _) if is(messages.event(reply), "granted") => "granted".to_string(),
                Outcome::Answered(reply, _) => format!("denied{}", why_denied(messages, event, reply)),
            };
            outcomes.entry(outcome).or_default().push(messages.story.name_of(to));
        }
        let parts = outcomes.iter().map(|(outcome, names)| format!("{} {outcome}", list(names)));
        Some(format!("its last, in term {term}: {}", parts.collect::<Vec<_>>().join("; ")))
    }
}

/// Why a vote was denied, if what the voter has shown is a reason.
fn why_denied(messages: &Messages, request: &Event, reply: usize) -> String {
    let story = messages.story;
    let answer = messages.event(reply);
    let (Some(asked), Some(term)) = (number(request, "term"), number(answer, "term")) else { return String::new() };
    if term > asked {
        return format!(" (in term {term})");
    }
    let Some(voter) = answer.at.as_deref().filter(|lane| is_under_test(story, Some(lane))) else {
        return String::new();
    };
    let states = story.states_after(reply);
    let Some(state) = states.get(voter) else { return String::new() };
    if let Some(vote) = state.vote.as_ref().filter(|vote| state.term == asked && Some(*vote) != request.at.as_ref()) {
        return format!(" (had voted for {})", story.name_of(vote));
    }
    let last = state.last();
    match request.f.get("last") {
        Some(Field::Position(Position(index, term))) if (last.1, last.0) > (*term, *index) => {
            format!(" (its log ends at {}:{}, after the candidate's)", last.0, last.1)
        }
        _ => String::new(),
    }
}

/// `3 campaigns`, for a sentence about several servers.
pub(super) fn campaigns_in(messages: &Messages, waited: &Waited) -> String {
    let all = messages.story.under_test().map(|lane| Campaigns::of(messages, lane, (waited.since, waited.until)));
    count(all.map(|campaigns| campaigns.by_term.len()).sum(), "campaign")
}
