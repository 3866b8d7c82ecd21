//! Git, so that nothing in a repository of somebody else is run, and within bounds.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::CommandError;
use crate::scratch::Scratch;

/// The bounds of each call, as a shell sets them: seconds of processor time, blocks of 512 bytes in a file, and KiB of
/// memory. What git unpacks of a bundle is not larger than the bundle; what it holds in memory may be.
const BOUNDS: &str = r#"ulimit -t 30; ulimit -f 2097152; ulimit -v 2097152; exec git "$@""#;

/// Settings that hold whatever a repository says: one thread, large files never in memory, no program of anybody else.
const SETTINGS: [&str; 6] = [
    "core.bigFileThreshold=1m",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "pack.threads=1",
    "gc.auto=0",
    "protocol.allow=never",
];

/// A repository without files, in a temporary folder, with the objects of a bundle.
pub struct Repository {
    scratch: Scratch,
}

impl Repository {
    /// Makes an empty repository.
    ///
    /// # Errors
    ///
    /// If git is not there, or there is no space.
    pub fn new(object_format: &str) -> Result<Repository, CommandError> {
        let repository = Repository { scratch: Scratch::new("bundle")? };
        let folder = repository.folder();
        let output = repository
            .command(&["init", "--quiet", "--bare", "--template=", &format!("--object-format={object_format}")])
            .arg(&folder)
            .output()
            .map_err(CommandError::of_system("git could not be started"))?;
        match output.status.success() {
            true => Ok(repository),
            false => {
                Err(CommandError::Broken(format!("git could not make a repository: {}", last_line(&output.stderr))))
            }
        }
    }

    fn folder(&self) -> PathBuf {
        self.scratch.path().join("bundle.git")
    }

    /// A command in the repository, with an environment that has nothing of the caller's.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", BOUNDS, "sh"]);
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let home: &Path = self.scratch.path();
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()))
            .env("HOME", home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .current_dir(home)
            .stdin(Stdio::null());
        command
    }

    /// A command on the repository itself.
    fn inside(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&[]);
        command.arg("--git-dir").arg(self.folder()).args(arguments);
        command
    }

    /// Adds the objects of a pack, at whose beginning the file stands. The inner error is git's last line.
    ///
    /// # Errors
    ///
    /// If git could not be started.
    pub fn add_pack(&self, file: File) -> Result<Result<(), String>, CommandError> {
        let output = self
            .inside(&["index-pack", "--stdin"])
            .stdin(file)
            .output()
            .map_err(CommandError::of_system("git could not be started"))?;
        Ok(if output.status.success() { Ok(()) } else { Err(last_line(&output.stderr)) })
    }

    /// Starts a command whose output is read while it runs. It is ended when this is dropped.
    ///
    /// # Errors
    ///
    /// If git could not be started.
    pub fn start(&self, arguments: &[&str]) -> Result<Reading, CommandError> {
        let child = self.inside(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        Ok(Reading { child: child.map_err(CommandError::of_system("git could not be started"))? })
    }
}

/// A running git. It is ended when this is dropped.
pub struct Reading {
    child: Child,
}

impl Reading {
    /// Its input, once.
    pub fn input(&mut self) -> impl io::Write + use<> {
        self.child.stdin.take().expect("it is piped, and taken once")
    }

    /// Its output, once.
    pub fn output(&mut self) -> impl Read + use<> {
        self.child.stdout.take().expect("it is piped, and taken once")
    }

    /// Whether it ended well, after its output.
    pub fn has_succeeded(mut self) -> bool {
        self.child.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last line of what a program has said.
fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why").trim().to_string()
}
