//! Runs one program as a submission's is run, and says how it ended. For the tests of the sandbox, and to
//! find out what it holds back on a machine.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::guard::Guard;
use super::limits::Limits;
use super::{Calls, Room, Sandbox};
use crate::error::{CommandError, EXIT_MISUSE};
use crate::instructor::grading::level::Level;
use crate::scratch::Scratch;

/// The first argument. It is in no help.
pub const GUARDED: &str = "guarded";

/// What is to be run.
#[derive(Deserialize)]
struct Task {
    /// A level's name, or `none`.
    level: String,
    /// Whether it may start programs.
    is_compiler: bool,
    /// The program and its arguments.
    program: Vec<String>,
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    wall_ms: u64,
    cpu_s: u64,
    memory_bytes: u64,
    address_bytes: u64,
    threads: usize,
    file_bytes: u64,
    disk_bytes: u64,
    output_bytes: u64,
}

/// Runs the program that the argument describes, as JSON, and prints JSON on how it ended.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let text = arguments.first().and_then(|argument| argument.to_str()).unwrap_or_default();
    let task: Task = match serde_json::from_str(text) {
        Ok(task) => task,
        Err(error) => {
            eprintln!("error: `cargo lab {GUARDED}` needs a JSON document: {error}");
            return ExitCode::from(EXIT_MISUSE);
        }
    };
    println!("{}", ended(&task).unwrap_or_else(|error| json!({ "error": error.to_string() })));
    ExitCode::SUCCESS
}

fn ended(task: &Task) -> Result<Value, CommandError> {
    let scratch = Scratch::new("guarded")?;
    super::open_folder(scratch.path())?;
    let asked = Level::called(&task.level);
    let sandbox = match Sandbox::choose(scratch.path(), asked, asked.is_none(), 0) {
        Ok(sandbox) => sandbox,
        Err(error) => return Ok(json!({ "unavailable": error.to_string() })),
    };
    let calls = if task.is_compiler { Calls::Compiler } else { Calls::Test };
    let mut room = Room::new(calls);
    room.read.extend(task.read.iter().cloned());
    for path in &task.write {
        sandbox.give(path)?;
        room.write.push(path.clone());
    }
    let mut command = Command::new(task.program.first().map_or("", String::as_str));
    command.args(task.program.iter().skip(1)).current_dir(scratch.path());
    let ended = Guard::new(&sandbox, room, task.limits()).run(command)?;
    Ok(match ended {
        Ok(ended) => json!({ "sandbox": sandbox.name(), "status": ended.status.to_string(), "output": ended.output }),
        Err(hit) => json!({ "sandbox": sandbox.name(), "limit": format!("{:?}", hit.excess), "text": hit.text }),
    })
}

impl Task {
    fn limits(&self) -> Limits {
        Limits {
            step: "running it",
            wall: Duration::from_millis(self.wall_ms),
            cpu: Duration::from_secs(self.cpu_s),
            memory_bytes: self.memory_bytes,
            address_bytes: self.address_bytes,
            threads: self.threads,
            file_bytes: self.file_bytes,
            disk_bytes: self.disk_bytes,
            output_bytes: self.output_bytes,
        }
    }
}
