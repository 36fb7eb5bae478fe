//! Attributes that Workiva does not keep: noticed once and told, and not sent again until HR gives another value.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

use crate::core::scim::{Attributes, RemoteUser};

/// The attributes that have been told of since the process began to push, each with whether the answer lacks it.
#[derive(Debug, Default)]
pub struct Unkept(Mutex<BTreeMap<String, bool>>);

impl Unkept {
    /// Compares what was sent with the user of the answer. Values stay out of the log: they are personal.
    pub fn notice(&self, sent: &Attributes, shown: &RemoteUser) {
        // An answer without even a user name is no whole user, and says nothing of what it lacks.
        if shown.user_name.is_none() {
            return;
        }
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (attribute, _) in shown.differences(sent) {
            if let Entry::Vacant(place) = told.entry(attribute) {
                let attribute = place.key();
                let is_lacking = shown.attribute(attribute).is_none();
                tracing::warn!(attribute, "{}", words("an attribute", is_lacking));
                place.insert(is_lacking);
            }
        }
    }

    /// What there is to tell of these attributes, one sentence each.
    pub fn told(&self) -> Vec<String> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().map(|(attribute, is_lacking)| words(attribute, *is_lacking)).collect()
    }
}

fn words(attribute: &str, is_lacking: bool) -> String {
    let what = if is_lacking { "does not show" } else { "shows another value of" };
    format!(
        "Workiva took {attribute} and {what} it in its answer; it is not sent again until HR gives another value. Remove it from \
         [attributes] if Workiva cannot keep it"
    )
}
