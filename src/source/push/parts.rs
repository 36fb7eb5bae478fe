//! The parts of a snapshot beside each other: what shows that they are not the whole, although as many records came as were told.

use std::collections::BTreeMap;

use super::PushOptions;
use crate::core::delivery::{DeliveryKind, PartFacts};
use crate::core::pages::{Lacking, OnPage, Pages};

/// Where people may be in several parts: a part of so many that has nobody of its own is one that came again.
const REPEATED: u64 = 20;

impl PushOptions {
    /// Whether the parts of a snapshot are of one kind: none lacks a column that nearly everybody in the others has.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn judge_parts(&self, parts: &[PartFacts]) -> Result<(), String> {
        let columns = self.columns(DeliveryKind::Snapshot);
        let mut pages = Pages::default();
        for (part, filled) in parts.iter().filter_map(|part| Some((part, part.filled.as_ref()?))) {
            let on_page = |name: &String| OnPage {
                stands: part.columns.contains(name),
                filled: filled.get(name).copied().unwrap_or_default(),
            };
            pages.take(part.number, part.records, columns.names().iter().map(on_page));
        }
        let name = |column: usize| &columns.names()[column];
        let Some(lacking) = pages.lacking(|column| self.sparse_columns.contains(name(column))) else {
            return Ok(());
        };
        let (column, Lacking { page, records, elsewhere, filled, .. }) = (name(lacking.column), lacking);
        let key = self.csv.columns.get(column).map_or("", String::as_str);
        Err(format!(
            "from part {page} on, {records} records in a row have nothing at all at '{key}' (source.columns.{column}), which {filled} of the \
             other {elsewhere} have: these parts are of another export, and whoever is in them would lose it; send null where there is \
             none, or add \"{column}\" to source.push.sparse_columns, and begin anew"
        ))
    }

    /// Whether nobody is in two parts of a snapshot. Whoever should have been in their place is in none, though the number of records fits.
    ///
    /// # Errors
    /// Why that is not so, in words.
    pub fn judge_people(&self, parts: &[PartFacts]) -> Result<(), String> {
        let mut people: Vec<(&str, u32)> = Vec::new();
        for part in parts {
            people.extend(part.people.as_deref().unwrap_or_default().lines().map(|id| (id, part.number)));
        }
        people.sort_unstable();
        // Whom an earlier part has, by the number of the later one: how many, and one of them with that earlier part.
        let mut repeated: BTreeMap<u32, (u64, &str, u32)> = BTreeMap::new();
        for pair in people.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            repeated.entry(pair[1].1).or_insert((0, pair[0].0, pair[0].1)).0 += 1;
        }
        let is_refused = |number: u32, again: u64| match self.several_records {
            false => true,
            true => {
                again >= REPEATED && people.iter().filter(|(_, part)| *part == number).count() as u64 == again
            }
        };
        let found = repeated.iter().find(|(number, (again, ..))| is_refused(**number, *again));
        let Some((number, (again, id, before))) = found else { return Ok(()) };
        let mend = match self.several_records {
            false => {
                "; or if your system has several records of one person, set source.push.several_records = true"
            }
            true => "",
        };
        Err(format!(
            "{again} people of part {number} are in an earlier part as well, employee '{id}' in part {before}: whoever belongs into their \
             place may be in none. Begin anew, with each person in one part{mend}"
        ))
    }
}
