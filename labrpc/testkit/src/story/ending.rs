//! How a run ended, for its story: what was waited for, and what threads were doing.

use std::panic::Location;

use labrpc::sim::{Failure, FailureKind, InvolvedTask, TaskWait};
use labrpc::time::Instant;
use story::{ClashStep, Event, Kind, Lock, Thread, ThreadWait, Waited};

use super::record::LatestOfTasks;
use super::teller::Told;
use super::words::lane;
use crate::waited::{Awaited, Wait};
use crate::world::SERVER_LABEL;

/// More marked events are no help.
const STEPS_MAX: usize = 4;

/// A wait in the words of a story. It ended at `until`.
pub(super) fn waited(wait: &Wait, until: Instant, told: &Told) -> Waited {
    let place = |id: &crate::EventId| (0..=id.event).rev().find_map(|event| told.places.get(&event).copied());
    let awaited = match &wait.awaited {
        Awaited::Leader => story::Awaited::Leader,
        Awaited::Applied(index, servers) => story::Awaited::Applied { index: *index, servers: *servers },
        Awaited::CatchUp(server, index) => story::Awaited::CatchUp { at: lane(*server), index: *index },
        Awaited::Answer(end) => story::Awaited::Answer { client: end.and_then(|end| told.client_at(end)) },
        Awaited::Reply(server, arrival) => {
            story::Awaited::Reply { at: lane(*server), e: arrival.as_ref().and_then(place) }
        }
        Awaited::Message(server, message) => story::Awaited::Message { at: lane(*server), message: message.clone() },
        Awaited::Return(server, method) => story::Awaited::Return { at: lane(*server), method: method.clone() },
    };
    let micros = |at: Instant| at.as_nanos() / 1_000;
    let lasted = u64::try_from(wait.lasted.as_micros()).unwrap_or(u64::MAX);
    let among = wait.among.iter().copied().map(lane).collect();
    Waited { awaited, since: micros(until).saturating_sub(lasted), until: micros(until), among }
}

/// The threads of a failure: those that it is about, or only those that hold a lock which others wait for.
pub(super) fn threads(failure: &Failure, is_about_them: bool, told: &Told, tasks: &LatestOfTasks) -> Vec<Thread> {
    let is_told = |task: &&InvolvedTask| is_about_them || !task.held.is_empty() || is_for_lock(task);
    let involved: Vec<&InvolvedTask> = failure.tasks.iter().filter(is_told).collect();
    let (ids, is_server): (Vec<u64>, fn(&str) -> bool) =
        (involved.iter().map(|task| task.id).collect(), |node| node.starts_with(SERVER_LABEL));
    let all = involved.iter().enumerate().map(|(nth, task)| {
        let at = task.node.strip_prefix(SERVER_LABEL).filter(|at| told.servers.iter().any(|lane| lane.id == *at));
        let handled = tasks.handled.get(&task.id).and_then(|number| arrival(told, *number, at));
        let latest = || tasks.made.get(&task.id).and_then(|event| told.places.get(event)).copied();
        let is_first = nth == 0 && is_about_them;
        Thread {
            name: task.name.clone(),
            node: if is_server(&task.node) { task.node.clone() } else { node_of(task) },
            at: at.map(str::to_string),
            e: handled.or_else(latest),
            handles: handled.is_some(),
            does: if is_first { does(failure.kind).into() } else { String::new() },
            place: if is_first { place(failure) } else { String::new() },
            holds: task.held.iter().map(|held| Lock { made: line(held.made), taken: line(held.taken) }).collect(),
            waits: task.waits.map(|(wait, place)| waits(wait, place, &ids)),
        }
    });
    all.collect()
}

fn is_for_lock(task: &InvolvedTask) -> bool {
    matches!(task.waits, Some((TaskWait::Lock { .. }, _)))
}

/// A thread of the test has a node of its own, with the same name.
fn node_of(task: &InvolvedTask) -> String {
    if task.node == task.name { String::new() } else { task.node.clone() }
}

/// The latest arrival of the message with this number in the network.
fn arrival(told: &Told, number: u64, at: Option<&str>) -> Option<usize> {
    let (m, _) = told.sent.get(&number)?;
    told.events.iter().rposition(|event: &Event| {
        event.k == Kind::Recv && event.m == Some(*m) && at.is_none_or(|at| event.at.as_deref() == Some(at))
    })
}

fn line(at: &Location) -> String {
    format!("{}:{}", at.file(), at.line())
}

/// What a thread does that fails a run in this way.
fn does(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Panic => "panics",
        FailureKind::Stuck => "is in a loop that does not end",
        FailureKind::StackOverflow => "calls itself until its stack is full",
        FailureKind::Operations => "polls without end",
        FailureKind::Tasks => "has started more threads than any server needs",
        FailureKind::BlockedInStd => "waits, or starts a thread, through std",
        FailureKind::Undecodable => "gets bytes of another type than it expects",
        FailureKind::CrashSwallowed => "goes on after its own crash",
        FailureKind::EndedProcess => "tries to end the process",
        FailureKind::Deadlock | FailureKind::LockOrder => "",
        FailureKind::VirtualTime | FailureKind::HarnessLimit | FailureKind::Reported => "",
    }
}

/// The function and the line where the failed thread was.
fn place(failure: &Failure) -> String {
    match failure.top_frame() {
        Some((function, at)) => format!("`{function}` at {at}"),
        None => failure.place.clone(),
    }
}

/// `Mutex`, of `labrpc::sync::mutex::Mutex<Server>`.
fn short(type_name: &str) -> &str {
    let path = type_name.split('<').next().unwrap_or_default();
    path.rsplit("::").next().unwrap_or_default()
}

fn waits(wait: TaskWait, place: Option<&'static Location<'static>>, ids: &[u64]) -> ThreadWait {
    let of = |task: u64| ids.iter().position(|id| *id == task);
    let (on, made, holder) = match wait {
        TaskWait::Lock { type_name, made, holder } => (short(type_name), Some(made), holder.and_then(of)),
        TaskWait::Condvar(made) => ("Condvar", Some(made), None),
        TaskWait::Channel(operation, made) => (operation, Some(made), None),
        TaskWait::Join(task) => ("join", None, of(task)),
        TaskWait::Time => ("time", None, None),
    };
    let text = |at: Option<&'static Location<'static>>| at.map(line).unwrap_or_default();
    ThreadWait { on: on.into(), place: text(place), made: text(made), holder }
}

/// The steps of the clash that threads make: what each of them handles or did last, in order of time.
pub(super) fn steps(threads: &[Thread]) -> Vec<ClashStep> {
    let step = |thread: &Thread| {
        let what = if thread.handles { "handles this" } else { "did this last" };
        let lock = thread
            .waits
            .as_ref()
            .filter(|wait| wait.holder.is_some())
            .map(|wait| format!(" and waits for the {} at {}", wait.on, wait.place));
        let does = if thread.does.is_empty() { lock.unwrap_or_default() } else { format!(" and {}", thread.does) };
        Some(ClashStep { e: thread.e?, note: format!("thread '{}' {what}{does}", thread.name) })
    };
    // Threads that only wait for a lock of these are no part of the mistake.
    let is_marked = |thread: &&Thread| thread.at.is_some() && (!thread.does.is_empty() || !thread.holds.is_empty());
    let mut steps: Vec<ClashStep> = threads.iter().filter(is_marked).filter_map(step).take(STEPS_MAX).collect();
    steps.sort_by_key(|step| step.e);
    steps
}
