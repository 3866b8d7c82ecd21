//! A handout's git repository: one commit, the same for the same files.

use std::path::Path;
use std::process::{Command, Stdio};

use super::Handout;
use crate::error::CommandError;
use crate::interrupt;

/// Who commits. Nobody's mail address: answers belong to the instructor.
const NAME: &str = "Raft Labs";
const MAIL: &str = "raft-labs@localhost";

/// When. Any moment would do, if it is always the same.
const DATE: &str = "2000-01-01T00:00:00+0000";

/// The instructor's own settings have no part in it: hooks, signatures, line ends, the name of the first branch.
const SETTINGS: [&str; 5] =
    ["init.defaultBranch=main", "core.autocrlf=false", "core.hooksPath=/dev/null", "commit.gpgSign=false", "gc.auto=0"];

/// Makes `folder`, in which the handout is, a repository with one commit.
///
/// # Errors
///
/// If git is not there, or fails.
pub fn commit(handout: &Handout, folder: &Path) -> Result<(), CommandError> {
    let list = &handout.list;
    let labs: Vec<String> = handout.plan.labs().map(|lab| lab.title()).collect();
    let mut message = format!("Raft Labs {}, {} track\n\nLabs: {}\n", list.version, list.track.name(), labs.join(", "));
    if !list.solved.is_empty() {
        message += &format!("With solutions: {}\n", list.solved.join(", ").to_uppercase());
    }
    git(folder, &["init", "--quiet", "--template="])?;
    // All of them: what a .gitignore names is handed out, too.
    git(folder, &["add", "--all", "--force"])?;
    git(folder, &["commit", "--quiet", "--message", &message]).map(drop)
}

/// The hash of the commit in `folder`.
///
/// # Errors
///
/// If there is none.
pub fn hash(folder: &Path) -> Result<String, CommandError> {
    git(folder, &["rev-parse", "HEAD"])
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, CommandError> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(SETTINGS.iter().flat_map(|setting| ["-c", setting])).args(arguments);
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"] {
        command.env_remove(variable);
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), NAME).env(format!("GIT_{who}_EMAIL"), MAIL);
        command.env(format!("GIT_{who}_DATE"), DATE);
    }
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        CommandError::Broken(format!(
            "git could not be started ({error}): a handout is a git repository, so install git"
        ))
    })?;
    // Ctrl-C on a terminal ends git as well.
    interrupt::check()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(CommandError::Broken(format!("git {} failed: {}", arguments[0], reason.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}
