//! What a script gives to the Raft below a service.

use labrpc::{Bytes, Entry, Index, LogPosition, Status};
use story::{Delta, Role};

use super::{ShownServer, set_log};
use crate::story::words::position;

impl ShownServer {
    /// A script gives it this status.
    pub(in crate::story) fn has_status(&mut self, status: Status) -> Delta {
        let role = if status.is_leader { Role::Leader } else { Role::Follower };
        self.is_in(status.term, role, None)
    }

    /// A script gives it this entry, and none after it. `None` if that is no news.
    pub(in crate::story) fn holds_entry(&mut self, at: LogPosition, command: &Bytes) -> Option<Delta> {
        let prev = LogPosition { index: at.index.saturating_sub(1), term: 0 };
        let delta = self.holds(prev, &[Entry { term: at.term, command: command.clone() }]);
        (delta != Delta::default()).then_some(delta)
    }

    /// A script replaces its log by a snapshot through this position. What follows it stays.
    pub(in crate::story) fn is_replaced(&mut self, through: LogPosition) -> Delta {
        let front = through.index.saturating_sub(self.state.base.0) as usize;
        let rest = self.state.log.get(front..).unwrap_or_default().to_vec();
        let (base, log) = set_log(&mut self.state, position(through), &rest);
        Delta { base, log, ..Delta::default() }
    }

    /// A script drops the entries after an index. `None` if there are none.
    pub(in crate::story) fn drops_after(&mut self, last: Index) -> Option<Delta> {
        let kept = last.saturating_sub(self.state.base.0) as usize;
        if kept >= self.state.log.len() {
            return None;
        }
        let log = self.state.log[..kept].to_vec();
        let held = self.state.base;
        let (base, log) = set_log(&mut self.state, held, &log);
        Some(Delta { base, log, ..Delta::default() })
    }
}
