//! Compiling submitted code, in the sandbox: first the labs' own crates, with nothing to be seen but their sources and what
//! they depend on, then the tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::commands::{CompilerCall, CompilerCalls};
use super::{copy, forbidden, reach};
use crate::course::{Course, LABS, LabCrate};
use crate::error::CommandError;
use crate::instructor::grading::result::LabEnding;
use crate::instructor::grading::sandbox::guard::{Ended, Guard};
use crate::instructor::grading::sandbox::limits::Limits;
use crate::instructor::grading::sandbox::{Calls, Room, Sandbox};
use crate::instructor::grading::submission::Submission;

/// For one crate, which takes the reference some seconds.
const LIMITS: Limits = Limits {
    step: "compiling it",
    wall: Duration::from_secs(600),
    cpu: Duration::from_secs(90),
    memory_bytes: 3 << 30,
    address_bytes: 32 << 30,
    threads: 256,
    file_bytes: 512 << 20,
    disk_bytes: 2 << 30,
    output_bytes: 64 << 20,
};

/// What the compiler's linker needs besides libraries.
const TOOLS: [&str; 5] = ["/bin", "/usr/bin", "/usr/libexec", "/usr/include", "/etc/alternatives"];

/// Where the compiler looks for the linker.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How much of the compiler's report is kept.
const LINES_MAX: usize = 40;
const LINE_CHARACTERS_MAX: usize = 400;

/// A lab's source, as the compiler is given it.
fn library_of(lab: &LabCrate) -> String {
    format!("{}/src/lib.rs", lab.package)
}

fn tests_of(lab: &LabCrate) -> String {
    format!("{}/tests/graded/main.rs", lab.package)
}

/// The name of a lab's crate.
fn crate_of(lab: &LabCrate) -> String {
    lab.package.replace('-', "_")
}

/// Compiles the crates of one submission.
pub struct Compiler<'a> {
    pub sandbox: &'a Sandbox,
    pub calls: &'a CompilerCalls,
    /// The workspace with the submitted sources.
    pub course: &'a Course,
    /// Where everything is written.
    pub out: &'a Path,
    /// The compiler's own files.
    pub toolchain: &'a Path,
    pub submission: &'a Submission,
    /// Why each lab's own crate could not be compiled; `None` if it could.
    pub done: BTreeMap<&'static str, Option<LabEnding>>,
}

impl Compiler<'_> {
    /// The executable of a lab's graded tests with the submitted code; or why there is none.
    ///
    /// # Errors
    ///
    /// If the system fails.
    pub fn tests(&mut self, lab: &'static LabCrate) -> Result<Result<PathBuf, LabEnding>, CommandError> {
        let (calls, root_file) = (self.calls, tests_of(lab));
        let call = calls.of(&root_file).ok_or_else(|| unknown(&root_file))?;
        if let Some(ending) = self.libraries_of(lab, call)? {
            return Ok(Err(ending));
        }
        let mut room = self.room(call);
        room.read.push(self.course.folder(lab).join("tests"));
        // Optimizing the tests would take longer than it saves where each runs with few seeds.
        if let Some(ending) = self.compile(call, room, "0")? {
            return Ok(Err(ending));
        }
        Ok(Ok(self.out.join(format!("graded{}", call.suffix().unwrap_or_default()))))
    }

    /// Compiles the labs' crates that a crate uses. Returns why one cannot be had.
    fn libraries_of(&mut self, lab: &LabCrate, call: &CompilerCall) -> Result<Option<LabEnding>, CommandError> {
        let used: Vec<&str> = call.externs().map(|(name, _)| name).collect();
        for other in LABS.iter().filter(|other| used.contains(&crate_of(other).as_str())) {
            if let Some(ending) = self.library(other)? {
                return Ok(Some(if other.id == lab.id { ending } else { of_earlier(other, ending) }));
            }
        }
        Ok(None)
    }

    /// Compiles a lab's own crate, once. Returns why that fails.
    fn library(&mut self, lab: &'static LabCrate) -> Result<Option<LabEnding>, CommandError> {
        if let Some(ending) = self.done.get(lab.id) {
            return Ok(ending.clone());
        }
        let ending = self.compile_library(lab)?;
        self.done.insert(lab.id, ending.clone());
        Ok(ending)
    }

    fn compile_library(&mut self, lab: &'static LabCrate) -> Result<Option<LabEnding>, CommandError> {
        let sources = format!("{}/src/", lab.package);
        let files = &self.submission.files;
        if let Some(place) = forbidden::find_below(files, &sources).or_else(|| reach::find(files, lab)) {
            return Ok(Some(LabEnding::Forbidden(place)));
        }
        let (calls, root_file) = (self.calls, library_of(lab));
        let call = calls.of(&root_file).ok_or_else(|| unknown(&root_file))?;
        if let Some(ending) = self.libraries_of(lab, call)? {
            return Ok(Some(ending));
        }
        let mut room = self.room(call);
        room.read.push(self.course.folder(lab).join("src"));
        self.compile(call, room, "3")
    }

    /// What any crate's compiler needs.
    fn room(&self, call: &CompilerCall) -> Room {
        let mut room = Room::new(Calls::Compiler);
        room.read.extend(TOOLS.map(PathBuf::from));
        room.read.push(self.toolchain.to_path_buf());
        room.read.extend(call.out_folder().map(Path::to_path_buf));
        room.write.push(self.out.to_path_buf());
        room
    }

    /// Returns why a crate cannot be compiled, with this level of optimization.
    fn compile(&self, call: &CompilerCall, room: Room, optimized: &str) -> Result<Option<LabEnding>, CommandError> {
        let is_of_labs = |name: &str| LABS.iter().any(|lab| crate_of(lab) == name);
        let moved = call.moved(self.course.root(), self.out, is_of_labs);
        let mut command = Command::new(self.toolchain.join("bin/rustc"));
        command.args(moved.get_args()).current_dir(self.course.root());
        command.envs(moved.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // Optimizing once more across the parts of a crate would take a third of the time, and gain next to nothing.
        command
            .args(["-F", "unsafe_code", "-A", "warnings", "-C", "lto=off", "-C"])
            .arg(format!("opt-level={optimized}"))
            .env("PATH", PATH)
            .env("TMPDIR", self.out);
        let ended = Guard::new(self.sandbox, room, LIMITS).run(command)?;
        Ok(match ended {
            Ok(Ended { status, .. }) if status.success() => None,
            Ok(Ended { status, output }) if status.code() == Some(1) => Some(why_not_compiled(&output)),
            Ok(Ended { status, output }) => {
                let last = output.trim_end().lines().last().unwrap_or_default();
                Some(LabEnding::CompileError(format!("the compiler itself ended with {status}: {last}")))
            }
            Err(hit) => Some(hit.ending()),
        })
    }
}

fn unknown(root_file: &str) -> CommandError {
    CommandError::Broken(format!("cargo has not called the compiler for {root_file}"))
}

/// Why a lab cannot be compiled if an earlier one, on which it builds, cannot.
fn of_earlier(earlier: &LabCrate, ending: LabEnding) -> LabEnding {
    let of = |text: String| format!("lab {}, on which it builds: {text}", earlier.title());
    match ending {
        LabEnding::Forbidden(text) => LabEnding::Forbidden(of(text)),
        LabEnding::CompileError(text) => LabEnding::CompileError(of(text)),
        LabEnding::Timeout(text) => LabEnding::Timeout(of(text)),
        LabEnding::Memory(text) => LabEnding::Memory(of(text)),
        LabEnding::Crash(text) => LabEnding::Crash(of(text)),
        LabEnding::Output(text) => LabEnding::Output(of(text)),
        LabEnding::Ran | LabEnding::NotBegun => ending,
    }
}

/// The compiler's first errors. What the compiler itself forbids is forbidden.
fn why_not_compiled(output: &str) -> LabEnding {
    let errors = output.lines().skip_while(|line| !line.starts_with("error"));
    let shorten = |line: &str| line.chars().take(LINE_CHARACTERS_MAX).collect::<String>();
    let text = errors.take(LINES_MAX).map(shorten).collect::<Vec<_>>().join("\n");
    match text.is_empty() {
        true => LabEnding::CompileError("the compiler gave no reason".to_string()),
        false => LabEnding::CompileError(text.trim_end().to_string()),
    }
}

/// The compiler's files, at a place where the user of the sandbox can read them: a copy, if need be.
///
/// # Errors
///
/// If the copy cannot be made.
pub fn toolchain(sandbox: &Sandbox, calls: &CompilerCalls, folder: &Path) -> Result<PathBuf, CommandError> {
    let sysroot = sysroot(calls)?;
    if is_usable(sandbox, &sysroot) {
        return Ok(sysroot);
    }
    let place = folder.join("toolchain");
    let failed = || CommandError::of_system(format!("{} could not be copied", sysroot.display()));
    for part in ["bin/rustc", "lib"] {
        copy::link(&sysroot.join(part), &place.join(part)).map_err(failed())?;
    }
    match is_usable(sandbox, &place) {
        true => Ok(place),
        false => Err(CommandError::Broken(format!("the compiler in {} cannot run in the sandbox", sysroot.display()))),
    }
}

fn sysroot(calls: &CompilerCalls) -> Result<PathBuf, CommandError> {
    let rustc = calls.program().ok_or_else(|| unknown("any lab"))?;
    let output = Command::new(rustc).args(["--print", "sysroot"]).output();
    let output = output.map_err(CommandError::of_system(format!("{} could not be started", rustc.display())))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn is_usable(sandbox: &Sandbox, toolchain: &Path) -> bool {
    let mut room = Room::new(Calls::Compiler);
    room.read.push(toolchain.to_path_buf());
    let mut command = Command::new(toolchain.join("bin/rustc"));
    command.arg("-vV");
    let ended = Guard::new(sandbox, room, LIMITS).for_trial().run(command);
    matches!(ended, Ok(Ok(ended)) if ended.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the compiler's output the first errors are kept, without what it says before.
    #[test]
    fn the_first_errors_are_kept() {
        let output = "warning: a\nerror[E0308]: mismatched types\n  --> lab2a-election/src/lib.rs:3:1\n";
        let expected = "error[E0308]: mismatched types\n  --> lab2a-election/src/lib.rs:3:1";
        assert_eq!(why_not_compiled(output), LabEnding::CompileError(expected.to_string()));
        let LabEnding::CompileError(text) = why_not_compiled(&"error: x\n".repeat(1000)) else { panic!() };
        assert_eq!(text.lines().count(), LINES_MAX);
    }
}
