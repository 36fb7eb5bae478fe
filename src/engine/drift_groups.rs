//! Who is in the groups that roles grant, against what was given and taken back.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::groups::GroupMembers;
use crate::core::drift::{Comparison, Drifted, KnownAccount, Missing};
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::StoreError;

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Adds who is no longer in a group that was given to them, and names who is in one again that was taken back. Whoever is found
    /// changed otherwise is compared once that is led back; whom somebody has put into a group by hand stays in it.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn compare_groups(
        &self,
        since: i64,
        missing: &Missing,
        comparison: &mut Comparison,
    ) -> Result<(), StoreError> {
        let Some(map) = self.group_map().await? else { return Ok(()) };
        comparison.unread_groups.extend(map.wrong.iter().cloned());
        let seen = comparison.people.iter().map(|one| &one.employee_id);
        let seen: BTreeSet<String> = seen.chain(&missing.in_doubt).cloned().collect();
        let mut lacking: BTreeMap<String, (KnownAccount, Vec<String>)> = BTreeMap::new();
        for group in map.managed() {
            let members = match self.read_members(&group).await {
                Ok(GroupMembers::Shown(members)) => members,
                Ok(GroupMembers::Gone) => {
                    tracing::warn!(group, "roles grant a group that Workiva has no more; nobody is in it");
                    Vec::new()
                }
                Err(why) => {
                    comparison.unread_groups.push(format!("{group}: {why}"));
                    continue;
                }
            };
            comparison.back_in_groups.extend(
                self.store.back_in_group(&group, &members).await?.into_iter().map(|id| (id, group.clone())),
            );
            let members: BTreeSet<String> = members.into_iter().collect();
            let given = self.store.given_in(&group, since).await?;
            for known in given.into_iter().filter(|known| !seen.contains(&known.employee_id)) {
                if !members.contains(&known.account.scim_id) {
                    let entry = lacking.entry(known.employee_id.clone());
                    entry.or_insert_with(|| (known, Vec::new())).1.push(group.clone());
                }
            }
        }
        comparison
            .people
            .extend(lacking.into_values().map(|(known, groups)| Drifted::not_in_groups(known, groups)));
        Ok(())
    }
}
