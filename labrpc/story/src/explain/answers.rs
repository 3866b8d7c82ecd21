//! What kept an answer from coming: whom the clients asked, and what a server did instead of answering.

use std::collections::BTreeMap;

use super::messages::{Messages, Outcome, count, is, line, times};
use super::replication::{self, taken_for};
use super::waited::{leader_at, with_sender};
use crate::words::{self, seconds};
use crate::{Event, Field, Kind, Story, Waited};

/// The most clients that are told of.
const CLIENTS_MAX: usize = 2;

/// What became of a client's requests to one server.
#[derive(Default)]
struct Asked {
    count: usize,
    last: u64,
    lost: usize,
    done: usize,
    refused: BTreeMap<String, usize>,
    /// The arrivals of the requests that were not answered.
    unanswered: Vec<usize>,
    on_their_way: usize,
}

/// The calls that have not returned, each with its client's lane.
fn open_calls<'a>(story: &'a Story, client: Option<&str>) -> Vec<(usize, &'a str)> {
    let is_open = |call: &Event| !story.events.iter().any(|event| event.k == Kind::Ret && event.op == call.op);
    let calls = story.events.iter().enumerate().filter(|(_, event)| event.k == Kind::Call && is_open(event));
    let calls = calls.filter_map(|(place, event)| Some((place, event.at.as_deref()?)));
    calls.filter(|(_, lane)| client.is_none_or(|client| client == *lane)).collect()
}

/// The first call that has not returned.
pub(super) fn first_open(story: &Story, client: Option<&str>) -> Option<usize> {
    open_calls(story, client).first().map(|(place, _)| *place)
}

/// Why clients have no answers.
pub(super) fn of_clients(messages: &Messages, waited: &Waited, client: Option<&str>) -> String {
    let story = messages.story;
    let open = open_calls(story, client);
    let mut text = String::new();
    for (call, lane) in open.iter().take(CLIENTS_MAX) {
        let event = messages.event(*call);
        let asked = format!("waits since {} for: {}", seconds(event.t), words::operation(event));
        text += &line(story.name_of(lane), &asked);
        text += &of_client(messages, waited, event.t, lane);
    }
    let more = open.len().saturating_sub(CLIENTS_MAX);
    if more > 0 {
        text += &format!("  {more} more clients wait\n");
    }
    if open.is_empty() {
        text += "  no operation was open: each has returned\n";
    }
    text
}

/// Whom a client asked since a time, and what came of it.
fn of_client(messages: &Messages, waited: &Waited, since: u64, lane: &str) -> String {
    let story = messages.story;
    let mut by_server: BTreeMap<&str, Asked> = BTreeMap::new();
    for place in messages.on(lane, Kind::Send, (since, waited.until)) {
        let event = messages.event(place);
        let asked = by_server.entry(event.to.as_deref().unwrap_or_default()).or_default();
        asked.count += 1;
        asked.last = event.t;
        match messages.outcome(place) {
            Outcome::Lost | Outcome::ReplyLost => asked.lost += 1,
            Outcome::OnItsWay => asked.on_their_way += 1,
            Outcome::Unanswered(arrival) => asked.unanswered.push(arrival),
            Outcome::Answered(reply, _) if is(messages.event(reply), "ok") => asked.done += 1,
            Outcome::Answered(reply, _) => {
                let why = match messages.event(reply).f.get("why") {
                    Some(Field::Text(why)) => why.clone(),
                    _ => String::new(),
                };
                *asked.refused.entry(why).or_default() += 1;
            }
        }
    }
    let mut text = String::new();
    for (server, asked) in &by_server {
        text += &format!("             it asked {} {}\n", story.name_of(server), asked.told());
    }
    if let Some((leader, term, last)) = leader_at(story, waited.until)
        .filter(|(leader, _, last)| !by_server.contains_key(leader) && messages.event(*last).t >= waited.since)
    {
        let until = seconds(messages.event(last).t);
        text +=
            &line("", &format!("{} led term {term}, until {until} at least; it was not asked", story.name_of(leader)));
    }
    if by_server.is_empty() {
        text += "             it asked no server\n";
    }
    let unanswered = by_server.values().flat_map(|asked| asked.unanswered.last()).max();
    text + &unanswered.map(|arrival| of_request(messages, waited, *arrival)).unwrap_or_default()
}

/// What became of a client's request that has arrived and was not answered.
fn of_request(messages: &Messages, waited: &Waited, arrival: usize) -> String {
    let story = messages.story;
    let event = messages.event(arrival);
    let (Some(server), Some(request)) = (event.at.as_deref(), messages.sending(arrival)) else { return String::new() };
    let name = story.name_of(server);
    let at = seconds(event.t);
    let Some(index) = taken_for(messages, arrival, request) else {
        return format!("  {name} got its request at {at} and has not answered it; no entry of it was seen\n");
    };
    let states = story.states_after(story.events.partition_point(|event| event.t <= waited.until));
    if states.get(server).is_some_and(|state| state.applied >= index) {
        let is_it = |place: &usize| {
            let delta = messages.event(*place).d.as_ref();
            delta.and_then(|delta| delta.applied).is_some_and(|applied| applied >= index)
        };
        let applied = messages.on(server, Kind::Apply, (event.t, waited.until)).find(is_it);
        let when = applied.map_or(String::new(), |place| format!(" at {}", seconds(messages.event(place).t)));
        return format!(
            "  {name} got its request at {at}, took it as entry {index} and applied that{when}, but did not answer\n"
        );
    }
    let head = format!("  {name} got its request at {at} and took it as entry {index}, which it has not applied\n");
    head + &replication::text(messages, waited, Some(index), None)
}

impl Asked {
    fn told(&self) -> String {
        let mut parts = Vec::new();
        for (why, count) in &self.refused {
            parts.push(format!("{count} refused: {why}"));
        }
        let counted = [
            (self.lost, "lost, or their answers"),
            (self.unanswered.len(), "without an answer"),
            (self.on_their_way, "on the way"),
            (self.done, "done"),
        ];
        parts.extend(counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        format!("{}, at last at {}; {}", times(self.count), seconds(self.last), parts.join(", "))
    }
}

/// What a server did that owes an answer, or does not return.
pub(super) fn of_server(messages: &Messages, waited: &Waited, lane: &str, arrival: Option<usize>) -> String {
    let story = messages.story;
    let since = arrival.map_or(waited.since, |place| messages.event(place).t);
    let name = story.name_of(lane);
    let is_owed = |place: &usize| {
        let request = messages.event(*place).m.and_then(|m| story.sendings().get(m).copied());
        request.is_some_and(|request| matches!(messages.outcome(request), Outcome::Unanswered(_)))
    };
    let requests: Vec<usize> = messages
        .on(lane, Kind::Recv, (since, waited.until))
        .filter(|place| messages.sending(*place).is_some_and(|sent| sent.re.is_none()))
        .collect();
    let owed = requests.iter().filter(|place| is_owed(place)).count();
    let answered = line(
        name,
        &format!(
            "answered {} of the {} that it got in this time",
            requests.len() - owed,
            count(requests.len(), "request")
        ),
    );
    answered + &did(messages, lane, (since, waited.until), arrival)
}

/// What a server that does not send something did instead.
pub(super) fn sent(messages: &Messages, waited: &Waited, lane: &str) -> String {
    let story = messages.story;
    let time = (waited.since, waited.until);
    let mut by_kind: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for place in messages.on(lane, Kind::Send, time) {
        let event = messages.event(place);
        let kind = by_kind.entry(event.msg.as_deref().unwrap_or_default()).or_default();
        *kind = (kind.0 + 1, event.t);
    }
    let sent: Vec<String> = by_kind
        .iter()
        .map(|(kind, (count, last))| format!("{count} {kind} (the last at {})", seconds(*last)))
        .collect();
    let sent =
        if sent.is_empty() { "sent nothing in this time".into() } else { format!("sent instead: {}", sent.join(", ")) };
    let heard = messages.on(lane, Kind::Recv, (0, waited.until)).last().map(|place| {
        let event = messages.event(place);
        format!("the last that it got, at {}: {}", seconds(event.t), with_sender(story, event))
    });
    line(story.name_of(lane), &sent)
        + &heard.map(|heard| line("", &heard)).unwrap_or_default()
        + &did(messages, lane, time, None)
}

/// What a server has shown in some time.
fn did(messages: &Messages, lane: &str, (since, until): (u64, u64), after: Option<usize>) -> String {
    let story = messages.story;
    let is_shown = |(place, event): &(usize, &Event)| {
        after.is_none_or(|after| *place > after)
            && (since..=until).contains(&event.t)
            && event.at.as_deref() == Some(lane)
            && !matches!(event.k, Kind::Recv | Kind::Say)
    };
    let last = story.events.iter().enumerate().rfind(is_shown);
    let told = match last {
        Some((place, event)) => {
            format!("what it did last, at {}: {} (event {place})", seconds(event.t), with_sender(story, event))
        }
        None => "it did nothing in this time that can be seen".to_string(),
    };
    line("", &told)
}
