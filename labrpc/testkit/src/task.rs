//! The result of a task that runs elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use labrpc::channel::{self, Receiver};

/// A task that any scheduler can run.
pub(crate) type BoxedTask = Box<dyn FnOnce() + Send>;

/// The result of a task, when the task has ended.
pub(crate) struct PendingResult<T> {
    result: Arc<Mutex<Option<T>>>,
    ended: Receiver<()>,
}

/// A task around `body`, and its result. Only this small part is compiled for each type of result.
pub(crate) fn with_result<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> (BoxedTask, PendingResult<T>) {
    let (done, ended) = channel::bounded(1);
    let result = Arc::new(Mutex::new(None));
    let slot = result.clone();
    let task = move || {
        let value = body();
        // The standard library's lock: taking it is no operation of the simulation, and no task ever waits for it.
        slot.lock().unwrap_or_else(PoisonError::into_inner).replace(value);
        let _ = done.send(());
    };
    (Box::new(task), PendingResult { result, ended })
}

impl<T> PendingResult<T> {
    /// Waits for the end of the task. `None` if it panicked or was killed.
    pub(crate) fn wait(self) -> Option<T> {
        self.ended.recv().ok()?;
        self.take()
    }

    /// Waits for the end of the task, but no longer than `patience`.
    pub(crate) fn wait_within(&self, patience: Duration) -> Option<T> {
        self.ended.recv_timeout(patience).ok()?;
        self.take()
    }

    fn take(&self) -> Option<T> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
