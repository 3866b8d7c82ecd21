//! Texts of a story, made ready for HTML.

use story::{Meta, Story};

/// The story as JSON that may stand between `<script>` tags: without any `<`, so that no text in it ends the element.
pub(crate) fn json_for_html(story: &Story) -> String {
    serde_json::to_string(story).expect("a story has only string keys").replace('<', "\\u003c")
}

/// Escapes a text, and sets what stands between backticks as code.
pub(crate) fn code_in_html(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        let is_code = index % 2 == 1;
        let part = escape(part);
        if is_code {
            html.push_str(&format!("<code>{part}</code>"));
        } else {
            html.push_str(&part);
        }
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// How many events the page shows, in words.
pub(crate) fn count_of_events(story: &Story) -> String {
    match story.events.len() {
        1 => "1 event".to_string(),
        count => format!("{} events", grouped(count)),
    }
}

/// What ended the run, in a few words, for failures without a rule. Empty if a rule was broken or nothing failed.
pub(crate) fn cause(meta: &Meta) -> String {
    if !meta.failed || meta.rule.is_some() {
        return String::new();
    }
    match meta.cause.as_str() {
        "panic" => "The code panicked.".to_string(),
        "deadlock" => "A deadlock: every thread waits, and nothing can wake one.".to_string(),
        "stuck" => "The run got stuck.".to_string(),
        "" | "rule" => String::new(),
        other => format!("Ended by: {other}."),
    }
}

/// A number with a comma after every three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_tag_in_a_story_is_escaped() {
        let mut story = Story::default();
        story.meta.verdict = "</script><b>".to_string();
        let json = json_for_html(&story);
        assert!(!json.contains('<'), "{json}");
        assert_eq!(serde_json::from_str::<Story>(&json).expect("it is JSON"), story);
    }

    #[test]
    fn backticks_become_code_and_the_rest_is_escaped() {
        assert_eq!(code_in_html("is `a < b` <i>"), "is <code>a &lt; b</code> &lt;i&gt;");
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        let texts = [0, 999, 1000, 50_000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "50,000", "1,234,567"]);
    }
}
