//! A course without a compiler: six folders, and two shell scripts in place of cargo and the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The labs' short names and packages.
pub const LABS: [(&str, &str); 6] = [
    ("2a", "lab2a-election"),
    ("2b", "lab2b-log"),
    ("2c", "lab2c-persist"),
    ("2d", "lab2d-snapshot"),
    ("3a", "lab3a-kv"),
    ("3b", "lab3b-kvsnap"),
];

/// The behaviour of a lab whose two tests pass with two seeds each.
pub const PASSING: &str = "for seed in 1 2; do run one_$lab $seed passed; run two_$lab $seed passed; done";

/// A course in a temporary folder, removed when dropped.
pub struct FakeCourse {
    folder: PathBuf,
}

impl FakeCourse {
    /// Six labs, each with the cluster tests `one_…` (10 points) and `two_…` (20 points), which pass.
    pub fn new() -> FakeCourse {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("fake-course-{}-{number}", std::process::id()));
        let course = FakeCourse { folder };
        fs::create_dir_all(course.temporary()).unwrap();
        course.write("labrpc/lab/Cargo.toml", "");
        course.write("docs/handout-readme.md", "For students.\n");
        for (id, package) in LABS {
            course.write(&format!("{package}/tests/points.txt"), &format!("one_{id} 10 2\ntwo_{id} 20 2\n"));
            course.write(&format!("{package}/tests/graded/main.rs"), "");
            let tests = format!("fn one_{id}() {{}}\nfn two_{id}() {{}}\n");
            course.write(&format!("{package}/tests/graded/cluster.rs"), &tests);
            course.behave(package, PASSING);
        }
        course
    }

    /// The root of the course.
    pub fn root(&self) -> PathBuf {
        self.folder.join("course")
    }

    /// Where the command keeps its temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.folder.join("temporary")
    }

    /// A folder beside the course.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of the course.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Sets what the test processes of a lab do, as a shell script. `$lab` is the lab's short name,
    /// `$kind` the kind of the tests.
    pub fn behave(&self, package: &str, script: &str) {
        let (id, _) = LABS.iter().find(|(_, named)| *named == package).unwrap();
        self.write(&format!("{package}/behaviour.sh"), &format!("lab={id}\n{script}\n"));
    }

    /// The command, ready to run in the course.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(arguments.split_whitespace()).current_dir(self.root());
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/scripts");
        command.env("CARGO", scripts.join("cargo.sh")).env("TMPDIR", self.temporary());
        for variable in ["LAB_SEEDS", "LAB_REPLAY", "LAB_WORLD", "LAB_REPORT", "CARGO_TARGET_DIR"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs the command in the course to its end.
    pub fn lab(&self, arguments: &str) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }
}

impl Drop for FakeCourse {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// How long to wait for something that should take no time, on a busy machine. Only a failing test
/// waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until `look` returns something.
pub fn wait_for<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(started.elapsed() < PATIENCE, "gave up waiting for {what}");
        std::thread::yield_now();
    }
}

/// Whether a process has ended. It may still be a zombie.
pub fn is_gone(process: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", process]).output().unwrap();
    matches!(state.stdout.first(), None | Some(b'Z'))
}

/// How the command ended.
#[derive(Debug)]
pub struct Ended {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The outcome of a process that wrote text.
    pub fn of(output: Output) -> Ended {
        Ended {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The rows of the scoreboard, with single spaces.
fn rows(stdout: &str) -> Vec<String> {
    stdout.lines().map(|line| line.split_whitespace().collect::<Vec<&str>>().join(" ")).collect()
}

/// Asserts that a row of the scoreboard has this beginning.
pub fn assert_row(stdout: &str, beginning: &str) {
    assert!(rows(stdout).iter().any(|row| row.starts_with(beginning)), "no row `{beginning}` in\n{stdout}");
}
