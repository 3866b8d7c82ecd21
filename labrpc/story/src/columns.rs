//! The run in columns: one for each server and client, and an event in each row.

use std::collections::BTreeMap;

use crate::filter::Filter;
use crate::words::{self, is_heartbeat};
use crate::{Event, Kind, Repeats, Role, State, Story};

/// How the columns are shown.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Which events are shown.
    pub filter: Filter,
    /// Whether to use colours.
    pub is_coloured: bool,
    /// The most rows, of those around the clash or the last ones; `None` for all.
    pub rows_max: Option<usize>,
    /// Whether each heartbeat has a row. If not, heartbeats in a row and their replies share one.
    pub has_heartbeats: bool,
    /// Whether each round of what comes again and again has its rows. If not, only the first and the last have, as long as no
    /// filter chooses a part.
    pub has_repeats: bool,
}

/// The letters of a column.
const WIDTH: usize = 5;
/// The letters of the number of an event and its time, before the columns.
const TIME_WIDTH: usize = 18;

/// The run in columns: each row has the virtual time, a column for each server and client, and words.
///
/// In a column, `│` stands for a server that runs, `L3` for one that leads term 3 from now on (`C` for a candidate, `F`
/// for a follower), `×` for one that is down, `‖` for one that is paused. `●──▷` is a message that leaves, `●──╳` one that is
/// lost, `○──▶` one that arrives.
pub fn columns(story: &Story, options: &Columns) -> String {
    let shown = options.filter.shown(story);
    let mut drawing = Drawing::new(story, options);
    let mut rows: Vec<Row> = Vec::new();
    let mut shown = shown.into_iter().peekable();
    // Of a part, all is shown: what is left out could not be told by the rows above it.
    let is_whole = options.has_repeats || options.filter != Filter::default();
    let repeats = if is_whole { Vec::new() } else { story.repeats() };
    let mut repeats = repeats.into_iter().peekable();
    for (place, event) in story.events.iter().enumerate() {
        let is_shown = shown.next_if_eq(&place).is_some();
        if let Some(hidden) = repeats.peek().filter(|hidden| hidden.from == place) {
            drawing.add_repeats(hidden, event, &mut rows);
        }
        repeats.next_if(|hidden| hidden.until <= place);
        let is_hidden = repeats.peek().is_some_and(|hidden| hidden.from <= place);
        if is_shown && !is_hidden {
            drawing.add(place, event, &mut rows);
        }
        drawing.take(event);
    }
    let mut text = drawing.heading();
    let (from, until) = part(&rows, options.rows_max);
    if from > 0 {
        text += &format!("{:TIME_WIDTH$}  … {from} earlier rows\n", "");
    }
    rows[from..until].iter().for_each(|row| text += &row.text);
    if until < rows.len() {
        text += &format!("{:TIME_WIDTH$}  … {} later rows\n", "", rows.len() - until);
    }
    text
}

/// The rows to show if there is room for `rows_max`: those that end soon after the last row of the clash.
fn part(rows: &[Row], rows_max: Option<usize>) -> (usize, usize) {
    const AFTER: usize = 3;
    let Some(rows_max) = rows_max.filter(|rows_max| *rows_max < rows.len()) else { return (0, rows.len()) };
    let last = rows.iter().rposition(|row| row.is_clash).unwrap_or(rows.len() - 1);
    let until = (last + 1 + AFTER).clamp(rows_max, rows.len());
    (until - rows_max, until)
}

struct Row {
    text: String,
    is_clash: bool,
    /// What it stands for, if that can grow.
    folded: Folded,
}

/// Events that share a row.
#[derive(Clone, PartialEq)]
enum Folded {
    No,
    /// Heartbeats and replies: how many, and the number and the time of the first of them.
    Heartbeats(usize, (usize, u64)),
    /// Entries that a lane has received: the lane, how many, and how the first of them was told.
    Applied(String, usize, String),
}

struct Drawing<'a> {
    story: &'a Story,
    options: &'a Columns,
    lanes: Vec<&'a str>,
    states: BTreeMap<String, State>,
    sendings: Vec<usize>,
}

impl<'a> Drawing<'a> {
    fn new(story: &'a Story, options: &'a Columns) -> Drawing<'a> {
        let lanes = story.servers.iter().chain(&story.clients).map(|lane| lane.id.as_str()).collect();
        Drawing { story, options, lanes, states: story.init.clone(), sendings: story.sendings() }
    }

    fn heading(&self) -> String {
        let names = self.lanes.iter().map(|lane| format!("{lane:<WIDTH$}")).collect::<String>();
        let line = format!("{:>TIME_WIDTH$}  {names}", "time");
        format!("{}\n", self.paint(BOLD, line.trim_end()))
    }

    fn take(&mut self, event: &Event) {
        if let Some(state) = event.at.as_ref().and_then(|lane| self.states.get_mut(lane)) {
            state.take(event);
        }
    }

    fn sent(&self, event: &Event) -> Option<&'a Event> {
        let place = event.m.and_then(|m| self.sendings.get(m))?;
        Some(&self.story.events[*place])
    }

    fn add(&self, place: usize, event: &Event, rows: &mut Vec<Row>) {
        let notes: Vec<&str> =
            self.story.clash.iter().filter(|step| step.e == place).map(|step| step.note.as_str()).collect();
        let is_clash = !notes.is_empty();
        let is_beat = !self.options.has_heartbeats
            && !is_clash
            && matches!(event.k, Kind::Send | Kind::Recv)
            && event.lost.is_none()
            && self.sent(event).is_some_and(|sent| is_heartbeat(sent, &self.sendings, self.story));
        if is_beat {
            return self.add_heartbeat(place, event, rows);
        }
        let mut words = words::event(event, self.sent(event));
        let mut folded = Folded::No;
        if let (Kind::Apply, Some(lane), Some(entry), false) = (event.k, &event.at, &event.say, is_clash) {
            folded = Folded::Applied(lane.clone(), 1, entry.clone());
            if let Some(Row { folded: Folded::Applied(earlier, count, first), .. }) = rows.last()
                && earlier == lane
            {
                words = format!("applies {first} … {entry} ({} entries)", count + 1);
                folded = Folded::Applied(lane.clone(), count + 1, first.clone());
                rows.pop();
            }
        }
        let subject = event.at.as_deref().map(|lane| self.subject(event, lane)).unwrap_or_default();
        let after = self.after(event).map(|state| self.paint(FAINT, &format!("  [{}]", words::state_marks(&state))));
        let words = format!("{subject}{words}{}", after.unwrap_or_default());
        let mut text = self.row((place, event.t), &self.cells(event), &words, is_clash);
        let indent = TIME_WIDTH + 2 + self.lanes.len() * WIDTH;
        for note in notes {
            text += &format!("{:indent$}{}\n", "", self.paint(RED, &format!("↑ {note}")));
        }
        rows.push(Row { text, is_clash, folded });
    }

    /// The state after an event that shows something of it.
    fn after(&self, event: &Event) -> Option<State> {
        event.d.as_ref()?;
        let mut state = self.states.get(event.at.as_ref()?)?.clone();
        state.take(event);
        Some(state)
    }

    fn add_heartbeat(&self, place: usize, event: &Event, rows: &mut Vec<Row>) {
        if event.k == Kind::Recv {
            return; // Nobody asks when each of them arrived.
        }
        let (count, since) = match rows.last() {
            Some(Row { folded: Folded::Heartbeats(count, since), .. }) => (*count, *since),
            _ => (0, (place, event.t)),
        };
        if count > 0 {
            rows.pop();
        }
        let count = count + 1;
        let many = if count == 1 {
            "a heartbeat, or a reply to one".into()
        } else {
            format!("{count} heartbeats and replies")
        };
        let text = self.row(since, &self.idle(), &self.paint(FAINT, &format!("… {many}")), false);
        rows.push(Row { text, is_clash: false, folded: Folded::Heartbeats(count, since) });
    }

    /// One row for all rounds that are not shown.
    fn add_repeats(&self, hidden: &Repeats, first: &Event, rows: &mut Vec<Row>) {
        let text = self.row((hidden.from, first.t), &self.idle(), &self.paint(FAINT, &hidden.text()), false);
        rows.push(Row { text, is_clash: false, folded: Folded::No });
    }

    /// Who does it: the words of a row stand far from its column.
    fn subject(&self, event: &Event, lane: &str) -> String {
        match (&event.to, &event.from) {
            (Some(to), _) => format!("{lane}→{to} "),
            (_, Some(from)) => format!("{from}→{lane} "),
            _ => format!("{lane} "),
        }
    }

    fn row(&self, (place, t): (usize, u64), cells: &str, words: &str, is_clash: bool) -> String {
        let time = format!("{place:>6} {:>11}", format!("{:.6}", t as f64 / 1e6));
        let time = if is_clash { self.paint(RED, &time) } else { time };
        format!("{}\n", format!("{time}  {cells}{words}").trim_end())
    }

    /// The columns of a row in which nothing happens.
    fn idle(&self) -> String {
        self.lanes.iter().map(|lane| self.cell(lane, None)).collect()
    }

    fn cells(&self, event: &Event) -> String {
        let place =
            |lane: &Option<String>| lane.as_ref().and_then(|lane| self.lanes.iter().position(|known| known == lane));
        match (event.k, place(&event.at), place(&event.to), place(&event.from)) {
            (Kind::Send, Some(at), Some(to), _) => {
                let head = match (&event.lost, to > at) {
                    (Some(_), _) => '╳',
                    (None, true) => '▷',
                    (None, false) => '◁',
                };
                self.arrow((at, '●'), (to, head))
            }
            (Kind::Recv, Some(at), _, Some(from)) => self.arrow((from, '○'), (at, if at > from { '▶' } else { '◀' })),
            (_, Some(at), _, _) => {
                let mark = self.mark(event, self.lanes[at]);
                let lanes = self.lanes.iter().enumerate();
                lanes.map(|(nth, lane)| self.cell(lane, mark.as_deref().filter(|_| nth == at))).collect()
            }
            _ => self.idle(),
        }
    }

    /// What stands in the column of the lane that an event happens on.
    fn mark(&self, event: &Event, lane: &str) -> Option<String> {
        match event.k {
            Kind::Crash => return Some("×".into()),
            Kind::Pause => return Some("‖".into()),
            Kind::Call => return Some("?".into()),
            Kind::Ret => return Some("!".into()),
            Kind::Log => return Some("»".into()),
            Kind::Say => return Some("*".into()),
            _ => {}
        }
        let mut after = self.states.get(lane)?.clone();
        after.take(event);
        let delta = event.d.as_ref();
        let is_new = delta.is_some_and(|delta| delta.role.is_some() || delta.term.is_some());
        let letter = match after.role {
            Role::Follower => 'F',
            Role::Candidate => 'C',
            Role::Leader => 'L',
        };
        Some(match event.k {
            _ if is_new => self.in_term(after.term, &format!("{letter}{}", after.term)),
            Kind::Save => "▪".into(),
            Kind::Apply => "✓".into(),
            _ => "•".into(),
        })
    }

    fn cell(&self, lane: &str, mark: Option<&str>) -> String {
        let idle = match self.states.get(lane) {
            Some(state) if !state.up => " ",
            Some(state) if state.paused => "‖",
            _ => "│",
        };
        let mark = mark.unwrap_or(idle);
        // Colours take no room.
        let visible = strip(mark).chars().count();
        format!("{mark}{}", " ".repeat(WIDTH.saturating_sub(visible)))
    }

    fn arrow(&self, (tail, tail_mark): (usize, char), (head, head_mark): (usize, char)) -> String {
        let (left, right) = (tail.min(head), tail.max(head));
        let mut cells = String::new();
        for (nth, lane) in self.lanes.iter().enumerate() {
            let mark = match nth {
                nth if nth == tail => Some(tail_mark),
                nth if nth == head => Some(head_mark),
                nth if nth > left && nth < right => Some('─'),
                _ => None,
            };
            match mark {
                None => cells += &self.cell(lane, None),
                Some(mark) => {
                    cells.push(mark);
                    let fill = if nth < right { '─' } else { ' ' };
                    cells.extend(std::iter::repeat_n(fill, WIDTH - 1));
                }
            }
        }
        cells
    }

    fn in_term(&self, term: u64, text: &str) -> String {
        /// Six hues that also differ in brightness.
        const HUES: [&str; 6] = ["36", "33", "35", "32", "34", "96"];
        self.paint(HUES[(term % HUES.len() as u64) as usize], text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.options.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

const BOLD: &str = "1";
const FAINT: &str = "2";
const RED: &str = "1;31";

/// A text without its colours.
fn strip(text: &str) -> String {
    let mut plain = String::new();
    let mut parts = text.split('\x1b');
    plain += parts.next().unwrap_or_default();
    parts.for_each(|part| plain += part.split_once('m').map_or("", |(_, rest)| rest));
    plain
}
