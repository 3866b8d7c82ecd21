//! Building through cargo.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::process::Supervised;
use crate::request::Profile;
use crate::scratch::Scratch;
use crate::test_kind::GRADED_TARGET;

/// Where cargo's progress and the compiler's words go.
#[derive(Clone, Debug)]
pub enum CompilerOutput {
    /// Untouched to our standard error.
    Shown,
    /// Into a file.
    Kept(PathBuf),
    /// Nowhere.
    Dropped,
}

/// How cargo is called.
#[derive(Clone, Debug)]
pub struct Cargo {
    root: PathBuf,
    profile: Profile,
    words: CompilerOutput,
    variables: Vec<(&'static str, OsString)>,
}

/// An executable of graded tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// The lab's package.
    pub package: String,
    /// Where it is.
    pub path: PathBuf,
}

/// What cargo has to say of a build that went well.
#[derive(Debug, Default)]
pub struct Build {
    /// The executables of graded tests, built now or before.
    pub executables: Vec<Executable>,
    /// The folders of the packages of which something had to be compiled.
    pub compiled: BTreeSet<PathBuf>,
}

impl Cargo {
    /// Builds in the given course as the caller would.
    pub fn new(course: &Course, profile: Profile) -> Cargo {
        Cargo { root: course.root().to_path_buf(), profile, words: CompilerOutput::Shown, variables: Vec::new() }
    }

    /// Sends cargo's words elsewhere.
    pub fn with_output(self, words: CompilerOutput) -> Cargo {
        Cargo { words, ..self }
    }

    /// Sets a variable of the environment for all builds.
    pub fn with_variable(mut self, name: &'static str, value: impl Into<OsString>) -> Cargo {
        self.variables.push((name, value.into()));
        self
    }

    /// Builds the graded tests of some labs, which all have some.
    ///
    /// # Errors
    ///
    /// When cargo cannot be run; that code does not compile is a `None`.
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
        // A file and no pipe: cargo may write all it has while we wait for its end.
        let messages = scratch.path().join("cargo-messages.jsonl");
        let failed = || CommandError::of_system(format!("{} could not be used", messages.display()));
        command.stdout(File::create(&messages).map_err(failed())?);
        if !Supervised::start(&mut command)?.wait()?.success() {
            return Ok(None);
        }
        Ok(Some(read(&fs::read_to_string(&messages).map_err(failed())?)))
    }

    /// Has the compiler read all that there is, and returns whether it found no fault.
    pub fn check_all(&self) -> Result<bool, CommandError> {
        let mut command = self.command()?;
        command.args(["check", "--workspace", "--all-targets"]).stdout(Stdio::null());
        Ok(Supervised::start(&mut command)?.wait()?.success())
    }

    fn command(&self) -> Result<Command, CommandError> {
        // Cargo tells what it runs where it itself is: the same toolchain then builds the tests.
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stderr(match &self.words {
            CompilerOutput::Shown => Stdio::inherit(),
            CompilerOutput::Dropped => Stdio::null(),
            CompilerOutput::Kept(path) => {
                let failed = CommandError::of_system(format!("{} could not be written", path.display()));
                File::create(path).map_err(failed)?.into()
            }
        });
        Ok(command)
    }
}

/// Reads what cargo says of a build, a message a line.
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

    /// Of all that cargo says, the executables of graded tests are picked, and no others.
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
