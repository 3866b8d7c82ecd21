//! The same settings make the same run, in every process and every time.

use std::collections::HashSet;

use labrpc::sim::{self, Preemption, Settings};
use labrpc::thread;

use crate::traffic::{self, reproducible_part};
use crate::worlds::{Child, MS, POLICIES};

/// Two runs with the same settings are equal, with every policy of preemption.
#[test]
fn equal_settings_make_equal_runs() {
    for preemption in POLICIES {
        for seed in 1..=3 {
            let settings = Settings { seed, preemption, is_recording: true, ..Settings::default() };
            let (first, first_journals) = traffic::run(settings.clone());
            let (second, second_journals) = traffic::run(settings);
            assert_eq!(reproducible_part(&first), reproducible_part(&second), "{preemption:?}, seed {seed}");
            assert_eq!(first_journals, second_journals, "{preemption:?}, seed {seed}");
        }
    }
}

/// A run is the same whether it runs alone or at the same time as others.
#[test]
fn concurrent_runs_do_not_affect_one_another() {
    let settings = Settings { preemption: Preemption::Random { one_in: 3 }, ..Settings::default() };
    let (alone, _) = traffic::run(settings.clone());
    let others: Vec<_> = (0..4)
        .map(|other| {
            let settings = settings.clone();
            #[allow(clippy::disallowed_methods, reason = "each simulation has an OS thread of its own")]
            std::thread::spawn(move || {
                let _clutter: Vec<_> = (0..other * 100).map(|n| vec![0_u8; n]).collect(); // moves all later addresses
                traffic::run(settings).0
            })
        })
        .collect();
    for other in others {
        assert_eq!(reproducible_part(&alone), reproducible_part(&other.join().unwrap()));
    }
}

/// Different seeds make different runs, with every policy of preemption.
#[test]
fn different_seeds_make_different_runs() {
    for preemption in POLICIES {
        let mut traces = HashSet::new();
        for seed in 1..=10 {
            let (report, _) = traffic::run(Settings { seed, preemption, ..Settings::default() });
            assert!(traces.insert(report.trace), "{preemption:?}, seed {seed} made the same run as another seed");
        }
    }
}

/// Another process makes the same run: nothing depends on memory addresses.
#[test]
fn processes_agree_on_a_run() {
    let settings = Settings { preemption: Preemption::Random { one_in: 10 }, ..Settings::default() };
    let trace = format!("the trace is {:016x}", traffic::run(settings).0.trace);
    let Some(child) = Child::run("determinism::processes_agree_on_a_run") else { return println!("{trace}") };
    assert!(child.output.contains(&trace), "here {trace}; there {}", child.output);
}

/// Recording the decisions does not change them.
#[test]
fn recording_does_not_change_the_run() {
    let settings = Settings { preemption: Preemption::Random { one_in: 10 }, ..Settings::default() };
    let (silent, _) = traffic::run(settings.clone());
    let (recorded, _) = traffic::run(Settings { is_recording: true, ..settings });
    assert_eq!(silent.trace, recorded.trace);
    assert_eq!(silent.decisions, recorded.decisions);
    assert!(silent.choices.is_empty() && !recorded.choices.is_empty());
}

/// Log lines do not change the run, whether they are shown or not. Each tells its run, time and server.
#[test]
fn logging_does_not_change_the_run() {
    const TEST: &str = "determinism::logging_does_not_change_the_run";
    let run = || {
        let settings = Settings {
            label: "traffic:1".into(),
            preemption: Preemption::Random { one_in: 10 },
            ..Settings::default()
        };
        let (_, report) = sim::run(settings, || {
            for server in 0..3 {
                sim::spawn_in(sim::new_node(format!("server {server}")), "ticker", move || {
                    for tick in 0..50 {
                        log::debug!("tick {tick}");
                        thread::sleep((server + 1) * MS);
                    }
                });
            }
            thread::sleep(1000 * MS);
        });
        println!("the trace is {:016x}", report.trace);
    };
    labrpc::logging::init();
    let silent = Child::run_with(TEST, &[("RUST_LOG", "off")]);
    let (Some(silent), Some(logged)) = (silent, Child::run_with(TEST, &[("RUST_LOG", "debug")])) else { return run() };
    let trace = |child: &Child| child.output.lines().find(|line| line.contains("the trace is")).map(str::to_string);
    assert!(trace(&silent).is_some() && trace(&silent) == trace(&logged), "{}", logged.output);
    assert!(logged.output.contains("traffic:1  0.0"), "{}", logged.output);
    assert!(logged.output.contains(" s  server 2  sim  DEBUG tick 49"), "{}", logged.output);
    assert!(!silent.output.contains("tick"));
}
