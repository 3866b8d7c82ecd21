//! Turns the reason of a contradiction into a sentence for students.

use super::contradiction::{Contradiction, ContradictionKind};
use super::history::{History, OperationId};
use super::register::{Action, Register};
use super::search::Stuck;
use super::unique::{Block, Reason};
use super::words;

/// How many of a key's possible values a sentence lists.
const POSSIBLE_VALUES_NAMED_MAX: usize = 3;

/// The part of a history that is wrong.
pub(super) struct BrokenHistory<'h> {
    pub(super) history: &'h History,
    /// The shortest beginning of one key's history that is wrong. Operations that have not returned in it
    /// may have returned later.
    pub(super) register: Register<'h>,
    /// When this beginning ends.
    pub(super) end: u64,
}

/// What went wrong, the operations that show it, and a clause that describes it.
type Explanation = (ContradictionKind, Vec<usize>, String);

impl<'h> BrokenHistory<'h> {
    /// Explains a reason that the unique values show.
    pub(super) fn explain(&self, reason: Reason) -> Contradiction {
        let (kind, witness, facts) = match reason {
            Reason::NeverWritten { get, offset_bytes } => self.never_written(get, offset_bytes),
            Reason::Doubled { write, get, other } => self.doubled(write, get, other),
            Reason::PutAppended { put, get } => {
                let facts = format!("{} shows {} added to an older value", self.name(get), self.name(put));
                (ContradictionKind::PutAppended, vec![get, put], facts)
            }
            Reason::Forked { get, other } => self.forked(get, other),
            Reason::OutOfOrder { first, second, shown_by } => self.out_of_order(first, second, shown_by),
            Reason::Clash(one, other) => self.clash(one, other),
        };
        let mut named = Vec::new();
        for id in witness.into_iter().map(|operation| self.id(operation)) {
            if !named.contains(&id) {
                named.push(id);
            }
        }
        self.contradiction(kind, named, facts)
    }

    /// Explains where the search got stuck.
    pub(super) fn explain_stuck(&self, stuck: &Stuck) -> Contradiction {
        let named = stuck.possible.iter().take(POSSIBLE_VALUES_NAMED_MAX);
        let mut possible: Vec<String> = named.map(|value| words::ending(value)).collect();
        if stuck.possible.len() > POSSIBLE_VALUES_NAMED_MAX {
            possible.push("another beginning of a value that was read".into());
        }
        possible.push("a value that no Get ever returned".into());
        let get = words::operation(self.history, stuck.get);
        let facts = format!("{get} fits no order; when it returned, the key had {}", possible.join(" or "));
        self.contradiction(ContradictionKind::NoOrder, vec![stuck.get], facts)
    }

    fn contradiction(&self, kind: ContradictionKind, witness: Vec<OperationId>, facts: String) -> Contradiction {
        let key = self.register.key.to_string();
        let sentence = format!("{} key {key:?}: {facts}; {}.", kind.headline(), kind.lesson());
        Contradiction { kind, key, witness, at: self.end, sentence }
    }

    fn never_written(&self, get: usize, offset_bytes: usize) -> Explanation {
        let strange = words::beginning(&self.text(get)[offset_bytes..]);
        let facts =
            format!("{} has {strange} from byte {offset_bytes} on, which no client had written", self.name(get));
        (ContradictionKind::NeverWritten, vec![get], facts)
    }

    fn doubled(&self, write: usize, get: usize, other: usize) -> Explanation {
        let (get_name, other_name, write_name) = (self.name(get), self.name(other), self.name(write));
        let facts = if get == other {
            format!("{get_name} shows {write_name} twice")
        } else {
            format!("{get_name} and {other_name} both show {write_name}, after different values")
        };
        (ContradictionKind::DoubledWrite, vec![get, other, write], facts)
    }

    fn forked(&self, get: usize, other: usize) -> Explanation {
        let (one, two) = (self.text(get), self.text(other));
        let same = one.char_indices().zip(two.chars()).find(|((_, left), right)| left != right);
        let common_bytes = same.map_or(one.len().min(two.len()), |((at, _), _)| at);
        let facts = format!(
            "{} and {} agree on {common_bytes} bytes, but then one goes on with {} and the other with {}",
            self.name(get),
            self.name(other),
            words::beginning(&one[common_bytes..]),
            words::beginning(&two[common_bytes..]),
        );
        (ContradictionKind::Forked, vec![get, other], facts)
    }

    /// `first` is before `second` in a value, but was called after `second` had returned.
    fn out_of_order(&self, first: usize, second: usize, shown_by: usize) -> Explanation {
        let called_after = self.called_after(first, &self.name(first), second);
        match (self.action(first), self.action(second)) {
            (Action::Get(older), Action::Get(newer)) => {
                let missing = words::ending(&newer[older.len()..]);
                (
                    ContradictionKind::StaleRead,
                    vec![first, second],
                    format!("{called_after}, but lacks its last part, {missing}"),
                )
            }
            (Action::Get(_), _) => {
                let (write, shown_by_name) = (self.again(second), self.name(shown_by));
                let facts =
                    format!("{called_after}, but returned the value from before {write}, as {shown_by_name} shows");
                (ContradictionKind::StaleRead, vec![first, second, shown_by], facts)
            }
            _ => {
                let facts = format!("{called_after}, but {} shows them the other way round", self.name(shown_by));
                (ContradictionKind::OutOfOrder, vec![first, second, shown_by], facts)
            }
        }
    }

    /// Each block has an operation that returned before one of the other was called.
    fn clash(&self, one: Block, other: Block) -> Explanation {
        // Either block could be called the older one. The one with the later call is, because its
        // operations should have known of the other. Only the initial value is older than everything.
        let is_one_older = match (one.first_returned, other.first_returned) {
            (Some(_), Some(_)) => one.called(&self.register) > other.called(&self.register),
            (first_of_one, _) => first_of_one.is_none(),
        };
        let (old, new) = if is_one_older { (one, other) } else { (other, one) };
        let (last_of_old, last_of_new) = (old.last_called, new.last_called);
        let first_of_new = new.first_returned.expect("the initial value is older than any other");

        let kind = match self.action(last_of_old) {
            _ if !self.is_ever_read(first_of_new) => ContradictionKind::LostWrite,
            Action::Get(_) => ContradictionKind::StaleRead,
            Action::Put(_) | Action::Append(_) => ContradictionKind::OutOfOrder,
        };
        let mut witness = vec![last_of_old, first_of_new];
        let mut facts = self.called_after(last_of_old, &self.name(last_of_old), first_of_new);
        facts += match self.action(last_of_old) {
            Action::Get(_) => ", but returned an older value",
            Action::Put(_) | Action::Append(_) => ", but was added to an older value",
        };
        if let Some(first_of_old) = old.first_returned {
            witness.extend([last_of_new, first_of_old]);
            let is_named = last_of_new == first_of_new;
            let name = if is_named { self.again(last_of_new).to_string() } else { self.name(last_of_new) };
            facts += &format!(": {}", self.called_after(last_of_new, &name, first_of_old));
        }
        let evidence: Vec<usize> = [old, new].into_iter().filter_map(|block| block.shown_by).collect();
        if !evidence.is_empty() {
            let names: Vec<String> = evidence.iter().map(|&get| self.name(get)).collect();
            facts += &format!(", as can be seen from {}", names.join(" and "));
        }
        witness.extend(evidence);
        (kind, witness, facts)
    }

    /// Whether any Get of the whole history shows a write, even one after the part that is wrong.
    fn is_ever_read(&self, write: usize) -> bool {
        let Some(written) = self.action(write).written() else { return true };
        let answers = self.history.operations().iter().filter(|operation| operation.key == self.register.key);
        answers.filter_map(|operation| operation.response.as_ref()).any(|answer| answer.value.contains(written))
    }

    /// The fact that every contradiction is based on; `name` names the operation that was called.
    fn called_after(&self, called: usize, name: &str, returned: usize) -> String {
        let [later, earlier] = [called, returned].map(|operation| self.register.spans[operation]);
        assert!(earlier.returned < later.called, "{later:?} should have been called after {earlier:?} had returned");
        format!("{name} was called after {} had returned", self.name(returned))
    }

    fn name(&self, operation: usize) -> String {
        words::operation(self.history, self.id(operation))
    }

    fn again(&self, operation: usize) -> &'static str {
        words::again(self.history, self.id(operation))
    }

    fn id(&self, operation: usize) -> OperationId {
        self.register.spans[operation].id
    }

    fn action(&self, operation: usize) -> Action<'h> {
        self.register.spans[operation].action
    }

    fn text(&self, get: usize) -> &'h str {
        self.action(get).read().unwrap_or_default()
    }
}
