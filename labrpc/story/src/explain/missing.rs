//! A test that was vacuous: what did not happen, and what happened instead.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::{count, is_of_leader, line, number};
use crate::words::seconds;
use crate::{Event, Kind, State, Story};

pub(super) fn text(story: &Story, missing: &str) -> String {
    let end = story.events.last().map_or(0, |event| event.t);
    let kind = |k: Kind| story.events.iter().filter(|event| event.k == k).count();
    let states = story.states_after(story.events.len());
    let farthest = |of: fn(&State) -> u64| states.values().map(of).max().unwrap_or_default();
    let (commit, applied) = (farthest(|state| state.commit), farthest(|state| state.applied));
    let is_applied = |event: &&Event| {
        event.k == Kind::Apply && event.say.as_deref().is_some_and(|say| say.starts_with("a snapshot"))
    };
    let of_leaders = senders(story, is_of_leader);
    let of_candidates = senders(story, |event| event.msg.as_deref() == Some("RequestVote"));
    let mut rows = vec![
        ("elections", format!("{}, {}", count(of_candidates, "campaign"), count(of_leaders, "leadership"))),
        ("log", format!("committed through {commit}, applied through {applied}")),
        (
            "snapshots",
            format!(
                "{} cut a log, {} sent, {} applied",
                kind(Kind::Snap),
                story.events.iter().filter(|event| event.msg.as_deref() == Some("InstallSnapshot")).count(),
                story.events.iter().filter(is_applied).count()
            ),
        ),
        (
            "faults",
            format!(
                "{}, {}, {}",
                count_crashes(kind(Kind::Crash)),
                count(kind(Kind::Restart), "boot"),
                count(kind(Kind::Pause), "pause")
            ),
        ),
        ("messages", messages(story)),
    ];
    if !story.clients.is_empty() {
        rows.push(("clients", format!("{}, {} returned", count(kind(Kind::Call), "operation"), kind(Kind::Ret))));
    }
    let rows: String = rows.iter().map(|(name, told)| line(name, told)).collect();
    format!("What did not happen: {missing}.\nWhat happened instead, by {}:\n{rows}", seconds(end))
}

/// How many servers sent such a message, each counted once for each of its terms.
fn senders(story: &Story, is_it: impl Fn(&Event) -> bool) -> usize {
    let sent = story.events.iter().filter(|event| event.k == Kind::Send && is_it(event));
    sent.map(|event| (event.at.as_deref(), number(event, "term"))).collect::<BTreeSet<_>>().len()
}

/// How many messages were sent, lost for which reasons, and doubled.
fn messages(story: &Story) -> String {
    let sent = story.events.iter().filter(|event| event.k == Kind::Send);
    let mut lost: BTreeMap<&str, usize> = BTreeMap::new();
    sent.clone().filter_map(|event| event.lost.as_deref()).for_each(|why| *lost.entry(why).or_default() += 1);
    let reasons = lost.iter().map(|(why, count)| format!("{why} {count}")).collect::<Vec<_>>().join(", ");
    let reasons = if reasons.is_empty() { reasons } else { format!(" ({reasons})") };
    let doubled = story.events.iter().filter(|event| event.k == Kind::Recv && event.dup).count();
    format!("{} sent, {} lost{reasons}, {doubled} came twice", sent.count(), lost.values().sum::<usize>())
}

fn count_crashes(count: usize) -> String {
    if count == 1 { "1 crash".into() } else { format!("{count} crashes") }
}
