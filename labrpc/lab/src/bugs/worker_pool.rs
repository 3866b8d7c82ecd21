//! Several workshops at work at the same time.

use std::collections::BTreeMap;
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
use crate::process::LOOK_INTERVAL;

/// A variant with the files that it changes.
#[derive(Debug)]
pub struct PreparedVariant<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// The files that it changes, as they are with it.
    pub texts: BTreeMap<String, String>,
}

/// What a worker has to tell.
enum WorkerMessage<'a> {
    Begun(&'a Variant),
    /// The task of this number is done.
    Done(usize, TriedVariant<'a>),
    Failed(CommandError),
}

/// Tries all variants, each workshop one after the other, and returns them in the order of the tasks.
///
/// # Errors
///
/// On Ctrl-C, and when the machine fails us.
pub fn try_all<'a>(
    tasks: &[PreparedVariant<'a>],
    copies: Vec<WorkingCopy<'_>>,
    trial: &Trial<'_>,
    progress: &mut BugsProgress,
) -> Result<Vec<TriedVariant<'a>>, CommandError> {
    let next = Mutex::new(0..tasks.len());
    let (sender, news) = mpsc::channel();
    let mut tried: Vec<Option<TriedVariant<'a>>> = tasks.iter().map(|_| None).collect();
    let mut failure = None;
    progress.start();
    thread::scope(|scope| {
        for copy in copies {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || work(tasks, copy, trial, next, &sender));
        }
        drop(sender);
        loop {
            match news.recv_timeout(LOOK_INTERVAL) {
                Ok(WorkerMessage::Begun(variant)) => progress.begin(variant),
                Ok(WorkerMessage::Done(number, done)) => {
                    progress.end(&done);
                    tried[number] = Some(done);
                }
                Ok(WorkerMessage::Failed(new)) => {
                    // Nobody begins another task; who is at one ends it, or is interrupted as well.
                    next.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).start = tasks.len();
                    failure.get_or_insert(new);
                }
                Err(RecvTimeoutError::Timeout) => progress.draw(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    match failure {
        Some(failure) => Err(failure),
        None => Ok(tried.into_iter().flatten().collect()),
    }
}

fn work<'a>(
    tasks: &[PreparedVariant<'a>],
    mut copy: WorkingCopy<'_>,
    trial: &Trial<'_>,
    next: &Mutex<std::ops::Range<usize>>,
    news: &Sender<WorkerMessage<'a>>,
) {
    loop {
        let Some(number) = next.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next() else { return };
        let PreparedVariant { variant, texts } = &tasks[number];
        // Whoever listens has gone only if the whole command is at its end.
        let _ = news.send(WorkerMessage::Begun(variant));
        let started = Instant::now();
        let judged = copy.plant(texts).and_then(|()| trial.judge(&copy, variant));
        let _ = news.send(match judged {
            Ok(outcome) => WorkerMessage::Done(number, TriedVariant { variant, outcome, real_time: started.elapsed() }),
            Err(failure) => WorkerMessage::Failed(failure),
        });
    }
}
