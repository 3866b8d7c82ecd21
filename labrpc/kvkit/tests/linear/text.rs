//! Histories as text.

use kvkit::linear::generate::{Random, Workload};
use kvkit::linear::text::{TextError, TextProblem, read, write};
use kvkit::linear::{Budget, History, Input, OperationId, TimeUnit, check};

/// A text in the format of porcupine's own tests is read and checked, and messages name its lines.
#[test]
fn a_history_is_read_from_text() {
    let history = read(
        r#"{:process 0, :type :invoke, :f :put, :key "0", :value "x 0 0 y"}
{:process 1, :type :invoke, :f :append, :key "1", :value "x 1 0 y"}
{:process 0, :type :ok, :f :put, :key "0", :value "x 0 0 y"}
{:process 2, :type :invoke, :f :get, :key "0", :value nil}
{:process 2, :type :ok, :f :get, :key "0", :value ""}
"#,
    )
    .unwrap();
    assert_eq!(history.time_unit(), TimeUnit::Lines);
    assert_eq!(history.operations().len(), 3);
    assert!(history.operations()[1].response.is_none());
    let violation = check(&history, Budget::default()).unwrap_err().to_string();
    assert!(violation.contains("client 2's Get that returned \"\" (line 4 to line 5) was called after"), "{violation}");
}

/// A history that is written and read again has the same operations in the same order, with the same overlaps.
#[test]
fn text_keeps_everything_but_the_times() {
    let mut random = Random::new(4);
    for seed in 0..50 {
        let history = Workload {
            clients: 1 + random.below(9),
            keys: 2,
            operations: 80,
            unanswered_percent: 10,
            ..Workload::default()
        }
        .generate(seed);
        let text = write(&history);
        let copy = read(&text).unwrap();
        assert_eq!(write(&copy), text);

        let mut in_order: Vec<OperationId> = history.iter().map(|(id, _)| id).collect();
        in_order.sort_by_key(|&id| (history.get(id).called, id));
        assert_eq!(copy.operations().len(), in_order.len());
        let pairs: Vec<_> = in_order.into_iter().map(|id| history.get(id)).zip(copy.operations()).collect();
        for (original, copied) in &pairs {
            assert_eq!((original.client, &original.key, &original.input), (copied.client, &copied.key, &copied.input));
            let value = |answer: &Option<kvkit::linear::Response>| answer.as_ref().map(|answer| answer.value.clone());
            assert_eq!(value(&original.response), value(&copied.response));
        }
        for (original, copied) in &pairs {
            for (later, copied_later) in &pairs {
                let precedes = |one: &kvkit::linear::ClientOperation, other: &kvkit::linear::ClientOperation| {
                    one.response.as_ref().is_some_and(|answer| answer.at < other.called)
                };
                assert_eq!(precedes(original, later), precedes(copied, copied_later), "{original:?} {later:?}");
            }
        }
    }
}

/// Quotes, backslashes and line breaks in keys and values are kept.
#[test]
fn text_keeps_strange_characters() {
    let mut history = History::with_unit(TimeUnit::Lines);
    let put = history.call(1, "a \"key\"", Input::Put("\\ \n \\n \"}".into()), 1);
    history.returned(put, "", 2);
    assert_eq!(read(&write(&history)).unwrap(), history);
}

/// The error names the line that cannot be read or cannot have happened, and what was expected.
#[test]
fn wrong_text_is_refused() {
    let call = "{:process 7, :type :invoke, :f :get, :key \"k\", :value nil}\n";
    let other_call = "{:process 8, :type :invoke, :f :append, :key \"k\", :value nil}\n";
    let answer = "{:process 7, :type :ok, :f :get, :key \"k\", :value \"\"}\n";
    let refused = |text: String| read(&text).unwrap_err();

    let cases = [
        (call.replace(":f", ":g"), 1, TextProblem::Expected(", :f :")),
        (call.replace("invoke", "info"), 1, TextProblem::Expected("`invoke` or `ok`")),
        (call.replace("get", "cas"), 1, TextProblem::Expected("`get`, `put` or `append`")),
        (call.replace("7", "nemesis"), 1, TextProblem::Expected("a client's number")),
        (call.replace('}', "} and more"), 1, TextProblem::Expected("the end of the line")),
        (call.replace("nil", "\"open"), 1, TextProblem::Expected("a closing `\"`")),
        (call.replace("\"k\"", "\"\\k\""), 1, TextProblem::Expected("`n`, `\"` or `\\` after a `\\`")),
        (format!("{call}{other_call}"), 2, TextProblem::Expected("a value to write")),
        (
            format!("{call}{}", answer.replace("\"\"", "nil")),
            2,
            TextProblem::Expected("the value that the Get returned"),
        ),
        (format!("{call}\n{call}"), 3, TextProblem::CallsWhileWaiting { client: 7 }),
        (answer.into(), 1, TextProblem::AnsweredWithoutCall { client: 7 }),
        (format!("{call}{}", answer.replace("\"k\"", "\"l\"")), 2, TextProblem::AnsweredSomethingElse { client: 7 }),
    ];
    for (text, line, problem) in cases {
        let expected = TextError { line, problem };
        assert_eq!(refused(text.clone()), expected, "{text}");
    }
    let sentence = refused(format!("{call}{call}")).to_string();
    assert_eq!(
        sentence,
        "line 2: client 7 calls again before it has a response; a client that gives up needs a new number"
    );
}
