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
    happened: Vec<Happened>,
    /// The texts of all lines, one after the other: to keep each by itself would take longer than to write it.
    text: String,
    /// Where the next line is written first.
    line: String,
    tasks: Tasks,
}

/// What each task of the simulation had to do with the events, by its number.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    /// The message that it handles: its number in the network.
    pub(super) handled: FxHashMap<u64, u64>,
    /// The event of the run that it has made last.
    pub(super) latest: FxHashMap<u64, usize>,
}

/// Something that a story tells.
#[derive(Clone, Debug)]
pub(crate) enum Happened {
    Event(Event),
    /// A server boots, from what its disk holds if it has one.
    Booted(Event, Box<(PeerId, Option<DiskState>)>),
    Logged(KeptLine),
}

/// A line that the students' code has logged.
#[derive(Clone, Debug)]
pub(crate) struct KeptLine {
    pub(super) at: Instant,
    /// The label of the node that logged it.
    pub(super) node: Arc<str>,
    pub(super) level: log::Level,
    /// Where its text is in [`Record::text`].
    pub(super) text: Range<usize>,
}

/// What was kept of a run.
pub(super) struct Record {
    /// Which servers are under test.
    pub(super) real: Vec<bool>,
    /// What happened, in order.
    pub(super) happened: Vec<Happened>,
    /// The texts of the logged lines.
    pub(super) text: String,
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
        kept.happened.retain(|happened| matches!(happened, Happened::Logged(_)));
        kept.tasks = Tasks::default();
        ClusterRecord { record: self.clone(), cluster: kept.clusters }
    }

    /// What was kept so far.
    pub(super) fn read(&self) -> Record {
        let kept = self.lock();
        Record { real: kept.real.clone(), happened: kept.happened.clone(), text: kept.text.clone() }
    }

    /// What each task had to do with the events.
    pub(super) fn tasks(&self) -> Tasks {
        self.lock().tasks.clone()
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
            kept.tasks.handled.insert(task, number);
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
        if self.cluster != kept.clusters {
            return;
        }
        if let Some(task) = sim::current_task() {
            kept.tasks.latest.insert(task, event.id.event);
        }
        kept.happened.push(match event.kind {
            EventKind::Booted(server) => Happened::Booted(event, Box::new((server, disk_of(server)))),
            _ => Happened::Event(event),
        });
    }
}

/// Records a line that a lab's code has logged, if the run on this thread is recorded.
pub(crate) fn logged(LogLine { at, node, level, text }: LogLine<'_>) {
    let Some(record) = Reporter::current().and_then(|reporter| reporter.story().cloned()) else { return };
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
}
