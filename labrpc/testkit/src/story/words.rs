//! Messages, commands and lanes, in the words of a story.

use std::collections::BTreeMap;

use labrpc::kv::{Answer, Command, Op, Refusal};
use labrpc::network::Lost;
use labrpc::{AppendEntries, AppendEntriesReply, AppendOutcome, InstallSnapshot, RaftReply, RaftRequest, RequestVote};
use labrpc::{Bytes, LogPosition, PeerId, RequestVoteReply};
use story::{Field, Position};

use crate::contract::Contract;
use crate::event::{Envelope, Payload};

/// The lane of a server.
pub(super) fn lane(server: PeerId) -> String {
    server.to_string()
}

/// The lane of the client at an end of the network beyond the servers: `a`, `b`, …, `z`, `c26`, ….
pub(super) fn client_lane(nth: usize) -> String {
    match u8::try_from(nth) {
        Ok(nth @ 0..26) => char::from(b'a' + nth).to_string(),
        _ => format!("c{nth}"),
    }
}

pub(super) fn position(at: LogPosition) -> Position {
    Position(at.index, at.term)
}

/// Why a message is lost, in a word.
pub(super) fn reason(why: Lost) -> &'static str {
    match why {
        Lost::Dropped => "network",
        Lost::Cut => "cut",
        Lost::Down => "down",
        Lost::GivenUp => "given up",
    }
}

/// The most letters of a text that are shown.
const LETTERS_MAX: usize = 24;

pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(LETTERS_MAX) {
        None => text.to_string(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

/// A command in a few letters: an operation of a clerk, or the text that it is, or its size.
pub(super) fn label(command: &Bytes, contract: &Contract) -> String {
    if contract.has_clerks
        && let Ok(Command { op, .. }) = contract.codec().read_logged(command)
    {
        return match op {
            Op::Get { key } => format!("get {}", short(&key)),
            Op::Put { key, value } => format!("{}={}", short(&key), short(&value)),
            Op::Append { key, value } => format!("{}+={}", short(&key), short(&value)),
        };
    }
    match std::str::from_utf8(command) {
        Ok(text) if !text.chars().any(char::is_control) => short(text),
        _ => format!("{} bytes", command.len()),
    }
}

/// The name and the fields of a message.
pub(super) fn message(envelope: &Envelope) -> (&'static str, BTreeMap<String, Field>) {
    match &envelope.payload {
        Payload::Request(request) => raft_request(request),
        Payload::Reply(reply) => raft_reply(reply, envelope.answers.as_ref().and_then(|asked| asked.request())),
        Payload::ClerkRequest(command) => clerk_request(command),
        Payload::ClerkAnswer(answer) => match envelope.answers.as_ref().map(|asked| &asked.payload) {
            Some(Payload::ClerkRequest(command)) => clerk_answer(Some(command), answer),
            _ => clerk_answer(None, answer),
        },
        Payload::Unreadable => ("unreadable", BTreeMap::new()),
    }
}

/// The name and the fields of a client's request.
pub(super) fn clerk_request(command: &Command) -> (&'static str, BTreeMap<String, Field>) {
    let mut fields = operation(&command.op);
    fields.insert("client".into(), Field::Number(command.client.0));
    fields.insert("number".into(), Field::Number(command.sequence));
    ("Request", fields)
}

/// The name and the fields of an answer to a client's request, if that is known.
pub(super) fn clerk_answer(asked: Option<&Command>, answer: &Answer) -> (&'static str, BTreeMap<String, Field>) {
    let mut fields = asked.map(|asked| operation(&asked.op)).unwrap_or_default();
    fields.remove("val");
    fields.insert("ok".into(), Field::Truth(answer.is_ok()));
    match answer {
        Ok(value) => fields.insert("value".into(), Field::Text(short(value))),
        Err(refusal) => fields.insert("why".into(), Field::Text(refused(*refusal).into())),
    };
    ("Reply", fields)
}

fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotLeader => "not the leader",
        Refusal::LeadershipLost => "leadership lost",
        Refusal::Undecided => "undecided",
    }
}

/// The fields of an operation.
pub(super) fn operation(op: &Op) -> BTreeMap<String, Field> {
    let (name, key, value) = match op {
        Op::Get { key } => ("get", key, None),
        Op::Put { key, value } => ("put", key, Some(value)),
        Op::Append { key, value } => ("append", key, Some(value)),
    };
    let fields = [("op", Some(name.to_string())), ("key", Some(short(key))), ("val", value.map(|value| short(value)))];
    fields.into_iter().filter_map(|(name, text)| Some((name.to_string(), Field::Text(text?)))).collect()
}

fn fields<const N: usize>(fields: [(&str, Field); N]) -> BTreeMap<String, Field> {
    fields.into_iter().map(|(name, field)| (name.to_string(), field)).collect()
}

fn raft_request(request: &RaftRequest) -> (&'static str, BTreeMap<String, Field>) {
    let term = ("term", Field::Number(request.term()));
    match request {
        RaftRequest::RequestVote(RequestVote { last_log, .. }) => {
            ("RequestVote", fields([term, ("last", Field::Position(position(*last_log)))]))
        }
        RaftRequest::AppendEntries(AppendEntries { prev, entries, leader_commit, .. }) => {
            let prev = ("prev", Field::Position(position(*prev)));
            let count = ("n", Field::Number(entries.len() as u64));
            ("AppendEntries", fields([term, prev, count, ("commit", Field::Number(*leader_commit))]))
        }
        RaftRequest::InstallSnapshot(InstallSnapshot { last_included, snapshot, .. }) => {
            let last = ("last", Field::Position(position(*last_included)));
            ("InstallSnapshot", fields([term, last, ("bytes", Field::Number(snapshot.len() as u64))]))
        }
    }
}

fn raft_reply(reply: &RaftReply, request: Option<&RaftRequest>) -> (&'static str, BTreeMap<String, Field>) {
    let term = ("term", Field::Number(reply.term()));
    match reply {
        RaftReply::RequestVote(RequestVoteReply { granted, .. }) => {
            ("RequestVoteReply", fields([term, ("granted", Field::Truth(*granted))]))
        }
        RaftReply::AppendEntries(AppendEntriesReply { outcome, .. }) => {
            let name = match request {
                Some(RaftRequest::InstallSnapshot(_)) => "InstallSnapshotReply",
                _ => "AppendEntriesReply",
            };
            let fields = match outcome {
                AppendOutcome::Through(through) => {
                    fields([term, ("ok", Field::Truth(true)), ("through", Field::Number(*through))])
                }
                AppendOutcome::RetryFrom(from) => {
                    fields([term, ("ok", Field::Truth(false)), ("hint", Field::Number(*from))])
                }
                AppendOutcome::StaleTerm => {
                    fields([term, ("ok", Field::Truth(false)), ("why", Field::Text("an older term".into()))])
                }
            };
            (name, fields)
        }
    }
}
