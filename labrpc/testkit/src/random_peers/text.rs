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
pub(super) const SCRIPT_IMPORTS: &str = "crate::lab::{LAB, boot}, labrpc::network::Conditions, labrpc::{Ballot, Head, thread}, \
     std::time::Duration, testkit::DiskState, testkit::script::*";

const HEADING: &str = "\n\nThe same as a test of your own, to paste into a file of tests/graded/rules:\n\n";

/// Bytes as Rust code: short text, or one letter many times.
pub(super) fn bytes(bytes: &Bytes) -> String {
    const SHOWN_MAX: usize = 40;
    match bytes.first() {
        Some(&letter) if bytes.len() > SHOWN_MAX && bytes.iter().all(|byte| *byte == letter) => {
            format!("{:?}.repeat({})", char::from(letter).to_string(), bytes.len())
        }
        _ => format!("{:?}", String::from_utf8_lossy(bytes)),
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
        lines.push(
            "let twice = Conditions { duplicates_per_mille: 1000, delay_max: Duration::from_millis(40), ..PUNCTUAL };"
                .into(),
        );
        lines.push(format!("script.network().set_link_conditions({peer}, 0, Some(twice));"));
        lines.extend(reply);
        lines.push("thread::sleep(3 * TRAVEL);".into());
        lines.push(format!("script.network().set_link_conditions({peer}, 0, None);"));
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

    /// The whole test, for the lab with this package; empty if nothing has happened.
    pub(crate) fn text(&self, package: &str) -> String {
        let lines = self.lines();
        if lines.is_empty() {
            return String::new();
        }
        let mut text = String::from(HEADING);
        // A graded test's name ends in its lab: `lab2b-log` is `2b`.
        let lab = package.trim_start_matches("lab").split('-').next().unwrap_or_default();
        let _ = writeln!(text, "#[test]\nfn found_by_chance_{lab}() {{\n    #[allow(unused_imports)]");
        let _ = writeln!(text, "    use {{{}}};\n    LAB.own(|world| {{", self.imports);
        for line in lines.iter() {
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
        assert_eq!(entries(&many), r#"vec![entry(2, "d"); 1100]"#);
        let around = [&few[..], &many, &few[..1]].concat();
        let expected = r#"[vec![entry(1, ""), entry(1, "a")], vec![entry(2, "d"); 1100], vec![entry(1, "")]].concat()"#;
        assert_eq!(entries(&around), expected);
    }
}
