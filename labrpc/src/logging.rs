//! Log lines with time, server and lab.

use std::io::Write;
use std::sync::Once;

use crate::sim::runtime;

/// Sets up logging, once per process. Nothing is logged unless `RUST_LOG` is set, in the syntax of
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
        let _ = env_logger::Builder::new()
            .filter_level(log::LevelFilter::Off)
            .parse_default_env()
            .is_test(true) // so that the test harness shows each line with its test
            .format(|line, record| {
                if let Some(world) = runtime::current() {
                    if !world.label().is_empty() {
                        write!(line, "{}  ", world.label())?;
                    }
                    // Messages arrive in no thread of anybody.
                    let node = world.whereabouts().map_or_else(String::new, |(node, _)| node);
                    write!(line, "{:.6} s  {node:<8}  ", world.now_ns() as f64 / 1e9)?;
                }
                writeln!(line, "{}  {:5} {}", lab_of(record.target()), record.level(), record.args())
            })
            .try_init();
    });
}

/// `2A` for `lab2a_election::election`; the crate's name for other targets.
fn lab_of(target: &str) -> String {
    let crate_name = target.split("::").next().unwrap_or(target);
    match crate_name.strip_prefix("lab").and_then(|rest| rest.split_once('_')) {
        Some((lab, _)) => lab.to_uppercase(),
        None => crate_name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::lab_of;

    /// A log target is reduced to its lab's number, or else to its crate.
    #[test]
    fn log_targets_are_named_by_their_lab() {
        assert_eq!(lab_of("lab2a_election::election"), "2A");
        assert_eq!(lab_of("labrpc::network"), "labrpc");
    }
}
