//! A person for tests of templates and rules.

use std::collections::BTreeMap;

use super::Fields;

/// A record made of pairs.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) names: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Record {
    pub(crate) fn new(fields: &[(&str, &str)]) -> Self {
        Record {
            names: fields.iter().map(|(name, _)| (*name).to_owned()).collect(),
            values: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }
}

impl Fields for Record {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}
