//! A run as a test that a student can paste into a file.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, Bytes, Entry, InstallSnapshot, LogPosition};
use labrpc::{PeerId, RaftReply, RaftRequest, RequestVote, RequestVoteReply};

use crate::DiskState;

/// The lines of a test, while the run goes on. Clones are the same text.
#[derive(Clone)]
pub(crate) struct TestText {
    /// What the test uses, as the inside of a `use`.
    imports: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
}

/// What a script among random peers uses.
pub(super) const SCRIPT_IMPORTS: &str = "crate::lab::{LAB, boot}, labrpc::{Ballot, Head, thread}, \
     std::time::Duration, testkit::DiskState, testkit::script::*";

const HEADING: &str = "\n\nThe same as a test of your own, to paste into a file of tests/graded/rules:\n\n";

/// With more lines than this, short ones share a line.
const ROOMY_LINES_MAX: usize = 16;
/// A test of more lines is not read, and a failure should fit on a screen or two.
const LINES_MAX: usize = 24;
/// The columns of a line that several steps share.
const COLUMNS_MAX: usize = 150;

/// The lines of a test as they are printed: if there are many, those with a whole statement are put on one line with
/// their neighbours.
fn packed(lines: &[String]) -> Vec<String> {
    if lines.len() <= ROOMY_LINES_MAX {
        return lines.to_vec();
    }
    let is_statement = |line: &String| line.ends_with(';') && !line.starts_with([' ', '}']);
    let mut packed: Vec<String> = Vec::new();
    let mut may_share = false;
    for line in lines {
        match packed.last_mut() {
            Some(last) if may_share && is_statement(line) && last.len() + line.len() < COLUMNS_MAX => {
                let _ = write!(last, " {line}");
            }
            _ => packed.push(line.clone()),
        }
        may_share = is_statement(line);
    }
    packed
}

/// Bytes as Rust code: short text or other bytes, or one of them many times.
pub(super) fn bytes(bytes: &Bytes) -> String {
    const SHOWN_MAX: usize = 40;
    match bytes.first() {
        Some(&letter) if bytes.len() > SHOWN_MAX && bytes.iter().all(|byte| *byte == letter) => {
            match letter.is_ascii() {
                true => format!("{:?}.repeat({})", char::from(letter).to_string(), bytes.len()),
                false => format!("vec![{letter}; {}]", bytes.len()),
            }
        }
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => format!("{text:?}"),
            Err(_) => format!("&b\"{}\"[..]", bytes.escape_ascii()),
        },
    }
}

pub(super) fn position(at: LogPosition) -> String {
    format!("at({}, {})", at.index, at.term)
}

/// Entries as an array, or as vectors if the same one is there many times in a row.
pub(super) fn entries(entries: &[Entry]) -> String {
    const SAME_MAX: usize = 8;
    let code = |entry: &Entry| format!("entry({}, {})", entry.term, bytes(&entry.command));
    let array = |entries: &[Entry]| format!("[{}]", entries.iter().map(code).collect::<Vec<_>>().join(", "));
    let mut parts = Vec::new();
    let mut others = 0..0;
    for same in entries.chunk_by(|one, next| one == next) {
        if same.len() <= SAME_MAX {
            others.end += same.len();
            continue;
        }
        if !others.is_empty() {
            parts.push(format!("vec!{}", array(&entries[others.clone()])));
        }
        parts.push(format!("vec![{}; {}]", code(&same[0]), same.len()));
        others = others.end + same.len()..others.end + same.len();
    }
    match (parts.as_slice(), others.is_empty()) {
        ([], _) => array(entries),
        ([one], true) => one.clone(),
        (_, true) => format!("[{}].concat()", parts.join(", ")),
        (_, false) => format!("[{}, vec!{}].concat()", parts.join(", "), array(&entries[others])),
    }
}

/// The scripted server that sends a request, and what it sends, without the last call.
fn sender(from: PeerId, request: &RaftRequest) -> String {
    match request {
        RaftRequest::RequestVote(RequestVote { term, last_log, .. }) => {
            let log = match *last_log {
                LogPosition::ZERO => String::new(),
                last => format!(".with_log_through({})", position(last)),
            };
            format!("script.candidate({from}).in_term({term}){log}")
        }
        RaftRequest::AppendEntries(AppendEntries { term, prev, entries: sent, leader_commit, .. }) => {
            let mut text = format!("script.leader({from}).in_term({term})");
            if *prev != LogPosition::ZERO {
                let _ = write!(text, ".after({})", position(*prev));
            }
            if !sent.is_empty() {
                let _ = write!(text, ".with_entries({})", entries(sent));
            }
            if *leader_commit > 0 {
                let _ = write!(text, ".commit({leader_commit})");
            }
            text
        }
        RaftRequest::InstallSnapshot(InstallSnapshot { term, .. }) => format!("script.leader({from}).in_term({term})"),
    }
}

/// The call that sends it and waits for the reply.
fn call(request: &RaftRequest) -> String {
    match request {
        RaftRequest::RequestVote(_) => "asks_for_vote()".into(),
        RaftRequest::AppendEntries(_) => "send()".into(),
        RaftRequest::InstallSnapshot(InstallSnapshot { last_included, snapshot, .. }) => {
            format!("install_snapshot({}, {}.into())", position(*last_included), bytes(snapshot))
        }
    }
}

/// A reply as Rust code.
fn reply(reply: &RaftReply) -> String {
    match reply {
        RaftReply::RequestVote(RequestVoteReply { term, granted: true }) => format!("votes({term})"),
        RaftReply::RequestVote(RequestVoteReply { term, granted: false }) => format!("denies({term})"),
        RaftReply::AppendEntries(AppendEntriesReply { term, outcome }) => match outcome {
            AppendOutcome::Through(index) => format!("agrees({term}, {index})"),
            AppendOutcome::RetryFrom(index) => format!("refuses({term}, {index})"),
            AppendOutcome::StaleTerm => format!("stale({term})"),
        },
    }
}

impl TestText {
    pub(crate) fn new(imports: &'static str) -> TestText {
        TestText { imports, lines: Arc::default() }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, line: String) {
        self.lines().push(line);
    }

    pub(super) fn boots(&self, size: usize, has_log: bool, disk: Option<&DiskState>) {
        let constructor = if has_log { "replicating" } else { "new" };
        self.add(format!("let script = ScriptedCluster::{constructor}(world, {size}, boot);"));
        let Some(disk) = disk else { return };
        let (ballot, base) = (disk.head.ballot, disk.head.base);
        let held: Vec<Entry> = disk.entries.iter().cloned().collect();
        self.add("script.restart_from(&DiskState {".into());
        self.add(format!(
            "    head: Head {{ ballot: Ballot {{ term: {}, voted_for: {:?} }}, base: {} }},",
            ballot.term,
            ballot.voted_for,
            position(base)
        ));
        self.add(format!("    entries: {}.into(),", entries(&held)));
        self.add(format!("    snapshot: {}.into(),", bytes(&disk.snapshot)));
        self.add("});".into());
    }

    /// A scripted server sends a request, alone or together with what comes next.
    pub(super) fn sends(&self, from: PeerId, request: &RaftRequest, is_alone: bool) {
        let line = match (is_alone, request) {
            (true, _) => format!("{}.{};", sender(from, request), call(request)),
            (false, RaftRequest::InstallSnapshot(_)) => {
                format!("{}.post_snapshot{};", sender(from, request), &call(request)["install_snapshot".len()..])
            }
            (false, _) => format!("{}.post();", sender(from, request)),
        };
        self.add(line);
    }

    /// The next replies of a scripted server arrive twice. It stands before the reply's own line.
    pub(super) fn doubles(&self, peer: PeerId) {
        let mut lines = self.lines();
        let reply = lines.pop();
        lines.push(format!("script.replies_arrive_twice({peer});"));
        lines.extend(reply);
        lines.push(format!("script.replies_arrive_once({peer});"));
    }

    /// A scripted server answers the newest or the oldest request that waits for an answer.
    pub(super) fn answers(&self, peer: PeerId, is_newest: bool, answer: &RaftReply) {
        let which = if is_newest { "newest_to" } else { "oldest_to" };
        self.add(format!("script.{which}({peer}).reply({});", reply(answer)));
    }

    /// What should have followed from the last line.
    pub(super) fn expect(&self, expected: &str) {
        let mut lines = self.lines();
        match lines.last_mut() {
            Some(last) if expected.starts_with("expect_") && last.ends_with(';') => {
                last.pop();
                let _ = write!(last, ".{expected};");
            }
            _ if expected.starts_with("script.") => lines.push(format!("{expected};")),
            _ => {}
        }
    }

    /// The whole test, for the lab with this package; empty if nothing has happened. Of a long one the short lines share
    /// a line, and one that is even longer is not printed.
    pub(crate) fn text(&self, package: &str) -> String {
        let lines = self.lines();
        if lines.is_empty() {
            return String::new();
        }
        let shown = packed(&lines);
        if shown.len() > LINES_MAX {
            return format!(
                "\n\nThe shortest run that was found has {} steps, too many to print as a test.\n",
                lines.len()
            );
        }
        let mut text = String::from(HEADING);
        // A graded test's name ends in its lab: `lab2b-log` is `2b`.
        let lab = package.trim_start_matches("lab").split('-').next().unwrap_or_default();
        let _ = writeln!(text, "#[test]\nfn found_by_chance_{lab}() {{\n    #[allow(unused_imports)]");
        let _ = writeln!(text, "    use {{{}}};\n    LAB.own(|world| {{", self.imports);
        for line in shown {
            let _ = writeln!(text, "        {line}");
        }
        text + "    });\n}\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::entry;

    /// Entries that are there many times in a row are written once.
    #[test]
    fn many_equal_entries_are_short() {
        let (few, many) = ([entry(1, ""), entry(1, "a")], vec![entry(2, "d"); 1_100]);
        assert_eq!(entries(&few), r#"[entry(1, ""), entry(1, "a")]"#);
        assert_eq!(entries(&[entry(1, vec![255])]), r#"[entry(1, &b"\xff"[..])]"#);
        assert_eq!(entries(&[entry(1, vec![255; 50])]), "[entry(1, vec![255; 50])]");
        assert_eq!(entries(&many), r#"vec![entry(2, "d"); 1100]"#);
        let around = [&few[..], &many, &few[..1]].concat();
        let expected = r#"[vec![entry(1, ""), entry(1, "a")], vec![entry(2, "d"); 1100], vec![entry(1, "")]].concat()"#;
        assert_eq!(entries(&around), expected);
    }

    fn text_of(steps: usize) -> (TestText, String) {
        let text = TestText::new(SCRIPT_IMPORTS);
        text.add("script.restart_from(&DiskState {".into());
        text.add("    snapshot: [].into(),".into());
        text.add("});".into());
        for nth in 0..steps {
            text.answers(1, false, &crate::script::agrees(1, nth as u64));
            if nth % 4 == 0 {
                text.doubles(1);
            }
        }
        let printed = text.text("lab2d-snapshot");
        (text, printed)
    }

    /// A short script has a line for each step. A long one still fits on a screen, with every step, and its statements
    /// stay whole.
    #[test]
    fn a_long_script_is_printed_in_few_lines() {
        let (text, printed) = text_of(4);
        assert!(text.lines().iter().all(|line| printed.contains(&format!("        {line}\n"))), "{printed}");
        let (text, printed) = text_of(40);
        assert!(text.lines().len() > 60 && printed.lines().count() <= LINES_MAX + 12, "{printed}");
        assert!(text.lines().iter().all(|line| printed.contains(line.as_str())), "{printed}");
        assert!(
            printed
                .contains("        script.restart_from(&DiskState {\n            snapshot: [].into(),\n        });\n"),
            "{printed}"
        );
    }

    /// A script that nobody would read is not printed.
    #[test]
    fn a_very_long_script_is_left_out() {
        let (text, printed) = text_of(400);
        assert_eq!(
            printed.trim(),
            format!("The shortest run that was found has {} steps, too many to print as a test.", text.lines().len())
        );
    }
}
