//! Building through cargo.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::course::{Course, Lab};
use crate::failure::Failure;
use crate::process::Supervised;
use crate::request::Profile;
use crate::scratch::Scratch;

/// The integration test of a lab that is graded.
const GRADED_TARGET: &str = "cluster";

/// Where cargo's progress and the compiler's words go.
#[derive(Clone, Debug)]
pub enum Words {
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
    words: Words,
    scope: Scope,
    variables: Vec<(&'static str, OsString)>,
}

/// For which packages cargo chooses the features of what they all depend on. Builds of one scope
/// share their artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// For those that are asked for, as with `cargo test -p …`.
    Packages,
    /// For all that there are, as with `cargo build --workspace`.
    Workspace,
}

/// The test executables of labs, by package; `None` if cargo failed.
pub type Executables = Option<HashMap<String, PathBuf>>;

impl Cargo {
    /// Builds in the given course as the caller would.
    pub fn new(course: &Course, profile: Profile) -> Cargo {
        Cargo {
            root: course.root().to_path_buf(),
            profile,
            words: Words::Shown,
            scope: Scope::Packages,
            variables: Vec::new(),
        }
    }

    /// Builds tests as a part of the whole workspace, after [`build_all`](Cargo::build_all).
    pub fn within_workspace(self) -> Cargo {
        Cargo { scope: Scope::Workspace, ..self }
    }

    /// Sends cargo's words elsewhere.
    pub fn with_words(self, words: Words) -> Cargo {
        Cargo { words, ..self }
    }

    /// Sets a variable of the environment for all builds.
    pub fn with_variable(mut self, name: &'static str, value: impl Into<OsString>) -> Cargo {
        self.variables.push((name, value.into()));
        self
    }

    /// Builds the graded tests of some labs.
    ///
    /// # Errors
    ///
    /// When cargo cannot be run; that code does not compile is a `None`.
    pub fn build_tests(&self, labs: &[&Lab], scratch: &Scratch) -> Result<Executables, Failure> {
        let mut command = self.command()?;
        command.args(["test", "--no-run", "--test", GRADED_TARGET, "--message-format=json-render-diagnostics"]);
        match self.scope {
            Scope::Packages => labs.iter().for_each(|lab| {
                command.args(["--package", lab.package]);
            }),
            Scope::Workspace => {
                command.arg("--workspace");
            }
        }
        if self.profile == Profile::Release {
            command.arg("--release");
        }
        // A file and no pipe: cargo may write all it has while we wait for its end.
        let messages = scratch.path().join("cargo-messages.jsonl");
        let failed = || Failure::of_system(format!("{} could not be used", messages.display()));
        command.stdout(File::create(&messages).map_err(failed())?);
        if !Supervised::start(&mut command)?.wait()?.success() {
            return Ok(None);
        }
        let messages = fs::read_to_string(&messages).map_err(failed())?;
        Ok(Some(messages.lines().filter_map(graded_executable).collect()))
    }

    /// Builds all that there is, and returns whether that went well.
    pub fn build_all(&self) -> Result<bool, Failure> {
        let mut command = self.command()?;
        command.args(["build", "--workspace", "--all-targets"]).stdout(Stdio::null());
        Ok(Supervised::start(&mut command)?.wait()?.success())
    }

    fn command(&self) -> Result<Command, Failure> {
        // Cargo tells what it runs where it itself is: the same toolchain then builds the tests.
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stderr(match &self.words {
            Words::Shown => Stdio::inherit(),
            Words::Dropped => Stdio::null(),
            Words::Kept(path) => {
                let failed = Failure::of_system(format!("{} could not be written", path.display()));
                File::create(path).map_err(failed)?.into()
            }
        });
        Ok(command)
    }
}

/// The package and the executable, if the message is about a lab's graded tests.
fn graded_executable(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message.pointer("/target/name")?.as_str()? != GRADED_TARGET {
        return None;
    }
    let executable = message.get("executable")?.as_str()?;
    // The name of a lab's folder is that of its package.
    let folder = Path::new(message.get("manifest_path")?.as_str()?).parent()?;
    Some((folder.file_name()?.to_str()?.to_string(), PathBuf::from(executable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of all that cargo says, the executable of each lab's graded tests is picked, and no other.
    #[test]
    fn executables_are_picked() {
        let artifact = |name: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/course/lab2b-log/Cargo.toml",
                "target":{{"kind":["test"],"name":"{name}"}},"executable":{executable}}}"#
            )
        };
        let picked = graded_executable(&artifact("cluster", r#""/target/cluster-1""#));
        assert_eq!(picked, Some(("lab2b-log".to_string(), PathBuf::from("/target/cluster-1"))));
        assert_eq!(graded_executable(&artifact("rules", r#""/target/rules-1""#)), None);
        assert_eq!(graded_executable(&artifact("cluster", "null")), None);
        assert_eq!(graded_executable(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(graded_executable("not JSON"), None);
    }
}
