//! Parsing the lists of known bugs.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::edit::SourceEdit;
use super::{CATALOGUE_FILE, Catalogue, CatalogueError, ListPlace, Unplantable, Variant, VariantKind};
use crate::course::track::Track;
use crate::course::{Course, LABS, LabCrate};
use crate::error::CommandError;
use crate::instructor::handout::open;
use crate::nearest::suggestion;

const BUG: &str = "bug";
const LAWFUL: &str = "lawful";
const UNPLANTABLE: &str = "unplantable";

impl Catalogue {
    /// Reads the lists of all labs that have one.
    ///
    /// # Errors
    ///
    /// If there are errors in a list. All of them are reported, one per line.
    pub fn read(course: &Course, track: Track) -> Result<Catalogue, CommandError> {
        let mut catalogue = Catalogue::default();
        let mut problems = Vec::new();
        let mut ids = HashMap::new();
        for lab in &LABS {
            let file = file_of(lab, track);
            let path = course.root().join(&file);
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(CommandError::of_system(format!("{} could not be read", path.display()))(error));
                }
            };
            let known = problems.len();
            let mut list = ListReader { lab, file, text: &text, ids: &mut ids, problems: &mut problems };
            list.read(&mut catalogue);
            problems[known..].sort_by_key(|problem| problem.place.line);
            catalogue.labs.push(lab);
        }
        if problems.is_empty() { Ok(catalogue) } else { Err(CommandError::of_catalogue(&problems)) }
    }
}

/// Where a lab's list is.
pub fn file_of(lab: &LabCrate, track: Track) -> String {
    match track {
        Track::Guided => format!("{}/{CATALOGUE_FILE}", lab.package),
        Track::Open => format!("{}tests/lab{}/{CATALOGUE_FILE}", open::FOLDER, lab.id),
    }
}

/// The reader of one list.
struct ListReader<'a> {
    lab: &'static LabCrate,
    file: String,
    text: &'a str,
    /// The places of the ids so far, in lower case, in this list and in earlier lists.
    ids: &'a mut HashMap<String, ListPlace>,
    problems: &'a mut Vec<CatalogueError>,
}

/// A table of a list, and its place in the file in bytes.
struct TomlTable<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    /// What error messages call it.
    name: &'static str,
}

impl ListReader<'_> {
    fn read(&mut self, catalogue: &mut Catalogue) {
        let text = self.text;
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(error) => return self.complain(error.span().unwrap_or_default(), error.message().to_string()),
        };
        let root = TomlTable { table: &table, span: 0..0, name: "the list" };
        self.check_keys(&root, &[BUG, LAWFUL, UNPLANTABLE]);
        for entry in self.entries(&root, BUG) {
            self.check_keys(&entry, &["id", "what", "rules", "edits"]);
            let rules = self.rules(&entry);
            let variant = self.variant(&entry, rules.map(|rules| VariantKind::Bug { rules }));
            catalogue.variants.extend(variant);
        }
        for entry in self.entries(&root, LAWFUL) {
            self.check_keys(&entry, &["id", "what", "until", "edits"]);
            let until = self.until(&entry);
            let variant = self.variant(&entry, until.map(|until| VariantKind::Lawful { until }));
            catalogue.variants.extend(variant);
        }
        for entry in self.entries(&root, UNPLANTABLE) {
            self.check_keys(&entry, &["id", "reason"]);
            if let (Some(id), Some(reason)) = (self.id(&entry), self.sentence(&entry, "reason")) {
                catalogue.unplantable.push(Unplantable { lab: self.lab, id, reason });
            }
        }
    }

    /// The tables of the list of tables with this name; none if there is no such list.
    fn entries<'t>(&mut self, root: &TomlTable<'t>, name: &'static str) -> Vec<TomlTable<'t>> {
        let Some(value) = root.table.get(name) else { return Vec::new() };
        self.tables(value, name, &format!("`{name}` is not a list of tables: begin each with a line `[[{name}]]`"))
    }

    fn tables<'t>(&mut self, value: &'t Spanned<DeValue<'t>>, name: &'static str, reason: &str) -> Vec<TomlTable<'t>> {
        let mut entries = Vec::new();
        let Some(values) = value.get_ref().as_array() else {
            self.complain(value.span(), reason.to_string());
            return entries;
        };
        for value in values.iter() {
            match value.get_ref().as_table() {
                Some(table) => entries.push(TomlTable { table, span: value.span(), name }),
                None => self.complain(value.span(), reason.to_string()),
            }
        }
        entries
    }

    fn variant(&mut self, entry: &TomlTable<'_>, nature: Option<VariantKind>) -> Option<Variant> {
        let (id, what, edits) = (self.id(entry), self.sentence(entry, "what"), self.edits(entry));
        let place = self.place(entry.span.start);
        Some(Variant { lab: self.lab, id: id?, what: what?, nature: nature?, edits: edits?, place })
    }

    /// The id of an entry. It must be unique in the course.
    fn id(&mut self, entry: &TomlTable<'_>) -> Option<String> {
        let (id, span) = self.text(entry, "id")?;
        if id.is_empty() || !id.chars().all(|character| character.is_ascii_alphanumeric() || character == '-') {
            self.complain(span, format!("`{id}` is not an id: use letters, digits and hyphens"));
            return None;
        }
        if LABS.iter().any(|lab| lab.is_called(&id.to_lowercase())) {
            self.complain(span, format!("`{id}` is the name of a lab: choose another id"));
            return None;
        }
        let place = self.place(span.start);
        if let Some(first) = self.ids.get(&id.to_lowercase()) {
            let reason = format!("the id `{id}` is taken by {}:{}: choose another", first.file, first.line);
            self.complain(span, reason);
            return None;
        }
        self.ids.insert(id.to_lowercase(), place);
        Some(id)
    }

    fn rules(&mut self, entry: &TomlTable<'_>) -> Option<Vec<String>> {
        let value = self.value(entry, "rules")?;
        let rules = value.get_ref().as_array().map(|rules| rules.iter().map(|rule| rule.get_ref().as_str()));
        let rules: Option<Vec<String>> = rules.and_then(|rules| rules.map(|rule| rule.map(str::to_string)).collect());
        match rules {
            Some(rules) if !rules.is_empty() => Some(rules),
            Some(_) => {
                self.complain(value.span(), "`rules` is empty: name the rule that the bug breaks".to_string());
                None
            }
            None => {
                self.complain(value.span(), "`rules` is not a list of names: write [\"vote-once\"]".to_string());
                None
            }
        }
    }

    /// The last lab in which a variant is lawful, if that is not the last one.
    fn until(&mut self, entry: &TomlTable<'_>) -> Option<Option<&'static LabCrate>> {
        if !entry.table.contains_key("until") {
            return Some(None);
        }
        let (name, span) = self.text(entry, "until")?;
        let own = LABS.iter().position(|lab| lab.id == self.lab.id).unwrap_or_default();
        let found = LABS[own..].iter().find(|lab| lab.id == name);
        if found.is_none() {
            let labs: Vec<&str> = LABS[own..].iter().map(|lab| lab.id).collect();
            self.complain(span, format!("`until` is no lab from here on: write one of {}", labs.join(", ")));
        }
        found.map(Some)
    }

    fn edits(&mut self, entry: &TomlTable<'_>) -> Option<Vec<SourceEdit>> {
        let value = self.value(entry, "edits")?;
        let reason = "`edits` is not a list of edits: write [{ file = \"…\", find = \"…\", replace = \"…\" }]";
        let tables = self.tables(value, "edit", reason);
        if tables.is_empty() && value.get_ref().as_array().is_some_and(|edits| edits.is_empty()) {
            self.complain(value.span(), "`edits` is empty: a variant needs at least one edit".to_string());
        }
        let edits: Vec<SourceEdit> = tables.iter().filter_map(|table| self.edit(table)).collect();
        (!edits.is_empty() && edits.len() == tables.len()).then_some(edits)
    }

    fn edit(&mut self, entry: &TomlTable<'_>) -> Option<SourceEdit> {
        self.check_keys(entry, &["file", "find", "replace"]);
        let texts = (self.text(entry, "file"), self.text(entry, "find"), self.text(entry, "replace"));
        let ((file, _), (find, span), (replace, _)) = (texts.0?, texts.1?, texts.2?);
        if find.is_empty() || find == replace {
            let reason = if find.is_empty() { "`find` is empty" } else { "`find` and `replace` are the same" };
            self.complain(span, format!("{reason}: an edit replaces one text with another"));
            return None;
        }
        Some(SourceEdit { file, find, replace, place: self.place(span.start) })
    }

    fn sentence(&mut self, entry: &TomlTable<'_>, key: &'static str) -> Option<String> {
        let (text, span) = self.text(entry, key)?;
        if text.trim().is_empty() || text.contains('\n') {
            self.complain(span, format!("`{key}` is not a sentence: write one line"));
            return None;
        }
        Some(text)
    }

    fn text(&mut self, entry: &TomlTable<'_>, key: &'static str) -> Option<(String, Range<usize>)> {
        let value = self.value(entry, key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.complain(value.span(), format!("`{key}` is not a string: put it in quotes"));
            return None;
        };
        Some((text.to_string(), value.span()))
    }

    fn value<'t>(&mut self, entry: &TomlTable<'t>, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        let value = entry.table.get(key);
        if value.is_none() {
            self.complain(entry.span.clone(), format!("this {} has no `{key}`", entry.name));
        }
        value
    }

    fn check_keys(&mut self, entry: &TomlTable<'_>, known: &[&str]) {
        for key in entry.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let (suggestion, keys) = (suggestion(name, known.iter().copied()), known.join(", "));
                self.complain(key.span(), format!("{} has no key `{name}`{suggestion} (keys: {keys})", entry.title()));
            }
        }
    }

    fn complain(&mut self, span: Range<usize>, reason: String) {
        let place = self.place(span.start);
        self.problems.push(CatalogueError { place, reason });
    }

    fn place(&self, offset_bytes: usize) -> ListPlace {
        let before = &self.text.as_bytes()[..offset_bytes.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        ListPlace { file: self.file.clone(), line }
    }
}

impl TomlTable<'_> {
    fn title(&self) -> String {
        match self.name {
            BUG | LAWFUL | UNPLANTABLE => format!("a [[{}]]", self.name),
            "edit" => "an edit".to_string(),
            name => name.to_string(),
        }
    }
}
