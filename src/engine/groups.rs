//! Which of Workiva's groups are meant by what roles grant, and who is in them.

use super::connection::ask;
use super::{Engine, EngineError};
use crate::core::grants::{GroupMap, Manage, resolve};
use crate::core::scim::group::GroupWalk;
use crate::core::scim::{Failure, FailureKind, RemoteGroup, ScimPort, ScimRequest};
use crate::core::state::PersonState;
use crate::source::HrSource;
use crate::store::StoreError;

/// Employees who were found in a group of which nothing was known of them: (employee id, group).
pub type FoundMembers = Vec<(String, String)>;

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// All groups, without their members.
    ///
    /// # Errors
    /// Where Workiva cannot be asked, or has no groups.
    pub(super) async fn list_groups(&self) -> Result<Vec<RemoteGroup>, Failure> {
        let mut walk = GroupWalk::new(self.settings.workiva.page_size);
        loop {
            let answer = ask(self, walk.next_request()).await.result?;
            if !walk.accept(&answer)? {
                return Ok(walk.into_groups());
            }
        }
    }

    /// Which groups are meant by what roles grant, as it is remembered. The second of the answer are the references of which it is
    /// not. `None`: no role grants anything.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn known_groups(&self) -> Result<Option<(GroupMap, Vec<String>)>, StoreError> {
        let references = self.rules.rulebook.access.references();
        if references.is_empty() {
            return Ok(None);
        }
        let mut ids = self.store.group_references().await?;
        ids.retain(|reference, _| references.contains(reference.as_str()));
        let unknown = references.into_iter().filter(|reference| !ids.contains_key(*reference));
        let unknown = unknown.map(str::to_owned).collect();
        Ok(Some((GroupMap { ids, wrong: Vec::new(), manage: self.settings.groups.manage }, unknown)))
    }

    /// The same, and Workiva is asked about what is not remembered.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn group_map(&self) -> Result<Option<GroupMap>, StoreError> {
        let Some((mut map, unknown)) = self.known_groups().await? else { return Ok(None) };
        if unknown.is_empty() {
            return Ok(Some(map));
        }
        match self.list_groups().await {
            Ok(groups) => {
                let found = resolve(unknown.iter().map(String::as_str), &groups);
                if self.may_write && !found.ids.is_empty() {
                    self.store.store_group_references(&found.ids, self.clock.now()).await?;
                }
                map.ids.extend(found.ids);
                map.wrong = found.wrong;
            }
            Err(failure) => map.wrong.push(format!(
                "the groups of Workiva could not be listed ({}), so it is not known which are meant by '{}'",
                failure.kind,
                unknown.join("', '")
            )),
        }
        Ok(Some(map))
    }

    /// The same by what Workiva shows now, whatever is remembered; what is found is remembered. An inner error: Workiva could not be
    /// asked.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn look_at_groups(&self) -> Result<Option<Result<GroupMap, Failure>>, EngineError> {
        let references = self.rules.rulebook.access.references();
        if references.is_empty() {
            return Ok(None);
        }
        let groups = match self.list_groups().await {
            Ok(groups) => groups,
            Err(failure) => return Ok(Some(Err(failure))),
        };
        let map = resolve(references, &groups);
        self.store.store_group_references(&map.ids, self.clock.now()).await?;
        Ok(Some(Ok(map)))
    }

    /// With `groups.manage = "exclusive"`: employees who are in a group that is granted, and of whom nothing is known about that. The
    /// second of the answer are warnings.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn found_members(
        &self,
        map: Option<&GroupMap>,
    ) -> Result<(FoundMembers, Vec<String>), StoreError> {
        let (mut found, mut warnings) = (Vec::new(), Vec::new());
        let Some(map) = map.filter(|map| map.manage == Manage::Exclusive) else {
            return Ok((found, warnings));
        };
        for group in map.managed() {
            let members = match self.read_members(&group).await {
                Ok(members) => members,
                Err(why) => {
                    warnings.push(format!(
                        "who is in the group {group} could not be read ({why}): nobody is taken out of it who was not granted it"
                    ));
                    continue;
                }
            };
            let unknown = self.store.unknown_members(&group, &members).await?;
            let unlinked = self.store.unlinked(&members).await?;
            if unlinked > 0 {
                tracing::info!(group, users = unlinked, "members who are nobody's whom HR knows stay");
            }
            found.extend(unknown.into_iter().map(|employee_id| (employee_id, group.clone())));
        }
        if self.may_write {
            self.store.found_memberships(&found, self.clock.now()).await?;
        }
        Ok((found, warnings))
    }

    pub(super) async fn read_members(&self, group: &str) -> Result<Vec<String>, String> {
        let answer = ask(self, ScimRequest::GetGroup { id: group.to_owned() }).await.result;
        let answer = answer.map_err(|failure| failure.kind.to_string())?;
        let group = answer.group().ok_or("the answer is no group")?;
        let members = group.members.ok_or("Workiva does not show members")?;
        Ok(members.into_iter().collect())
    }
}

/// Adds to states who was found in which group.
pub(super) fn add_found(states: &mut std::collections::HashMap<String, PersonState>, found: &FoundMembers) {
    for (employee_id, group) in found {
        if let Some(state) = states.get_mut(employee_id) {
            state.memberships.entry(group.clone()).or_insert(crate::core::grants::Given::Found);
        }
    }
}

/// What a server says that has no groups.
pub(super) fn has_none(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::NotFound | FailureKind::NotSupported | FailureKind::Invalid)
}
