//! Events in plain words.

use std::fmt::Write;

use crate::{Delta, DiskMarks, Event, Field, Kind, Position, Role, State, Story, StoryEntry};

/// The most entries that are listed.
const ENTRIES_MAX: usize = 6;

pub(crate) fn at(position: Position) -> String {
    format!("{}:{}", position.0, position.1)
}

pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}

pub(crate) fn seconds(t: u64) -> String {
    format!("{:.3} s", t as f64 / 1e6)
}

fn vote(vote: &Option<String>) -> String {
    vote.as_ref().map_or("no vote".into(), |vote| format!("vote for {vote}"))
}

/// Entries behind an index, as positions with their commands.
fn entries(first: u64, entries: &[StoryEntry]) -> String {
    let one = |(place, StoryEntry(term, command)): (usize, &StoryEntry)| match command.as_str() {
        "" => format!("{}:{term}", first + place as u64),
        command => format!("{}:{term} {command}", first + place as u64),
    };
    let listed: Vec<String> = entries.iter().enumerate().take(ENTRIES_MAX).map(one).collect();
    match entries.len() {
        0 => "nothing".into(),
        count if count > ENTRIES_MAX => {
            let last = entries.len() - 1;
            format!("{}, … {} ({count} entries)", listed[..2].join(", "), one((last, &entries[last])))
        }
        _ => listed.join(", "),
    }
}

/// The tail of a log, as positions.
pub(crate) fn tail(state: &State) -> String {
    const SHOWN: usize = 3;
    let from = state.log.len().saturating_sub(SHOWN);
    let mut text = if from > 0 || state.base.0 > 0 { "…".to_string() } else { String::new() };
    let positions = state.log[from..].iter().enumerate();
    let positions = positions.map(|(place, entry)| format!("{}:{}", state.base.0 + (from + place) as u64 + 1, entry.0));
    let positions: Vec<String> = positions.collect();
    match (positions.is_empty(), state.base.0) {
        (true, 0) => "empty".into(),
        (true, _) => format!("nothing after {}", at(state.base)),
        _ => {
            let _ = write!(text, "{}", positions.join(" "));
            text
        }
    }
}

pub(crate) fn disk(disk: &DiskMarks) -> String {
    let base = if disk.base.0 > 0 { format!(", after a snapshot through {}", at(disk.base)) } else { String::new() };
    format!("term {}, {}, log through {}{base}", disk.term, vote(&disk.vote), at(disk.last))
}

/// A state in one line.
pub(crate) fn state(state: &State) -> String {
    if !state.up {
        return "down".into();
    }
    let paused = if state.paused { ", paused" } else { "" };
    // What a follower was told and has agreed to, its own index may still not be.
    let commit = if state.role == Role::Leader { "commit" } else { "told commit" };
    format!(
        "{} of term {}, {}, log {}, {commit} {}, applied {}{paused}",
        role(state.role),
        state.term,
        vote(&state.vote),
        tail(state),
        state.commit,
        state.applied
    )
}

/// A state in a few letters: role and term, vote, end of the log, commit and applied.
pub(crate) fn state_marks(state: &State) -> String {
    let letter = match state.role {
        Role::Follower => 'F',
        Role::Candidate => 'C',
        Role::Leader => 'L',
    };
    let vote = state.vote.as_deref().unwrap_or("-");
    let last = at(state.last());
    format!("{letter}{} vote {vote} log {last} commit {} applied {}", state.term, state.commit, state.applied)
}

fn field(value: &Field) -> String {
    match value {
        Field::Truth(truth) => truth.to_string(),
        Field::Number(number) => number.to_string(),
        Field::Position(position) => at(*position),
        Field::Text(text) if text.is_empty() => "\"\"".into(),
        Field::Text(text) => text.clone(),
    }
}

/// What a message says, with its name.
pub(crate) fn message(sent: &Event) -> String {
    let get = |name: &str| sent.f.get(name).map(field);
    let or_none = |name: &str| get(name).unwrap_or_default();
    let term = get("term").map(|term| format!("term {term}")).unwrap_or_default();
    let is = |name: &str, value: bool| sent.f.get(name) == Some(&Field::Truth(value));
    match sent.msg.as_deref().unwrap_or_default() {
        "RequestVote" => format!("RequestVote {term}, log ends at {}", or_none("last")),
        "RequestVoteReply" if is("granted", true) => format!("vote granted, {term}"),
        "RequestVoteReply" => format!("vote denied, {term}"),
        "AppendEntries" if get("n").as_deref() == Some("0") => {
            format!("heartbeat {term}, after {}, commit {}", or_none("prev"), or_none("commit"))
        }
        "AppendEntries" => {
            let many = if get("n").as_deref() == Some("1") { "y" } else { "ies" };
            let count = or_none("n");
            format!("AppendEntries {term}, {count} entr{many} after {}, commit {}", or_none("prev"), or_none("commit"))
        }
        "AppendEntriesReply" | "InstallSnapshotReply" if is("ok", true) => {
            format!("agreed through {}, {term}", or_none("through"))
        }
        "AppendEntriesReply" | "InstallSnapshotReply" => match (get("hint"), get("why")) {
            (Some(hint), _) => format!("refused, retry from {hint}, {term}"),
            (_, why) => format!("refused: {}, {term}", why.unwrap_or_default()),
        },
        "InstallSnapshot" => format!("InstallSnapshot {term}, through {}", or_none("last")),
        "Request" => format!("{} (client {}, number {})", operation(sent), or_none("client"), or_none("number")),
        "Reply" if is("ok", true) && get("op").as_deref() == Some("get") => format!("done: {}", or_none("value")),
        "Reply" if is("ok", true) => match get("value").filter(|value| value != "\"\"") {
            Some(value) => format!("done: {value}"),
            None => "done".into(),
        },
        "Reply" => format!("refused: {}", or_none("why")),
        other => other.to_string(),
    }
}

/// Whether a message only shows that its sender is alive, or answers such a one.
pub(crate) fn is_heartbeat(sent: &Event, sendings: &[usize], story: &Story) -> bool {
    match sent.msg.as_deref() {
        Some("AppendEntries") => sent.f.get("n") == Some(&Field::Number(0)),
        Some("AppendEntriesReply") if sent.f.get("ok") == Some(&Field::Truth(true)) => {
            let asked = sent.re.and_then(|re| sendings.get(re)).map(|place| &story.events[*place]);
            asked.is_some_and(|asked| is_heartbeat(asked, sendings, story))
        }
        _ => false,
    }
}

/// A client's operation: `put x = 1`.
pub(crate) fn operation(event: &Event) -> String {
    let get = |name: &str| event.f.get(name).map(field).unwrap_or_default();
    match get("op").as_str() {
        "get" => format!("get {}", get("key")),
        op => format!("{op} {} = {}", get("key"), get("val")),
    }
}

/// What changed, in a few words each.
pub(crate) fn changes(delta: &Delta) -> Vec<String> {
    let mut words = Vec::new();
    match (delta.role, delta.term) {
        (Some(new), Some(term)) => words.push(format!("{} of term {term}", role(new))),
        (Some(new), None) => words.push(role(new).into()),
        (None, Some(term)) => words.push(format!("term {term}")),
        (None, None) => {}
    }
    words.extend(delta.vote.as_ref().map(vote));
    match (&delta.base, &delta.log) {
        (Some(base), Some(log)) => words.push(format!("log after {}: {}", at(*base), entries(base.0 + 1, &log.add))),
        (Some(base), None) => words.push(format!("log begins after {}", at(*base))),
        (None, Some(log)) if log.add.is_empty() => words.push(format!("log cut after {}", log.keep)),
        (None, Some(log)) => words.push(format!("log {}", entries(log.keep + 1, &log.add))),
        (None, None) => {}
    }
    words.extend(delta.disk.as_ref().map(|marks| format!("disk: {}", disk(marks))));
    words.extend(delta.commit.map(|commit| format!("commit {commit}")));
    words.extend(delta.applied.map(|applied| format!("applied {applied}")));
    words.extend(delta.kv.iter().map(|(key, value)| format!("{key} = {value}")));
    words
}

/// An event in words, without its lane. `sent` is the sending of its message.
pub(crate) fn event(event: &Event, sent: Option<&Event>) -> String {
    let changed = event.d.as_ref().map(|delta| changes(delta).join(", ")).unwrap_or_default();
    let say = event.say.clone().unwrap_or_default();
    match event.k {
        Kind::Send => match &event.lost {
            None => message(event),
            Some(why) => format!("{} (lost: {why})", message(event)),
        },
        Kind::Recv => {
            let again = if event.dup { " (once more)" } else { "" };
            format!("gets {}{again}", sent.map(message).unwrap_or_default())
        }
        Kind::Append if !say.is_empty() => say,
        Kind::Role | Kind::Append | Kind::Commit => changed,
        Kind::Save if changed.is_empty() => "saves the same again".into(),
        Kind::Save => format!("saves: {changed}"),
        Kind::Apply => format!("applies {say}"),
        Kind::Snap => format!("cuts its log: {say}"),
        Kind::Crash => "crashes".into(),
        Kind::Restart => {
            let state = event.d.as_ref().map_or(String::new(), booted);
            format!("boots{state}")
        }
        Kind::Pause => "is paused".into(),
        Kind::Resume => "goes on after a pause".into(),
        Kind::Cut => format!("cut: {}", links(event)),
        Kind::Heal => format!("works again: {}", links(event)),
        Kind::Call => format!("asks: {}", operation(event)),
        Kind::Ret => match event.f.get("value").map(field).filter(|value| value != "\"\"") {
            Some(value) => format!("has its answer: {value}"),
            None => "has its answer".into(),
        },
        Kind::Log => format!("» {say}"),
        Kind::Say => say,
    }
}

fn booted(delta: &Delta) -> String {
    match &delta.disk {
        Some(marks) if marks.term > 0 || marks.last.0 > 0 => format!(" from its disk: {}", disk(marks)),
        _ => String::new(),
    }
}

fn links(event: &Event) -> String {
    const LINKS_MAX: usize = 6;
    let is_both = |(from, to): &&(String, String)| event.links.contains(&(to.clone(), from.clone()));
    let mut words: Vec<String> = Vec::new();
    for link @ (from, to) in &event.links {
        match is_both(&link) {
            true if from < to => words.push(format!("{from} ↔ {to}")),
            true => {}
            false => words.push(format!("{from} → {to}")),
        }
    }
    let more = words.len().saturating_sub(LINKS_MAX);
    words.truncate(LINKS_MAX);
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}
