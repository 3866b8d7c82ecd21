//! How does a run look, so that a student sees where it went wrong?
//!
//! [`page`] makes one HTML file of a [`Story`]. The file holds the data, the styles and the script, and asks the
//! network for nothing: it can be opened from a disk, attached to a message and printed.
//!
//! - `templates/page.html` is the frame. What is known when the page is written stands in it as plain HTML.
//! - `styles/` is the look, one file for each part of the page.
//! - `scripts/` draws the run. The files share one scope and are joined in the order of `src/assets.rs`.
//!
//! Missing on purpose: a framework, a build step for the scripts, and anything that depends on the labs.

mod assets;
mod text;

use minijinja::{AutoEscape, Environment, Value, context};
use story::Story;

const TEMPLATE: &str = include_str!("../templates/page.html");

/// Makes the page of a story: a whole HTML document.
///
/// # Panics
///
/// Never for a story of any content: all text is escaped, and every story can be written as JSON.
pub fn page(story: &Story) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let frame = environment.template_from_str(TEMPLATE).expect("the template is part of this crate");
    frame.render(values(story)).expect("the template asks only for values that it is given")
}

/// The values that the template names.
fn values(story: &Story) -> Value {
    let meta = &story.meta;
    context! {
        styles => Value::from_safe_string(assets::styles()),
        script => Value::from_safe_string(assets::script()),
        story => Value::from_safe_string(text::json_for_html(story)),
        title => format!("{} {}: {}", meta.lab, meta.test, meta.verdict),
        lab => meta.lab.as_str(),
        package => meta.package.as_str(),
        test => meta.test.as_str(),
        verdict => meta.verdict.as_str(),
        failed => meta.failed,
        cause => text::cause(meta),
        rule => meta.rule.as_ref().map(|rule| context! {
            name => rule.name.as_str(),
            place => rule.place.as_str(),
            text => Value::from_safe_string(text::code_in_html(&rule.text)),
        }),
        hint => Value::from_safe_string(text::code_in_html(&meta.hint)),
        file => Value::from_safe_string(text::code_in_html(&meta.file)),
        replay => meta.replay.as_str(),
        report => meta.report.as_str(),
        events => text::count_of_events(story),
        trace => meta.trace.as_str(),
        sources => meta.sources.as_str(),
        has_clash => !story.clash.is_empty(),
        has_twin => story.twin.is_some(),
        without => story.twin.as_ref().map(|twin| twin.without.as_str()),
    }
}
