//! What is known of the managers whom people are to have: by state, and by what a pool has just confirmed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Engine;
use crate::core::judged::Judged;
use crate::core::managers::{ManagerBook, named};
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::{Ending, Finished, StoreError};

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// What is known of the managers of these people.
    pub(super) async fn manager_book(&self, judged: &[Judged]) -> Result<ManagerBook, StoreError> {
        self.store.manager_book(&named(judged, &self.rules.rulebook.users)).await
    }
}

/// Who has come to a user by work that is not stored yet: Workiva's id, by employee id. Whoever is made next may be their report.
#[derive(Debug, Default)]
pub struct Newcomers(Mutex<HashMap<String, String>>);

impl Newcomers {
    /// Notes whom this work gave a user.
    pub fn note(&self, finished: &Finished) {
        if let Ending::Done { account: Some(account) } = &finished.ending {
            self.all().insert(finished.employee_id.clone(), account.scim_id.clone());
        }
    }

    /// Forgets what is stored by now.
    pub fn forget<'a>(&self, stored: impl Iterator<Item = &'a Finished>) {
        let mut all = self.all();
        stored.for_each(|one| drop(all.remove(&one.employee_id)));
    }

    /// Workiva's id of somebody's user.
    pub fn scim_id_of(&self, employee_id: &str) -> Option<String> {
        self.all().get(employee_id).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
