//! Why a run failed, on one screen, in plain sentences.
//!
//! Events that contradict each other are explained by what led to them ([`past`]). A wait that was too long has the last
//! good state, what was waited for, and what kept it from happening ([`waited`]). What threads have done is told of each
//! thread ([`threads`]), and a test that was vacuous has what happened instead ([`missing`]). Nothing is told that the
//! events do not show.

mod answers;
mod elections;
mod messages;
mod missing;
mod past;
mod replication;
mod servers;
mod threads;
mod waited;

use past::{Past, STEP};
use servers::states;

use crate::words::{self, seconds};
use crate::{Event, Kind, Story};

/// Why the run failed, and the states of the servers involved; empty for a run that has no clash.
pub fn explanation(story: &Story) -> String {
    if let Some(missing) = &story.missing {
        return missing::text(story, missing);
    }
    let threads = threads::text(story);
    let clash: Vec<usize> = story.clash.iter().map(|step| step.e).filter(|place| *place < story.events.len()).collect();
    let Some(last) = clash.last() else { return threads };
    let why = match &story.waited {
        Some(waited) => waited::text(story, waited),
        None => led_to(story, &clash),
    };
    threads + &why + &states(story, &clash, *last)
}

/// The events that led to the clash.
fn led_to(story: &Story, clash: &[usize]) -> String {
    let past = Past::new(story).of(clash);
    if past.iter().all(|place| story.events[*place].k == Kind::Say) {
        return String::new(); // The report has said it already.
    }
    let mut text = format!("What led to it, of {} events:\n", story.events.len());
    let mut told = past.iter().peekable();
    while let Some(place) = told.next() {
        let event = &story.events[*place];
        let mut to: Vec<&str> = event.to.as_deref().into_iter().collect();
        // A request to several servers is one sentence.
        while let Some(next) = told.peek().map(|next| &story.events[**next])
            && event.k == Kind::Send
            && is_same_message(event, next)
            && !clash.contains(*told.peek().expect("it was looked at"))
        {
            to.extend(next.to.as_deref());
            told.next();
        }
        text += &format!("  {:>10}  {}\n", seconds(event.t), sentence(story, event, &to));
        let notes = story.clash.iter().filter(|step| step.e == *place);
        notes.for_each(|step| text += &format!("  {:>10}  ↑ {}\n", "", step.note));
    }
    text
}

fn is_same_message(one: &Event, next: &Event) -> bool {
    next.k == Kind::Send && next.at == one.at && next.msg == one.msg && next.f == one.f && next.t - one.t < STEP
}

/// An event as a sentence with its subject.
pub(crate) fn sentence(story: &Story, event: &Event, to: &[&str]) -> String {
    let sent = event.m.and_then(|m| story.sendings().get(m).copied()).map(|place| &story.events[place]);
    let words = words::event(event, sent);
    let Some(at) = &event.at else { return words };
    let who = story.name_of(at);
    match event.k {
        Kind::Send => {
            let whom: Vec<&str> = to.iter().map(|lane| story.name_of(lane)).collect();
            format!("{who} to {}: {words}", list(&whom))
        }
        Kind::Recv => {
            let from = event.from.as_deref().map_or("", |lane| story.name_of(lane));
            format!("{who} {words} from {from}")
        }
        Kind::Role | Kind::Append | Kind::Commit => format!("{who}: {words}"),
        Kind::Say if !words.starts_with("is ") && !words.starts_with("panics") => format!("{who}: {words}"),
        _ => format!("{who} {words}"),
    }
}

/// `server 0, 1 and 3`.
pub(crate) fn list(names: &[&str]) -> String {
    let numbers: Option<Vec<&str>> = names.iter().map(|name| name.strip_prefix("server ")).collect();
    let (names, prefix) = match &numbers {
        Some(numbers) if numbers.len() > 1 => (&numbers[..], "servers "),
        _ => (names, ""),
    };
    match names {
        [] => String::new(),
        [one] => format!("{prefix}{one}"),
        [first @ .., last] => format!("{prefix}{} and {last}", first.join(", ")),
    }
}
