//! What is shown on standard error while variants are tried: what is not as it should be as soon as
//! it is known, and on a terminal a bar; where there is no bar, a line for each variant.

use super::catalogue::Variant;
use super::table::row_in_short;
use super::verdict::TriedVariant;
use crate::bar::{self, Bar};
use crate::paint::Paint;

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
    /// Shows what fits whoever reads standard error, of so many variants.
    pub fn on_stderr(all: usize) -> BugsProgress {
        let (bar, paint) = (Bar::on_stderr(), Paint::for_stderr());
        BugsProgress { bar, paint, done: 0, all: all as u64, current: Vec::new() }
    }

    /// Something else is done first.
    pub fn prepare(&mut self, what: &str) {
        self.current = vec![what.to_string()];
        self.draw();
    }

    /// All variants are about to be tried.
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

    /// Brings the bar up to date.
    pub fn draw(&mut self) {
        let BugsProgress { bar, done, all, current, .. } = self;
        bar.draw(|| bar::line("bugs", *done, *all, "tried", &current.join(", ")));
    }
}
