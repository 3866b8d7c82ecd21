//! What a store must hold after each entry of the log: a reference model with its whole history (§8).

use labrpc::kv::{ClientId, Command, CommandId, Op};
use labrpc::{Bytes, Codec, Index};
use rustc_hash::FxHashMap;

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
    /// The store's size after each entry, from index 1 on.
    sizes: Vec<StoreSize>,
    keys: FxHashMap<String, Versions>,
    /// As `keys`, if repeated writes were applied again; only the keys with a repeated write.
    with_duplicates: FxHashMap<String, Versions>,
    /// The writes of every client, readers included.
    sessions: FxHashMap<ClientId, Vec<(Index, u64)>>,
    /// The index at which each command was first applied.
    first_places: FxHashMap<CommandId, Index>,
}

/// The values that a key had, each with the index of the write that made it.
type Versions = Vec<(Index, ValueHash)>;

/// How large a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StoreSize {
    /// The length of all keys and values, in bytes.
    pub(super) bytes_len: usize,
    pub(super) pairs: usize,
    /// How many clients have written or read so far.
    pub(super) clients: usize,
    /// The length of the longest value that any key had so far, in bytes. A client may have been told it.
    pub(super) longest_bytes_len: usize,
}

/// The latest value at or before an index.
fn as_of<T: Copy>(past: &[(Index, T)], index: Index) -> Option<T> {
    // What is asked about is mostly the latest.
    if let Some((_, latest)) = past.last().filter(|(at, _)| *at <= index) {
        return Some(*latest);
    }
    let count = past.partition_point(|(at, _)| *at <= index);
    count.checked_sub(1).map(|slot| past[slot].1)
}

fn write(versions: &mut Versions, index: Index, value: &str, is_append: bool) {
    let before = versions.last().filter(|_| is_append).map_or(ValueHash::default(), |(_, hash)| *hash);
    versions.push((index, before.extended(value)));
}

impl StoreModel {
    /// An entry was applied on some server. The model applies it when it is the first server.
    pub(super) fn applied(&mut self, index: Index, command: &Bytes, codec: &dyn Codec) {
        if index != self.last() + 1 {
            return;
        }
        self.sizes.push(self.sizes.last().copied().unwrap_or_default());
        let Ok(Command { client, sequence, op }) = codec.read_logged(command) else { return };
        self.first_places.entry((client, sequence)).or_insert(index);
        self.sessions.entry(client).or_default();
        let clients = self.sessions.len();
        self.sizes.last_mut().expect("the size after this entry was pushed").clients = clients;
        let (key, value, is_append) = match op {
            Op::Get { .. } => return,
            Op::Put { key, value } => (key, value, false),
            Op::Append { key, value } => (key, value, true),
        };
        let session = self.sessions.entry(client).or_default();
        if session.last().is_some_and(|(_, latest)| sequence <= *latest) {
            let so_far = || self.keys.get(&key).cloned().unwrap_or_default();
            write(self.with_duplicates.entry(key.clone()).or_insert_with(so_far), index, &value, is_append);
            return;
        }
        session.push((index, sequence));
        if let Some(versions) = self.with_duplicates.get_mut(&key) {
            write(versions, index, &value, is_append);
        }
        self.write_once(index, key, &value, is_append);
    }

    /// Applies a write that is not a repeated one.
    fn write_once(&mut self, index: Index, key: String, value: &str, is_append: bool) {
        let key_bytes = key.len();
        let versions = self.keys.entry(key).or_default();
        let old = versions.last().map(|(_, hash)| hash.bytes_len);
        write(versions, index, value, is_append);
        let new = versions.last().map_or(0, |(_, hash)| hash.bytes_len);
        let size = self.sizes.last_mut().expect("the size after this entry was pushed");
        size.longest_bytes_len = size.longest_bytes_len.max(new);
        size.bytes_len = size.bytes_len + new - old.unwrap_or_default();
        if old.is_none() {
            size.bytes_len += key_bytes;
            size.pairs += 1;
        }
    }

    /// The last index that the model has applied.
    pub(super) fn last(&self) -> Index {
        self.sizes.len() as Index
    }

    /// The index at which a command was first applied.
    pub(super) fn first_place(&self, client: ClientId, sequence: u64) -> Option<Index> {
        self.first_places.get(&(client, sequence)).copied()
    }

    /// A key's value after an entry.
    pub(super) fn value(&self, key: &str, index: Index) -> ValueHash {
        self.keys.get(key).map_or(ValueHash::default(), |past| value_in(past, index))
    }

    /// Whether a key had a value after any of the entries `from` through `to`.
    pub(super) fn held(&self, key: &str, value: ValueHash, from: Index, to: Index) -> bool {
        let Some(past) = self.keys.get(key) else { return value == ValueHash::default() };
        let first = past.partition_point(|(at, _)| *at < from);
        let in_time = past[first..].iter().take_while(|(at, _)| *at <= to);
        value_in(past, from) == value || in_time.into_iter().any(|(_, hash)| *hash == value)
    }

    /// Whether a key would have had a value if repeated writes were applied again.
    pub(super) fn would_hold_with_duplicates(&self, key: &str, value: ValueHash) -> bool {
        let past = self.with_duplicates.get(key).or_else(|| self.keys.get(key));
        past.is_some_and(|past| past.iter().any(|(_, hash)| *hash == value))
    }

    /// All keys that were ever written, and the value of each after an entry.
    pub(super) fn values(&self, index: Index) -> impl Iterator<Item = (&str, ValueHash)> {
        self.keys.iter().map(move |(key, past)| (key.as_str(), value_in(past, index)))
    }

    /// Each client's latest write after an entry.
    pub(super) fn sessions(&self, index: Index) -> impl Iterator<Item = (ClientId, u64)> {
        self.sessions.iter().filter_map(move |(client, past)| Some((*client, as_of(past, index)?)))
    }

    /// The size of the store after an entry.
    pub(super) fn size(&self, index: Index) -> StoreSize {
        index.checked_sub(1).and_then(|slot| self.sizes.get(slot as usize)).copied().unwrap_or_default()
    }
}

fn value_in(versions: &Versions, index: Index) -> ValueHash {
    as_of(versions, index).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use labrpc::codec::OwnTypes;

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

    fn apply(model: &mut StoreModel, client: u64, sequence: u64, op: Op) {
        let command = OwnTypes.write_logged(&Command { client: ClientId(client), sequence, op });
        model.applied(model.last() + 1, &command.into(), &OwnTypes);
    }

    fn append(key: &str, value: &str) -> Op {
        Op::Append { key: key.into(), value: value.into() }
    }

    /// The size after each entry is that of the pairs and sessions then, whatever is written later.
    #[test]
    fn the_size_is_known_after_each_entry() {
        let mut model = StoreModel::default();
        apply(&mut model, 1, 1, append("key", "12345"));
        apply(&mut model, 2, 1, Op::Get { key: "key".into() });
        apply(&mut model, 2, 2, append("key", "67"));
        apply(&mut model, 2, 2, append("key", "67"));
        apply(&mut model, 1, 2, Op::Put { key: "key".into(), value: "1".into() });
        apply(&mut model, 1, 3, append("k", ""));
        let sizes: Vec<_> = (0..=6).map(|index| model.size(index)).collect();
        let size =
            |bytes_len, pairs, clients, longest_bytes_len| StoreSize { bytes_len, pairs, clients, longest_bytes_len };
        let (second, third) = (size(8, 1, 2, 5), size(10, 1, 2, 7));
        let last = [size(4, 1, 2, 7), size(5, 2, 2, 7)];
        assert_eq!(sizes, [&[StoreSize::default(), size(8, 1, 1, 5), second, third, third][..], &last].concat());
    }

    /// A write that is in the log twice takes effect once; the model also knows what the key would be otherwise.
    #[test]
    fn repeated_writes_are_known_as_such() {
        let mut model = StoreModel::default();
        apply(&mut model, 1, 1, append("key", "a"));
        apply(&mut model, 1, 1, append("key", "a"));
        apply(&mut model, 1, 2, append("key", "b"));
        assert_eq!(model.value("key", 3), ValueHash::of("ab"));
        assert!(!model.held("key", ValueHash::of("aab"), 0, 3));
        assert!(model.would_hold_with_duplicates("key", ValueHash::of("aab")));
        assert!(model.held("key", ValueHash::of("a"), 1, 2) && !model.held("key", ValueHash::of("a"), 3, 3));
        assert!(model.held("key", ValueHash::of(""), 0, 0) && !model.held("key", ValueHash::of(""), 1, 3));
    }
}
