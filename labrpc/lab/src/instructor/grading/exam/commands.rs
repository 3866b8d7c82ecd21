//! The compiler's command for each crate, as cargo has called it for the judge. Submitted code is compiled with the same
//! ones: no manifest, no configuration and no build script of a submission has a say in it.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

use crate::course::LABS;
use crate::error::CommandError;
use crate::fingerprint::sha256;

/// Names the folder in which the compiler's commands are recorded.
pub const VARIABLE: &str = "CARGO_LAB_COMMANDS";

/// The variables that cargo sets for a crate's compiler, and that a crate can ask for.
const ABOUT_CRATE: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];

/// How messages are written, for cargo. People read others.
const FOR_CARGO: [&str; 2] = ["--error-format=", "--json="];

/// One call of the compiler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilerCall {
    /// The compiler.
    pub program: PathBuf,
    /// The workspace's root.
    pub folder: PathBuf,
    /// The arguments.
    pub arguments: Vec<String>,
    /// What was set for the crate.
    pub variables: BTreeMap<String, String>,
}

/// If cargo calls this command in place of the compiler: notes the call, and becomes the compiler. Returns only if that
/// fails, or if nobody asked for it.
pub fn record(arguments: &[OsString]) -> Option<ExitCode> {
    let folder = PathBuf::from(env::var_os(VARIABLE)?);
    let [program, arguments @ ..] = arguments else { return None };
    let texts: Option<Vec<String>> = arguments.iter().map(|text| text.to_str().map(str::to_string)).collect();
    if let (Some(arguments), Ok(here)) = (texts, env::current_dir()) {
        let is_about_crate = |name: &str| ABOUT_CRATE.iter().any(|beginning| name.starts_with(beginning));
        let variables = env::vars().filter(|(name, _)| is_about_crate(name)).collect();
        let call = CompilerCall { program: program.into(), folder: here, arguments, variables };
        let text = serde_json::to_string(&call).unwrap_or_default();
        // A crate that is compiled anew is called for anew.
        let root_file = call.arguments.iter().find(|argument| argument.ends_with(".rs"));
        let name = format!("{}.json", &sha256(root_file.map_or(&text, |file| file).as_bytes())[..16]);
        if let Err(error) = fs::write(folder.join(name), text) {
            eprintln!("error: the compiler's call could not be noted: {error}");
            return Some(ExitCode::FAILURE);
        }
    }
    let error = Command::new(program).args(arguments).exec();
    eprintln!("error: {} could not be started: {error}", program.display());
    Some(ExitCode::FAILURE)
}

/// The calls for the labs' crates.
#[derive(Debug, Default)]
pub struct CompilerCalls {
    calls: Vec<CompilerCall>,
}

impl CompilerCalls {
    /// Reads what was recorded.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn read(folder: &Path) -> Result<CompilerCalls, CommandError> {
        let failed = || CommandError::of_system(format!("{} could not be read", folder.display()));
        let mut calls = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed())? {
            let text = fs::read_to_string(entry.map_err(failed())?.path()).map_err(failed())?;
            calls.extend(serde_json::from_str::<CompilerCall>(&text).ok());
        }
        Ok(CompilerCalls { calls })
    }

    /// Where the compiler has written for the labs' crates.
    pub fn out_folders(&self) -> impl Iterator<Item = &Path> {
        let of_lab = |call: &&CompilerCall| {
            LABS.iter().any(|lab| call.arguments.iter().any(|word| word.starts_with(lab.package)))
        };
        self.calls.iter().filter(of_lab).filter_map(CompilerCall::out_folder)
    }

    /// The same calls where one folder is another.
    pub fn moved(mut self, from: &Path, to: &Path) -> CompilerCalls {
        let (from, to) = (from.display().to_string(), to.display().to_string());
        let arguments = self.calls.iter_mut().flat_map(|call| &mut call.arguments);
        arguments.for_each(|argument| *argument = argument.replace(&from, &to));
        self
    }

    /// The compiler.
    pub fn program(&self) -> Option<&Path> {
        self.calls.first().map(|call| call.program.as_path())
    }

    /// The call for the crate of which this is the root file, such as `lab2a-election/src/lib.rs`.
    pub fn of(&self, root_file: &str) -> Option<&CompilerCall> {
        self.calls.iter().find(|call| call.arguments.iter().any(|argument| argument == root_file))
    }
}

impl CompilerCall {
    fn value_of(&self, option: &str) -> Option<&str> {
        let at = self.arguments.iter().position(|argument| argument == option)?;
        self.arguments.get(at + 1).map(String::as_str)
    }

    /// Where the compiler writes.
    pub fn out_folder(&self) -> Option<&Path> {
        self.value_of("--out-dir").map(Path::new)
    }

    /// What is added to the name of the crate in the names of files.
    pub fn suffix(&self) -> Option<&str> {
        self.arguments.iter().find_map(|argument| argument.strip_prefix("extra-filename="))
    }

    /// The crates that it uses, with the files that they are in.
    pub fn externs(&self) -> impl Iterator<Item = (&str, &Path)> {
        let pairs = self.arguments.windows(2).filter(|pair| pair[0] == "--extern");
        pairs.filter_map(|pair| pair[1].split_once('=')).map(|(name, path)| (name, Path::new(path)))
    }

    /// The same call in another workspace, with messages for people. What it makes goes into `out`, and the crates of which
    /// `is_of_labs` is true are looked for there.
    pub fn moved(&self, root: &Path, out: &Path, is_of_labs: impl Fn(&str) -> bool) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(root);
        let mut before = "";
        for argument in &self.arguments {
            let moved = match before {
                "--out-dir" => out.display().to_string(),
                "--extern" => match argument.split_once('=') {
                    Some((name, path)) if is_of_labs(name) => {
                        let file = Path::new(path).file_name().unwrap_or_default();
                        format!("{name}={}", out.join(file).display())
                    }
                    _ => argument.clone(),
                },
                _ => argument.clone(),
            };
            before = argument;
            if !FOR_CARGO.iter().any(|beginning| argument.starts_with(beginning)) {
                command.arg(moved);
            }
        }
        command.arg("-L").arg(format!("dependency={}", out.display()));
        // Places in the code are told from the root of the workspace in which `labrpc` was built.
        command.arg(format!("--remap-path-prefix={}={}", root.display(), self.folder.display()));
        for (name, value) in &self.variables {
            command.env(name, value.replace(&self.folder.display().to_string(), &root.display().to_string()));
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> CompilerCall {
        let arguments = "--crate-name graded --error-format=json --json=x lab2b-log/tests/graded/main.rs -C extra-filename=-1f \
                         --out-dir /j/deps -L dependency=/j/deps --extern lab2b_log=/j/deps/liblab2b_log-2.rlib --extern \
                         log=/j/deps/liblog-3.rlib";
        CompilerCall {
            program: "/rust/bin/rustc".into(),
            folder: "/j/course".into(),
            arguments: arguments.split_whitespace().map(str::to_string).collect(),
            variables: BTreeMap::from([("CARGO_MANIFEST_DIR".to_string(), "/j/course/lab2b-log".to_string())]),
        }
    }

    /// A call is moved to another workspace, with the crates that are compiled there. The others stay.
    #[test]
    fn a_call_is_moved() {
        let moved = call().moved(Path::new("/c"), Path::new("/o"), |name| name.starts_with("lab2"));
        let arguments: Vec<&str> = moved.get_args().map(|argument| argument.to_str().unwrap()).collect();
        let expected = "--crate-name graded lab2b-log/tests/graded/main.rs -C extra-filename=-1f --out-dir /o -L \
                        dependency=/j/deps --extern lab2b_log=/o/liblab2b_log-2.rlib --extern log=/j/deps/liblog-3.rlib -L \
                        dependency=/o --remap-path-prefix=/c=/j/course";
        assert_eq!(arguments.join(" "), expected);
        assert_eq!(moved.get_current_dir(), Some(Path::new("/c")));
        let variables: Vec<_> = moved.get_envs().collect();
        assert_eq!(variables, [("CARGO_MANIFEST_DIR".as_ref(), Some("/c/lab2b-log".as_ref()))]);
    }

    /// What a call says about its files is found.
    #[test]
    fn the_files_of_a_call_are_found() {
        let call = call();
        assert_eq!((call.out_folder(), call.suffix()), (Some(Path::new("/j/deps")), Some("-1f")));
        assert_eq!(call.externs().map(|(name, _)| name).collect::<Vec<_>>(), ["lab2b_log", "log"]);
        let calls = CompilerCalls { calls: vec![call] };
        assert!(calls.of("lab2b-log/tests/graded/main.rs").is_some() && calls.of("lab2b-log/src/lib.rs").is_none());
    }
}
