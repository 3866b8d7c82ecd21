//! What is kept of a run while it goes on: its events, and the lines that the students' code has logged.

use std::fmt::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use labrpc::logging::LogLine;
use labrpc::time::Instant;
use labrpc::{PeerId, sim};
use rustc_hash::FxHashMap;

use crate::event::{Event, EventKind};
use crate::observed::{DiskState, ObservedState};
use crate::report::Reporter;

/// Everything that a story can tell of a run. Clones are the same record.
#[derive(Clone, Default)]
pub(crate) struct StoryRecord {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    /// Which servers of the latest cluster are under test.
    real: Vec<bool>,
    /// How many clusters there were.
    clusters: usize,
    happened: Happenings,
    /// The texts of all lines, one after the other: to keep each by itself would take longer than to write it.
    text: String,
    /// Where the next line is written first.
    line: String,
    tasks: Tasks,
}

/// What the tasks of the simulation had to do with the events, in order: a map would cost each event of the run what only
/// the end of it needs.
#[derive(Default)]
struct Tasks {
    /// A task, and the message that it begins to handle: its number in the network.
    handled: Vec<(u64, u64)>,
    /// A task, and the last of the events of the run that it has made without another task's between them.
    made: Vec<(u64, usize)>,
}

impl Tasks {
    fn makes(&mut self, task: u64, event: usize) {
        match self.made.last_mut() {
            Some((earlier, last)) if *earlier == task => *last = event,
            _ => self.made.push((task, event)),
        }
    }
}

/// What each task of the simulation had to do last with the events, by its number.
pub(super) struct LatestOfTasks {
    /// The message that it handles: its number in the network.
    pub(super) handled: FxHashMap<u64, u64>,
    /// The event of the run that it has made last.
    pub(super) made: FxHashMap<u64, usize>,
}

/// What happened, in order, in parts of equal size: a vector would be copied each time it grows, and a run has many
/// thousands of events.
#[derive(Default)]
pub(super) struct Happenings {
    parts: Vec<Vec<Happened>>,
}

impl Happenings {
    const PART: usize = 512;

    fn push(&mut self, happened: Happened) {
        match self.parts.last_mut() {
            Some(part) if part.len() < Happenings::PART => part.push(happened),
            _ => {
                let mut part = Vec::with_capacity(Happenings::PART);
                part.push(happened);
                self.parts.push(part);
            }
        }
    }

    fn forget_all_but_lines(&mut self) {
        self.parts.iter_mut().for_each(|part| part.retain(|happened| matches!(happened, Happened::Logged(_))));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Happened> {
        self.parts.iter().flatten()
    }
}

/// Something that a story tells.
#[derive(Debug)]
pub(super) enum Happened {
    Event(Event),
    /// A server boots, from what its disk holds if it has one.
    Booted(Event, Box<(PeerId, Option<DiskState>)>),
    Logged(KeptLine),
}

/// A line that the students' code has logged.
#[derive(Debug)]
pub(super) struct KeptLine {
    pub(super) at: Instant,
    /// The label of the node that logged it.
    pub(super) node: Arc<str>,
    pub(super) level: log::Level,
    /// Where its text is in [`Record::text`].
    pub(super) text: Range<usize>,
}

/// What was kept of a run.
pub(super) struct Record<'a> {
    /// Which servers are under test.
    pub(super) real: &'a [bool],
    /// What happened, in order.
    pub(super) happened: &'a Happenings,
    /// The texts of the logged lines.
    pub(super) text: &'a str,
}

/// Writes down the events of one cluster.
pub(crate) struct ClusterRecord {
    record: StoryRecord,
    cluster: usize,
}

/// The record that was begun last.
static LATEST: Mutex<Option<StoryRecord>> = Mutex::new(None);

impl StoryRecord {
    /// Begins the record of a run.
    pub(crate) fn begin() -> StoryRecord {
        let record = StoryRecord::default();
        *LATEST.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.clone());
        record
    }

    /// The record that was begun last. In a process that tells a story, one run is made at a time.
    pub(crate) fn latest() -> Option<StoryRecord> {
        LATEST.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins to record a cluster. A run has one as a rule; of several, the story tells of the latest.
    pub(crate) fn cluster(&self, real: Vec<bool>) -> ClusterRecord {
        let mut kept = self.lock();
        kept.real = real;
        kept.clusters += 1;
        kept.happened.forget_all_but_lines();
        kept.tasks = Tasks::default();
        ClusterRecord { record: self.clone(), cluster: kept.clusters }
    }

    /// Reads what was kept so far.
    pub(super) fn read<R>(&self, read: impl FnOnce(Record<'_>) -> R) -> R {
        let Kept { real, happened, text, .. } = &*self.lock();
        read(Record { real, happened, text })
    }

    /// What each task had to do last with the events.
    pub(super) fn tasks(&self) -> LatestOfTasks {
        let kept = self.lock();
        let Tasks { handled, made } = &kept.tasks;
        LatestOfTasks { handled: handled.iter().copied().collect(), made: made.iter().copied().collect() }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClusterRecord {
    /// Notes that the calling task begins to handle a message.
    pub(crate) fn handles(&self, number: u64) {
        let mut kept = self.record.lock();
        if let Some(task) = sim::current_task().filter(|_| self.cluster == kept.clusters) {
            kept.tasks.handled.push((task, number));
        }
    }

    pub(crate) fn push(&self, event: &Event, observed: &ObservedState) {
        self.add(event.clone(), |server| observed.has_disks.then(|| observed.servers[server].disk.clone()));
    }

    /// Writes down an event that nobody observes, of servers whose disks are not shown.
    pub(crate) fn tell(&self, event: Event) {
        self.add(event, |_| None);
    }

    fn add(&self, event: Event, disk_of: impl FnOnce(PeerId) -> Option<DiskState>) {
        let mut kept = self.record.lock();
        // A wait of the test is no event of a story.
        if self.cluster != kept.clusters || matches!(event.kind, EventKind::Waited) {
            return;
        }
        if let Some(task) = sim::current_task() {
            kept.tasks.makes(task, event.id.event);
        }
        kept.happened.push(match event.kind {
            EventKind::Booted(server) => Happened::Booted(event, Box::new((server, disk_of(server)))),
            _ => Happened::Event(event),
        });
    }
}

/// Records a line that a lab's code has logged, if the run on this thread is recorded.
pub(crate) fn logged(LogLine { at, node, level, text }: LogLine<'_>) {
    Reporter::with_story_of_run(|record| {
        // Whatever the text is made of may log, too, so nothing is locked while it is written.
        let mut line = std::mem::take(&mut record.lock().line);
        line.clear();
        line.write_fmt(text).expect("a string takes any text");
        let mut kept = record.lock();
        let from = kept.text.len();
        kept.text.push_str(&line);
        kept.line = line;
        let text = from..kept.text.len();
        kept.happened.push(Happened::Logged(KeptLine { at, node, level, text }));
    });
}
