//! Several workshops at work at the same time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use super::catalogue::Variant;
use super::progress::Progress;
use super::trial::Trial;
use super::verdict::Tried;
use super::workshop::Workshop;
use crate::failure::Failure;
use crate::process::LOOK_INTERVAL;

/// A variant with the files that it changes.
#[derive(Debug)]
pub struct Task<'a> {
    /// The variant.
    pub variant: &'a Variant,
    /// The files that it changes, as they are with it.
    pub texts: BTreeMap<String, String>,
}

/// What a worker has to tell.
enum News<'a> {
    Begun(&'a Variant),
    /// The task of this number is done.
    Done(usize, Tried<'a>),
    Failed(Failure),
}

/// Tries all variants, each workshop one after the other, and returns them in the order of the tasks.
///
/// # Errors
///
/// On Ctrl-C, and when the machine fails us.
pub fn try_all<'a>(
    tasks: &[Task<'a>],
    workshops: Vec<Workshop<'_>>,
    trial: &Trial<'_>,
    progress: &mut Progress,
) -> Result<Vec<Tried<'a>>, Failure> {
    let next = Mutex::new(0..tasks.len());
    let (sender, news) = mpsc::channel();
    let mut tried: Vec<Option<Tried<'a>>> = tasks.iter().map(|_| None).collect();
    let mut failure = None;
    progress.start();
    thread::scope(|scope| {
        for workshop in workshops {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || work(tasks, workshop, trial, next, &sender));
        }
        drop(sender);
        loop {
            match news.recv_timeout(LOOK_INTERVAL) {
                Ok(News::Begun(variant)) => progress.begin(variant),
                Ok(News::Done(number, done)) => {
                    progress.end(&done);
                    tried[number] = Some(done);
                }
                Ok(News::Failed(new)) => {
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
    tasks: &[Task<'a>],
    mut workshop: Workshop<'_>,
    trial: &Trial<'_>,
    next: &Mutex<std::ops::Range<usize>>,
    news: &Sender<News<'a>>,
) {
    loop {
        let Some(number) = next.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next() else { return };
        let Task { variant, texts } = &tasks[number];
        // Whoever listens has gone only if the whole command is at its end.
        let _ = news.send(News::Begun(variant));
        let started = Instant::now();
        let judged = workshop.plant(texts).and_then(|()| trial.judge(&workshop, variant));
        let _ = news.send(match judged {
            Ok(outcome) => News::Done(number, Tried { variant, outcome, real_time: started.elapsed() }),
            Err(failure) => News::Failed(failure),
        });
    }
}
