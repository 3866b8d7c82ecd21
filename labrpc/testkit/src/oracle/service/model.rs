//! What a store must hold after each entry of the log: a reference model with its whole history (§8).

use labrpc::kv::{ClientId, Command, CommandId, Op};
use labrpc::{Bytes, Index};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::codec::Codec;

/// The length and a hash of a value, to compare values cheaply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ValueHash {
    pub(super) bytes_len: usize,
    hash: u64,
}

impl ValueHash {
    pub(super) fn of(text: &str) -> ValueHash {
        ValueHash::default().extended(text)
    }

    /// The hash of a longer value. The bytes are the coefficients of a polynomial in [`BASE`], eight at
    /// a time, because stores read long values often.
    fn extended(self, text: &str) -> ValueHash {
        let (eights, rest) = text.as_bytes().as_chunks::<8>();
        let hash = eights.iter().fold(self.hash, |hash, eight| {
            let terms = eight.iter().zip(POWERS).map(|(byte, power)| u64::from(*byte).wrapping_mul(power));
            terms.fold(hash.wrapping_mul(POWERS[0]).wrapping_mul(BASE), u64::wrapping_add)
        });
        let hash = rest.iter().fold(hash, |hash, byte| hash.wrapping_mul(BASE).wrapping_add(u64::from(*byte)));
        ValueHash { bytes_len: self.bytes_len + text.len(), hash }
    }
}

/// An odd number without a pattern, from the golden ratio.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
/// Its seventh power, and so on down to the zeroth.
const POWERS: [u64; 8] = {
    let mut powers = [1_u64; 8];
    let mut slot = 7;
    while slot > 0 {
        powers[slot - 1] = powers[slot].wrapping_mul(BASE);
        slot -= 1;
    }
    powers
};

/// A store, after each entry that any server has applied.
#[derive(Default)]
pub(super) struct StoreModel {
    last: Index,
    keys: FxHashMap<String, Vec<(Index, ValueHash)>>,
    /// As `keys`, if repeated writes were applied again.
    with_duplicates: FxHashMap<String, Vec<(Index, ValueHash)>>,
    sessions: FxHashMap<ClientId, Vec<(Index, u64)>>,
    /// All clients, readers as well.
    clients: FxHashSet<ClientId>,
    /// The index of each client's first command.
    first_commands: Vec<Index>,
    /// The length of the longest value so far, where it grew.
    longest: Vec<(Index, usize)>,
    /// The indices of each command's copies.
    places: FxHashMap<CommandId, Vec<Index>>,
}

/// The latest value at or before an index.
fn as_of<T: Copy>(past: &[(Index, T)], index: Index) -> Option<T> {
    let count = past.partition_point(|(at, _)| *at <= index);
    count.checked_sub(1).map(|slot| past[slot].1)
}

fn write(past: &mut FxHashMap<String, Vec<(Index, ValueHash)>>, index: Index, op: &Op) {
    let (key, value, is_append) = match op {
        Op::Get { .. } => return,
        Op::Put { key, value } => (key, value, false),
        Op::Append { key, value } => (key, value, true),
    };
    let versions = past.entry(key.clone()).or_default();
    let before = versions.last().filter(|_| is_append).map_or(ValueHash::default(), |(_, hash)| *hash);
    versions.push((index, before.extended(value)));
}

impl StoreModel {
    /// An entry was applied on some server. The model applies it when it is the first server.
    pub(super) fn applied(&mut self, index: Index, command: &Bytes, codec: &dyn Codec) {
        if index != self.last + 1 {
            return;
        }
        self.last = index;
        let Ok(Command { client, sequence, op }) = codec.read_command(command) else { return };
        if self.clients.insert(client) {
            self.first_commands.push(index);
        }
        self.places.entry((client, sequence)).or_default().push(index);
        write(&mut self.with_duplicates, index, &op);
        if matches!(op, Op::Get { .. }) {
            return;
        }
        let session = self.sessions.entry(client).or_default();
        if session.last().is_some_and(|(_, latest)| sequence <= *latest) {
            return;
        }
        session.push((index, sequence));
        write(&mut self.keys, index, &op);
        let (Op::Get { key } | Op::Put { key, .. } | Op::Append { key, .. }) = &op;
        let bytes_len = self.value(key, index).bytes_len;
        if self.longest.last().is_none_or(|(_, longest)| bytes_len > *longest) {
            self.longest.push((index, bytes_len));
        }
    }

    /// The last index that the model has applied.
    pub(super) fn last(&self) -> Index {
        self.last
    }

    /// The index at which a command was first applied.
    pub(super) fn first_place(&self, client: ClientId, sequence: u64) -> Option<Index> {
        self.places.get(&(client, sequence))?.first().copied()
    }

    /// A key's value after an entry.
    pub(super) fn value(&self, key: &str, index: Index) -> ValueHash {
        self.keys.get(key).and_then(|past| as_of(past, index)).unwrap_or_default()
    }

    /// Whether a key had a value after any of the entries `from` through `to`.
    pub(super) fn held(&self, key: &str, value: ValueHash, from: Index, to: Index) -> bool {
        let Some(past) = self.keys.get(key) else { return value == ValueHash::default() };
        self.value(key, from) == value || past.iter().any(|(at, hash)| (from..=to).contains(at) && *hash == value)
    }

    /// Whether a key would have had a value if repeated writes were applied again.
    pub(super) fn would_hold_with_duplicates(&self, key: &str, value: ValueHash) -> bool {
        self.with_duplicates.get(key).is_some_and(|past| past.iter().any(|(_, hash)| *hash == value))
    }

    /// All keys that were ever written.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Each client's latest write after an entry.
    pub(super) fn sessions(&self, index: Index) -> impl Iterator<Item = (ClientId, u64)> {
        self.sessions.iter().filter_map(move |(client, past)| Some((*client, as_of(past, index)?)))
    }

    /// How many clients have written or read until an entry.
    pub(super) fn clients(&self, index: Index) -> usize {
        self.first_commands.partition_point(|first| *first <= index)
    }

    /// The length of the longest value that any key had until an entry, in bytes. A client may have been
    /// told it.
    pub(super) fn longest_bytes_len(&self, index: Index) -> usize {
        as_of(&self.longest, index).unwrap_or_default()
    }

    /// The length of all keys and values after an entry, in bytes.
    pub(super) fn bytes_len(&self, index: Index) -> usize {
        self.keys.iter().map(|(key, past)| key.len() + as_of(past, index).unwrap_or_default().bytes_len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value has the same hash however it was appended, and a different value has another one.
    #[test]
    fn hashes_do_not_depend_on_how_a_value_was_appended() {
        let text = "x 0 1 y and more than eight bytes";
        for split in 0..=text.len() {
            assert_eq!(ValueHash::of(&text[..split]).extended(&text[split..]), ValueHash::of(text), "split at {split}");
        }
        assert_ne!(ValueHash::of("ab"), ValueHash::of("ba"));
    }
}
