//! What happens again and again: a reader needs to see it twice, and then how often it came.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::words;
use crate::{Event, Story};

/// The most events, or moments, of one round.
const ROUND_MAX: usize = 120;
/// Fewer rounds than this are all shown, of which the first and the last are always.
const ROUNDS_MIN: usize = 4;
/// To hide fewer events than this saves no room.
const HIDDEN_MIN: usize = 6;

/// Events that follow one another within this time, in microseconds, may come in another order in the next round.
const MOMENT: u64 = 200;

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
    /// Whether the events of each round come in the same order. If not, those of one moment do not.
    pub is_in_order: bool,
}

/// What an event, or all events of a moment, look like.
#[derive(Clone, Copy)]
struct Shape {
    /// The first of the events.
    place: usize,
    /// How many they are.
    events: usize,
    /// Equal if they differ in nothing but their numbers: terms, indices, values.
    kind: u64,
    /// Equal if they differ in nothing but time.
    exact: u64,
}

/// A stretch of rounds: the shape that it begins with, how many shapes a round has, and how many rounds it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stretch {
    from: usize,
    round: usize,
    rounds: usize,
}

impl Story {
    /// The events that come again and again, in order. An event of the clash is in none of them.
    pub fn repeats(&self) -> Vec<Repeats> {
        let single = self.shapes();
        let moments = self.moments(&single);
        let repeats = |shapes: &[Shape], is_in_order| -> Vec<Repeats> {
            stretches(shapes).into_iter().map(|stretch| stretch.repeats(shapes, is_in_order)).collect()
        };
        let (in_order, by_moment) = (repeats(&single, true), repeats(&moments, false));
        if hidden(&by_moment) > hidden(&in_order) { by_moment } else { in_order }
    }

    fn shapes(&self) -> Vec<Shape> {
        let sendings = self.sendings();
        let shape = |place: usize| {
            let event = &self.events[place];
            let sent = event.m.and_then(|m| sendings.get(m)).map(|place| &self.events[*place]);
            let words = words::event(event, sent);
            // No other event is like one of the clash.
            let alone = self.is_in_clash(place).then_some(place);
            let numberless = words.split(|letter: char| letter.is_ascii_digit()).filter(|part| !part.is_empty());
            let kind = hash(&(alone, lanes(event), numberless.collect::<Vec<_>>()));
            Shape { place, events: 1, kind, exact: hash(&(kind, &words)) }
        };
        self.news().into_iter().map(shape).collect()
    }

    /// The events of each moment together, in whatever order they come.
    fn moments(&self, single: &[Shape]) -> Vec<Shape> {
        let is_together = |one: &Shape, next: &Shape| {
            let (before, after) = (self.events[one.place].t, self.events[next.place].t);
            after - before <= MOMENT && !self.is_in_clash(one.place) && !self.is_in_clash(next.place)
        };
        let together = |shapes: &[Shape]| {
            let all = |part: fn(&Shape) -> u64| {
                let mut parts: Vec<u64> = shapes.iter().map(part).collect();
                parts.sort_unstable();
                hash(&parts)
            };
            let (kind, exact) = (all(|shape| shape.kind), all(|shape| shape.exact));
            Shape { place: shapes[0].place, events: shapes.len(), kind, exact }
        };
        single.chunk_by(is_together).map(together).collect()
    }

    fn is_in_clash(&self, place: usize) -> bool {
        self.clash.iter().any(|step| step.e == place)
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

fn hidden(repeats: &[Repeats]) -> usize {
    repeats.iter().map(|repeats| repeats.rounds * repeats.events).sum()
}

impl Stretch {
    fn end(self) -> usize {
        self.from + self.round * self.rounds
    }

    fn repeats(self, shapes: &[Shape], is_in_order: bool) -> Repeats {
        let Stretch { from, round, rounds } = self;
        let (first, last) = (from + round, self.end() - round);
        let is_same = shapes[from..last].iter().zip(&shapes[first..]).all(|(one, next)| one.exact == next.exact);
        let events = shapes[from..first].iter().map(|shape| shape.events).sum();
        let (from, until) = (shapes[first].place, shapes[last].place);
        Repeats { from, until, rounds: rounds - 2, events, is_same, is_in_order }
    }
}

/// The stretches that hide the most events together.
fn stretches(shapes: &[Shape]) -> Vec<Stretch> {
    let mut before = vec![0];
    shapes.iter().for_each(|shape| before.push(before[before.len() - 1] + shape.events));
    let hides = |stretch: Stretch| {
        let Stretch { from, round, rounds } = stretch;
        if rounds < ROUNDS_MIN { 0 } else { before[stretch.end() - round] - before[from + round] }
    };
    // The stretch that begins with each shape and hides the most; the one with the shortest rounds if several do.
    let mut best: Vec<Stretch> = (0..shapes.len()).map(|from| Stretch { from, round: 1, rounds: 1 }).collect();
    for round in 1..=ROUND_MAX.min(shapes.len() / ROUNDS_MIN) {
        // How many shapes from here on are like the one a round later.
        let mut alike = 0;
        for from in (0..shapes.len() - round).rev() {
            alike = if shapes[from].kind == shapes[from + round].kind { alike + 1 } else { 0 };
            let stretch = Stretch { from, round, rounds: alike / round + 1 };
            if hides(stretch) >= HIDDEN_MIN && hides(stretch) > hides(best[from]) {
                best[from] = stretch;
            }
        }
    }
    let mut most = vec![0; shapes.len() + 1];
    for stretch in best.iter().rev() {
        most[stretch.from] = most[stretch.from + 1].max(hides(*stretch) + most[stretch.end()]);
    }
    let (mut chosen, mut at) = (Vec::new(), 0);
    while at < shapes.len() {
        let is_chosen = hides(best[at]) > 0 && most[at] > most[at + 1];
        chosen.extend(is_chosen.then_some(best[at]));
        at = if is_chosen { best[at].end() } else { at + 1 };
    }
    chosen
}

impl Repeats {
    /// What is said in place of the events.
    pub(crate) fn text(&self) -> String {
        let Repeats { rounds, events, is_same, is_in_order, .. } = self;
        let (what, come) = match events {
            1 => ("the event above".to_string(), "comes"),
            _ => (format!("the {events} events above"), "come"),
        };
        let how = if *is_same { "" } else { ", with other numbers" };
        let order = if *is_in_order { "" } else { ", those of one moment in any order" };
        format!("… {what} {come} {rounds} times more{how}{order} (--all shows them)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(text: &str) -> Vec<Shape> {
        let shape = |(place, letter): (usize, char)| Shape { place, events: 1, kind: u64::from(letter), exact: 0 };
        text.chars().enumerate().map(shape).collect()
    }

    fn found(text: &str) -> Vec<(usize, usize, usize)> {
        let stretches = stretches(&shapes(text));
        stretches.into_iter().map(|Stretch { from, round, rounds }| (from, round, rounds)).collect()
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
        let repeats = Repeats { from: 5, until: 50, rounds: 9, events: 5, is_same: true, is_in_order: true };
        assert_eq!(repeats.text(), "… the 5 events above come 9 times more (--all shows them)");
        let by_moment = Repeats { is_in_order: false, ..repeats.clone() };
        assert!(
            by_moment.text().contains("9 times more, those of one moment in any order (--all"),
            "{}",
            by_moment.text()
        );
        let repeats = Repeats { events: 1, is_same: false, ..repeats };
        assert_eq!(repeats.text(), "… the event above comes 9 times more, with other numbers (--all shows them)");
    }
}
