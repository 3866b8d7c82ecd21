//! What the servers of a failure have shown of their states.

use std::collections::BTreeSet;

use crate::words;
use crate::{Awaited, State, Story, Waited};

/// The states of more servers would fill the screen.
const SERVERS_MAX: usize = 5;
/// A wait for several servers tells of each what kept it. The states of more than these are left out.
const AMONG_MAX: usize = 3;

/// The servers of the clash: what they held before its first event, and after its last.
pub(super) fn states(story: &Story, clash: &[usize], last: usize) -> String {
    let first = clash.iter().min().copied().unwrap_or(last);
    let (before, after) = (story.states_after(first), story.states_after(last + 1));
    let mut lanes: BTreeSet<&String> = clash.iter().filter_map(|place| story.events[*place].at.as_ref()).collect();
    lanes.extend(story.waited.iter().flat_map(waiting_for).filter(|lane| story.under_test().any(|id| id == *lane)));
    if lanes.is_empty() && story.waited.is_none() {
        lanes = story.under_test().take(SERVERS_MAX).collect();
    }
    let mut text = String::new();
    for lane in lanes.into_iter().take(SERVERS_MAX) {
        let (Some(before), Some(after)) = (before.get(lane), after.get(lane)) else { continue };
        text += &format!("  {}\n", story.name_of(lane));
        text += &line("shown", &memory(before), &memory(after));
        if let (Some(held), Some(holds)) = (&before.disk, &after.disk) {
            let saved = line("on disk", &words::disk(held), &words::disk(holds));
            text += &format!("{}{}\n", saved.trim_end(), unsaved(after));
        }
    }
    match text.is_empty() {
        true => text,
        false => format!("What the servers have shown, before and after:\n{text}"),
    }
}

/// The servers that a wait is about.
fn waiting_for(waited: &Waited) -> Vec<&String> {
    match &waited.awaited {
        Awaited::CatchUp { at, .. } | Awaited::Reply { at, .. } => vec![at],
        Awaited::Message { at, .. } | Awaited::Return { at, .. } => vec![at],
        // Of many servers it would fill the screen.
        Awaited::Leader | Awaited::Applied { .. } if waited.among.len() <= AMONG_MAX => waited.among.iter().collect(),
        Awaited::Leader | Awaited::Applied { .. } | Awaited::Answer { .. } => Vec::new(),
    }
}

fn memory(state: &State) -> String {
    words::state(state)
}

/// A line with the state, and what has changed in it.
fn line(what: &str, before: &str, after: &str) -> String {
    if before == after {
        return format!("    {what:<9}  {before}\n");
    }
    let (old, new) = (before.split(", ").collect::<Vec<_>>(), after.split(", ").collect::<Vec<_>>());
    let is_comparable = old.len() == new.len();
    let parts = new.iter().zip(&old).map(|(new, old)| match new == old {
        true => new.to_string(),
        false => format!("{old} ⇒ {new}"),
    });
    match is_comparable {
        true => format!("    {what:<9}  {}\n", parts.collect::<Vec<_>>().join(", ")),
        false => format!("    {what:<9}  {before}\n    {:<9}  ⇒ {after}\n", ""),
    }
}

/// What a server has shown and has not on its disk.
fn unsaved(state: &State) -> String {
    let Some(disk) = &state.disk else { return String::new() };
    let vote = |vote: &Option<String>| vote.as_ref().map_or("no vote".into(), |vote| format!("a vote for {vote}"));
    match () {
        () if state.term > disk.term => format!("   ≠ term {}, which it has shown", state.term),
        () if state.term == disk.term && state.vote != disk.vote => {
            format!("   ≠ {}, which it has shown", vote(&state.vote))
        }
        () => String::new(),
    }
}
