//! Attributes that Workiva does not keep: noticed once and told, and not sent again until HR gives another value.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::core::scim::{Attributes, RemoteUser};

/// The attributes that have been told of since the process began to push.
#[derive(Debug, Default)]
pub struct Unkept(Mutex<BTreeSet<String>>);

impl Unkept {
    /// Compares what was sent with the user of the answer. Values stay out of the log: they are personal.
    pub fn notice(&self, sent: &Attributes, shown: &RemoteUser) {
        // An answer without even a user name is no whole user, and says nothing of what it lacks.
        if shown.user_name.is_none() {
            return;
        }
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (attribute, _) in shown.differences(sent) {
            if told.insert(attribute.clone()) {
                let is_lacking = shown.attribute(&attribute).is_none();
                let what = if is_lacking { "does not show" } else { "shows another value of" };
                tracing::warn!(
                    attribute,
                    "Workiva took an attribute and {what} it in its answer; it is not sent again until HR gives another value. \
                     Remove it from [attributes] if Workiva cannot keep it"
                );
            }
        }
    }
}
