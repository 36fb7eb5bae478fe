//! Which values that the rules name occur.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::core::access::AccessRules;
use crate::core::record::Record;
use crate::core::value::{canonical, folded};

/// A value that the rules name, and nobody has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NeverSeen {
    /// The key of the configuration that names it.
    pub key: String,
    /// The column in which it was looked for.
    pub column: String,
    /// The value.
    pub value: String,
}

/// Looks for the named values in records as they pass: nothing is kept of them.
#[derive(Debug, Default)]
pub struct Seen {
    places: Vec<Place>,
}

/// Where values are looked for: in the first of these columns that has one.
#[derive(Debug)]
struct Place {
    columns: Vec<String>,
    any_case: bool,
    /// In compared form; taken out once it has occurred.
    missing: HashMap<String, Vec<NeverSeen>>,
}

impl Seen {
    /// Everything that these rules name: values of the lifecycle, and what conditions compare whole fields with.
    pub fn of(rules: &AccessRules) -> Self {
        let lifecycle = rules.lifecycle.settings();
        let mut places: BTreeMap<(Vec<String>, bool), HashMap<String, Vec<NeverSeen>>> = BTreeMap::new();
        let mut name = |key: &str, columns: &[&str], value: &str, any_case: bool| {
            let place = (columns.iter().map(|column| (*column).to_owned()).collect(), any_case);
            let column = columns.first().copied().unwrap_or_default().to_owned();
            let named = NeverSeen { key: key.to_owned(), column, value: value.to_owned() };
            let value = canonical(value);
            if value.is_empty() {
                return;
            }
            let compared = if any_case { folded(&value) } else { value.into_owned() };
            places.entry(place).or_default().entry(compared).or_default().push(named);
        };
        for (key, values) in [
            ("lifecycle.active", &lifecycle.active),
            ("lifecycle.leave", &lifecycle.leave),
            ("lifecycle.terminated", &lifecycle.terminated),
        ] {
            values.iter().for_each(|value| name(key, &["status"], value, true));
        }
        for value in lifecycle.leave_types.keys() {
            name("lifecycle.leave_types", &["leave_type", "status"], value, true);
        }
        for value in lifecycle.timezones.keys() {
            name("lifecycle.timezones", &[&lifecycle.timezone_by], value, true);
        }
        for value in &lifecycle.immediate {
            name("lifecycle.immediate", &["termination_reason"], value, true);
        }
        for (_, rule, _) in rules.roles() {
            for one in rule.named_values() {
                name(rule.key(), &[&one.field], &one.value, one.any_case);
            }
        }
        let place = |((columns, any_case), missing)| Place { columns, any_case, missing };
        Self { places: places.into_iter().map(place).collect() }
    }

    /// Takes in a record.
    pub fn take(&mut self, record: &Record) {
        for place in self.places.iter_mut().filter(|place| !place.missing.is_empty()) {
            let value = place.columns.iter().find_map(|column| record.get(column));
            match value {
                Some(value) if place.any_case => drop(place.missing.remove(&folded(value))),
                Some(value) => drop(place.missing.remove(value)),
                None => {}
            }
        }
    }

    /// What has not occurred, by key.
    pub fn never(self) -> Vec<NeverSeen> {
        let missing = self.places.into_iter().flat_map(|place| place.missing.into_values().flatten());
        let mut never: Vec<NeverSeen> = missing.collect();
        never.sort();
        never
    }
}
