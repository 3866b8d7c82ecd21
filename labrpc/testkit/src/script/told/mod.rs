//! What the story of a run tells of a service over a scripted Raft. Without a story nothing is kept.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use labrpc::kv::{Answer, Command};
use labrpc::{ApplyMsg, PeerId, sim};

use crate::event::{Event, EventId, EventKind, ServiceStep};
use crate::observer::copy_of;
use crate::report::Reporter;
use crate::story::ClusterRecord;

/// The lane of the service.
const SERVICE: PeerId = 0;

/// Keeps what a service is asked, proposes, receives and answers. Clones keep it in the same place.
///
/// It takes no turn and no virtual time, and its memory is the harness's.
#[derive(Clone)]
pub(super) struct ServiceStory {
    kept: Option<Arc<Kept>>,
}

struct Kept {
    record: ClusterRecord,
    events: AtomicUsize,
    requests: AtomicU64,
}

impl ServiceStory {
    /// Begins the story of a service, if the run on this thread is told.
    pub(super) fn begin() -> ServiceStory {
        let story = Reporter::current().and_then(|reporter| reporter.story().cloned());
        let record = story.map(|story| sim::as_harness(|| story.cluster(vec![true])));
        let kept = |record| Kept { record, events: AtomicUsize::new(0), requests: AtomicU64::new(0) };
        ServiceStory { kept: record.map(kept).map(Arc::new) }
    }

    fn tell(&self, kind: impl FnOnce() -> EventKind) {
        let Some(kept) = &self.kept else { return };
        let at = sim::now().unwrap_or_default();
        sim::as_harness(|| {
            let event = kept.events.fetch_add(1, Ordering::Relaxed);
            kept.record.tell(Event { id: EventId { event, at }, kind: kind() });
        });
    }

    pub(super) fn step(&self, step: impl FnOnce() -> ServiceStep) {
        self.tell(|| EventKind::Service(SERVICE, Box::new(step())));
    }

    /// How much was told so far.
    pub(super) fn events_count(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.events.load(Ordering::Relaxed))
    }

    pub(super) fn boots(&self) {
        self.tell(|| EventKind::Booted(SERVICE));
    }

    pub(super) fn applies(&self, message: &ApplyMsg) {
        self.tell(|| EventKind::Applied(SERVICE, copy_of(message)));
    }

    pub(super) fn is_cut(&self, through: labrpc::Index) {
        self.tell(|| EventKind::Compacted(SERVICE, through));
    }

    pub(super) fn is_shut_down(&self) {
        self.tell(|| EventKind::ShutDown(SERVICE));
    }

    /// A client asks. Returns the number of its request.
    pub(super) fn is_asked(&self, command: &Command) -> u64 {
        let Some(kept) = &self.kept else { return 0 };
        let number = kept.requests.fetch_add(1, Ordering::Relaxed);
        self.step(|| ServiceStep::Asked(number, command.clone()));
        number
    }

    /// The service has done with a request.
    pub(super) fn has_answered(&self, number: u64, answer: Option<&Answer>) {
        self.step(|| ServiceStep::Answered(number, answer.cloned()));
    }
}
