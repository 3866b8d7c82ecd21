//! Clients' commands as Rust code, for a test that is printed.

use labrpc::kv::{Command, Op};

/// A command as Rust code.
pub(super) fn code(command: &Command) -> String {
    let Command { client, sequence, op } = command;
    match op {
        Op::Get { key } => format!("get({client}, {sequence}, {key:?})"),
        Op::Put { key, value } => format!("put({client}, {sequence}, {key:?}, {})", value_code(value)),
        Op::Append { key, value } => format!("append({client}, {sequence}, {key:?}, {})", value_code(value)),
    }
}

/// A value as Rust code. Long values repeat a short one.
fn value_code(value: &str) -> String {
    let unit = value.split_inclusive('.').next().unwrap_or_default();
    match value.len().checked_div(unit.len()) {
        Some(times) if times > 1 => format!("&{unit:?}.repeat({times})"),
        _ => format!("{value:?}"),
    }
}
