//! The story of a run, for people: recorded while the run goes on, and told when it is over.
//!
//! `record` keeps what happens; `teller` turns it into events, with what each server has `shown` of its state, in the
//! `words` of a story.

mod ending;
mod record;
mod shown;
mod store;
mod teller;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;
use std::time::Duration;

use labrpc::sim::{Failure, FailureKind};
use story::{ClashStep, Event, Field, Kind, Marked, Meta, Story};

pub(crate) use record::{ClusterRecord, StoryRecord, logged};
use teller::{DELIVER, LATE, LOSE, Teller, Told};

use crate::contract::Contract;
use crate::flip::Flip;
use crate::violation::Violation;
use crate::waited::Wait;
use crate::world::SERVER_LABEL;

/// A late message is late by this time: longer than any heartbeat interval of the course, and shorter than an election timeout.
const LATE_BY: Duration = Duration::from_millis(250);

/// What a run was and how it ended, for its story.
pub(crate) struct Ending<'a> {
    /// What the token has changed in the run.
    pub(crate) flips: &'a [Flip],
    /// What is known of the run already.
    pub(crate) meta: Meta,
    /// The failure, if it failed.
    pub(crate) failure: Option<&'a Failure>,
    /// The broken rule, if an oracle or a check has reported one.
    pub(crate) violation: Option<&'a Violation>,
    /// What was waited for, if something did not come in time.
    pub(crate) wait: Option<&'a Wait>,
    /// Whether the run failed because of what threads did, and not by a check.
    pub(crate) is_of_threads: bool,
}

/// Tells a run.
pub(crate) fn tell(record: &StoryRecord, contract: &'static Contract, ending: Ending<'_>) -> Story {
    let spared =
        ending.flips.iter().filter_map(|flip| if let Flip::NoCrash(crash) = flip { Some(*crash) } else { None });
    let mut teller = record.read(|kept| {
        let mut teller = Teller::new(contract, kept.real.to_vec(), spared.collect());
        kept.happened.iter().for_each(|happened| teller.tell(happened, kept.text));
        teller
    });
    say_the_end(&mut teller, &ending);
    let told = teller.end();
    let waited = ending.wait.zip(ending.failure).map(|(wait, failure)| ending::waited(wait, failure.at, &told));
    // A broken rule is explained by its events, and not by what threads happened to do then.
    let has_threads = ending.is_of_threads || waited.is_some() || ending.violation.is_none();
    let failed = ending.failure.filter(|_| has_threads);
    let threads = failed.map(|failure| ending::threads(failure, ending.is_of_threads, &told, &record.tasks()));
    let threads = threads.unwrap_or_default();
    let (clash, witness) = match ending.violation {
        Some(violation) => clash_of(violation, &told),
        None => (ending::steps(&threads), Vec::new()),
    };
    // Of a service's history, the key of the operation that fits no order is shown on every server.
    let of_witness = |marked: &Marked| {
        let call = told.events.iter().find(|event| event.k == Kind::Call && event.op == Some(marked.op))?;
        if let Some(Field::Text(key)) = call.f.get("key") { Some(key.clone()) } else { None }
    };
    let watch = witness.iter().find_map(of_witness);
    let missing = ending.violation.and_then(|violation| violation.missing.clone());
    let has_failed = ending.failure.is_some();
    let mut story = Story {
        v: story::VERSION,
        meta: Meta { watch, ..ending.meta },
        servers: told.servers,
        clients: told.clients,
        init: told.init,
        events: told.events,
        clash,
        witness,
        waited,
        threads,
        missing,
        ..Story::default()
    };
    story.mark_wait();
    if has_failed && (story.clash.is_empty() || ending.violation.is_none()) {
        story.mark_end();
    }
    story.meta.news = story.count_news();
    story
}

/// Says at the end of the events what has ended the run, on the lane of the server that it is about.
fn say_the_end(teller: &mut Teller, ending: &Ending<'_>) {
    let server = ending.wait.and_then(Wait::server);
    match (ending.failure, ending.violation) {
        (Some(failure), None) => {
            let first = failure.message.lines().next().unwrap_or_default();
            let place = if failure.place.is_empty() { String::new() } else { format!(" at {}", failure.place) };
            let is_panic = ending.is_of_threads && failure.kind == FailureKind::Panic;
            let first = if is_panic { format!("panics: {first}") } else { first.to_string() };
            let of_server = server.map(|server| format!("{SERVER_LABEL}{server}"));
            teller.say(failure.at, &of_server.unwrap_or(failure.node.clone()), format!("{first}{place}"));
        }
        (_, Some(violation)) => server.into_iter().for_each(|server| teller.say_what_is_missing(violation, server)),
        (None, None) => {}
    }
}

/// The events that contradict one another, and the operations.
fn clash_of(violation: &Violation, told: &Told) -> (Vec<ClashStep>, Vec<Marked>) {
    let mut clash: Vec<ClashStep> = Vec::new();
    for (id, note) in &violation.clash {
        // An event that is not told, such as a wait of the test, is shown by the one before it.
        let place = (0..=id.event).rev().find_map(|event| told.places.get(&event));
        clash.extend(place.map(|place| ClashStep { e: *place, note: note.clone() }));
    }
    let mut witness = Vec::new();
    for operation in &violation.operations {
        let Some((call, number)) = told.call_of(operation) else { continue };
        let part = if operation.is_read { "wrong" } else { "missed" };
        witness.push(Marked { op: number, part: part.into() });
        // What a read returned is wrong; of a write, nobody sees when it took effect.
        let returned = told.events.iter().position(|event| event.k == Kind::Ret && event.op == Some(number));
        let (place, note) = match (operation.is_read, returned) {
            (true, Some(returned)) => (returned, "this read fits no order"),
            (_, None) => (call, "this operation has not returned"),
            (false, Some(returned)) => (returned, "this write has returned"),
        };
        clash.push(ClashStep { e: place, note: note.into() });
    }
    clash.sort_by_key(|step| step.e);
    (clash, witness)
}

/// The change of a run that a word makes of an event: `39:lose`, or `39` for the first that is possible.
///
/// # Errors
///
/// When there is no such event, or when it cannot be changed like this, with what would be right.
pub(crate) fn flip(story: &Story, asked: &str) -> Result<Flip, String> {
    let (place, word) = asked.split_once(':').map_or((asked, None), |(place, word)| (place, Some(word)));
    let event = place.parse::<usize>().ok().and_then(|place| story.events.get(place));
    let event = event.ok_or_else(|| {
        format!("`{place}` is no event of this run, which has the events 0 to {}", story.events.len().saturating_sub(1))
    })?;
    let possible = event.flips.join(", ");
    let word = word.or(event.flips.first().map(String::as_str)).unwrap_or_default();
    let number = event.number.filter(|_| event.flips.iter().any(|flip| flip == word));
    let number = number.ok_or_else(|| match possible.as_str() {
        "" => format!("nothing can be changed about event {place}: choose a message that leaves, or a crash"),
        possible => format!("event {place} cannot become `{word}`: it can become {possible}"),
    })?;
    Ok(match word {
        LOSE => Flip::Lose(number),
        LATE => Flip::Late(number, LATE_BY),
        DELIVER => Flip::Deliver(number),
        _ => Flip::NoCrash(number),
    })
}

/// Where two stories part: the first event in which they differ.
pub(crate) fn parting(one: &Story, other: &Story) -> usize {
    let is_same = |(one, other): (&Event, &Event)| one == other;
    one.events.iter().zip(&other.events).take_while(|pair| is_same(*pair)).count()
}

/// Writes a story as JSON.
///
/// # Errors
///
/// When the file cannot be written.
pub(crate) fn write(story: &Story, path: &Path) -> std::io::Result<()> {
    std::fs::write(path, serde_json::to_vec(story).expect("a story is plain text and numbers"))
}
