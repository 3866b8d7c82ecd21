//! Log lines with time, server and lab.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Once, OnceLock};

use env_logger::Logger;
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::sim::runtime;
use crate::time::instant::Instant;

/// A line that code logs inside a simulation.
#[derive(Clone, Debug)]
pub struct LogLine<'a> {
    /// The virtual time.
    pub at: Instant,
    /// The label of the node whose task logged it, such as `server 2`; empty in no task of anybody.
    pub node: Arc<str>,
    /// Its level.
    pub level: Level,
    /// Its text, which is not written yet.
    pub text: fmt::Arguments<'a>,
}

/// What is done with the lines of a simulation.
type Listener = fn(LogLine<'_>);

static LISTENER: OnceLock<Listener> = OnceLock::new();

/// Sets up logging, once per process. Nothing is shown unless `RUST_LOG` is set, in the syntax of
/// `env_logger`: `RUST_LOG=lab2a_election=debug cargo test -p lab2a-election`.
///
/// A line looks like `many_elections_2a:7  1.234567 s  server 2  2A  INFO  won the election of term 3`: the run
/// ([`Settings::label`](crate::sim::Settings::label)), the virtual time, the server and the lab. Outside of a
/// simulation, the first three are left out. A log line takes no virtual time and changes nothing in a run.
///
/// ```
/// labrpc::logging::init();
/// log::info!("shown only with RUST_LOG=info");
/// ```
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = env_logger::Builder::new()
            .filter_level(LevelFilter::Off)
            .parse_default_env()
            .is_test(true) // so that the test harness shows each line with its test
            .format(|line, record| {
                if let Some(world) = runtime::current() {
                    if !world.label().is_empty() {
                        write!(line, "{}  ", world.label())?;
                    }
                    // Messages arrive in no thread of anybody.
                    let node = world.label_of_node().unwrap_or_default();
                    write!(line, "{:.6} s  {node:<8}  ", world.now_ns() as f64 / 1e9)?;
                }
                writeln!(line, "{}  {:5} {}", lab_of(record.target()), record.level(), record.args())
            })
            .build();
        let shown_level = shown.filter();
        if log::set_boxed_logger(Box::new(Lines { shown, shown_level })).is_ok() {
            log::set_max_level(shown_level);
        }
    });
}

/// From now on every line that a lab's code logs inside a simulation, down to the level of debug, is given to `listener`,
/// whether it is shown or not. Only the first listener of a process counts.
pub fn listen(listener: fn(LogLine<'_>)) {
    init();
    let _ = LISTENER.set(listener);
    log::set_max_level(log::max_level().max(LevelFilter::Debug));
}

/// Shows lines, and gives them to the listener.
struct Lines {
    shown: Logger,
    /// The highest level that is shown of any target. Most lines that are only listened to are above it.
    shown_level: LevelFilter,
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.shown.enabled(metadata) || LISTENER.get().is_some() && is_heard(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if record.level() <= self.shown_level && self.shown.matches(record) {
            self.shown.log(record);
        }
        // To write a line costs time, so those that nobody hears are not written.
        let listener = LISTENER.get().filter(|_| is_heard(record.metadata()));
        let (Some(listener), Some(world)) = (listener, runtime::current()) else { return };
        crate::sim::as_harness(|| {
            listener(LogLine {
                at: Instant::from_nanos(world.now_ns()),
                node: world.label_of_node().unwrap_or_default(),
                level: record.level(),
                text: *record.args(),
            });
        });
    }

    fn flush(&self) {
        self.shown.flush();
    }
}

/// Whether a line is one of a lab's code, and important enough for the listener.
fn is_heard(metadata: &Metadata<'_>) -> bool {
    metadata.level() <= Level::Debug && lab_in(metadata.target()).is_some()
}

/// `2A` for `lab2a_election::election`; the crate's name for other targets.
fn lab_of(target: &str) -> String {
    lab_in(target).map_or_else(|| crate_in(target).to_string(), str::to_uppercase)
}

fn crate_in(target: &str) -> &str {
    target.split("::").next().unwrap_or(target)
}

/// `2a` for `lab2a_election::election`; `None` for what is no lab's.
fn lab_in(target: &str) -> Option<&str> {
    // Asked for each line of each run that is told: a search for `::` would cost as much as the line itself.
    let rest = target.strip_prefix("lab")?;
    let end = rest.bytes().position(|byte| matches!(byte, b'_' | b':'))?;
    rest[end..].starts_with('_').then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::lab_of;

    /// A log target is reduced to its lab's number, or else to its crate.
    #[test]
    fn log_targets_are_named_by_their_lab() {
        assert_eq!(lab_of("lab2a_election::election"), "2A");
        assert_eq!(lab_of("labrpc::network"), "labrpc");
        assert_eq!(lab_of("labrpc::network::delay_queue"), "labrpc");
    }
}
