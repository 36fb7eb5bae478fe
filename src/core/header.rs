//! The columns that a source has, whether we read them or not, and which of ours have values: a header that changes, or a column that is
//! empty all at once, says that somebody changed the export.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::record::Fingerprint;

/// How many columns a message names.
const NAMED: usize = 10;
/// How much of a column's name a message shows, in characters.
const SHOWN: usize = 40;

/// A column counts as usually filled from so many values on, and where every fifth record has one.
const USUAL: u64 = 10;
const EVERY: u64 = 5;
/// And as emptied where fewer than every fiftieth has one: a value or two that came from elsewhere do not make it filled.
const EVERY_STILL: u64 = 50;

/// The names of a header. Their order does not matter, since columns are found by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderNames {
    names: BTreeSet<String>,
    /// Our columns that are usually filled.
    filled: BTreeSet<String>,
    /// Our columns that hardly any record has a value for. That is not stored.
    empty: BTreeSet<String>,
}

/// As it is stored: the names alone, where it is not known which columns are filled.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Names(BTreeSet<String>),
    Filled { names: BTreeSet<String>, filled: BTreeSet<String> },
}

impl HeaderNames {
    /// The names of a header, in canonical form.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().collect(), ..Self::default() }
    }

    /// The same, with how many of so many records have a value in each of our columns.
    pub fn with_values<'a>(mut self, values: impl Iterator<Item = (&'a str, u64)>, records: u64) -> Self {
        for (name, number) in values.filter(|_| records > 0) {
            if number.saturating_mul(EVERY_STILL) < records {
                self.empty.insert(name.to_owned());
            } else if number >= USUAL && number.saturating_mul(EVERY) >= records {
                self.filled.insert(name.to_owned());
            }
        }
        self
    }

    /// Reads what [`HeaderNames::to_text`] wrote; `None`: it is something else.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(match serde_json::from_str(text).ok()? {
            Stored::Names(names) => Self { names, ..Self::default() },
            Stored::Filled { names, filled } => Self { names, filled, ..Self::default() },
        })
    }

    /// In the form in which it is stored.
    pub fn to_text(&self) -> String {
        let names = self.names.clone();
        let stored = match self.filled.is_empty() {
            true => Stored::Names(names),
            false => Stored::Filled { names, filled: self.filled.clone() },
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Whether nothing is known of a header.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.filled.is_empty()
    }

    /// A change of the names does not matter.
    pub fn forget_names(&mut self) {
        self.names.clear();
    }

    /// In alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// A digest of it; [`Fingerprint::NONE`] where nothing is known.
    pub fn digest(&self) -> Fingerprint {
        if self.is_empty() {
            return Fingerprint::NONE;
        }
        let mut hasher = Xxh3::new();
        let mut add = |name: &String| {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
        };
        self.names.iter().for_each(&mut add);
        for name in &self.filled {
            // None of the header's names holds a control character.
            add(&format!("\u{1}{name}"));
        }
        Fingerprint(hasher.digest128().max(1))
    }

    /// Our columns that were usually filled `before` and have hardly a value now, in words; `None` where there are none.
    pub fn emptied_since(&self, before: &Self) -> Option<String> {
        let emptied: Vec<&String> = before.filled.intersection(&self.empty).collect();
        (!emptied.is_empty()).then(|| listed(&emptied))
    }

    /// Whether one of those is a column of days: what was to come by them does not come any more, and nothing shows that at once.
    pub fn has_lost_days_since(&self, before: &Self) -> bool {
        before.filled.intersection(&self.empty).any(|name| name.ends_with("_date"))
    }

    /// What came and what went since `before`, in words; `None` where the names are the same, or are not known.
    pub fn change_since(&self, before: &Self) -> Option<String> {
        if self.names.is_empty() || before.names.is_empty() {
            return None;
        }
        let came: Vec<&String> = self.names.difference(&before.names).collect();
        let went: Vec<&String> = before.names.difference(&self.names).collect();
        let parts = [(came, "came"), (went, "went")].into_iter().filter(|(names, _)| !names.is_empty());
        let parts: Vec<String> = parts.map(|(names, verb)| format!("{} {verb}", listed(&names))).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn listed(names: &[&String]) -> String {
    let shown = names.iter().take(NAMED).map(|name| {
        let short: String = name.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        format!("'{short}'")
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        text += &format!(" and {} more", names.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> HeaderNames {
        HeaderNames::new(names.iter().map(|name| (*name).to_owned()))
    }

    #[test]
    fn the_order_of_columns_is_no_change_and_a_renamed_one_came_and_went() {
        let before = header(&["Id", "Status", "Dept"]);
        assert_eq!(header(&["Dept", "Id", "Status"]).change_since(&before), None);
        assert_eq!(header(&["Dept", "Id", "Status"]).digest(), before.digest());
        let after = header(&["Id", "Status", "Department"]);
        assert_eq!(after.change_since(&before).unwrap(), "'Department' came, 'Dept' went");
        assert_ne!(after.digest(), before.digest());
    }

    #[test]
    fn a_column_that_was_usually_filled_and_has_no_value_now_was_emptied() {
        let with = |values: &[(&str, u64)]| header(&["Id"]).with_values(values.iter().copied(), 50);
        let before = with(&[("department", 10), ("last_day", 9), ("location", 50)]);
        let after = with(&[("department", 0), ("last_day", 0), ("location", 1)]);
        let hardly = header(&["Id"]).with_values([("department", 1), ("location", 2)].into_iter(), 100);
        assert_eq!(hardly.emptied_since(&before).unwrap(), "'department'");
        assert_eq!(after.emptied_since(&before).unwrap(), "'department'");
        assert_eq!((before.emptied_since(&after), before.emptied_since(&before)), (None, None));
        assert_eq!(before.change_since(&after), None);
        // What was stored before this was known says nothing of it.
        let older = HeaderNames::from_text("[\"Id\"]").unwrap();
        assert_eq!((older.to_text().as_str(), after.emptied_since(&older)), ("[\"Id\"]", None));
        let stored = HeaderNames::from_text(&before.to_text()).unwrap();
        assert_eq!(
            (stored.digest(), after.emptied_since(&stored).as_deref()),
            (before.digest(), Some("'department'"))
        );
        assert_ne!(older.digest(), before.digest());
    }

    #[test]
    fn names_are_kept_apart_and_a_message_stays_short() {
        assert_ne!(header(&["ab", "c"]).digest(), header(&["a", "bc"]).digest());
        let many = HeaderNames::new((0..50).map(|n| format!("{n}{}", "x".repeat(100))));
        let told = many.change_since(&header(&["Id"])).unwrap();
        assert!(told.contains("and 40 more came") && told.len() < 600, "{told}");
    }
}
