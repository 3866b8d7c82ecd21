//! Whether the service keeps Raft's state near its limit, and takes no snapshot that is not worth its cost (§7).

use labrpc::Index;

use super::SnapshotsUnderTest;
use super::driver::ServiceRun;
use crate::rule::service::{SMALL, WORTHWHILE};
use crate::script::TakenSnapshot;
use crate::violation::Violation;

/// A cut of this part of the limit is worth its cost to any service, so applied commands may take that much more.
const WORTHWHILE_PART: usize = 2;
/// A snapshot is certainly too early while the log is shorter than the limit by this part.
const EARLY_PART: usize = 4;

/// What was seen of the log's size and of snapshots.
#[derive(Default)]
pub(super) struct SizeWatch {
    /// The largest size of Raft's state since the last check, in bytes.
    bytes_peak: usize,
    snapshots: usize,
}

impl SizeWatch {
    /// Looks before something changes the size.
    pub(super) fn look(&mut self, snapshots: &SnapshotsUnderTest<'_>) {
        self.bytes_peak = self.bytes_peak.max(snapshots.persister.raft_state_bytes());
    }
}

impl ServiceRun<'_> {
    /// Checks the size of Raft's state, now that everything is done.
    pub(super) fn check_size(&mut self) {
        let Some(snapshots) = self.under_test.snapshots else { return };
        let limit = snapshots.raft_state_bytes_max;
        let all = self.raft.snapshots();
        let taken = all.len();
        let peak = std::mem::take(&mut self.size.bytes_peak);
        self.size.look(&snapshots);
        let seen = std::mem::replace(&mut self.size.snapshots, taken);
        for TakenSnapshot { raft_state_bytes, .. } in &all[seen..] {
            // The service may have looked earlier than it took the snapshot, when the log was longer.
            let before = peak.max(*raft_state_bytes);
            if before <= limit - limit / EARLY_PART {
                let what =
                    format!("a snapshot is taken while Raft's state has {before} bytes, and its limit is {limit}");
                return self.report(Violation::new(&WORTHWHILE, what));
            }
        }
        // What is not applied cannot be cut. What is applied may wait until a cut is worth its cost.
        let unapplied = self.unapplied_bytes(snapshots);
        let bytes = self.size.bytes_peak;
        let bytes_max = limit + limit / WORTHWHILE_PART + unapplied;
        if bytes > bytes_max {
            let what = format!(
                "Raft's state has {bytes} bytes, {unapplied} of them not applied yet, and its limit is {limit}"
            );
            self.report(Violation::new(&SMALL, what));
        }
    }

    /// The size of the entries on disk that are not applied.
    fn unapplied_bytes(&self, snapshots: SnapshotsUnderTest<'_>) -> usize {
        let Some(image) = snapshots.persister.image() else { return 0 };
        let unapplied = self.raft.last_index().saturating_sub(self.applied() as Index) as usize;
        let first = image.entries.len().saturating_sub(unapplied);
        image.entries.range(first..).map(|entry| entry.len()).sum()
    }
}
