//! Unchanged state is not saved again, and a snapshot cuts the log (§7).

use labrpc::{Index, PeerId};
use rustc_hash::FxHashSet;

use super::interface::Oracle;
use crate::event::{Event, EventKind};
use crate::observed::ObservedState;
use crate::rule::persistence::SAVES;
use crate::rule::snapshots::CUT;
use crate::violation::Violation;

/// Checks each save, and each snapshot that a service gives to its server.
#[derive(Default)]
pub(super) struct NoNeedlessSaves {
    /// The servers that have saved since they booted. The first save may repeat what is on disk: a
    /// server need not remember what it has read, and one save costs little.
    has_saved: FxHashSet<PeerId>,
}

impl Oracle for NoNeedlessSaves {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        match &event.kind {
            EventKind::Booted(server) => {
                self.has_saved.remove(server);
                Ok(())
            }
            EventKind::Saved(server, change) => {
                if self.has_saved.insert(*server) {
                    return Ok(());
                }
                if change.rewritten > 0 {
                    let index = change.kept_through + 1 - change.rewritten as Index;
                    let what = format!("server {server} saved entry {index} again, although it was on disk");
                    return Err(Violation::new(&SAVES, what)
                        .with(event.id, format!("the entries from index {index} on are cut off and saved again")));
                }
                let is_changed = change.head != change.old_head
                    || !change.cut.is_empty()
                    || !change.appended.is_empty()
                    || change.forgotten > 0
                    || change.snapshot.is_some();
                if is_changed {
                    return Ok(());
                }
                let what = format!("server {server} saved although nothing had changed");
                Err(Violation::new(&SAVES, what).with(event.id, "the same term, vote and log are saved again"))
            }
            EventKind::Compacted(server, through) if observed.has_disks => {
                let base = observed.servers[*server].disk.head.base.index;
                if base >= *through {
                    return Ok(());
                }
                let what = format!(
                    "server {server} was given a snapshot through index {through}, but did not cut its log on disk"
                );
                Err(Violation::new(&CUT, what)
                    .with(event.id, format!("the log on disk still begins after index {base}")))
            }
            _ => Ok(()),
        }
    }
}
