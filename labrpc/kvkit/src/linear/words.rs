//! How messages show operations, values and times.

use super::history::{History, Input, OperationId, TimeUnit};

/// Values up to this length are shown whole. A sentence with two of them, and a client and two
/// times for each, can still be read.
const SHOWN_BYTES_MAX: usize = 40;

/// How much of a longer value is shown. Its last few writes say most about it.
const EXCERPT_BYTES: usize = 24;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
const NANOSECONDS_PER_MICROSECOND: u64 = 1_000;

/// An operation in full: `client 3's Append of "b" (0.005 s to 0.010 s)`.
pub(super) fn operation(history: &History, id: OperationId) -> String {
    let operation = history.get(id);
    let action = match (&operation.input, &operation.response) {
        (Input::Put(value), _) => format!("Put of {}", ending(value)),
        (Input::Append(value), _) => format!("Append of {}", ending(value)),
        (Input::Get, Some(answer)) => format!("Get that returned {}", ending(&answer.value)),
        (Input::Get, None) => "Get".into(),
    };
    let called = moment(history.time_unit(), operation.called);
    let returned = match &operation.response {
        Some(answer) => format!("to {}", moment(history.time_unit(), answer.at)),
        None => "and never returned".into(),
    };
    format!("client {}'s {action} ({called} {returned})", operation.client)
}

/// An operation that the sentence has named already: `that Append`.
pub(super) fn again(history: &History, id: OperationId) -> &'static str {
    match history.get(id).input {
        Input::Get => "that Get",
        Input::Put(_) => "that Put",
        Input::Append(_) => "that Append",
    }
}

/// A value in quotes; only the end of a long one.
pub(super) fn ending(value: &str) -> String {
    if value.len() <= SHOWN_BYTES_MAX {
        return format!("{value:?}");
    }
    let start = (value.len() - EXCERPT_BYTES..).find(|&at| value.is_char_boundary(at)).unwrap_or(value.len());
    format!("{:?}", format!("…{}", &value[start..]))
}

/// A value in quotes; only the start of a long one.
pub(super) fn beginning(value: &str) -> String {
    if value.len() <= SHOWN_BYTES_MAX {
        return format!("{value:?}");
    }
    let end = (0..=EXCERPT_BYTES).rev().find(|&at| value.is_char_boundary(at)).unwrap_or(0);
    format!("{:?}", format!("{}…", &value[..end]))
}

/// A time, such as `12.402 s`, with microseconds or nanoseconds if there are any.
pub(super) fn moment(unit: TimeUnit, time: u64) -> String {
    if unit == TimeUnit::Lines {
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
