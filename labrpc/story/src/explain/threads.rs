//! What threads were doing when the run failed because of them.

use std::fmt::Write;

use super::messages::Messages;
use super::waited::with_sender;
use crate::words::{self, seconds};
use crate::{Story, Thread, ThreadWait};

/// The most threads that are told.
const THREADS_MAX: usize = 6;

pub(super) fn text(story: &Story) -> String {
    if story.threads.is_empty() {
        return String::new();
    }
    let messages = Messages::new(story);
    let mut text = "What the threads were doing:\n".to_string();
    for thread in story.threads.iter().take(THREADS_MAX) {
        let _ = writeln!(text, "  {}", name(thread));
        text += &handled(&messages, thread);
        text += &state(story, thread);
    }
    let more = story.threads.len().saturating_sub(THREADS_MAX);
    if more > 0 {
        let _ = writeln!(text, "  … {more} more threads");
    }
    text
}

/// `server 2, thread 'ticker'`.
pub(super) fn name(thread: &Thread) -> String {
    match thread.node.as_str() {
        "" => format!("thread '{}'", thread.name),
        node => format!("{node}, thread '{}'", thread.name),
    }
}

/// The message that it handles, or what it did last.
fn handled(messages: &Messages, thread: &Thread) -> String {
    let story = messages.story;
    let Some((place, event)) = thread.e.and_then(|e| Some((e, story.events.get(e)?))) else { return String::new() };
    let at = seconds(event.t);
    if !thread.handles {
        return format!("    did last, at {at}: {} (event {place})\n", with_sender(story, event));
    }
    let from = event.from.as_deref().map_or("", |lane| story.name_of(lane));
    let message = messages.sending(place).map(words::message).unwrap_or_default();
    format!("    handles, since {at}: {message}, from {from} (event {place})\n")
}

/// Where it is, and the locks that it holds and waits for.
fn state(story: &Story, thread: &Thread) -> String {
    let mut text = String::new();
    let place = if thread.place.is_empty() { String::new() } else { format!(" in {}", thread.place) };
    if !thread.does.is_empty() {
        let _ = writeln!(text, "    {}{place}", thread.does);
    }
    for lock in &thread.holds {
        let _ = writeln!(text, "    holds the lock made at {}, which it took at {}", lock.made, lock.taken);
    }
    if let Some(wait) = &thread.waits {
        let _ = writeln!(text, "    {}", waits(story, thread, wait));
    }
    text
}

fn waits(story: &Story, thread: &Thread, wait: &ThreadWait) -> String {
    let at = if wait.place.is_empty() { String::new() } else { format!(" at {}", wait.place) };
    let holder = wait.holder.and_then(|holder| story.threads.get(holder));
    let is_self =
        wait.holder.is_some_and(|holder| story.threads.get(holder).is_some_and(|other| std::ptr::eq(other, thread)));
    let who = match holder {
        _ if is_self => "it itself".to_string(),
        Some(other) => name(other),
        None => "another thread".to_string(),
    };
    match wait.on.as_str() {
        "time" => "sleeps".into(),
        "join" => format!("waits{at} for the end of {who}"),
        "Condvar" => format!("waits{at} on the Condvar made at {}", wait.made),
        "lock" => format!("takes{at} the lock made at {}", wait.made),
        lock if wait.holder.is_some() || lock.ends_with("Mutex") || lock.ends_with("RwLock") => match wait.holder {
            Some(_) => format!("waits{at} for the {lock} made at {}, which {who} holds", wait.made),
            None => format!("waits{at} for the {lock} made at {}", wait.made),
        },
        operation => format!("is blocked in {operation}{at}, on the channel made at {}", wait.made),
    }
}
