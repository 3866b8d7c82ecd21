//! The key-value service against a model of it (§8): what clients are told, and what snapshots hold.

use labrpc::ApplyMsg;

use super::Oracle;
use super::answers::Answers;
use super::model::Model;
use super::replica_state::ReplicaState;
use crate::codec::Codec;
use crate::observer::{Event, EventKind, ObservedState};
use crate::violation::Violation;

/// Lets the model follow what is applied, and holds the servers against it.
pub(super) struct Service {
    codec: &'static dyn Codec,
    model: Model,
    answers: Answers,
    replica_state: ReplicaState,
}

impl Service {
    pub(super) fn new(codec: &'static dyn Codec) -> Service {
        Service { codec, model: Model::default(), answers: Answers::default(), replica_state: ReplicaState::new(codec) }
    }
}

impl Oracle for Service {
    fn see(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        if let EventKind::Applied(_, ApplyMsg::Command { at, command }) = &event.kind {
            self.model.applied(at.index, command, self.codec);
        }
        self.answers.see(event, observed, &self.model)?;
        self.replica_state.see(event, observed, &self.model)
    }
}
