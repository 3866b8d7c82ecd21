//! What happens again and again: a reader needs to see it twice, and then how often it came.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::words;
use crate::{Event, Story};

/// The most events of one round.
const ROUND_MAX: usize = 120;
/// Fewer rounds than this are all shown, of which the first and the last are always.
const ROUNDS_MIN: usize = 4;
/// To hide fewer events than this saves no room.
const HIDDEN_MIN: usize = 6;

/// Rounds of the same events, between the first of them and the last, which are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// The first event that is not shown.
    pub from: usize,
    /// The event after them: the first of the last round.
    pub until: usize,
    /// How many rounds are not shown.
    pub rounds: usize,
    /// The events of one round, without heartbeats and log lines.
    pub events: usize,
    /// Whether the rounds differ in nothing but time.
    pub is_same: bool,
}

/// What the events of a run look like, one after the other.
struct Shape {
    place: usize,
    /// Equal for events that differ in nothing but their numbers: terms, indices, values.
    kind: u64,
    /// Equal for events that differ in nothing but time.
    exact: u64,
}

impl Story {
    /// The events that come again and again, in order. An event of the clash is in none of them.
    pub fn repeats(&self) -> Vec<Repeats> {
        let shapes = self.shapes();
        let hidden = hidden_by_place(&shapes);
        let mut found = Vec::new();
        let mut at = 0;
        for (from, round, rounds) in chosen(&hidden) {
            debug_assert!(from >= at, "the rounds at {from} begin before {at}");
            let (first, last) = (from + round, from + (rounds - 1) * round);
            at = last + round;
            let rest = &shapes[from..last];
            let is_same = rest.iter().zip(&shapes[first..]).all(|(one, next)| one.exact == next.exact);
            let (from, until) = (shapes[first].place, shapes[last].place);
            found.push(Repeats { from, until, rounds: rounds - 2, events: round, is_same });
        }
        found
    }

    fn shapes(&self) -> Vec<Shape> {
        let sendings = self.sendings();
        let news = self.news();
        let shape = |place: usize| {
            let event = &self.events[place];
            let sent = event.m.and_then(|m| sendings.get(m)).map(|place| &self.events[*place]);
            let words = words::event(event, sent);
            let is_clash = self.clash.iter().any(|step| step.e == place);
            // No other event is like one of the clash.
            let alone = is_clash.then_some(place);
            let numberless = words.split(|letter: char| letter.is_ascii_digit()).filter(|part| !part.is_empty());
            let kind = hash(&(alone, lanes(event), numberless.collect::<Vec<_>>()));
            Shape { place, kind, exact: hash(&(kind, &words)) }
        };
        news.into_iter().map(shape).collect()
    }
}

fn lanes(event: &Event) -> [Option<&str>; 3] {
    [&event.at, &event.to, &event.from].map(|lane| lane.as_deref())
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// For each event, the length of a round that begins with it, and how many of them follow one another: those that hide
/// the most events, the shortest if several do.
fn hidden_by_place(shapes: &[Shape]) -> Vec<(usize, usize)> {
    let mut best = vec![(0, 0); shapes.len()];
    for round in 1..=ROUND_MAX.min(shapes.len() / ROUNDS_MIN) {
        // How many events from here on are like the one a round later.
        let mut alike = 0;
        for at in (0..shapes.len() - round).rev() {
            alike = if shapes[at].kind == shapes[at + round].kind { alike + 1 } else { 0 };
            let rounds = alike / round + 1;
            let is_worth_it = rounds >= ROUNDS_MIN && hides((round, rounds)) >= HIDDEN_MIN;
            if is_worth_it && hides((round, rounds)) > hides(best[at]) {
                best[at] = (round, rounds);
            }
        }
    }
    best
}

/// How many events are hidden by `rounds` rounds of `round` events each.
fn hides((round, rounds): (usize, usize)) -> usize {
    round * rounds.saturating_sub(2)
}

/// The stretches that hide the most events together: where each begins, the length of its rounds, and their number.
fn chosen(best: &[(usize, usize)]) -> Vec<(usize, usize, usize)> {
    let mut most = vec![0; best.len() + 1];
    for at in (0..best.len()).rev() {
        let (round, rounds) = best[at];
        most[at] = most[at + 1].max(hides(best[at]) + most[at + round * rounds] * usize::from(rounds > 0));
    }
    let (mut stretches, mut at) = (Vec::new(), 0);
    while at < best.len() {
        let (round, rounds) = best[at];
        if rounds > 0 && most[at] > most[at + 1] {
            stretches.push((at, round, rounds));
            at += round * rounds;
        } else {
            at += 1;
        }
    }
    stretches
}

impl Repeats {
    /// What is said in place of the events.
    pub(crate) fn text(&self) -> String {
        let Repeats { rounds, events, is_same, .. } = self;
        let (what, come) = match events {
            1 => ("the event above".to_string(), "comes"),
            _ => (format!("the {events} events above"), "come"),
        };
        let how = if *is_same { "" } else { ", with other numbers" };
        format!("… {what} {come} {rounds} times more{how} (--all shows them)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(text: &str) -> Vec<Shape> {
        let shape = |(place, letter): (usize, char)| Shape { place, kind: u64::from(letter), exact: 0 };
        text.chars().enumerate().map(shape).collect()
    }

    fn found(text: &str) -> Vec<(usize, usize, usize)> {
        chosen(&hidden_by_place(&shapes(text)))
    }

    /// Rounds are found wherever they begin, several of them in a run.
    #[test]
    fn rounds_are_found() {
        assert_eq!(found("xabcabcabcabcy"), [(1, 3, 4)]);
        assert_eq!(found("aaaaaaaa"), [(0, 1, 8)]);
        assert_eq!(found("xaaaaaaaaybcbcbcbcbcz"), [(1, 1, 8), (10, 2, 5)]);
    }

    /// What comes seldom is shown each time, and so is what saves no room.
    #[test]
    fn few_rounds_are_shown() {
        assert_eq!(found("xabcdefgabcdefgabcdefgy"), []);
        assert_eq!(found("aaaaaaab"), []);
        assert_eq!(found("abcdefgh"), []);
        assert_eq!(found(""), []);
    }

    /// Short rounds inside of a long one do not hide it.
    #[test]
    fn the_most_is_hidden() {
        let round = format!("x{}y", "a".repeat(10));
        assert_eq!(found(&round.repeat(6)), [(0, 12, 6)]);
    }

    /// The sentence tells how much is hidden, and whether it is all the same.
    #[test]
    fn the_sentence_is_exact() {
        let repeats = Repeats { from: 5, until: 50, rounds: 9, events: 5, is_same: true };
        assert_eq!(repeats.text(), "… the 5 events above come 9 times more (--all shows them)");
        let repeats = Repeats { events: 1, is_same: false, ..repeats };
        assert_eq!(repeats.text(), "… the event above comes 9 times more, with other numbers (--all shows them)");
    }
}
