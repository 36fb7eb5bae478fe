//! Which user names somebody may have where there are several to choose from, and which one an account keeps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::Attributes;
use super::desired::is_usable_user_name;
use super::mapping::{CompileError, Fields, Mapping, Tables};
use super::record::Record;
use super::user_names::is_between;
use super::value::folded;

const USER_NAME: &str = "userName";
/// The name that a template has for what tells namesakes apart.
const NUMBER: &str = "number";
/// The numbers that are tried: the first namesake has none.
const NUMBERS: std::ops::RangeInclusive<u32> = 2..=99;
/// `[user_names]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserNameSettings {
    /// Templates that are tried in order for whom the user name of `attributes.userName` is somebody else's. One that uses `number` is
    /// tried with 2 to 99.
    #[serde(default)]
    pub fallback: Vec<String>,
    /// For how many days a user name that somebody gave up is nobody else's; 0: it is free at once.
    #[serde(default)]
    pub reuse_after_days: u32,
}

/// The compiled `[user_names]`.
#[derive(Default)]
pub struct NameRules {
    templates: Vec<(Mapping, bool)>,
    /// What the user name of `[attributes]` is made of.
    of_first: Vec<String>,
    reuse_after_days: u32,
}

impl NameRules {
    /// Compiles the templates; `first` is that of `[attributes]`, and `names` are the fields that they may use.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn compile(
        settings: &UserNameSettings,
        first: Option<&String>,
        names: &[String],
        tables: &Tables,
    ) -> Result<Self, Vec<CompileError>> {
        let (mut templates, mut errors) = (Vec::new(), Vec::new());
        let first = first.map(|first| Attributes::from([(USER_NAME.to_owned(), first.clone())]));
        // What is wrong with it is told by its own key.
        let first = first.and_then(|first| Mapping::compile(&first, names, tables).ok());
        let of_first = first.map(|first| first.used().to_vec()).unwrap_or_default();
        let mut names = names.to_vec();
        names.push(NUMBER.to_owned());
        names.sort();
        names.dedup();
        for (at, template) in settings.fallback.iter().enumerate() {
            let one = Attributes::from([("userName".to_owned(), template.clone())]);
            match Mapping::compile(&one, &names, tables) {
                Ok(mapping) => {
                    let is_numbered = mapping.uses(NUMBER);
                    templates.push((mapping, is_numbered));
                }
                Err(all) => errors.extend(all.into_iter().map(|error| CompileError {
                    key: format!("user_names.fallback[{at}]"),
                    message: error.message,
                })),
            }
        }
        match errors.is_empty() {
            true => Ok(Self { templates, of_first, reuse_after_days: settings.reuse_after_days }),
            false => Err(errors),
        }
    }

    /// Whether there is more than one user name to choose from.
    pub fn has_fallback(&self) -> bool {
        !self.templates.is_empty()
    }

    /// For how many days a user name that was given up is nobody else's.
    pub fn reuse_after_days(&self) -> u32 {
        self.reuse_after_days
    }

    /// The user names that somebody may get instead of the first one, in order. What Workiva would refuse, or cannot be made of this
    /// person's values, is left out: a value that is absent leaves a gap between two dots.
    pub fn others(&self, record: &Record) -> Vec<String> {
        let mut others = Vec::new();
        for (mapping, is_numbered) in &self.templates {
            let numbers = if *is_numbered { NUMBERS } else { 0..=0 };
            for number in numbers {
                let fields = Numbered { record, number: number.to_string(), otherwise: None };
                let name = mapping.render(&fields).ok().and_then(|mut one| one.remove("userName"));
                if let Some(name) =
                    name.filter(|name| is_usable_user_name(name) && !has_gap(name) && !others.contains(name))
                {
                    others.push(name);
                }
            }
        }
        others
    }

    /// Lets an account keep its user name, as long as it is one of those that the person may have, or could be with another value of what
    /// the first choice is not made of: HR may blank a middle name. Who has another name altogether keeps none of the old one.
    pub(super) fn keep(&self, mapped: &mut Attributes, record: &Record, confirmed: &Attributes) {
        let (Some(first), Some(own)) = (mapped.get(USER_NAME), confirmed.get(USER_NAME)) else { return };
        if !self.has_fallback() || folded(first) == folded(own) {
            return;
        }
        let is_same = |path: &&str| {
            let (now, before) = (mapped.get(*path), confirmed.get(*path));
            now.map(|name| folded(name)) == before.map(|name| folded(name))
        };
        let has_same_names = ["name.givenName", "name.familyName"].iter().all(is_same);
        if self.others(record).iter().any(|other| folded(other) == folded(own))
            || (has_same_names && !is_between(own) && self.could_be(&folded(own), record))
        {
            mapped.insert(USER_NAME.into(), own.clone());
        }
    }

    /// Whether a template of the list could give this name, if what the first choice is not made of had another value.
    fn could_be(&self, own: &str, record: &Record) -> bool {
        let is_made_of_more = |mapping: &Mapping| {
            let is_new = |field: &String| field != NUMBER && !self.of_first.contains(field);
            !self.of_first.is_empty()
                && self.of_first.iter().all(|field| mapping.uses(field))
                && mapping.used().iter().any(is_new)
        };
        let mut templates = self.templates.iter().filter(|(mapping, _)| is_made_of_more(mapping));
        templates.any(|(mapping, is_numbered)| {
            let mut numbers = if *is_numbered { NUMBERS } else { 0..=0 };
            numbers.any(|number| {
                let with = |value| {
                    let otherwise = Some((self.of_first.as_slice(), value));
                    let fields = Numbered { record, number: number.to_string(), otherwise };
                    mapping.render(&fields).ok()?.remove(USER_NAME).map(|name| folded(&name))
                };
                // Whatever two different values have in common does not come of them.
                let [Some(one), Some(two)] = STAND_INS.map(with) else { return false };
                fits_between(own, &one, &two)
            })
        })
    }
}

/// Two values of whatever field, without a sign in common.
const STAND_INS: [&str; 2] = ["qqqq", "zzzz"];

/// Whether a name begins and ends as two others do where they are alike, with something else in between.
fn fits_between(name: &str, one: &str, two: &str) -> bool {
    let same = |(one, two): &(char, char)| one == two;
    let start: usize = one.chars().zip(two.chars()).take_while(same).map(|(sign, _)| sign.len_utf8()).sum();
    let (rest, other) = (&one[start..], &two[start..]);
    let backwards = rest.chars().rev().zip(other.chars().rev());
    let end: usize = backwards.take_while(same).map(|(sign, _)| sign.len_utf8()).sum();
    let (start, end) = (&one[..start], &rest[rest.len() - end..]);
    let middle = name.strip_prefix(start).and_then(|name| name.strip_suffix(end));
    one != two && middle.is_some_and(|middle| !middle.is_empty() && !middle.contains('@'))
}

/// Whether something is missing between two signs that part a user name, or before or behind one: `jane..doe@example.com`.
fn has_gap(name: &str) -> bool {
    let local = name.split_once('@').map_or(name, |(local, _)| local);
    local.split(['.', '-', '_']).any(str::is_empty)
}

/// Whether a user name has a gap between two signs that part values, or begins or ends by a full stop, since a part of the person's name is
/// absent; or is made of nothing but such signs. Signs that the name itself has are none, and what HR has as a user name or address is no matter
/// of ours.
pub(super) fn is_made_with_gap(name: &str, record: &Record) -> bool {
    let local = |name: &str| folded(name.split_once('@').map_or(name, |(local, _)| local));
    let made = local(name);
    let is_sign = |sign: char| ['.', '-', '_'].contains(&sign);
    let signs: Vec<bool> = made.chars().map(is_sign).collect();
    let has_gap =
        signs.windows(2).any(|two| two == [true, true]) || made.starts_with('.') || made.ends_with('.');
    let has_letter = |value: &str| value.chars().any(char::is_alphanumeric);
    let is_absent = |name: &str| {
        record.names().iter().any(|field| field == name) && !record.get(name).is_some_and(has_letter)
    };
    let is_made_of_nothing = signs.iter().all(|is_sign| *is_sign);
    (is_made_of_nothing || (has_gap && ["given_name", "family_name"].into_iter().any(is_absent)))
        && !record.names().iter().filter_map(|field| record.value(field)).any(|value| local(value) == made)
}

/// A record, and a number.
struct Numbered<'a> {
    record: &'a Record,
    number: String,
    /// What every field has but these, where that is not what the record says.
    otherwise: Option<(&'a [String], &'a str)>,
}

impl Fields for Numbered<'_> {
    fn names(&self) -> &[String] {
        self.record.names()
    }

    fn value(&self, name: &str) -> Option<&str> {
        match self.otherwise {
            _ if name == NUMBER => Some(&self.number),
            Some((but, value)) if !but.iter().any(|one| one == name) => Some(value),
            _ => self.record.value(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_gap_was_made_of_a_value_that_is_absent() {
        for name in ["jane..doe@x.test", ".doe@x.test", "jane.@x.test", "jane-.doe", "_jane"] {
            assert!(has_gap(name), "{name}");
        }
        for name in ["jane.doe@x.test", "jane.m.doe", "mary-ann.o'brien2@x--y.test", "doe"] {
            assert!(!has_gap(name), "{name}");
        }
    }

    #[test]
    fn a_name_fits_between_what_two_others_have_in_common() {
        let fits = |name| fits_between(name, "jane.q.doe@x.test", "jane.z.doe@x.test");
        assert!(fits("jane.m.doe@x.test") && fits("jane.marie.doe@x.test"));
        for other in [
            "jane.doe@x.test",
            "jane..doe@x.test",
            "jane.m.roe@x.test",
            "ana.m.doe@x.test",
            "jane.m@x.doe@x.test",
        ] {
            assert!(!fits(other), "{other}");
        }
        assert!(!fits_between("jane.m.doe", "jane.doe", "jane.doe"));
    }
}
