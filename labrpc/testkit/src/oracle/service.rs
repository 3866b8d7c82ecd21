//! The key-value service against a model of it (§8): what clients are told, and what snapshots hold.

use labrpc::ApplyMsg;

use super::Oracle;
use super::answers::Answers;
use super::model::Model;
use super::replica_state::ReplicaState;
use crate::eyes::KvEyes;
use crate::verdict::Verdict;
use crate::watch::{Event, Known, What};

/// Lets the model follow what is applied, and holds the servers against it.
pub(super) struct Service {
    eyes: KvEyes,
    model: Model,
    answers: Answers,
    replica_state: Option<ReplicaState>,
}

impl Service {
    pub(super) fn new(eyes: KvEyes) -> Service {
        Service { eyes, model: Model::default(), answers: Answers::default(), replica_state: ReplicaState::new(eyes) }
    }
}

impl Oracle for Service {
    fn see(&mut self, event: &Event, known: &Known) -> Result<(), Verdict> {
        if let What::Applied(_, ApplyMsg::Command { at, command }) = &event.what {
            self.model.applied(at.index, command, &self.eyes);
        }
        self.answers.see(event, known, &self.model)?;
        self.replica_state.as_mut().map_or(Ok(()), |state| state.see(event, known, &self.model))
    }
}
