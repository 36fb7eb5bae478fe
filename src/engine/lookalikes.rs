//! Whose account may be that of somebody who comes under a new employee id: looked up before the plan is made.

use super::Engine;
use crate::core::judged::Judged;
use crate::core::new_id::namesakes::names;
use crate::core::new_id::{Lookalikes, keys, origins};
use crate::core::planner::States;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::StoreError;

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Finds them, and adds their states.
    pub(super) async fn lookalikes(
        &self,
        judged: &[Judged],
        states: &mut States,
    ) -> Result<Lookalikes, StoreError> {
        let rulebook = &self.rules.rulebook;
        let Some(same_person) = rulebook.access.lifecycle.same_person() else {
            return Ok(Lookalikes::default());
        };
        let keys = keys(judged, states, &rulebook.users, same_person);
        let mut found = Lookalikes::default();
        if let Some(path) = same_person.first().filter(|_| !keys.is_empty()) {
            found = self.store.lookalikes(path, &keys).await?;
        }
        let names = names(judged, states, &rulebook.users, same_person);
        let mut ids = origins(states);
        if !names.is_empty() {
            ids.extend(self.store.namesakes(&names).await?);
        }
        ids.extend(found.0.values().flatten().cloned());
        ids.retain(|id| !states.contains_key(id));
        ids.sort_unstable();
        ids.dedup();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        if !ids.is_empty() {
            states.extend(self.store.states(&ids).await?);
        }
        Ok(found)
    }
}
