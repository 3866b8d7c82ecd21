//! How the key's value grew, worked out from the values that Gets returned.

use rustc_hash::{FxHashMap, FxHashSet};

use super::reason::Reason;
use super::vocabulary::Vocabulary;
use crate::linear::register::{Action, Register};

/// One value of the key while it grew: a Put (or the initial "") and the Appends that followed.
///
/// Values are unique, so Gets that return values with the same beginning read the same chain.
struct Chain<'h> {
    text: &'h str,
    writes: Vec<usize>,
    /// How long the value was before the first write and after each, in bytes.
    lengths: Vec<usize>,
    /// The Get that returned all of it.
    shown_by: usize,
}

/// An operation that belongs to a chain, and its place there.
///
/// Sorted, the members of a chain are in the only order that its text allows. Gets of the same value
/// may be in any order, and are sorted by their calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) chain: usize,
    /// How many writes of the chain precede this one, or are in the value that was read.
    position: usize,
    kind: MemberKind,
    called: u64,
    pub(super) operation: usize,
}

impl Member {
    pub(super) fn is_get(&self) -> bool {
        self.kind == MemberKind::Get
    }
}

/// A Get that returned k writes comes after the k-th write and before the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum MemberKind {
    Get,
    Write,
}

/// All chains of a key.
pub(super) struct Chains<'h> {
    chains: Vec<Chain<'h>>,
    /// The chain that starts with a Put, or (`None`) with the initial value.
    chain_of: FxHashMap<Option<usize>, usize>,
    /// For each write, a Get whose value shows it.
    shown_by: Vec<Option<usize>>,
    members: Vec<Member>,
}

impl<'h> Chains<'h> {
    /// Cuts what each Get returned into writes.
    pub(super) fn read(register: &Register<'h>, vocabulary: &Vocabulary<'h>) -> Result<Chains<'h>, Reason> {
        let mut gets: Vec<(&str, usize)> =
            register.spans.iter().enumerate().filter_map(|(get, span)| Some((span.action.read()?, get))).collect();
        // The longest value of a chain comes first and is cut into writes; the others need only be beginnings of it.
        gets.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));

        let mut chains = Chains {
            chains: Vec::new(),
            chain_of: FxHashMap::default(),
            shown_by: vec![None; register.spans.len()],
            members: Vec::with_capacity(register.spans.len()),
        };
        for (text, get) in gets {
            let start = match vocabulary.first(text) {
                Some((write, _)) if matches!(register.spans[write].action, Action::Put(_)) => Some(write),
                _ => None,
            };
            let chain = match chains.chain_of.get(&start) {
                Some(&chain) => chain,
                None => chains.begin(start, spell(register, vocabulary, text, get)?, register)?,
            };
            let position = match chains.chains[chain].position(text, get) {
                Ok(position) => position,
                // If the value is wrong by itself, that is the better reason.
                Err(reason) => return Err(spell(register, vocabulary, text, get).err().unwrap_or(reason)),
            };
            let called = register.spans[get].called;
            chains.members.push(Member { chain, position, kind: MemberKind::Get, called, operation: get });
        }
        chains.members.sort_unstable();
        Ok(chains)
    }

    /// Adds a chain, unless one of its writes is in another already.
    fn begin(&mut self, start: Option<usize>, chain: Chain<'h>, register: &Register) -> Result<usize, Reason> {
        let index = self.chains.len();
        for (position, &write) in chain.writes.iter().enumerate() {
            if let Some(other) = self.shown_by[write].replace(chain.shown_by) {
                return Err(Reason::Doubled { write, get: chain.shown_by, other });
            }
            let called = register.spans[write].called;
            self.members.push(Member { chain: index, position, kind: MemberKind::Write, called, operation: write });
        }
        self.chains.push(chain);
        self.chain_of.insert(start, index);
        Ok(index)
    }

    /// The members of each chain, in the order that its text allows.
    pub(super) fn each(&self) -> impl Iterator<Item = &[Member]> {
        self.members.chunk_by(|one, next| one.chain == next.chain)
    }

    /// Whether a chain starts with the value that the key had before every operation.
    pub(super) fn is_initial(&self, chain: usize) -> bool {
        self.chain_of.get(&None) == Some(&chain)
    }

    /// The Get that returned all of a chain.
    pub(super) fn shown_by(&self, chain: usize) -> usize {
        self.chains[chain].shown_by
    }

    /// Whether any Get returned what an operation wrote.
    pub(super) fn shows(&self, write: usize) -> bool {
        self.shown_by[write].is_some()
    }
}

impl Chain<'_> {
    /// How many writes of this chain a Get returned.
    fn position(&self, text: &str, get: usize) -> Result<usize, Reason> {
        if !self.text.starts_with(text) {
            return Err(Reason::Forked { get, other: self.shown_by });
        }
        // A length between two others would cut a written value in two, and a part of one is no written value.
        let cut = |next: usize| Reason::NeverWritten { get, offset_bytes: self.lengths[next - 1] };
        self.lengths.binary_search(&text.len()).map_err(cut)
    }
}

/// Cuts what a Get returned into written values: at most one Put at the start, then Appends, each once.
fn spell<'h>(
    register: &Register<'h>,
    vocabulary: &Vocabulary<'h>,
    text: &'h str,
    get: usize,
) -> Result<Chain<'h>, Reason> {
    let mut chain = Chain { text, writes: Vec::new(), lengths: vec![0], shown_by: get };
    let mut spelled = FxHashSet::default();
    let mut offset_bytes = 0;
    while offset_bytes < text.len() {
        let Some((write, length_bytes)) = vocabulary.first(&text[offset_bytes..]) else {
            return Err(Reason::NeverWritten { get, offset_bytes });
        };
        if !spelled.insert(write) {
            return Err(Reason::Doubled { write, get, other: get });
        }
        if offset_bytes > 0 && matches!(register.spans[write].action, Action::Put(_)) {
            return Err(Reason::PutAppended { put: write, get });
        }
        offset_bytes += length_bytes;
        chain.writes.push(write);
        chain.lengths.push(offset_bytes);
    }
    Ok(chain)
}
