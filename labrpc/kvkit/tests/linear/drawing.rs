//! Histories as they are drawn on a whiteboard.

use kvkit::linear::{History, Input, TimeUnit};

/// The time that a column of a drawing stands for. The first column is at 0.
const NANOSECONDS_PER_COLUMN: u64 = 1_000_000;

/// Reads a drawing: one line for each operation, with its client, what it does, and a bar from
/// its call to its return. A bar without an end never returns. `-` stands for the empty value,
/// and the key is `x` unless another stands before the value.
///
/// ```text
///     1 append a   |----|
///     2 get a         |----|
///     3 put y -           |--
/// ```
pub fn drawn(drawing: &str) -> History {
    let mut history = History::with_unit(TimeUnit::Nanoseconds);
    for line in drawing.lines().map(str::trim_start) {
        let bar = line.find('|').expect("a bar shows when the operation was called");
        let time = |column: usize| column as u64 * NANOSECONDS_PER_COLUMN;
        let words: Vec<&str> = line[..bar].split_whitespace().collect();
        let (client, function, key, value) = match words[..] {
            [client, function, value] => (client, function, "x", value),
            [client, function, key, value] => (client, function, key, value),
            _ => panic!("a client, a function, perhaps a key, and a value should stand in: {line}"),
        };
        let value = if value == "-" { "" } else { value };
        let input = match function {
            "get" => Input::Get,
            "put" => Input::Put(value.into()),
            "append" => Input::Append(value.into()),
            other => panic!("{other} is no operation: {line}"),
        };
        let output = if input == Input::Get { value } else { "" };
        let id = history.call(client.parse().expect("a client's number"), key, input, time(bar));
        if let Some(length) = line[bar + 1..].find('|') {
            history.returned(id, output, time(bar + 1 + length));
        }
    }
    history
}
