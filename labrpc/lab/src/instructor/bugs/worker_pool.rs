//! Trying variants in several working copies at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use super::catalogue::Variant;
use super::progress::BugsProgress;
use super::trial::Trial;
use super::verdict::TriedVariant;
use super::working_copy::WorkingCopy;
use crate::error::CommandError;
use crate::process::POLL_INTERVAL;
use crate::source_item::SourceItem;

/// A variant, and the files that it changes.
#[derive(Debug)]
pub struct PreparedVariant<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// The changed files: their new contents by their paths.
    pub texts: BTreeMap<String, String>,
    /// The functions, constants and types that it changes.
    pub changed: BTreeSet<SourceItem>,
}

/// Keeps what was found about a variant, right after it was tried.
pub type Keep<'k> = &'k dyn Fn(&TriedVariant<'_>) -> Result<(), CommandError>;

/// A message from a worker.
enum WorkerMessage<'a> {
    Begun(&'a Variant),
    /// The variant with this number was tried.
    Done(usize, Box<TriedVariant<'a>>),
    Failed(CommandError),
}

/// Tries all variants, and returns the results in their order. Each working copy tries one variant
/// at a time.
///
/// # Errors
///
/// On Ctrl-C, or if the system fails.
pub fn try_all<'a>(
    prepared: &'a [PreparedVariant<'a>],
    copies: Vec<WorkingCopy<'_>>,
    trial: &Trial<'_>,
    progress: &mut BugsProgress,
    keep: Keep<'_>,
) -> Result<Vec<TriedVariant<'a>>, CommandError> {
    let next = Mutex::new(0..prepared.len());
    let (sender, messages) = mpsc::channel();
    let mut tried: Vec<Option<TriedVariant<'a>>> = prepared.iter().map(|_| None).collect();
    let mut error = None;
    progress.start();
    thread::scope(|scope| {
        for copy in copies {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || work(prepared, copy, trial, next, &sender));
        }
        drop(sender);
        loop {
            match messages.recv_timeout(POLL_INTERVAL) {
                Ok(WorkerMessage::Begun(variant)) => progress.begin(variant),
                Ok(WorkerMessage::Done(number, done)) => {
                    progress.end(&done);
                    if let Err(new) = keep(&done) {
                        stop(&next, new, &mut error);
                    }
                    tried[number] = Some(*done);
                }
                Ok(WorkerMessage::Failed(new)) => stop(&next, new, &mut error),
                Err(RecvTimeoutError::Timeout) => progress.draw(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    match error {
        Some(error) => Err(error),
        None => Ok(tried.into_iter().flatten().collect()),
    }
}

/// No worker begins another variant. Those that are busy finish theirs, or are interrupted, too.
fn stop(next: &Mutex<Range<usize>>, new: CommandError, error: &mut Option<CommandError>) {
    let mut next = next.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    next.start = next.end;
    error.get_or_insert(new);
}

fn work<'a>(
    prepared: &'a [PreparedVariant<'a>],
    mut copy: WorkingCopy<'_>,
    trial: &Trial<'_>,
    next: &Mutex<Range<usize>>,
    messages: &Sender<WorkerMessage<'a>>,
) {
    loop {
        let Some(number) = next.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next() else { return };
        let PreparedVariant { variant, texts, changed } = &prepared[number];
        // Sending fails only if the whole command is about to end.
        let _ = messages.send(WorkerMessage::Begun(variant));
        let started = Instant::now();
        let judged = copy.plant(texts).and_then(|()| trial.judge(&copy, &prepared[number]));
        let _ = messages.send(match judged {
            Ok(outcome) => {
                let real_time = started.elapsed();
                WorkerMessage::Done(number, Box::new(TriedVariant { variant, changed, outcome, real_time }))
            }
            Err(error) => WorkerMessage::Failed(error),
        });
    }
}
