//! Attributes that Workiva does not keep: noticed once and told, and not sent again until HR gives another value. And users whom it has not
//! kept either.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::Engine;
use crate::core::scim::{Attributes, RemoteUser, ScimPort};
use crate::core::warnings::{number, some_of};
use crate::source::HrSource;
use crate::store::StoreError;

/// How many are kept in mind who had no user any more.
const MOST_GONE: usize = 1_000;

#[derive(Debug, Default)]
struct Noticed {
    /// What has been told, each with whether the answer lacks it.
    told: BTreeMap<String, bool>,
    /// Those of them that the database does not have yet.
    new: BTreeMap<String, bool>,
    /// Those that were noticed since the process began.
    here: BTreeMap<String, bool>,
    /// Who was to lose the access since the process began, and had no user any more.
    gone: BTreeSet<String>,
}

/// The attributes that have been told of.
#[derive(Debug, Default)]
pub struct Unkept(Mutex<Noticed>);

impl Unkept {
    /// Compares what was sent with the user of the answer. Values stay out of the log: they are personal.
    pub fn notice(&self, sent: &Attributes, shown: &RemoteUser) {
        // An answer without even a user name is no whole user, and says nothing of what it lacks.
        if shown.user_name.is_none() {
            return;
        }
        let mut noticed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (attribute, _) in shown.differences(sent) {
            if noticed.told.contains_key(&attribute) {
                continue;
            }
            let is_lacking = shown.attribute(&attribute).is_none();
            tracing::warn!(attribute, "{}", words("an attribute", is_lacking));
            noticed.new.insert(attribute.clone(), is_lacking);
            noticed.here.insert(attribute.clone(), is_lacking);
            noticed.told.insert(attribute, is_lacking);
        }
    }

    /// Somebody was to lose the access, and has no user any more.
    pub fn notice_gone(&self, employee_id: &str) {
        tracing::warn!(
            employee_id,
            "the user was gone from Workiva already, so there was nothing to take away"
        );
        let mut noticed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noticed.gone.len() < MOST_GONE {
            noticed.gone.insert(employee_id.to_owned());
        }
    }

    /// Whether Workiva was seen not to keep an attribute: that it does not show it says nothing of a change then.
    pub fn is_known(&self, attribute: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).told.contains_key(attribute)
    }

    /// What was noticed since the process began, one sentence each.
    pub fn told(&self) -> Vec<String> {
        let noticed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let attributes = noticed.here.iter().map(|(attribute, is_lacking)| words(attribute, *is_lacking));
        let gone: Vec<String> = noticed.gone.iter().cloned().collect();
        let users = (!gone.is_empty()).then(|| {
            format!(
                "{} to lose the access had no user in Workiva any more, so there was nothing to take away (employee {})",
                number(gone.len(), "person who was", "people who were"),
                some_of(&gone)
            )
        });
        attributes.chain(users).collect()
    }

    fn know(&self, known: BTreeMap<String, bool>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).told.extend(known);
    }

    fn take_new(&self) -> BTreeMap<String, bool> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).new)
    }
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Stores what was noticed and not stored yet, and has in mind what was noticed by another process.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn remember_unkept(&self) -> Result<(), StoreError> {
        if !self.may_write {
            return Ok(());
        }
        let new = self.unkept.take_new();
        if !new.is_empty() {
            self.store.keep_unkept(&new, self.clock.now()).await?;
        }
        self.unkept.know(self.store.unkept().await?);
        Ok(())
    }
}

/// That Workiva does not keep an attribute, in words.
pub fn words(attribute: &str, is_lacking: bool) -> String {
    let what = if is_lacking { "does not show" } else { "shows another value of" };
    format!(
        "Workiva took {attribute} and {what} it in its answer; it is not sent again until HR gives another value. Remove it from \
         [attributes] if Workiva cannot keep it"
    )
}
