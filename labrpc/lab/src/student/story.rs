//! The story of a run: one test is run again, and its story is shown.
//!
//! The test process writes the story into a file. Another program shows it, which is built when it is needed first: so
//! that nobody waits for it before the first verdict.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::course::points;
use crate::course::{Course, LabCrate};
use crate::error::{CommandError, EXIT_FAILED};
use crate::grade::cargo::Cargo;
use crate::grade::test_binary::TestBinary;
use crate::process::{OutputTail, Supervised};
use crate::request::{Profile, ReplayToken, SeedChoice, TestRequest};
use crate::scratch::Scratch;
use crate::selection;

/// Which run is told, and how.
#[derive(Debug, PartialEq, Eq)]
pub struct StoryRequest {
    /// The run.
    pub which: Which,
    /// What is shown of it.
    pub view: StoryView,
    /// Whether to find out when the run was lost, and the nearest run that passes.
    pub asks_when: bool,
    /// The event that is changed, and how: `39:lose`.
    pub flip: Option<String>,
    /// How the code is compiled.
    pub profile: Profile,
}

/// What a test process is asked beyond the run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Whether to find out when the run was lost.
    pub when: bool,
    /// The event that is changed, and how.
    pub flip: Option<&'a str>,
}

/// The run that is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Which {
    /// The run of a token.
    Token(ReplayToken),
    /// A test, by its lab and name as for `cargo lab test`, and the seed.
    Test {
        /// The words on the command line.
        names: Vec<String>,
        /// The seed.
        seed: u64,
    },
}

/// What is shown of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StoryView {
    /// Only events on these lanes; all if there are none.
    pub servers: Vec<String>,
    /// Only events of these kinds; all if there are none.
    pub kinds: Vec<String>,
    /// Only events from this time on, in microseconds.
    pub from: Option<u64>,
    /// Only events until this time, in microseconds.
    pub until: Option<u64>,
    /// The most rows.
    pub rows: Option<usize>,
    /// Whether every row is shown.
    pub is_whole: bool,
    /// Whether each heartbeat has a row.
    pub has_heartbeats: bool,
    /// Where the page is written.
    pub page: Option<PathBuf>,
}

/// How a test process begins what it has to say about a replay.
const NOTE: &str = "note: ";

/// Rows that are shown if nothing else is asked for.
const ROWS: usize = 60;

impl StoryView {
    /// The arguments of the program that shows a story.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |option: &str, value: String| arguments.extend([option.to_string(), value]);
        self.servers.iter().for_each(|server| add("--server", server.clone()));
        self.kinds.iter().for_each(|kind| add("--kind", kind.clone()));
        self.from.iter().for_each(|from| add("--from", from.to_string()));
        self.until.iter().for_each(|until| add("--until", until.to_string()));
        self.page.iter().for_each(|page| add("--page", page.display().to_string()));
        let is_narrowed = !self.kinds.is_empty() || self.from.is_some() || self.until.is_some();
        // Who asks for a part wants all of it.
        let rows = self.rows.or((!is_narrowed).then_some(ROWS)).filter(|_| !self.is_whole);
        rows.iter().for_each(|rows| add("--rows", rows.to_string()));
        if self.has_heartbeats {
            arguments.push("--heartbeats".to_string());
        }
        if self.is_whole {
            arguments.push("--repeats".to_string());
        }
        arguments
    }
}

/// Runs the test again, and shows the story.
///
/// # Errors
///
/// For a test or token that means nothing, and if the system fails.
pub fn tell(course: &Course, request: &StoryRequest) -> Result<ExitCode, CommandError> {
    let (lab, token) = run_to_tell(course, &request.which)?;
    let scratch = Scratch::new("story")?;
    let cargo = Cargo::new(course, request.profile);
    let Some(build) = cargo.build_tests(&[lab], &scratch)? else { return Ok(ExitCode::from(EXIT_FAILED)) };
    let binaries = TestBinary::read_all(&build.executables)?;
    let binary =
        binaries.get(lab.package).ok_or_else(|| CommandError::Broken(format!("{} has no tests", lab.package)))?;
    let file = scratch.path().join("story.json");
    let asked = Asked { when: request.asks_when, flip: request.flip.as_deref() };
    let notes = record(command(course, lab, binary, &token, asked, &file)?, &token, &file)?;
    notes.iter().for_each(|note| eprintln!("{note}"));
    if !is_viewer_built(course) {
        eprintln!("building the viewer, once");
    }
    let status = Supervised::start(&mut show(course, &file, &request.view))?.wait()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

/// The lab of the one test that is asked for, and the token of its run.
fn run_to_tell(course: &Course, which: &Which) -> Result<(&'static LabCrate, ReplayToken), CommandError> {
    let (selectors, seeds) = match which {
        Which::Token(token) => (Vec::new(), SeedChoice::Replay(token.clone())),
        Which::Test { names, seed } => (names.clone(), SeedChoice::Only(*seed)),
    };
    let selections =
        selection::choose(&points::read_all(course)?, &TestRequest { selectors, seeds, ..TestRequest::default() })?;
    let tests: Vec<(&'static LabCrate, &str)> =
        selections.iter().flat_map(|selection| selection.names().map(|name| (selection.lab, name))).collect();
    match (&tests[..], which) {
        ([(lab, _)], Which::Token(token)) => Ok((lab, token.clone())),
        ([(lab, test)], Which::Test { seed, .. }) => Ok((lab, ReplayToken::of(test, *seed))),
        (_, Which::Test { names, .. }) => {
            let example = tests.iter().min_by_key(|(_, test)| test.len()).map_or(String::new(), |(lab, test)| {
                let suffix = format!("_{}", lab.id);
                format!(", for instance `cargo lab story {} {}`", lab.id, test.strip_suffix(&suffix).unwrap_or(test))
            });
            Err(CommandError::Misuse(format!(
                "`{}` means {} tests, and a story is told of one: name it{example}",
                names.join(" "),
                tests.len()
            )))
        }
        _ => Err(CommandError::Misuse("the token names no test".to_string())),
    }
}

/// The command that makes a run, which writes its story into a file.
///
/// # Errors
///
/// If the binary does not have the test.
pub fn command(
    course: &Course,
    lab: &LabCrate,
    binary: &TestBinary,
    token: &ReplayToken,
    asked: Asked<'_>,
    file: &Path,
) -> Result<Command, CommandError> {
    let found = binary.find(&token.test).map_err(CommandError::Broken)?;
    let folder = course.folder(lab);
    let mut command = Command::new(&binary.executable);
    command.args([found.path, "--exact"]).current_dir(&folder);
    command.env("CARGO_MANIFEST_DIR", &folder).env("CARGO_PKG_NAME", lab.package);
    command.env("LAB_REPLAY", token.to_string()).env("LAB_STORY", file);
    command.env_remove("LAB_SEEDS").env_remove("LAB_WORLD").env_remove("LAB_REPORT");
    if asked.when {
        command.env("LAB_WHEN", "1");
    }
    if let Some(flip) = asked.flip {
        command.env("LAB_FLIP", flip);
    }
    Ok(command)
}

/// Makes the run of a token by its [`command`], which writes its story. Returns what the run has to say besides.
///
/// # Errors
///
/// For a token that the test kit refuses, and if the run writes no story.
pub fn record(mut command: Command, token: &ReplayToken, file: &Path) -> Result<Vec<String>, CommandError> {
    let output = OutputTail::of(&mut command)?;
    let process = Supervised::start(&mut command)?;
    drop(command);
    let status = process.wait()?;
    let output = output.text();
    match (file.is_file(), status.code()) {
        (true, _) => Ok(output.lines().filter(|line| line.starts_with(NOTE)).map(str::to_string).collect()),
        (false, Some(2)) => {
            let complaint = output.lines().find(|line| line.starts_with("LAB_")).unwrap_or(&output);
            Err(CommandError::Misuse(complaint.trim().to_string()))
        }
        _ => Err(CommandError::Broken(format!("{} has told no story: it ended with {status}\n{output}", token.test))),
    }
}

/// Whether the program that shows a story was built before.
fn is_viewer_built(course: &Course) -> bool {
    course.target().join("debug").join(format!("tell{}", env::consts::EXE_SUFFIX)).is_file()
}

/// The program that shows a story.
pub fn show(course: &Course, file: &Path, view: &StoryView) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg("run").args(["--quiet", "--package", "page", "--bin", "tell", "--manifest-path"]);
    command.arg(course.root().join("Cargo.toml")).arg("--").arg(file).args(view.arguments());
    command
}
