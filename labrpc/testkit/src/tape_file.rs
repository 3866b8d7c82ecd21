//! Where the tapes of runs are kept: a file for each run.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use labrpc::sim::tape::{Tape, TapeSink, Taping};

use crate::environment::{Environment, Tapes, misuse};
use crate::token::Token;

/// Whether the run of this token records a tape or plays one, as `LAB_TAPES` says.
pub(crate) fn taping_of(token: &Token) -> Taping {
    match &Environment::get().tapes {
        None => Taping::Off,
        Some(Tapes::Record(folder)) => Taping::Record(sink(&path_of(folder, token))),
        Some(Tapes::Play(folder)) => Taping::Play(Arc::new(read(&path_of(folder, token)))),
    }
}

fn path_of(folder: &Path, token: &Token) -> PathBuf {
    folder.join(format!("{}.{}.tape", token.test, token.seed))
}

fn sink(path: &Path) -> TapeSink {
    let cannot =
        |error: std::io::Error| -> ! { misuse(&format!("LAB_TAPES: {} cannot be written: {error}", path.display())) };
    let file = Mutex::new(File::create(path).unwrap_or_else(|error| cannot(error)));
    let name = path.display().to_string();
    TapeSink::new(move |part| {
        let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(part);
        if let Err(error) = written {
            misuse(&format!("LAB_TAPES: {name} cannot be written: {error}"));
        }
    })
}

/// A tape that is missing or broken is an empty one: the run cannot be made with it, and fails.
fn read(path: &Path) -> Tape {
    fs::read(path).ok().and_then(|bytes| Tape::read(&bytes).ok()).unwrap_or_default()
}
