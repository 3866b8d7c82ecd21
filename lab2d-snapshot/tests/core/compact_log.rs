//! The log with a later beginning, as a plain value.

use lab2b_log::VecLog;
use lab2d_snapshot::CompactLog;
use labrpc::{Bytes, Compacted, Entry, Index, LogPosition, RaftLog, Term};

fn entry(term: Term) -> Entry {
    Entry { term, command: Bytes::from(vec![term as u8]) }
}

fn compact_log_of(terms: &[Term]) -> CompactLog {
    let mut log = CompactLog::starting_after(LogPosition::ZERO);
    for &term in terms {
        log.push(entry(term));
    }
    log
}

/// A cut changes nothing about the rest of the log: every method returns and does the same there as
/// on the whole log, wherever the cut is.
#[test]
fn a_cut_log_is_the_same_log_2d() {
    let terms = [1, 1, 2, 2, 4];
    let leaders = [1, 1, 2, 2, 3, 3];
    for cut in 0..=terms.len() as Index {
        let whole: VecLog = terms.iter().map(|&term| entry(term)).collect();
        let mut log = compact_log_of(&terms);
        log.compact(cut);
        assert_eq!(Some(log.base()), whole.position(cut), "cut at {cut}");
        assert_eq!(log.last(), whole.last(), "cut at {cut}");
        for index in 0..=terms.len() as Index + 1 {
            assert_eq!(log.get(index), whole.get(index).filter(|_| index > cut), "entry {index}, cut at {cut}");
        }
        for from in 1..=terms.len() as Index + 1 {
            let expected = if from <= cut { Err(Compacted) } else { whole.suffix(from) };
            assert_eq!(log.suffix(from), expected, "from {from} on, cut at {cut}");
        }
        // What is cut off is committed, so every leader's log is the same there.
        for from in 0..=leaders.len() {
            for to in from..=leaders.len() {
                let prev = compact_log_of(&leaders[..from]).last();
                let entries: Vec<Entry> = leaders[from..to].iter().map(|&term| entry(term)).collect();
                let (mut spliced, mut expected) = (log.clone(), whole.clone());
                if cut == 5 && to >= 5 {
                    continue; // The leader's fifth entry differs.
                }
                let results = (spliced.splice(prev, entries.clone()), expected.splice(prev, entries));
                let bounded = |index: Index| index.max(cut + 1);
                assert_eq!(
                    results.0.map_err(|conflict| conflict.retry_from),
                    results.1.map_err(|conflict| bounded(conflict.retry_from)),
                    "leader's {from}..{to}, cut at {cut}"
                );
                assert_eq!(spliced.last(), expected.last(), "leader's {from}..{to}, cut at {cut}");
                assert_eq!(spliced.suffix(cut + 1), expected.suffix(cut + 1), "leader's {from}..{to}, cut at {cut}");
            }
        }
    }
}

/// Figure 13, rules 6 and 7: the entries after a snapshot stay only if the log holds the snapshot's
/// last entry.
#[test]
fn installing_keeps_only_a_tail_that_agrees_2d() {
    let install = |terms: &[Term], term, index| {
        let mut log = compact_log_of(terms);
        log.install(LogPosition { term, index });
        (log.base(), log.last().index - log.base().index)
    };
    assert_eq!(install(&[1, 1, 2, 2], 1, 2), (LogPosition { term: 1, index: 2 }, 2));
    assert_eq!(install(&[1, 1, 1, 1], 2, 2), (LogPosition { term: 2, index: 2 }, 0), "same index, another term");
    assert_eq!(install(&[1], 2, 7), (LogPosition { term: 2, index: 7 }, 0));
    assert_eq!(install(&[1, 1], 1, 2), (LogPosition { term: 1, index: 2 }, 0));
}
