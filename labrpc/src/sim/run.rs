//! How a run begins and ends.

use std::cell::Cell;

use super::runtime::{self, Runtime};
use super::settings::{Failure, Report, Settings};
use super::task::NodeId;
use super::watchdog::{self, TurnCounter};
use super::{is_simulated, panics, platform};

/// Runs `body` in a simulation of its own, and returns its result and what was counted.
///
/// The body is the test's own task; when it returns, all tasks that still run are unwound.
///
/// # Errors
///
/// [`Failure`], when the body or any other task panicked, or the run could not go on.
///
/// # Panics
///
/// When called inside a simulation.
///
/// ```
/// use std::time::Duration;
/// use labrpc::sim::{self, Settings};
/// use labrpc::thread;
///
/// let (result, report) = sim::run(Settings::default(), || {
///     thread::sleep(Duration::from_secs(3600)); // takes no real time
/// });
/// assert!(result.is_ok());
/// assert!(report.virtual_time >= Duration::from_secs(3600));
/// ```
pub fn run<T: Send>(settings: Settings, body: impl FnOnce() -> T + Send) -> (Result<T, Failure>, Report) {
    assert!(!is_simulated(), "a simulation cannot run inside a simulation");
    panics::install_hook();
    match settings.is_silent {
        true => platform::without_capture(|| run_watched(settings, body)),
        false => run_watched(settings, body),
    }
}

/// Runs a simulation on a thread of its own, and watches it from the calling one.
fn run_watched<T: Send>(settings: Settings, body: impl FnOnce() -> T + Send) -> (Result<T, Failure>, Report) {
    let turn_counter = TurnCounter::default();
    let patience = settings.patience;
    let (started, starting) = std::sync::mpsc::channel();
    // A fresh OS thread, so that what std keeps per thread (a HashMap's keys, say) is fresh too.
    std::thread::scope(|scope| {
        let watcher = std::thread::current();
        let inner = turn_counter.clone();
        let simulation = std::thread::Builder::new()
            .name("simulation".into())
            .spawn_scoped(scope, move || {
                platform::prepare_thread();
                let thread = platform::SimThread::this();
                started.send(thread).expect("the watchdog waits for it");
                let _end = EndNotice { turn_counter: inner.clone(), watcher };
                simulate(settings, inner, thread, body)
            })
            .expect("the system can start a thread");
        let thread = starting.recv().expect("the simulation starts");
        watchdog::watch(&turn_counter, thread, patience);
        simulation.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    })
}

/// Tells the watchdog that the simulation is over, even if it ends by a panic of its own.
struct EndNotice {
    turn_counter: TurnCounter,
    watcher: std::thread::Thread,
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        self.turn_counter.end();
        self.watcher.unpark();
    }
}

fn simulate<T>(
    settings: Settings,
    turn_counter: TurnCounter,
    thread: platform::SimThread,
    body: impl FnOnce() -> T,
) -> (Result<T, Failure>, Report) {
    let runtime = Box::new(Runtime::new(settings, turn_counter));
    let entered = runtime::enter(&runtime);
    let result = Cell::new(None);
    let is_done = Cell::new(false);
    let main = || {
        result.set(Some(body()));
        is_done.set(true);
    };
    let main: Box<dyn FnOnce() + '_> = Box::new(main);
    // SAFETY: the task ends, unwinds or is leaked before this function returns, and a leaked task
    // is never entered again: what `main` borrows is not used after its end.
    let main: Box<dyn FnOnce() + 'static> = unsafe { std::mem::transmute(main) };
    runtime.spawn("test".into(), Some(NodeId::TEST), None, None, main);
    let ended = runtime.give_turns(|| is_done.get());
    let report = Report { cpu_time: thread.time_used(), ..runtime.report() };
    runtime.deck.end();
    let is_clean = runtime.tear_down();
    let late = runtime.failure_of_abandoned().or_else(|| runtime.state.borrow_mut().failure.take());
    drop(entered);
    if !is_clean {
        std::mem::forget(runtime); // leaked tasks may still point into it
    }
    let outcome = match (ended, late) {
        (Err(failure), _) | (Ok(()), Some(failure)) => Err(failure),
        (Ok(()), None) => Ok(result.take().expect("the body has ended")),
    };
    (outcome, report)
}
