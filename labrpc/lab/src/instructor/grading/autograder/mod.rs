//! The zip that Gradescope wants for an assignment: `setup.sh`, `run_autograder`, and the course.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use lexopt::{Arg, Parser};
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::cohort::store::write_file;
use crate::arguments::{Audience, Invocation, lab_called, misuse, seed_count, unknown_option, value_of};
use crate::course::points::{self, GradedLab};
use crate::course::track::Track;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::instructor::Request;
use crate::tree;

/// The options of `cargo lab gradescope`.
pub const OPTIONS: &[&str] = &["--lab", "--open", "--seeds", "--minutes", "--unsandboxed", "--help"];

const SETUP: &str = include_str!("setup.sh");
const RUN: &str = include_str!("run_autograder.sh");

/// What no submission needs: the course's own CI, and stories.
const LEFT_OUT: [&str; 2] = [".github/", "docs/stories/"];

/// Gradescope's limits for one submission.
const MINUTES_MIN: u64 = 10;
const MINUTES_MAX: u64 = 40;

/// What is left of the time for starting the container, and for ending the grader.
const RESERVE_SECONDS: u64 = 60;

/// The modes of files in the zip.
const PLAIN: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;

/// Which autograder is made.
#[derive(Debug, PartialEq, Eq)]
pub struct AutograderRequest {
    /// The zip.
    pub file: PathBuf,
    /// The labs that it grades; all of them if there is none.
    pub labs: Vec<&'static LabCrate>,
    /// Whose design the submissions follow.
    pub track: Track,
    /// How many seeds each test runs.
    pub seeds: Option<u64>,
    /// The time limit in Gradescope.
    pub minutes: u64,
    /// Whether it grades where no sandbox works.
    pub is_unsandboxed: bool,
}

/// Parses the arguments after `cargo lab gradescope`.
///
/// # Errors
///
/// [`CommandError::Misuse`].
pub fn parse(mut parser: Parser, _: Audience) -> Result<Invocation, CommandError> {
    let (mut file, mut labs, mut seeds, mut minutes) = (None, Vec::new(), None, MINUTES_MAX);
    let (mut track, mut is_unsandboxed) = (Track::Guided, false);
    while let Some(argument) = parser.next().map_err(misuse)? {
        let option = match argument {
            Arg::Value(value) if file.is_none() => {
                file = Some(PathBuf::from(value));
                continue;
            }
            Arg::Value(value) => {
                let value = value.display();
                return Err(CommandError::Misuse(format!(
                    "{value} is a second file: `cargo lab gradescope` makes one"
                )));
            }
            Arg::Short(letter) => format!("-{letter}"),
            Arg::Long(name) => format!("--{name}"),
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Help(Some("gradescope"))),
            "--open" => track = Track::Open,
            "--unsandboxed" => is_unsandboxed = true,
            "--lab" => labs.push(lab_called(&value_of(&mut parser, &option, "a lab, for instance 3b")?)?),
            "--seeds" => seeds = Some(seed_count(&mut parser, &option)?),
            "--minutes" => minutes = minutes_of(&value_of(&mut parser, &option, "a number from 10 to 40")?)?,
            _ => return Err(unknown_option("gradescope", &option, OPTIONS)),
        }
    }
    let missing = || CommandError::Misuse("the file is missing: run `cargo lab gradescope autograder.zip`".to_string());
    let file = file.ok_or_else(missing)?;
    Ok(Invocation::Instructor(Request::Autograder(AutograderRequest {
        file,
        labs,
        track,
        seeds,
        minutes,
        is_unsandboxed,
    })))
}

fn minutes_of(value: &str) -> Result<u64, CommandError> {
    let minutes = value.parse().ok().filter(|minutes| (MINUTES_MIN..=MINUTES_MAX).contains(minutes));
    minutes.ok_or_else(|| {
        CommandError::Misuse(format!("`--minutes {value}`: Gradescope takes {MINUTES_MIN} to {MINUTES_MAX}"))
    })
}

/// Makes the zip, and says how to set the assignment up.
///
/// # Errors
///
/// If it cannot be written.
pub fn run(course: &Course, request: &AutograderRequest, print: fn(&str)) -> Result<ExitCode, CommandError> {
    let is_chosen = |lab: &GradedLab| request.labs.is_empty() || request.labs.contains(&lab.lab);
    let labs: Vec<GradedLab> = points::read_all(course)?.into_iter().filter(is_chosen).collect();
    let mut points = 0;
    for lab in &labs {
        points += lab.tests()?.iter().map(|test| test.points).sum::<u64>();
    }
    let bytes = pack(course, request)?.map_err(CommandError::of_system("the zip could not be made"))?;
    write_file(&request.file, &bytes)?;
    let titles: Vec<String> = labs.iter().map(|lab| lab.lab.title()).collect();
    print(&format!(
        "{}: {} kB, grades {}\nIn Gradescope: {points} points, a time limit of {} minutes, and at least one processor.\n",
        request.file.display(),
        bytes.len().div_ceil(1_000),
        titles.join(", "),
        request.minutes,
    ));
    Ok(ExitCode::SUCCESS)
}

/// The zip. Equal courses make equal zips.
fn pack(course: &Course, request: &AutograderRequest) -> Result<io::Result<Vec<u8>>, CommandError> {
    let (setup, run) = (setup_script(request), run_script(request));
    let mut files = vec![
        ("setup.sh".to_string(), PROGRAM, setup.into_bytes()),
        ("run_autograder".to_string(), PROGRAM, run.into_bytes()),
    ];
    for (name, file) in tree::read(course.root())? {
        if !LEFT_OUT.iter().any(|folder| name.starts_with(folder)) {
            files.push((format!("course/{name}"), PLAIN, file.bytes));
        }
    }
    Ok(zip(&files))
}

fn zip(files: &[(String, u32, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, mode, bytes) in files {
        let file =
            archive.new_file(EntryPath::conformant(name.as_str())).compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.unix_permissions(*mode).start().map_err(io::Error::other)?;
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
        writer.write_all(bytes)?;
        let (encoder, descriptor) = writer.finish().map_err(io::Error::other)?;
        encoder.finish()?;
        entry.finish(descriptor).map_err(io::Error::other)?;
    }
    archive.finish().map_err(io::Error::other)
}

fn setup_script(request: &AutograderRequest) -> String {
    SETUP.replace("@TOOLCHAIN@", &toolchain()).replace("@OPTIONS@", &options(request))
}

fn run_script(request: &AutograderRequest) -> String {
    let seconds = request.minutes * 60 - RESERVE_SECONDS;
    RUN.replace("@OPTIONS@", &options(request)).replace("@SECONDS@", &seconds.to_string())
}

/// How submissions are graded, for `cargo lab grade`.
fn options(request: &AutograderRequest) -> String {
    let mut options: Vec<String> = request.labs.iter().map(|lab| format!("--lab {}", lab.id)).collect();
    options.extend((request.track == Track::Open).then(|| "--open".to_string()));
    options.extend(request.seeds.map(|seeds| format!("--seeds {seeds}")));
    options.extend(request.is_unsandboxed.then(|| "--unsandboxed".to_string()));
    options.join(" ")
}

/// The version of Rust on this machine, with which the course is known to work.
fn toolchain() -> String {
    let output = Command::new("rustc").arg("--version").output().ok().filter(|output| output.status.success());
    let version = output.and_then(|output| Some(String::from_utf8(output.stdout).ok()?.split(' ').nth(1)?.to_string()));
    version
        .filter(|version| version.chars().all(|letter| letter.is_ascii_digit() || letter == '.'))
        .unwrap_or("stable".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(labs: &[&str]) -> AutograderRequest {
        let labs = labs.iter().map(|lab| lab_called(lab).unwrap()).collect();
        AutograderRequest {
            file: PathBuf::new(),
            labs,
            track: Track::Open,
            seeds: Some(7),
            minutes: 10,
            is_unsandboxed: false,
        }
    }

    /// What the instructor chooses stands in the script, nothing is left open, and a shell takes both scripts.
    #[test]
    fn choices_are_in_the_script() {
        let script = run_script(&request(&["2a", "3b"]));
        assert!(script.contains(
            "timeout --kill-after=10 540 cargo lab grade --format gradescope --lab 2a --lab 3b --open --seeds 7 \""
        ));
        for script in [script, setup_script(&request(&["2a", "3b"]))] {
            assert!(!script.contains('@') || script.contains("[@]"), "{script}");
            let checked = Command::new("bash").args(["-n", "-c", &script]).status();
            assert!(checked.is_ok_and(|status| status.success()), "{script}");
        }
    }

    /// Gradescope's limits are the limits here.
    #[test]
    fn minutes_have_limits() {
        assert_eq!((minutes_of("10"), minutes_of("40")), (Ok(10), Ok(40)));
        assert!(minutes_of("9").is_err() && minutes_of("41").is_err() && minutes_of("x").is_err());
    }
}
