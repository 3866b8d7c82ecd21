//! When a run was lost: from when on the failure was likely, and where the nearest run that passes parts from it.

use crate::words;
use crate::{Curve, CurvePoint, Event, Kind, Story, Twin};

/// The letters of the longest bar.
const BAR_MAX: u64 = 40;

/// A time with a digit more than elsewhere: much happens within a millisecond.
fn seconds(t: u64) -> String {
    format!("{:.4} s", t as f64 / 1e6)
}

/// The curve of likelihood and the passing twin, as far as the story has them.
pub fn when_lost(story: &Story) -> String {
    let curve = story.curve.as_ref().map(curve_text).unwrap_or_default();
    let twin = story.twin.as_ref().map(|twin| twin_text(story, twin)).unwrap_or_default();
    format!("{curve}{twin}")
}

fn curve_text(curve: &Curve) -> String {
    let mut text = format!(
        "When was it lost? Of {} runs each, which are the same until a moment and decided anew from then on, this many \
         break the same rule:\n",
        curve.runs
    );
    for (nth, CurvePoint { t, broken }) in curve.points.iter().enumerate() {
        let bar = "█".repeat((broken * BAR_MAX).div_ceil(curve.runs.max(1)) as usize);
        let note = if Some(nth) == curve.jump { "  here it went wrong" } else { "" };
        let line = format!("  {:>10} {broken:>4}  {bar}{note}", seconds(*t));
        text += &format!("{}\n", line.trim_end());
    }
    text
}

fn twin_text(story: &Story, twin: &Twin) -> String {
    let here = story.events.get(twin.parts).map(|event| told(story, &story.events, event));
    let shared = &story.events[..twin.parts.min(story.events.len())];
    let passing: Vec<Event> = shared.iter().chain(&twin.events).cloned().collect();
    let there = twin.events.first().map(|event| told(story, &passing, event));
    let or_nothing = |told: Option<String>| told.unwrap_or_else(|| "nothing more happens".into());
    format!(
        "The nearest run that passes: {}\n  {}\n  They part at event {}:\n    here   {}\n    there  {}\n",
        twin.token,
        twin.without,
        twin.parts,
        or_nothing(here),
        or_nothing(there)
    )
}

/// An event of a run with its time and its lane.
fn told(story: &Story, events: &[Event], event: &Event) -> String {
    let sent = event.m.and_then(|m| events.iter().filter(|event| event.k == Kind::Send).nth(m));
    let who = event.at.as_deref().map_or("", |lane| story.name_of(lane));
    format!("{}  {who} {}", seconds(event.t), words::event(event, sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(broken: &[u64]) -> Curve {
        let point = |(nth, broken): (usize, &u64)| CurvePoint { t: nth as u64 * 1_000, broken: *broken };
        Curve::new(50, broken.iter().enumerate().map(point).collect())
    }

    /// The jump is the steepest rise, the first of equal ones, and none if the likelihood hardly changes.
    #[test]
    fn the_jump_is_found() {
        assert_eq!(curve(&[1, 2, 40, 50]).jump, Some(2));
        assert_eq!(curve(&[0, 25, 50]).jump, Some(1));
        assert_eq!(curve(&[50, 50, 50]).jump, None);
        assert_eq!(curve(&[0, 5, 3, 9]).jump, None);
        assert_eq!(curve(&[]).jump, None);
    }

    /// A bar for each moment, and a word at the jump.
    #[test]
    fn the_curve_is_drawn() {
        let text = curve_text(&curve(&[0, 25, 50]));
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines[0], "    0.0000 s    0");
        assert_eq!(lines[1], format!("    0.0010 s   25  {}  here it went wrong", "█".repeat(20)));
        assert_eq!(lines[2], format!("    0.0020 s   50  {}", "█".repeat(40)));
    }
}
