//! Which variants the names on the command line choose.

use std::num::NonZeroUsize;

use super::catalogue::{CATALOGUE_FILE, Catalogue, Unplantable, Variant};
use super::request::BugsRequest;
use crate::course::{LABS, LabCrate, lab_ids};
use crate::error::CommandError;
use crate::nearest::suggestion;

/// The chosen variants, in the order of the lists.
#[derive(Debug)]
pub struct ChosenVariants<'a> {
    /// The variants to plant.
    pub variants: Vec<&'a Variant>,
    /// The chosen bugs that cannot be planted.
    pub unplantable: Vec<&'a Unplantable>,
}

impl Catalogue {
    /// Chooses the variants of a request.
    ///
    /// # Errors
    ///
    /// [`CommandError::Misuse`] for an unknown name, or if nothing is chosen.
    pub fn choose(&self, request: &BugsRequest) -> Result<ChosenVariants<'_>, CommandError> {
        if self.labs.is_empty() {
            return Err(CommandError::Misuse(format!("no lab has a {CATALOGUE_FILE}: a handout has none")));
        }
        let selectors: Vec<Selector<'_>> =
            request.selectors.iter().map(|selector| self.select(selector)).collect::<Result<_, CommandError>>()?;
        let is_chosen = |lab: &LabCrate, id: &str| {
            selectors.is_empty() || selectors.iter().any(|selector| selector.is_about(lab, id))
        };
        let mut variants: Vec<&Variant> =
            self.variants.iter().filter(|variant| is_chosen(variant.lab, &variant.id)).collect();
        variants.retain(|variant| variant.is_lawful() || !request.is_lawful_only);
        // A lawful variant is no mistake.
        variants.retain(|variant| !variant.is_lawful() || !request.is_known_mistakes);
        if let Some(count) = request.spread {
            variants = spread(variants, count);
        }
        if variants.is_empty() {
            let kind = if request.is_lawful_only { "lawful variant" } else { "bug" };
            return Err(CommandError::Misuse(format!("no {kind} matches: `cargo lab bugs --list` shows all")));
        }
        let is_partial = request.is_lawful_only || request.spread.is_some();
        let others = self.unplantable.iter().filter(|bug| !is_partial && is_chosen(bug.lab, &bug.id));
        Ok(ChosenVariants { variants, unplantable: others.collect() })
    }

    fn select(&self, selector: &str) -> Result<Selector<'_>, CommandError> {
        let name = selector.to_lowercase();
        if let Some(lab) = LABS.iter().find(|lab| lab.is_called(&name)) {
            if self.labs.contains(&lab) {
                return Ok(Selector::Lab(lab));
            }
            let package = lab.package;
            return Err(CommandError::Misuse(format!(
                "{package}/{CATALOGUE_FILE} is missing: it lists lab {}'s bugs",
                lab.id
            )));
        }
        let ids = || self.variants.iter().map(|variant| variant.id.as_str());
        if let Some(id) = ids().find(|id| id.to_lowercase() == name) {
            return Ok(Selector::Id(id));
        }
        if let Some(bug) = self.unplantable.iter().find(|bug| bug.id.to_lowercase() == name) {
            return Err(CommandError::Misuse(format!("{} cannot be planted: {}", bug.id, bug.reason)));
        }
        let suggestion = suggestion(selector, LABS.iter().map(|lab| lab.id).chain(ids()));
        let ids = lab_ids();
        Err(CommandError::Misuse(format!(
            "there is no lab or bug `{selector}`{suggestion} (labs: {ids}; bugs: see `cargo lab bugs --list`)"
        )))
    }
}

/// What a name on the command line means.
enum Selector<'a> {
    Lab(&'static LabCrate),
    Id(&'a str),
}

impl Selector<'_> {
    fn is_about(&self, lab: &LabCrate, id: &str) -> bool {
        match self {
            Selector::Lab(selected) => *selected == lab,
            Selector::Id(selected) => *selected == id,
        }
    }
}

/// `count` of them, evenly spread, beginning with the first: the same ones on each machine.
fn spread<T: Copy>(all: Vec<T>, count: NonZeroUsize) -> Vec<T> {
    let count = count.get().min(all.len());
    (0..count).map(|nth| all[nth * all.len() / count]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructor::bugs::examples::{bug, catalogue, lawful};

    fn listed() -> Catalogue {
        catalogue(vec![bug(0, "A01"), bug(0, "A02"), lawful(0, "slow-votes"), bug(1, "B01"), lawful(1, "small-logs")])
    }

    fn chosen(request: BugsRequest) -> Result<Vec<String>, String> {
        let catalogue = listed();
        let chosen = catalogue.choose(&request).map_err(|error| error.to_string())?;
        Ok(chosen.variants.iter().map(|variant| variant.id.clone()).collect())
    }

    fn named(selectors: &[&str]) -> BugsRequest {
        let selectors = selectors.iter().map(|selector| selector.to_string()).collect();
        BugsRequest { selectors, ..BugsRequest::default() }
    }

    /// Variants are found by lab and by id, in the order of the lists and without duplicates.
    #[test]
    fn names_are_found() {
        assert_eq!(chosen(named(&[])).unwrap(), ["A01", "A02", "slow-votes", "B01", "small-logs"]);
        assert_eq!(chosen(named(&["2B"])).unwrap(), ["B01", "small-logs"]);
        assert_eq!(chosen(named(&["b01", "lab2a", "A02"])).unwrap(), ["A01", "A02", "slow-votes", "B01"]);
        let lawful = BugsRequest { is_lawful_only: true, ..named(&[]) };
        assert_eq!(chosen(lawful).unwrap(), ["slow-votes", "small-logs"]);
    }

    /// The message for an unknown name has the closest name.
    #[test]
    fn unknown_names_are_refused() {
        let refused = |selector: &str| chosen(named(&[selector])).unwrap_err();
        let accepted = "(labs: 2a, 2b, 2c, 2d, 3a, 3b; bugs: see `cargo lab bugs --list`)";
        assert_eq!(refused("B02"), format!("there is no lab or bug `B02`: did you mean `A02`? {accepted}"));
        assert_eq!(refused("Z99"), "Z99 cannot be planted: it is not possible.");
        assert_eq!(refused("2c"), "lab2c-persist/bugs.toml is missing: it lists lab 2c's bugs");
        let none = BugsRequest { is_lawful_only: true, ..named(&["A01"]) };
        assert_eq!(chosen(none).unwrap_err(), "no lawful variant matches: `cargo lab bugs --list` shows all");
        let handout = Catalogue::default().choose(&named(&[])).unwrap_err().to_string();
        assert!(handout.starts_with("no lab has a bugs.toml: a handout has none"), "{handout}");
    }

    /// A spread has the requested size, and covers all parts of the lists.
    #[test]
    fn a_spread_is_even() {
        let all: Vec<usize> = (0..10).collect();
        let spread = |count| spread(all.clone(), NonZeroUsize::new(count).unwrap());
        assert_eq!(spread(1), [0]);
        assert_eq!(spread(3), [0, 3, 6]);
        assert_eq!(spread(5), [0, 2, 4, 6, 8]);
        assert_eq!((spread(10), spread(99)), (all.clone(), all.clone()));
        let request = BugsRequest { spread: NonZeroUsize::new(2), ..named(&[]) };
        assert_eq!(chosen(request).unwrap(), ["A01", "slow-votes"]);
    }
}
