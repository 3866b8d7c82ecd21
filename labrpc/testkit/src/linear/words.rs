//! How a verdict names operations, values and times.

use super::history::{Clock, History, Input, OperationId};

/// Values up to this length are shown whole. Two of them, with a client and two times each,
/// still make a sentence.
const SHOWN_BYTES_MAX: usize = 40;

/// How much of a longer value is shown. The last few writes tell most about it.
const EXCERPT_BYTES: usize = 24;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
const NANOSECONDS_PER_MICROSECOND: u64 = 1_000;

/// An operation in full: `client 3's Append of "b" (0.005 s to 0.010 s)`.
pub(super) fn operation(history: &History, id: OperationId) -> String {
    let operation = history.get(id);
    let done = match (&operation.input, &operation.answer) {
        (Input::Put(value), _) => format!("Put of {}", ending(value)),
        (Input::Append(value), _) => format!("Append of {}", ending(value)),
        (Input::Get, Some(answer)) => format!("Get that returned {}", ending(&answer.value)),
        (Input::Get, None) => "Get".into(),
    };
    let called = moment(history.clock(), operation.called);
    let returned = match &operation.answer {
        Some(answer) => format!("to {}", moment(history.clock(), answer.at)),
        None => "and never returned".into(),
    };
    format!("client {}'s {done} ({called} {returned})", operation.client)
}

/// An operation that the sentence has named before: `that Append`.
pub(super) fn again(history: &History, id: OperationId) -> &'static str {
    match history.get(id).input {
        Input::Get => "that Get",
        Input::Put(_) => "that Put",
        Input::Append(_) => "that Append",
    }
}

/// A value in quotes, of which a long one shows the end.
pub(super) fn ending(value: &str) -> String {
    if value.len() <= SHOWN_BYTES_MAX {
        return format!("{value:?}");
    }
    let start = (value.len() - EXCERPT_BYTES..).find(|&at| value.is_char_boundary(at)).unwrap_or(value.len());
    format!("{:?}", format!("…{}", &value[start..]))
}

/// A value in quotes, of which a long one shows the start.
pub(super) fn beginning(value: &str) -> String {
    if value.len() <= SHOWN_BYTES_MAX {
        return format!("{value:?}");
    }
    let end = (0..=EXCERPT_BYTES).rev().find(|&at| value.is_char_boundary(at)).unwrap_or(0);
    format!("{:?}", format!("{}…", &value[..end]))
}

/// A time: `12.402 s`, with microseconds or nanoseconds if there are any.
pub(super) fn moment(clock: Clock, time: u64) -> String {
    if clock == Clock::Lines {
        return format!("line {time}");
    }
    let seconds = time / NANOSECONDS_PER_SECOND;
    let nanoseconds = time % NANOSECONDS_PER_SECOND;
    if nanoseconds.is_multiple_of(NANOSECONDS_PER_MILLISECOND) {
        format!("{seconds}.{:03} s", nanoseconds / NANOSECONDS_PER_MILLISECOND)
    } else if nanoseconds.is_multiple_of(NANOSECONDS_PER_MICROSECOND) {
        format!("{seconds}.{:06} s", nanoseconds / NANOSECONDS_PER_MICROSECOND)
    } else {
        format!("{seconds}.{nanoseconds:09} s")
    }
}
