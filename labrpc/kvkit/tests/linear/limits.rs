//! Long values, long histories and small budgets.

use kvkit::linear::{Budget, CheckError, History, Input, Limit, check, check_by_search};

use crate::drawing::drawn;

/// A check that exceeds its budget is an error, even if the history is linearizable.
#[test]
fn a_check_without_budget_is_undecided() {
    let history = drawn(
        "1 append a   |---|
         2 append a   |---|
         3 get aa           |---|",
    );
    let undecided = check(&history, Budget { configurations_max: 1 }).unwrap_err();
    let expected = CheckError::Undecided { key: "x".into(), limit: Limit::Configurations(1) };
    assert_eq!(undecided, expected);
    assert_eq!(
        undecided.to_string(),
        "Undecided: after 1 configurations the search has not found out whether an order explains key \"x\", so the \
         check fails; write unique values, or allow more configurations."
    );
    assert_eq!(check(&history, Budget { configurations_max: 3 }), Ok(()));
}

/// All keys share one budget, and a contradiction is reported rather than an undecided key.
#[test]
fn the_budget_is_for_all_keys() {
    let one_key = "1 append k a   |---|
                   2 append k a   |---|
                   3 get k aa           |---|";
    let other_key = one_key.replace(" k ", " l ");
    let both = drawn(&format!("{one_key}\n                   {other_key}"));
    let budget = Budget { configurations_max: 3 };
    assert_eq!(check(&drawn(one_key), budget), Ok(()));
    let undecided = CheckError::Undecided { key: "l".into(), limit: Limit::Configurations(3) };
    assert_eq!(check(&both, budget), Err(undecided));

    let broken_too = drawn(&format!("{one_key}\n{other_key}\n                   4 get m b            |---|"));
    let violation = check(&broken_too, budget).unwrap_err();
    assert!(matches!(violation, CheckError::NotLinearizable(_)), "{violation}");
}

/// With too many open operations the check is undecided.
#[test]
fn too_many_open_operations_are_undecided() {
    let with_open_appends = |count| {
        let mut history = History::new();
        for client in 0..count {
            history.call(client, "x", Input::Append("a".into()), 1);
        }
        let get = history.call(count, "x", Input::Get, 2);
        history.returned(get, "aaa", 3);
        history
    };
    for sound in [63, 64, 255, 256, 1_023] {
        assert_eq!(check(&with_open_appends(sound), Budget::default()), Ok(()), "{sound} open Appends");
    }
    let undecided = check(&with_open_appends(1_024), Budget::default()).unwrap_err();
    assert_eq!(undecided, CheckError::Undecided { key: "x".into(), limit: Limit::OpenOperations });
    assert!(undecided.to_string().contains("more than 1024 operations on key \"x\" are open at once"), "{undecided}");
}

/// A sentence shows only the part of a long value that matters.
#[test]
fn long_values_are_shortened_to_the_difference() {
    let mut history = History::new();
    let mut value = String::new();
    for sequence in 10..60 {
        let written = format!("ä {sequence}");
        value += &written;
        let append = history.call(1, "x", Input::Append(written), 10 * sequence);
        history.returned(append, "", 10 * sequence + 1);
    }
    let get = history.call(2, "x", Input::Get, 1_000);
    history.returned(get, value.replace("ä 17ä 18", "ä 18ä 17"), 1_234_567_000);
    let sentence = check(&history, Budget::default()).unwrap_err().to_string();
    assert_eq!(
        sentence,
        "Writes out of order on key \"x\": client 1's Append of \"ä 18\" (0.000000180 s to 0.000000181 s) was called \
         after client 1's Append of \"ä 17\" (0.000000170 s to 0.000000171 s) had returned, but client 2's Get that \
         returned \"… 55ä 56ä 57ä 58ä 59\" (0.000001 s to 1.234567 s) shows them the other way round; a write that is \
         called after another has returned must take effect after it."
    );

    let other = history.call(3, "x", Input::Get, 2_000_000_000);
    history.returned(other, value.replace("ä 59", ""), 2_000_000_001);
    let search = check_by_search(&history, Budget::default()).unwrap_err();
    assert!(search.to_string().len() < 400, "{search}");

    let strange = history.call(3, "y", Input::Get, 1);
    history.returned(strange, format!("!{}", "€".repeat(20)), 2);
    let sentence = check(&history, Budget::default()).unwrap_err().to_string();
    assert!(sentence.contains("has \"!€€€€€€€…\" from byte 0 on"), "{sentence}");
}
