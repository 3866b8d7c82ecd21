//! Tries whether a sandbox keeps a program in.

use std::ffi::OsString;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use super::guard::Guard;
use super::limits::Limits;
use super::{Calls, Room, Sandbox};
use crate::error::CommandError;

/// The first argument of the process that tries to get out. No user types it.
pub const PROBE: &str = "confined-probe";

/// Enough for a small program.
const LIMITS: Limits = Limits {
    step: "trying the sandbox",
    wall: Duration::from_secs(20),
    cpu: Duration::from_secs(10),
    memory_bytes: 256 << 20,
    address_bytes: 4 << 30,
    threads: 16,
    file_bytes: 1 << 20,
    disk_bytes: 1 << 20,
    output_bytes: 64 << 10,
};

impl Sandbox {
    /// Starts a program that tries to get out.
    ///
    /// # Errors
    ///
    /// If it could not be started, or could get out. The text says how.
    pub(super) fn probe(&self) -> Result<(), String> {
        self.try_to_get_out().unwrap_or_else(|error| Err(error.to_string()))
    }

    fn try_to_get_out(&self) -> Result<Result<(), String>, CommandError> {
        let (inside, outside) = (self.folder.join("probe"), self.folder.join("secret"));
        let failed = || CommandError::of_system("the sandbox could not be tried");
        // Another user may have tried before.
        if inside.exists() {
            fs::remove_dir_all(&inside).map_err(failed())?;
        }
        fs::create_dir(&inside).map_err(failed())?;
        self.give(&inside)?;
        fs::write(&outside, "secret").map_err(failed())?;
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o600)).map_err(failed())?;
        let mut room = Room::new(Calls::Test);
        room.write.push(inside.clone());
        let mut command = Command::new(&self.helper);
        command.arg(PROBE).arg(&inside).arg(&outside);
        let ended = Guard::new(self, room, LIMITS).for_trial().run(command)?;
        Ok(match ended {
            Ok(ended) if ended.status.success() => Ok(()),
            Ok(ended) => Err(match ended.output.trim().lines().last() {
                Some(last) => last.trim_start_matches("error: ").to_string(),
                None => format!("it ended with {}", ended.status),
            }),
            Err(hit) => Err(hit.text),
        })
    }
}

/// What the program does: it may write inside, and must not do anything else.
pub fn attempt(arguments: &[OsString]) -> ExitCode {
    let [inside, outside] = arguments else { return ExitCode::FAILURE };
    let (inside, outside) = (Path::new(inside), Path::new(outside));
    let beside = outside.with_extension("beside");
    let checks: [(&str, bool); 6] = [
        ("it cannot write where it may", fs::write(inside.join("file"), "text").is_ok()),
        ("it can read the grader's files", fs::read(outside).is_err()),
        ("it can write beside the grader's files", fs::write(beside, "text").is_err()),
        ("it can use the network", UdpSocket::bind("127.0.0.1:0").is_err()),
        ("it can start a process", Command::new("/proc/self/exe").arg(PROBE).status().is_err()),
        ("it can start no thread", std::thread::Builder::new().spawn(|| {}).is_ok()),
    ];
    for (what, is_right) in checks {
        if !is_right {
            eprintln!("error: {what}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
