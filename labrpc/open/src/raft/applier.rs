//! What the service receives (Figure 2, All Servers rule 1).

use labrpc::channel::Sender;
use labrpc::{ApplyMsg, LogPosition};

use super::Raft;
use super::state::State;

impl Raft {
    /// The applier: takes what is committed, and sends it to the service with the mutex free.
    pub(super) fn apply(&self, apply_ch: &Sender<ApplyMsg>) {
        let mut state = self.lock();
        while !state.is_shut_down {
            let messages = take_committed(&mut state);
            if messages.is_empty() {
                self.shared.committed.wait(&mut state);
                continue;
            }
            drop(state);
            for message in messages {
                // The server goes on without a service.
                let _ = apply_ch.send(message);
            }
            state = self.lock();
        }
    }
}

/// A snapshot that the service does not have comes before the entries that follow it.
fn take_committed(state: &mut State) -> Vec<ApplyMsg> {
    let mut messages = Vec::new();
    if std::mem::take(&mut state.is_snapshot_new) {
        messages.push(ApplyMsg::Snapshot { through: state.log.base(), snapshot: state.snapshot.clone() });
    }
    let log = &state.log;
    messages.extend((state.last_applied + 1..=state.commit_index).map(|index| {
        let entry = log.get(index).expect("the log holds every entry that is committed and not applied");
        ApplyMsg::Command { at: LogPosition { term: entry.term, index }, command: entry.command.clone() }
    }));
    state.last_applied = state.commit_index;
    messages
}
