//! From a reason to a sentence for a student.

use super::history::{History, OperationId};
use super::register::{Action, Register};
use super::search::Stuck;
use super::unique::{Block, Reason};
use super::violation::{Contradiction, Kind};
use super::words;

/// How many of the values that a key may have had are named.
const POSSIBLE_VALUES_NAMED_MAX: usize = 3;

/// The part of a history that is broken, ready to be told about.
pub(super) struct Broken<'h> {
    pub(super) history: &'h History,
    /// The shortest broken beginning of one key's history; what has not returned in it may have
    /// returned later.
    pub(super) register: Register<'h>,
    /// When that ends.
    pub(super) end: u64,
}

/// What went wrong, the operations that show it, and the facts in words.
type Account = (Kind, Vec<usize>, String);

impl<'h> Broken<'h> {
    /// Tells what the unique values gave away.
    pub(super) fn tell(&self, reason: Reason) -> Contradiction {
        let (kind, witness, facts) = match reason {
            Reason::NeverWritten { get, offset_bytes } => self.never_written(get, offset_bytes),
            Reason::Doubled { write, get, other } => self.doubled(write, get, other),
            Reason::PutAppended { put, get } => {
                let facts = format!("{} shows {} added to an older value", self.name(get), self.name(put));
                (Kind::PutAppended, vec![get, put], facts)
            }
            Reason::Forked { get, other } => self.forked(get, other),
            Reason::OutOfOrder { first, second, shown_by } => self.out_of_order(first, second, shown_by),
            // The block that was called last shows the older value.
            Reason::Clash(one, other) if self.called(one) > self.called(other) => self.clash(one, other),
            Reason::Clash(one, other) => self.clash(other, one),
        };
        let mut named = Vec::new();
        for id in witness.into_iter().map(|operation| self.id(operation)) {
            if !named.contains(&id) {
                named.push(id);
            }
        }
        self.contradiction(kind, named, facts)
    }

    /// Tells how far the search came.
    pub(super) fn tell_stuck(&self, stuck: &Stuck) -> Contradiction {
        let named = stuck.possible.iter().take(POSSIBLE_VALUES_NAMED_MAX);
        let mut possible: Vec<String> = named.map(|value| words::ending(value)).collect();
        if stuck.possible.len() > POSSIBLE_VALUES_NAMED_MAX {
            possible.push("some other beginning of what was read".into());
        }
        possible.push("what no Get ever saw".into());
        let get = words::operation(self.history, stuck.get);
        let facts = format!("{get} fits nowhere; when it returned, the key held {}", possible.join(" or "));
        self.contradiction(Kind::NoOrder, vec![stuck.get], facts)
    }

    fn contradiction(&self, kind: Kind, witness: Vec<OperationId>, facts: String) -> Contradiction {
        let key = self.register.key.to_string();
        let sentence = format!("{} key {key:?}: {facts}; {}.", kind.headline(), kind.lesson());
        Contradiction { kind, key, witness, at: self.end, sentence }
    }

    fn never_written(&self, get: usize, offset_bytes: usize) -> Account {
        let strange = words::beginning(&self.text(get)[offset_bytes..]);
        let facts = format!("{} holds {strange} from byte {offset_bytes} on, which nobody had written", self.name(get));
        (Kind::NeverWritten, vec![get], facts)
    }

    fn doubled(&self, write: usize, get: usize, other: usize) -> Account {
        let facts = match get == other {
            true => format!("{} shows {} twice", self.name(get), self.name(write)),
            false => format!(
                "{} and {} both show {}, behind different values",
                self.name(get),
                self.name(other),
                self.name(write)
            ),
        };
        (Kind::DoubledWrite, vec![get, other, write], facts)
    }

    fn forked(&self, get: usize, other: usize) -> Account {
        let (one, two) = (self.text(get), self.text(other));
        let same = one.char_indices().zip(two.chars()).find(|((_, left), right)| left != right);
        let common_bytes = same.map_or(one.len().min(two.len()), |((at, _), _)| at);
        let facts = format!(
            "{} and {} agree on {common_bytes} bytes, then one goes on with {} and the other with {}",
            self.name(get),
            self.name(other),
            words::beginning(&one[common_bytes..]),
            words::beginning(&two[common_bytes..]),
        );
        (Kind::Forked, vec![get, other], facts)
    }

    /// `first` stands before `second` in a value, but was called after `second` had returned.
    fn out_of_order(&self, first: usize, second: usize, shown_by: usize) -> Account {
        let called_after = format!("{} was called after {} had returned", self.name(first), self.name(second));
        match (self.action(first), self.action(second)) {
            (Action::Get(older), Action::Get(newer)) => {
                let missing = words::ending(&newer[older.len()..]);
                (Kind::StaleRead, vec![first, second], format!("{called_after}, but lacks its last part, {missing}"))
            }
            (Action::Get(_), _) => {
                let write = words::again(self.history, self.id(second));
                let shown_by_name = self.name(shown_by);
                let facts =
                    format!("{called_after}, but shows the value from before {write}, as {shown_by_name} tells");
                (Kind::StaleRead, vec![first, second, shown_by], facts)
            }
            _ => {
                let shown_by_name = self.name(shown_by);
                let facts = format!("{called_after}, but {shown_by_name} shows them the other way round");
                (Kind::OutOfOrder, vec![first, second, shown_by], facts)
            }
        }
    }

    /// Some operation of `old` returned before one of `new` was called, and the other way round.
    fn clash(&self, old: Block, new: Block) -> Account {
        let (last, first_of_new) = (old.last_called, new.first_returned.unwrap_or(new.last_called));
        let kind = match self.action(last) {
            _ if new.shown_by.is_none() && !self.is_ever_read(first_of_new) => Kind::LostWrite,
            Action::Get(_) => Kind::StaleRead,
            Action::Put(_) | Action::Append(_) => Kind::OutOfOrder,
        };
        let mut witness = vec![last, first_of_new];
        let mut facts = format!("{} was called after {} had returned", self.name(last), self.name(first_of_new));
        facts += match (self.action(last), old.shown_by) {
            (Action::Put(_) | Action::Append(_), Some(get)) => {
                witness.push(get);
                format!(", but {} shows it added to an older value", self.name(get))
            }
            _ => ", but shows an older value".into(),
        }
        .as_str();
        if let Some(first_of_old) = old.first_returned {
            witness.extend([new.last_called, first_of_old]);
            let last_of_new = match new.last_called == first_of_new {
                true => words::again(self.history, self.id(first_of_new)).to_string(),
                false => self.name(new.last_called),
            };
            facts += &format!(": {last_of_new} was called after {} had returned", self.name(first_of_old));
        }
        (kind, witness, facts)
    }

    /// Whether any Get of the whole history shows a write, if only after the story has ended.
    fn is_ever_read(&self, write: usize) -> bool {
        let Some(written) = self.action(write).written() else { return true };
        let answers = self.history.operations().iter().filter(|operation| operation.key == self.register.key);
        answers.filter_map(|operation| operation.answer.as_ref()).any(|answer| answer.value.contains(written))
    }

    fn name(&self, operation: usize) -> String {
        words::operation(self.history, self.id(operation))
    }

    fn id(&self, operation: usize) -> OperationId {
        self.register.spans[operation].id
    }

    fn action(&self, operation: usize) -> Action<'h> {
        self.register.spans[operation].action
    }

    fn called(&self, block: Block) -> u64 {
        self.register.spans[block.last_called].called
    }

    fn text(&self, get: usize) -> &'h str {
        self.action(get).read().unwrap_or_default()
    }
}
