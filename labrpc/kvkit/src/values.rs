//! The values that load clients write, and how two of them differ.

/// A value that no other write of the run has, and that is not the beginning of another value.
pub(super) fn value(client: usize, round: u64, nth: u64) -> String {
    format!("x {client} {round}.{nth} y")
}

/// Describes where two long values first differ, and how each of them goes on from there.
pub(super) fn difference(seen: &str, expected: &str) -> String {
    /// Enough to see the write in question and its neighbours.
    const SHOWN_CHARS: usize = 40;
    let equal = seen.bytes().zip(expected.bytes()).take_while(|(own, other)| own == other).count();
    // From the beginning of the write in which they differ.
    let from = seen[..equal.min(seen.len())].rfind('x').unwrap_or(0);
    let rest = |value: &str| match value.get(from..) {
        None | Some("") => "ends there".to_string(),
        Some(rest) if rest.len() <= SHOWN_CHARS => format!("goes on with {rest:?}"),
        Some(rest) => format!("goes on with {:?}", rest.chars().take(SHOWN_CHARS).chain(['…']).collect::<String>()),
    };
    format!(
        "both start with the same {from} bytes; then the value that was read {}, and the right one {}",
        rest(seen),
        rest(expected)
    )
}
