//! Child processes that end when the command ends.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::CommandError;
use crate::interrupt;

/// How often a running process is checked: often enough for a progress bar and for Ctrl-C, and
/// rarely enough to cost nothing.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How much of the end of a process's output is kept: enough for the log of one run, and a bound on
/// that of an endless loop.
const OUTPUT_KEPT_BYTES_MAX: usize = 1 << 20;

/// How long to wait for the end of the output after a process has ended. A child process that it
/// left behind may keep the pipe open.
const OUTPUT_WAIT_MAX: Duration = Duration::from_secs(1);

/// Keeps processes that are not trusted in, within limits. They run one after the other.
pub trait Keeper {
    /// The command that starts the same program where it can do no harm.
    fn confine(&mut self, command: Command) -> Command;

    /// Lets the next process write a file that is there.
    ///
    /// # Errors
    ///
    /// If the system fails.
    fn admit(&mut self, file: &Path) -> Result<(), CommandError>;

    /// Looks at the running process, which has printed this much. Returns why it must end now, if it must.
    fn look(&mut self, process: u32, printed_bytes: u64) -> Option<Stop>;

    /// Ends all that the process has left behind, and says how it came to its end. `status` is how the process itself ended; `None`
    /// if it was killed.
    ///
    /// # Errors
    ///
    /// If the system fails.
    fn end(&mut self, status: Option<ExitStatus>) -> Result<KeptEnd, CommandError>;
}

/// How a process came to its end that was kept within limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptEnd {
    /// Its program ended like this.
    Program(ExitStatus),
    /// It was ended at a limit.
    Limit(Stop),
    /// Its owner killed it.
    Killed,
}

/// Why a process was ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// A sentence on the limit that was reached.
    pub why: String,
    /// Whether no other process may start after it.
    pub is_final: bool,
}

/// A running process. It is killed with its children if this value is dropped before it has ended.
#[derive(Debug)]
pub struct Supervised {
    child: Child,
    has_ended: bool,
}

impl Supervised {
    /// Starts a process without input, in a process group of its own: Ctrl-C then reaches only this
    /// command, which ends the group.
    pub fn start(command: &mut Command) -> Result<Supervised, CommandError> {
        command.stdin(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().map_err(CommandError::of_system(format!("{program} could not be started")))?;
        Ok(Supervised { child, has_ended: false })
    }

    /// The number that the system has given it.
    pub fn number(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, if it has ended.
    pub fn ending(&mut self) -> Result<Option<ExitStatus>, CommandError> {
        let ending = self.child.try_wait().map_err(CommandError::of_system("a process could not be waited for"))?;
        self.has_ended |= ending.is_some();
        Ok(ending)
    }

    /// Waits until it ends, or until Ctrl-C.
    pub fn wait(mut self) -> Result<ExitStatus, CommandError> {
        loop {
            if let Some(status) = self.ending()? {
                return Ok(status);
            }
            interrupt::check()?;
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // Once its end is known, another process may already have its number.
        if self.has_ended {
            return;
        }
        kill_group(&self.child);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
fn kill_group(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process_group};

    // If the group has already ended, there is nothing to do.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

#[cfg(not(unix))]
fn kill_group(_: &Child) {}

/// The end of what a process prints, on standard output and standard error.
#[derive(Debug)]
pub struct OutputTail {
    kept: Arc<Mutex<VecDeque<u8>>>,
    printed_bytes: Arc<AtomicU64>,
    reader: JoinHandle<()>,
}

impl OutputTail {
    /// Collects the output of the process that `command` will start. Drop the command after the
    /// start, because it holds an end of the pipe.
    pub fn of(command: &mut Command) -> Result<OutputTail, CommandError> {
        let failed = || CommandError::of_system("a pipe could not be made");
        let (reader, writer) = io::pipe().map_err(failed())?;
        command.stdout(writer.try_clone().map_err(failed())?).stderr(writer);
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let printed_bytes = Arc::new(AtomicU64::new(0));
        let (shared, counter) = (Arc::clone(&kept), Arc::clone(&printed_bytes));
        let reader = thread::spawn(move || keep_tail(reader, &shared, &counter));
        Ok(OutputTail { kept, printed_bytes, reader })
    }

    /// How much was printed so far.
    pub fn printed_bytes(&self) -> u64 {
        self.printed_bytes.load(Ordering::Relaxed)
    }

    /// The end of the output. Call it after the process has ended.
    pub fn text(self) -> String {
        let started = Instant::now();
        while !self.reader.is_finished() && started.elapsed() < OUTPUT_WAIT_MAX {
            thread::sleep(POLL_INTERVAL);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.make_contiguous()).into_owned()
    }
}

fn keep_tail(mut pipe: PipeReader, kept: &Mutex<VecDeque<u8>>, printed_bytes: &AtomicU64) {
    let mut buffer = [0; 16 << 10];
    // An error ends the output, too.
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        printed_bytes.fetch_add(count as u64, Ordering::Relaxed);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&buffer[..count]);
        let surplus = kept.len().saturating_sub(OUTPUT_KEPT_BYTES_MAX);
        kept.drain(..surplus);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// The end of both outputs is kept, up to the bound.
    #[test]
    fn the_end_of_the_output_is_kept() {
        let mut command = shell("yes | head -c 2000000; echo last output; echo last error >&2");
        let output = OutputTail::of(&mut command).unwrap();
        let process = Supervised::start(&mut command).unwrap();
        drop(command);
        assert!(process.wait().unwrap().success());
        let text = output.text();
        assert_eq!(text.len(), OUTPUT_KEPT_BYTES_MAX);
        assert!(text.ends_with("last output\nlast error\n"));
    }

    /// A dropped process is killed with its children: nobody holds the pipe any more.
    #[test]
    fn a_dropped_process_leaves_no_child() {
        let mut command = shell("sleep 1000 & echo started; wait");
        let output = OutputTail::of(&mut command).unwrap();
        let process = Supervised::start(&mut command).unwrap();
        drop(command);
        while output.kept.lock().unwrap().is_empty() {
            thread::yield_now();
        }
        drop(process);
        let kept = Arc::clone(&output.kept);
        assert_eq!(output.text(), "started\n");
        assert_eq!(Arc::strong_count(&kept), 1, "somebody still holds the pipe");
    }
}
