//! Around everything that is a submission's: compiling it, and running it.
//!
//! The verdict does not rest on this: the judge does not have the submitted code. The sandbox protects the machine, the
//! grader's files and the other submissions. There is a ladder of ways, since not every machine allows each:
//!
//! 1. bubblewrap: a world of its own, in which there is no network, no other process, and no file but those it needs;
//! 2. Landlock: no file but those it needs, and seccomp against networks and other processes;
//! 3. a user of its own, if the grader is root, and seccomp.
//!
//! Each level adds what the next has, as far as the system has it. A level is chosen after it was tried.
//!
//! `orders` is what the confining process is told, `confined` and `calls` are what it does; `bubblewrap` is the way around
//! it; `probe` tries all of this; `limits` says how much there is of everything, and `guard`, with `processes`, sees to it.

mod bubblewrap;
mod calls;
mod confined;
pub mod guard;
mod guarded;
pub mod limits;
mod orders;
mod probe;
mod processes;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::error::{CommandError, EXIT_MISUSE};
use crate::instructor::grading::level::{LADDER, Level};
use guarded::GUARDED;
use limits::Limits;
pub use orders::Calls;
use orders::{CONFINED, NOT_CONFINED_EXIT, Orders, Strength};
use probe::PROBE;
use processes::Mark;

/// What a process may see and do.
#[derive(Clone, Debug)]
pub struct Room {
    /// Files and folders that it may read, and execute.
    pub read: Vec<PathBuf>,
    /// Files and folders that it may write, too.
    pub write: Vec<PathBuf>,
    /// The calls of the system that it may make.
    pub calls: Calls,
}

/// The folders in which every user may make files.
const FOR_EVERYBODY: [&str; 4] = ["/tmp", "/var/tmp", "/dev/shm", "/run/lock"];

/// Where programs find their shared libraries.
const LIBRARIES: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"];

impl Room {
    /// A room with the system's shared libraries, and nothing to write.
    pub fn new(calls: Calls) -> Room {
        Room { read: LIBRARIES.map(PathBuf::from).to_vec(), write: Vec::new(), calls }
    }
}

/// How submitted code is kept in, on this machine.
#[derive(Debug)]
pub struct Sandbox {
    level: Level,
    /// A user that nobody else is; only root can make one.
    user: Option<u32>,
    /// This command, at a place where that user finds it.
    helper: PathBuf,
    bubblewrap: PathBuf,
    /// Whether this process is root.
    is_root: bool,
    /// How processes are found of which the parent has ended.
    mark: Mark,
    /// Which of this process's sandboxes this is: each has a user of its own.
    number: usize,
    /// Where the probe works.
    folder: PathBuf,
}

impl Sandbox {
    /// The best that this machine has. `folder` is for files of the sandbox. `number` tells it from others of this process.
    ///
    /// # Errors
    ///
    /// If nothing, or not the level that is asked for, works here. The text says why.
    pub fn choose(
        folder: &Path,
        asked: Option<Level>,
        is_unsandboxed: bool,
        number: usize,
    ) -> Result<Sandbox, CommandError> {
        let is_root = rustix::process::geteuid().is_root();
        let mut sandbox = Sandbox {
            level: Level::Nothing,
            user: None,
            helper: helper(folder)?,
            bubblewrap: PathBuf::from(bubblewrap::PROGRAM),
            is_root,
            mark: Mark::Variable(format!("{MARK_VARIABLE}={}.{number}", std::process::id())),
            number,
            folder: folder.to_path_buf(),
        };
        if is_unsandboxed {
            return Ok(sandbox);
        }
        let mut reasons = Vec::new();
        for level in LADDER.into_iter().filter(|level| asked.is_none_or(|asked| asked == *level)) {
            sandbox.level = level;
            match sandbox.find() {
                Ok(()) => return Ok(sandbox),
                Err(reason) => reasons.push(format!("{}: {reason}", level.name())),
            }
        }
        Err(CommandError::Misuse(format!(
            "no sandbox works here ({}). Install bubblewrap, or, where it does not matter that a submission can read and \
             change whatever you can, add --unsandboxed",
            reasons.join("; ")
        )))
    }

    /// What the level is called in a report.
    pub fn name(&self) -> String {
        let user = if self.user.is_some() { ", user of its own" } else { "" };
        match self.level {
            Level::Bubblewrap => format!("bubblewrap{user}"),
            Level::Landlock => format!("Landlock, seccomp{user}"),
            Level::OwnUser => "user of its own, seccomp".to_string(),
            Level::Nothing => "none".to_string(),
        }
    }

    /// Tries the level, as a user who can be had.
    fn find(&mut self) -> Result<(), String> {
        if self.level == Level::Bubblewrap {
            self.bubblewrap = program_in_path(bubblewrap::PROGRAM).ok_or("it is not installed")?;
        }
        if !self.is_root {
            self.user = None;
            if self.level == Level::OwnUser {
                return Err("only root can become another user".to_string());
            }
            return self.probe();
        }
        let mut reason = "every user number is taken".to_string();
        for user in free_users(self.number) {
            (self.user, self.mark) = (Some(user), Mark::User(user));
            match self.probe() {
                Ok(()) => return Ok(()),
                Err(why) => reason = why,
            }
        }
        Err(reason)
    }

    /// Whether it still works.
    ///
    /// # Errors
    ///
    /// If not: then it is not the submission's fault.
    pub fn check(&self) -> Result<(), CommandError> {
        match self.level {
            Level::Nothing => Ok(()),
            _ => self.probe().map_err(|reason| CommandError::Broken(format!("the sandbox does not work: {reason}"))),
        }
    }

    /// Gives a file or folder to the user of the sandbox.
    ///
    /// # Errors
    ///
    /// If that cannot be done.
    pub fn give(&self, path: &Path) -> Result<(), CommandError> {
        let Some(user) = self.user else { return Ok(()) };
        chown(path, Some(user), Some(user))
            .map_err(CommandError::of_system(format!("{} could not be given away", path.display())))
    }

    /// Removes what the user of the sandbox has left where everybody may write. On the better levels it cannot.
    pub fn clean(&self) {
        let Some(user) = self.user.filter(|_| self.level == Level::OwnUser) else { return };
        for entry in FOR_EVERYBODY.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
            let is_of_user = entry.metadata().is_ok_and(|found| found.uid() == user);
            if is_of_user {
                // It is one or the other, and if it stays, it harms nobody but the next student who copies it.
                let _ = fs::remove_file(entry.path()).or_else(|_| fs::remove_dir_all(entry.path()));
            }
        }
    }

    /// This command, at a place where everybody finds it.
    pub fn helper(&self) -> &Path {
        &self.helper
    }

    /// The command that runs the same program in a room, within limits. Of the environment it has only what was set.
    pub fn command(&self, inner: &Command, room: &Room, limits: &Limits) -> Command {
        let folder = inner.get_current_dir().unwrap_or(&self.folder);
        let mut room = room.clone();
        room.read.push(inner.get_program().into());
        let mut command = match self.level {
            Level::Bubblewrap => {
                let mut command = Command::new(&self.bubblewrap);
                command.args(bubblewrap::arguments(&room, &self.helper, folder, self.is_root)).arg(&self.helper);
                command
            }
            _ => Command::new(&self.helper),
        };
        let orders = serde_json::to_string(&self.orders(room, limits)).unwrap_or_default();
        command.arg(CONFINED).arg(orders).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(folder).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Mark::Variable(text) = &self.mark
            && let Some((name, value)) = text.split_once('=')
        {
            command.env(name, value);
        }
        command
    }

    fn orders(&self, room: Room, limits: &Limits) -> Orders {
        let is_confined = self.level != Level::Nothing;
        /// For the processes around the program.
        const AROUND: usize = 16;
        Orders {
            user: self.user,
            cpu_seconds: limits.cpu.as_secs() + 1,
            address_bytes: limits.address_bytes,
            file_bytes: limits.file_bytes,
            threads: self.user.map(|_| (limits.threads + AROUND) as u64),
            landlock: match self.level {
                Level::Bubblewrap => Strength::Wanted,
                Level::Landlock => Strength::Required,
                Level::OwnUser | Level::Nothing => Strength::Off,
            },
            read: room.read,
            write: room.write,
            calls: if is_confined { room.calls } else { Calls::Any },
        }
    }
}

/// The variable with which processes are marked if they have no user of their own.
const MARK_VARIABLE: &str = "CARGO_LAB_CONFINED_BY";

/// A copy of this command for the sandbox, whose user may not find the original.
///
/// # Errors
///
/// If it cannot be made.
pub fn helper(folder: &Path) -> Result<PathBuf, CommandError> {
    let helper = folder.join("confine");
    let failed = || CommandError::of_system(format!("{} could not be made", helper.display()));
    fs::copy("/proc/self/exe", &helper).map_err(failed())?;
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).map_err(failed())?;
    Ok(helper)
}

/// Lets everybody look into a folder of the grader's.
///
/// # Errors
///
/// If that cannot be done.
pub fn open_folder(path: &Path) -> Result<(), CommandError> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(CommandError::of_system(format!("{} could not be changed", path.display())))
}

fn program_in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Numbers of users that nobody is now. Some containers know only small numbers.
fn free_users(number: usize) -> impl Iterator<Item = u32> {
    const LARGE: u32 = 2_000_000_000;
    const SMALL: u32 = 50_000;
    /// More than there are sandboxes in one process.
    const APART: u32 = 1_009;
    let own = std::process::id() + APART * number as u32;
    let numbers = [LARGE + own % 10_000_000, SMALL + own % 10_000];
    numbers.into_iter().filter(|user| processes::marked(&Mark::User(*user)).is_empty())
}

/// Does what this command does when the grader starts it to confine itself, if these are such arguments.
pub fn run_confined(arguments: &[OsString]) -> Option<ExitCode> {
    match arguments {
        [first, outside @ ..] if first == PROBE => Some(probe::attempt(outside)),
        [first, task @ ..] if first == GUARDED => Some(guarded::run(task)),
        [first, orders, program @ ..] if first == CONFINED => {
            let Some(orders) = orders.to_str().and_then(|text| serde_json::from_str::<Orders>(text).ok()) else {
                eprintln!("error: `cargo lab {CONFINED}` is for `cargo lab grade` alone");
                return Some(ExitCode::from(EXIT_MISUSE));
            };
            eprintln!("error: {}", confined::become_program(&orders, program));
            Some(ExitCode::from(NOT_CONFINED_EXIT as u8))
        }
        _ => None,
    }
}
