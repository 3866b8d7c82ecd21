//! Whether a student's codec fits: checked once in a run for each kind of message that a server sends.
//!
//! A codec that loses something makes a right server look wrong, so this is found before any rule is checked. What a
//! server sends is read, and read again from what the codec writes of it, with another term and another sender too: a
//! codec that leaves a field out would otherwise read the same from both.

use labrpc::kv::{Answer, ClientId, Command};
use labrpc::{
    AppendEntriesReply, AppendOutcome, Entry, Head, Index, LogPosition, PeerId, RaftReply, RaftRequest,
    RequestVoteReply, Term,
};

use super::Contract;
use crate::event::Payload;

/// What one codec method reads, and another writes. Of each kind, a run checks the first one that it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Vote { is_reply: bool },
    Heartbeat { is_reply: bool },
    Entries { is_reply: bool },
    Snapshot { is_reply: bool },
    Command,
    Answer,
    Save,
}

impl MessageKind {
    fn of_request(request: &RaftRequest, is_reply: bool) -> MessageKind {
        match request {
            RaftRequest::RequestVote(_) => MessageKind::Vote { is_reply },
            RaftRequest::AppendEntries(append) if append.entries.is_empty() => MessageKind::Heartbeat { is_reply },
            RaftRequest::AppendEntries(_) => MessageKind::Entries { is_reply },
            RaftRequest::InstallSnapshot(_) => MessageKind::Snapshot { is_reply },
        }
    }

    /// The kind of a message; `answered` is the request that it answers. `None` if it cannot be read.
    pub(crate) fn of(payload: &Payload, answered: Option<&RaftRequest>) -> Option<MessageKind> {
        match payload {
            Payload::Request(request) => Some(MessageKind::of_request(request, false)),
            Payload::Reply(_) => answered.map(|request| MessageKind::of_request(request, true)),
            Payload::ClerkRequest(_) => Some(MessageKind::Command),
            Payload::ClerkAnswer(_) => Some(MessageKind::Answer),
            Payload::Unreadable => None,
        }
    }
}

impl Contract {
    /// What the codec loses of messages like this one, in a sentence. `None` if it loses nothing, and in the guided track,
    /// whose codec is not the student's.
    pub(crate) fn misfit_of(&self, payload: &Payload, answered: Option<&RaftRequest>) -> Option<String> {
        if !self.is_codec_checked() {
            return None;
        }
        match payload {
            Payload::Request(request) => self.misfit_of_request(request),
            Payload::Reply(reply) => self.misfit_of_reply(answered?, reply),
            Payload::ClerkRequest(command) => self.misfit_of_command(command),
            Payload::ClerkAnswer(answer) => self.misfit_of_answer(answer),
            Payload::Unreadable => None,
        }
    }

    /// As [`misfit_of`](Contract::misfit_of), for what a server saves.
    pub(crate) fn misfit_of_save(&self, head: &Head, entries: &[Entry]) -> Option<String> {
        if !self.is_codec_checked() {
            return None;
        }
        let mut later = *head;
        later.ballot.term += 1;
        let in_heads = [*head, later].iter().find_map(|head| self.head(head).1);
        let in_entries = || {
            let first = entries.first()?;
            let later = Entry { term: first.term + 1, ..first.clone() };
            [first, &later].into_iter().find_map(|entry| self.entry(entry).1)
        };
        in_heads.or_else(in_entries)
    }

    fn misfit_of_request(&self, request: &RaftRequest) -> Option<String> {
        [request.clone(), another_like(request)].iter().find_map(|request| self.request(request).1)
    }

    /// The reply itself, and each reply that a server of any design can give to such a request.
    fn misfit_of_reply(&self, request: &RaftRequest, reply: &RaftReply) -> Option<String> {
        let (term, newer) = (request.term(), request.term() + 1);
        let vote = |term, granted| RaftReply::RequestVote(RequestVoteReply { term, granted });
        let append = |term, outcome| RaftReply::AppendEntries(AppendEntriesReply { term, outcome });
        let others = match request {
            RaftRequest::RequestVote(_) => [vote(term, true), vote(newer, false)],
            _ => {
                [append(term, AppendOutcome::Through(request.through().index)), append(newer, AppendOutcome::StaleTerm)]
            }
        };
        std::iter::once(reply).chain(&others).find_map(|reply| self.reply(request, reply).1)
    }

    fn misfit_of_command(&self, command: &Command) -> Option<String> {
        let ClientId(client) = command.client;
        let another = Command { client: ClientId(client + 1), sequence: command.sequence + 1, op: command.op.clone() };
        [command, &another].into_iter().find_map(|command| self.command(command).1)
    }

    fn misfit_of_answer(&self, answer: &Answer) -> Option<String> {
        self.answer(answer).1
    }
}

/// The request in the next term and of another server. Where it names a position in the log or a commit index, those are
/// others too; where it names none, a codec may know none: lab 2A has no log.
fn another_like(request: &RaftRequest) -> RaftRequest {
    let another = |server: PeerId| if server == 0 { 1 } else { 0 };
    let later = |at: LogPosition| match at.index {
        0 => at,
        _ => LogPosition { index: at.index + 1, ..at },
    };
    let next_index = |index: Index| if index == 0 { 0 } else { index + 1 };
    let next_term = |term: Term| term + 1;
    let mut other = request.clone();
    match &mut other {
        RaftRequest::RequestVote(vote) => {
            (vote.term, vote.candidate) = (next_term(vote.term), another(vote.candidate));
            vote.last_log = later(vote.last_log);
        }
        RaftRequest::AppendEntries(append) => {
            (append.term, append.leader) = (next_term(append.term), another(append.leader));
            (append.prev, append.leader_commit) = (later(append.prev), next_index(append.leader_commit));
        }
        RaftRequest::InstallSnapshot(install) => {
            (install.term, install.leader) = (next_term(install.term), another(install.leader));
            install.last_included = later(install.last_included);
        }
    }
    other
}
