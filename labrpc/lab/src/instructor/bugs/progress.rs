//! Progress on standard error while variants are tried: on a terminal a bar, and a line for each
//! bad verdict; otherwise a line for each variant.

use super::catalogue::Variant;
use super::table::row_in_short;
use super::verdict::TriedVariant;
use crate::output::bar::{self, Bar};
use crate::output::paint::Paint;

/// The state of the display.
#[derive(Debug)]
pub struct BugsProgress {
    bar: Bar,
    paint: Paint,
    done: u64,
    all: u64,
    /// The names of the variants that are being tried.
    current: Vec<String>,
}

impl BugsProgress {
    /// Shows the progress of `all` variants: with a bar on a terminal.
    pub fn on_stderr(all: usize) -> BugsProgress {
        let (bar, paint) = (Bar::on_stderr(), Paint::for_stderr());
        BugsProgress { bar, paint, done: 0, all: all as u64, current: Vec::new() }
    }

    /// Shows what is done before the variants are tried.
    pub fn prepare(&mut self, what: &str) {
        self.current = vec![what.to_string()];
        self.draw();
    }

    /// The first variants are about to be tried.
    pub fn start(&mut self) {
        self.current.clear();
    }

    /// A variant is being tried.
    pub fn begin(&mut self, variant: &Variant) {
        self.current.push(variant.id.clone());
    }

    /// A variant has been tried.
    pub fn end(&mut self, tried: &TriedVariant<'_>) {
        self.done += 1;
        self.current.retain(|id| *id != tried.variant.id);
        if !self.bar.is_seen() || !tried.verdict().is_good() {
            self.bar.say(&row_in_short(tried, self.paint));
        }
    }

    /// Updates the bar.
    pub fn draw(&mut self) {
        let BugsProgress { bar, done, all, current, .. } = self;
        bar.draw(|| bar::line("bugs", *done, *all, "tried", &current.join(", ")));
    }
}
