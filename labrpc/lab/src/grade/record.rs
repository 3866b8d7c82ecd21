//! The report of the tests: a file of JSON lines, one for each run of a test with one seed.
//!
//! The variable `LAB_REPORT` tells the test process where to write it. A line is
//!
//! ```json
//! {"test":"initial_election_2a","seed":1,"seeds":5,"outcome":"passed","trace":"0123456789abcdef",
//!  "virtual_ns":12402000000,"cpu_ns":3100000,"token":"initial_election_2a:1","failure":null,"rule":null,
//!  "places":[]}
//! ```
//!
//! without the line break. `outcome` is `passed` or `failed`; if it failed, `failure` is the report
//! for the student. `rule` is the name of the rule that was broken, such as `vote-once`; it is null
//! or absent if none is named. `places` are those that the failure sends the student to, the likeliest
//! first: each has a `file`, and an `item` (a function, constant or type), a `line`, or both; it may be absent. A line
//! `{"test":"…","finished":true}` says that the test will report no further seed.
//!
//! `cause` says what ended a failed run, such as `rule`, `panic` or `stuck`; `group` is what failures with
//! one cause have in common: a rule, or a place in the code. Both may be null or absent. A failure without a
//! trace says that the test was not run, because too many tests before it did not come to an end.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::error::CommandError;
use crate::process::Stop;

/// One run of a test with one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// The test function.
    pub test: String,
    /// The seed.
    pub seed: u64,
    /// How many seeds the test will run with.
    pub seeds: u64,
    /// The report for the student if it failed.
    pub failure: Option<String>,
    /// The name of the rule that was broken, if one was named.
    pub rule: Option<String>,
    /// Where the failure says to look.
    pub places: Vec<RecordedPlace>,
    /// The hash of everything that happened, equal for equal tokens.
    pub trace: String,
    /// How much virtual time it took.
    pub virtual_time: Duration,
    /// How much processor time it took.
    pub cpu_time: Duration,
    /// The token that replays it.
    pub token: String,
    /// What ended the run if it failed, in a word: `rule`, `panic`, `stuck`.
    pub cause: Option<String>,
    /// What failures with the same cause have in common: a rule, or a place in the code.
    pub group: Option<String>,
}

impl RunRecord {
    /// Whether the test was not run: no run has no trace.
    pub fn is_refusal(&self) -> bool {
        self.failure.is_some() && self.trace.is_empty()
    }
}

/// A place that a failure sends the student to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPlace {
    /// The file's path in the workspace, with slashes.
    pub file: String,
    /// A function, constant or type of the file.
    pub item: Option<String>,
    /// A line of the file, from 1.
    pub line: Option<usize>,
}

/// One line of the report.
#[allow(clippy::large_enum_variant, reason = "lines are parsed one by one, and nearly all are runs")]
#[derive(Debug, PartialEq, Eq)]
pub enum ReportLine {
    /// A run has ended.
    Run(RunRecord),
    /// A test has ended.
    Finished,
}

/// Parses one line.
///
/// # Errors
///
/// A sentence on what is missing or wrong.
pub fn parse(line: &str) -> Result<ReportLine, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("it is not JSON: {error}"))?;
    let text = |field: &str| {
        let text = value.get(field).and_then(Value::as_str);
        text.map(str::to_string).ok_or_else(|| format!("it has no string `{field}`"))
    };
    let number = |field: &str| {
        value.get(field).and_then(Value::as_u64).ok_or_else(|| format!("it has no whole number `{field}`"))
    };
    let test = text("test")?;
    if value.get("finished").and_then(Value::as_bool) == Some(true) {
        return Ok(ReportLine::Finished);
    }
    let failure = match text("outcome")?.as_str() {
        "passed" => None,
        "failed" => Some(text("failure").unwrap_or_else(|_| "The test gave no reason.".to_string())),
        other => return Err(format!("its outcome `{other}` is not `passed` or `failed`")),
    };
    let text_or_null = |field: &str| match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => text(field).map(Some),
    };
    let rule = text_or_null("rule")?;
    Ok(ReportLine::Run(RunRecord {
        test,
        seed: number("seed")?,
        seeds: number("seeds")?,
        failure,
        rule,
        places: places(&value)?,
        trace: text("trace")?,
        virtual_time: Duration::from_nanos(number("virtual_ns")?),
        cpu_time: Duration::from_nanos(number("cpu_ns")?),
        token: text("token")?,
        cause: text_or_null("cause")?,
        group: text_or_null("group")?,
    }))
}

/// The places of a record.
fn places(record: &Value) -> Result<Vec<RecordedPlace>, String> {
    let Some(places) = record.get("places") else { return Ok(Vec::new()) };
    let place = |place: &Value| {
        let text = |field| place.get(field).and_then(Value::as_str).map(str::to_string);
        let line = place.get("line").and_then(Value::as_u64).map(|line| line as usize);
        Some(RecordedPlace { file: text("file")?, item: text("item"), line })
    };
    let places = places.as_array().and_then(|places| places.iter().map(place).collect());
    places.ok_or_else(|| "its `places` are not a list, each with a string `file`".to_string())
}

/// The largest report. A run has some hundred bytes, a failure some thousand, and a test thousands of runs at most.
const REPORT_BYTES_MAX: u64 = 64 << 20;

/// The growing report of a running process.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    /// The file as it was before the process began. What the process puts in its place is not read: a pipe, say.
    file: File,
    /// How much may still be read.
    bytes_left: u64,
    /// The beginning of a line whose end is not written yet.
    unfinished: Vec<u8>,
}

impl ReportFile {
    /// A new report that a process will write to `path`, in place of what is there.
    ///
    /// # Errors
    ///
    /// If the file cannot be made.
    pub fn new(path: &Path) -> Result<ReportFile, CommandError> {
        let failed = || CommandError::of_system(format!("{} could not be made", path.display()));
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path).map_err(failed())?,
            Ok(_) => fs::remove_file(path).map_err(failed())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed()(error)),
        }
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).open(path).map_err(failed())?;
        Ok(ReportFile { path: path.to_path_buf(), file, bytes_left: REPORT_BYTES_MAX, unfinished: Vec::new() })
    }

    /// The lines that were completed since the last call.
    pub fn new_lines(&mut self) -> Result<Vec<String>, CommandError> {
        let failed = format!("{} could not be read", self.path.display());
        let mut part = (&mut self.file).take(self.bytes_left);
        let read = part.read_to_end(&mut self.unfinished).map_err(CommandError::of_system(failed))?;
        self.bytes_left -= read as u64;
        let Some(last_end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let rest = self.unfinished.split_off(last_end + 1);
        let complete = std::mem::replace(&mut self.unfinished, rest);
        Ok(String::from_utf8_lossy(&complete).lines().map(str::to_string).collect())
    }

    /// Why the process must end, if its report is too large.
    pub fn stop(&self) -> Option<Stop> {
        let why = format!("its report has more than {} MB", REPORT_BYTES_MAX >> 20);
        (self.bytes_left == 0).then_some(Stop { why, is_final: true })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;
    use crate::scratch::Scratch;

    const PASSED: &str = r#"{"test":"figure_8_2c","seed":17,"seeds":20,"outcome":"passed","trace":"0123456789abcdef",
        "virtual_ns":12402000000,"cpu_ns":3100000,"token":"figure_8_2c:17","failure":null}"#;

    /// All fields of a line are in the record.
    #[test]
    fn a_run_is_read() {
        let expected = RunRecord {
            test: "figure_8_2c".to_string(),
            seed: 17,
            seeds: 20,
            failure: None,
            rule: None,
            places: Vec::new(),
            trace: "0123456789abcdef".to_string(),
            virtual_time: Duration::from_millis(12_402),
            cpu_time: Duration::from_micros(3_100),
            token: "figure_8_2c:17".to_string(),
            cause: None,
            group: None,
        };
        assert_eq!(parse(PASSED), Ok(ReportLine::Run(expected.clone())));
        let failed = PASSED.replace("passed", "failed").replace("null", r#""voted\ntwice""#);
        let failure = Some("voted\ntwice".to_string());
        let ruled = failed.replace('}', r#","rule":"vote-once"}"#);
        let expected = RunRecord { failure, ..expected };
        assert_eq!(parse(&failed), Ok(ReportLine::Run(expected.clone())));
        assert_eq!(parse(&failed.replace('}', r#","rule":null}"#)), Ok(ReportLine::Run(expected.clone())));
        let expected = RunRecord { rule: Some("vote-once".to_string()), ..expected };
        assert_eq!(parse(&ruled), Ok(ReportLine::Run(expected.clone())));
        let placed = ruled.replace('}', r#","places":[{"file":"a.rs","item":"vote"},{"file":"b.rs","line":7}]}"#);
        let vote = RecordedPlace { file: "a.rs".to_string(), item: Some("vote".to_string()), line: None };
        let line = RecordedPlace { file: "b.rs".to_string(), item: None, line: Some(7) };
        assert_eq!(parse(&placed), Ok(ReportLine::Run(RunRecord { places: vec![vote, line], ..expected })));
        assert_eq!(parse(r#"{"test":"figure_8_2c","finished":true}"#), Ok(ReportLine::Finished));
    }

    /// What ended a run, and its group, are read if they are there.
    #[test]
    fn a_cause_and_a_group_are_read() {
        let line = PASSED.replace('}', r#","cause":"stuck","group":"tick in a.rs"}"#);
        let Ok(ReportLine::Run(run)) = parse(&line) else { panic!("{line}") };
        assert_eq!((run.cause.as_deref(), run.group.as_deref()), (Some("stuck"), Some("tick in a.rs")));
        assert!(parse(&line.replace(r#""stuck""#, "3")).is_err_and(|reason| reason.contains("`cause`")));
    }

    /// A line with a missing or malformed field is refused, and the error names the field.
    #[test]
    fn an_incomplete_run_is_refused() {
        for (from, to, reason) in [
            ("\"trace\"", "\"track\"", "it has no string `trace`"),
            ("\"token\"", "\"taken\"", "it has no string `token`"),
            (":17,", ":-17,", "it has no whole number `seed`"),
            ("\"cpu_ns\"", "\"ns\"", "it has no whole number `cpu_ns`"),
            ("\"failure\":null", "\"rule\":3", "it has no string `rule`"),
            ("\"failure\"", "\"places\":7,\"failure\"", "its `places` are not a list, each with a string `file`"),
            ("passed", "skipped", "its outcome `skipped` is not `passed` or `failed`"),
        ] {
            assert_eq!(parse(&PASSED.replacen(from, to, 1)), Err(reason.to_string()));
        }
        assert!(parse("{").unwrap_err().starts_with("it is not JSON: "));
    }

    /// A line is read once, and only after its end is written.
    #[test]
    fn a_growing_report_is_read_by_lines() {
        let scratch = Scratch::new("report").unwrap();
        let path = scratch.path().join("report.jsonl");
        let mut report = ReportFile::new(&path).unwrap();
        assert!(report.new_lines().unwrap().is_empty());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(report.new_lines().unwrap(), ["one", "two"]);
        assert!(report.new_lines().unwrap().is_empty());
        file.write_all(b"ee\n").unwrap();
        assert_eq!(report.new_lines().unwrap(), ["three"]);
    }
}
