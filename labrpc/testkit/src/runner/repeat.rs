//! Whether a run can be repeated: the same seed has to make the same run, or a replay token is worth nothing.

use labrpc::sim::{FailureKind, Parting, Report};
use labrpc::time::Instant;

use super::run::FailedRun;

/// One run: how it ended and what was counted.
pub(super) type Run = (Result<u64, FailedRun>, Report);

/// What usually makes two runs of one seed differ.
const CAUSES: &str = "Usual causes: a `static` that keeps its value from one run to the next; an address, a process id or \
                      a file that decides something; a random generator, a clock or a map that is not seeded by the test. \
                      Use the seed that you are given, labrpc::time, and BTreeMap.";

/// Runs the same seed again, and says so if it does not make the same run. `again` makes a run, whose journal has
/// every turn.
pub(super) fn complaint((outcome, report): &Run, again: impl Fn() -> Run) -> Option<String> {
    if outcome.as_ref().is_err_and(|failed| !is_worth_repeating(failed.failure.kind)) {
        return None;
    }
    let (second, second_report) = again();
    if second_report.trace == report.trace && second.is_ok() == outcome.is_ok() {
        return None;
    }
    let difference = match (outcome, &second) {
        (Err(_), Ok(_)) => "this time it passed",
        (Ok(_), Err(_)) => "this time it failed",
        _ => "this time it made other turns",
    };
    // Two full journals tell exactly where they part. But only the first run of a process may be special.
    let (_, third_report) = again();
    let exact = second_report.journal.parting(&third_report.journal);
    let parting = exact.or_else(|| report.journal.parting(&second_report.journal));
    let place = parting.map(|parting| describe(&parting)).unwrap_or_default();
    Some(format!(
        "This run does not repeat: the same seed was run again at once, and {difference}. {place}Until that is \
         repaired, the seed and the token below may make any run.\n{CAUSES}"
    ))
}

/// Whether another run is worth its time, and certain to end in the same way. The watchdog measures real time.
fn is_worth_repeating(kind: FailureKind) -> bool {
    !matches!(kind, FailureKind::Stuck | FailureKind::HarnessLimit | FailureKind::Operations)
}

fn describe(parting: &Parting) -> String {
    let seconds = |at: Instant| (at - Instant::ZERO).as_secs_f64();
    let Parting { after, before, here, there } = parting;
    let when = format!("The runs were equal until {:.6} s and differed at {:.6} s", seconds(*after), seconds(*before));
    let or_end = |turn: &String| if turn.is_empty() { "nobody".to_string() } else { turn.clone() };
    match (here.as_str(), there.as_str()) {
        ("", "") => format!("{when}. "),
        (here_task, there_task) if here_task == there_task => {
            format!("{when}, before a turn of {here}: a message, a save or a decision was another. ")
        }
        _ => format!("{when}: in the one it was the turn of {}, in the other of {}. ", or_end(here), or_end(there)),
    }
}
