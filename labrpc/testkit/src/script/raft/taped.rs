//! A scripted Raft, as a tape sees it: what the service calls, and the channel that it receives from.

use std::sync::Arc;

use labrpc::channel::Sender;
use labrpc::sim::tape::{self, Ending};
use labrpc::{ApplyMsg, Bytes, Compact, Elect, Index, Replicate, Status, sim, wire};
use serde::{Deserialize, Serialize};

use super::{SERVICE_RECEIVES, ScriptedRaft};

/// A call of the service.
#[derive(Serialize, Deserialize)]
pub(super) enum Call {
    Status,
    Watch(Status),
    Shutdown,
    Start(Bytes),
    Snapshot(Index, Bytes),
}

impl ScriptedRaft {
    /// The service calls it.
    pub(super) fn leave(&self, call: impl FnOnce() -> Call) -> tape::Left {
        tape::leave(self.inner.action.get().copied().unwrap_or_default(), || wire::encode(&call()))
    }

    /// Lets the player of a service call it.
    pub(super) fn offer(&self) {
        let (inner, apply_ch) = (self.inner.clone(), Arc::downgrade(&self.apply_ch));
        let action = tape::offer(None, move |call| {
            // The service may live longer than the script's Raft, which cannot apply anything then.
            let apply_ch = apply_ch.upgrade().unwrap_or_else(|| Arc::new(ApplyCh(None, Ending::default())));
            match wire::decode(call) {
                Ok(call) => ScriptedRaft { inner: inner.clone(), apply_ch }.is_called(call),
                Err(_) => sim::fail("the tape calls no Raft"),
            }
        });
        self.inner.action.set(action).expect("it is offered once");
    }

    fn is_called(&self, call: Call) {
        match call {
            Call::Status => drop(self.status()),
            Call::Watch(seen) => drop(self.watch(seen)),
            Call::Shutdown => self.shutdown(),
            Call::Start(command) => drop(self.start(command)),
            Call::Snapshot(through, snapshot) => self.snapshot(through, snapshot),
        }
    }
}

/// The sending end of the service's channel. A tape counts what happens to the channel as the service's doing: that is how
/// a player wakes.
pub(super) struct ApplyCh(Option<Sender<ApplyMsg>>, Ending);

impl ApplyCh {
    pub(super) fn new(sender: Sender<ApplyMsg>) -> ApplyCh {
        ApplyCh(Some(sender), Ending::new())
    }

    #[track_caller]
    pub(super) fn send(&self, message: ApplyMsg) {
        let sender = self.0.as_ref().expect("it is there until it is dropped");
        let write = |is_received: &bool| vec![u8::from(*is_received)];
        let is_received = tape::enter(write, |bytes| Some(*bytes.first()? == 1), || sender.send(message).is_ok());
        assert!(is_received, "{SERVICE_RECEIVES}");
    }
}

impl Drop for ApplyCh {
    fn drop(&mut self) {
        self.1.enter(|| drop(self.0.take()));
    }
}
