//! Building with cargo.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::course::test_kind::GRADED_TARGET;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::process::Supervised;
use crate::request::Profile;
use crate::scratch::Scratch;

/// Where the output of cargo and the compiler goes.
#[derive(Clone, Debug)]
pub enum CargoOutput {
    /// To standard error.
    Shown,
    /// Into a file.
    Kept(PathBuf),
    /// Nowhere.
    Dropped,
}

/// How to call cargo.
#[derive(Clone, Debug)]
pub struct Cargo {
    root: PathBuf,
    target: PathBuf,
    profile: Profile,
    output: CargoOutput,
    is_quiet: bool,
    variables: Vec<(&'static str, OsString)>,
}

/// An executable of graded tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// The lab's package.
    pub package: String,
    /// The path.
    pub path: PathBuf,
}

/// The result of a successful build.
#[derive(Debug, Default)]
pub struct Build {
    /// The executables of graded tests, built now or earlier.
    pub executables: Vec<Executable>,
    /// The folders of the packages of which something was compiled.
    pub compiled: BTreeSet<PathBuf>,
}

impl Cargo {
    /// Builds the given course.
    pub fn new(course: &Course, profile: Profile) -> Cargo {
        Cargo {
            root: course.root().to_path_buf(),
            target: course.target(),
            profile,
            output: CargoOutput::Shown,
            is_quiet: false,
            variables: Vec::new(),
        }
    }

    /// Sends cargo's output elsewhere.
    pub fn with_output(self, output: CargoOutput) -> Cargo {
        Cargo { output, ..self }
    }

    /// Leaves out what cargo says about its own work. Warnings and errors of the compiler stay.
    pub fn quietly(self) -> Cargo {
        Cargo { is_quiet: true, ..self }
    }

    /// Sets an environment variable for all builds.
    pub fn with_variable(mut self, name: &'static str, value: impl Into<OsString>) -> Cargo {
        self.variables.push((name, value.into()));
        self
    }

    /// Builds the graded tests of some labs. Each of them must have a test binary. `None` if
    /// something does not compile.
    ///
    /// # Errors
    ///
    /// If cargo cannot be run.
    pub fn build_tests(&self, labs: &[&LabCrate], scratch: &Scratch) -> Result<Option<Build>, CommandError> {
        if labs.is_empty() {
            return Ok(Some(Build::default()));
        }
        let mut command = self.command()?;
        command.args(["test", "--no-run", "--message-format=json-render-diagnostics", "--test", GRADED_TARGET]);
        labs.iter().for_each(|lab| {
            command.args(["--package", lab.package]);
        });
        if self.profile == Profile::Release {
            command.arg("--release");
        }
        if self.is_quiet {
            command.arg("--quiet");
        }
        // A file and not a pipe: cargo can write everything while we wait for its end.
        let messages = scratch.path().join("cargo-messages.jsonl");
        let failed = || CommandError::of_system(format!("{} could not be used", messages.display()));
        command.stdout(File::create(&messages).map_err(failed())?);
        let ended = Supervised::start(&mut command)?.wait();
        if matches!(ended, Err(CommandError::Interrupted)) {
            self.forget_increments(labs);
        }
        if !ended?.success() {
            return Ok(None);
        }
        Ok(Some(read(&fs::read_to_string(&messages).map_err(failed())?)))
    }

    /// Removes what the compiler keeps of the labs for its next run. A compiler that is killed may leave it in a state in which
    /// nothing can be linked any more: <https://github.com/rust-lang/rust/issues/81280>.
    fn forget_increments(&self, labs: &[&LabCrate]) {
        let profile = if self.profile == Profile::Release { "release" } else { "debug" };
        let crates: Vec<String> = labs.iter().map(|lab| lab.package.replace('-', "_")).collect();
        let is_of_labs = |name: &str| {
            let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
            name == GRADED_TARGET || crates.iter().any(|lab| lab == name)
        };
        for entry in fs::read_dir(self.target.join(profile).join("incremental")).into_iter().flatten().flatten() {
            if is_of_labs(&entry.file_name().to_string_lossy()) {
                // If it stays, the next build most likely works all the same.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Checks the whole workspace, and returns whether it compiles.
    pub fn check_all(&self) -> Result<bool, CommandError> {
        let mut command = self.command()?;
        command.args(["check", "--workspace", "--all-targets"]).stdout(Stdio::null());
        Ok(Supervised::start(&mut command)?.wait()?.success())
    }

    fn command(&self) -> Result<Command, CommandError> {
        // Cargo sets this variable to its own path: the tests are then built with the same
        // toolchain.
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stderr(match &self.output {
            CargoOutput::Shown => Stdio::inherit(),
            CargoOutput::Dropped => Stdio::null(),
            CargoOutput::Kept(path) => {
                let failed = CommandError::of_system(format!("{} could not be written", path.display()));
                File::create(path).map_err(failed)?.into()
            }
        });
        Ok(command)
    }
}

/// Parses cargo's messages about a build, one JSON document per line.
fn read(messages: &str) -> Build {
    let mut build = Build::default();
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let manifest = message.get("manifest_path").and_then(Value::as_str).map(Path::new);
        let Some(folder) = manifest.and_then(Path::parent) else { continue };
        if message.get("fresh").and_then(Value::as_bool) == Some(false) {
            build.compiled.insert(folder.to_path_buf());
        }
        build.executables.extend(graded_executable(&message, folder));
    }
    build
}

/// The executable, if the message is about graded tests.
fn graded_executable(message: &Value, folder: &Path) -> Option<Executable> {
    let is_graded = message.pointer("/target/name")?.as_str()? == GRADED_TARGET;
    let path = PathBuf::from(message.get("executable")?.as_str()?);
    // A lab's folder has the name of its package.
    is_graded.then_some(Executable { package: folder.file_name()?.to_str()?.to_string(), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only the executables of graded tests are taken from cargo's messages.
    #[test]
    fn executables_are_picked() {
        let artifact = |name: &str, executable: &str, fresh: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/course/lab2b-log/Cargo.toml","fresh":{fresh},"target":{{"kind":["test"],"name":"{name}"}},"executable":{executable}}}"#
            )
        };
        let messages = [
            artifact("graded", r#""/target/graded-1""#, true),
            artifact("core", r#""/target/core-1""#, true),
            artifact("graded", "null", true),
            r#"{"reason":"build-finished","success":true}"#.to_string(),
            "not JSON".to_string(),
        ];
        let build = read(&messages.join("\n"));
        let executable = Executable { package: "lab2b-log".to_string(), path: PathBuf::from("/target/graded-1") };
        assert_eq!(build.executables, [executable]);
        assert!(build.compiled.is_empty());
        let build = read(&artifact("lab2b_log", "null", false));
        assert_eq!(build.compiled, BTreeSet::from([PathBuf::from("/course/lab2b-log")]));
    }
}
