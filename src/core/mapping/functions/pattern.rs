//! Regular expressions, each compiled once.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use minijinja::{Error, Value};
use regex_lite::Regex;

use super::{Fault, Registry, text};

/// Patterns are written in templates, so there are few. Those made from data must not grow without end.
const MOST_KEPT: usize = 256;

pub(super) fn register(registry: &mut Registry<'_>) {
    let patterns = Arc::new(Patterns::default());
    let kept = Arc::clone(&patterns);
    registry.both("regex_replace", move |value: &Value, pattern: &Value, replacement: &Value| {
        let (value, pattern) = (text(value)?, kept.compiled(&text(pattern)?)?);
        Ok::<_, Error>(pattern.replace_all(&value, text(replacement)?.as_ref()).into_owned())
    });
    let kept = Arc::clone(&patterns);
    registry.both("regex_extract", move |value: &Value, pattern: &Value| {
        extract(&text(value)?, &*kept.compiled(&text(pattern)?)?)
    });
    let kept = Arc::clone(&patterns);
    registry.test("regex_match", move |value: &Value, pattern: &Value| {
        Ok::<_, Error>(kept.compiled(&text(pattern)?)?.is_match(&text(value)?))
    });
    registry.both("regex_match", move |value: &Value, pattern: &Value| {
        Ok::<_, Error>(patterns.compiled(&text(pattern)?)?.is_match(&text(value)?))
    });
}

/// Says what is wrong with a pattern, if anything is.
pub(in crate::core::mapping) fn check_pattern(pattern: &str) -> Result<(), String> {
    Regex::new(pattern).map(drop).map_err(|error| format!("{pattern:?} is not a regular expression: {error}"))
}

/// As REGEXEXTRACT: the first group, or the whole match where there is no group. Empty without a match.
fn extract(value: &str, pattern: &Regex) -> Result<String, Error> {
    let Some(found) = pattern.captures(value) else { return Ok(String::new()) };
    let group = if found.len() > 1 { found.get(1) } else { found.get(0) };
    Ok(group.map(|found| found.as_str().to_owned()).unwrap_or_default())
}

#[derive(Default)]
struct Patterns {
    compiled: RwLock<BTreeMap<String, Arc<Regex>>>,
}

impl Patterns {
    fn compiled(&self, pattern: &str) -> Result<Arc<Regex>, Error> {
        // A poisoned lock still holds whole entries, as an entry is only ever put in when it is complete.
        let kept = self.compiled.read().unwrap_or_else(PoisonError::into_inner).get(pattern).cloned();
        if let Some(regex) = kept {
            return Ok(regex);
        }
        let regex = Regex::new(pattern).map(Arc::new).map_err(|_| {
            // The pattern may have been made from a person's values, so it is not repeated.
            Error::from(Fault::Data("the pattern is not a regular expression".to_owned()))
        })?;
        let mut compiled = self.compiled.write().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() < MOST_KEPT {
            compiled.insert(pattern.to_owned(), Arc::clone(&regex));
        }
        Ok(regex)
    }
}
