//! Compares the key-value service with a model of it (§8): clients' answers, and snapshots. Follows
//! what clerks send and return.

mod answers;
mod clerks;
mod model;
mod snapshots;

use labrpc::ApplyMsg;

use crate::contract::Contract;
use crate::event::{Event, EventKind};
use crate::observed::ObservedState;
use crate::oracle::interface::Oracle;
use crate::violation::Violation;
use answers::EarnedAnswers;
use clerks::HonestClerks;
use model::StoreModel;
use snapshots::SnapshotContents;

/// Applies to the model what the servers apply, and compares the two.
pub(super) struct ServiceOracle {
    contract: &'static Contract,
    model: StoreModel,
    answers: EarnedAnswers,
    clerks: HonestClerks,
    snapshots: SnapshotContents,
}

impl ServiceOracle {
    pub(super) fn new(contract: &'static Contract) -> ServiceOracle {
        ServiceOracle {
            contract,
            model: StoreModel::default(),
            answers: EarnedAnswers::default(),
            clerks: HonestClerks::default(),
            snapshots: SnapshotContents::new(contract),
        }
    }
}

impl Oracle for ServiceOracle {
    fn check(&mut self, event: &Event, observed: &ObservedState) -> Result<(), Violation> {
        if let EventKind::Applied(_, ApplyMsg::Command { at, command }) = &event.kind {
            self.model.applied(at.index, command, self.contract.codec());
        }
        self.clerks.check(event, observed)?;
        self.answers.check(event, observed, &self.model)?;
        self.snapshots.check(event, observed, &self.model)
    }
}
