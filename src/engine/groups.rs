//! Which of Workiva's groups are meant by what roles grant, and who is in them.

use std::collections::HashMap;

use super::connection::ask;
use super::{Engine, EngineError};
use crate::core::grants::{Given, GroupMap, Manage, resolve};
use crate::core::scim::group::GroupWalk;
use crate::core::scim::{Failure, FailureKind, RemoteGroup, ScimPort, ScimRequest};
use crate::core::state::PersonState;
use crate::source::HrSource;
use crate::store::StoreError;

/// What was found of employees in groups of which we did not give it to them, as (employee id, group).
#[derive(Debug, Default)]
pub(super) struct FoundMembers {
    /// Who is in one, and nothing was known of that.
    found: Vec<(String, String)>,
    /// Who was found in one before, and is not in it any more.
    vanished: Vec<(String, String)>,
}

impl FoundMembers {
    /// Whom it is about.
    pub(super) fn people(&self) -> impl Iterator<Item = &str> {
        self.found.iter().chain(&self.vanished).map(|(employee_id, _)| employee_id.as_str())
    }
}

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

    /// The same by what Workiva shows now; what is found is remembered. A name that means another group than the one that is remembered,
    /// which is still there, is wrong: whoever renames groups in Workiva has not decided that people move. An inner error: Workiva could
    /// not be asked.
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
        let mut map = resolve(references, &groups);
        for (reference, before) in self.store.group_references().await? {
            let is_there = groups.iter().any(|group| group.id == before);
            let Some(now) = map.ids.get(&reference).filter(|now| is_there && **now != before) else {
                continue;
            };
            map.wrong.push(format!(
                "'{reference}' meant the group {before} until now, and is the name of {now} by now: nobody is moved for that; grant \
                 {before} or {now} in access by its id"
            ));
            map.ids.remove(&reference);
        }
        self.store.store_group_references(&map.ids, self.clock.now()).await?;
        Ok(Some(Ok(map)))
    }

    /// With `groups.manage = "exclusive"`: employees who are in a group that is granted, and of whom nothing is known about that; and those
    /// who were found in one, and are not in it any more. The second of the answer are warnings.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn found_members(
        &self,
        map: Option<&GroupMap>,
    ) -> Result<(FoundMembers, Vec<String>), StoreError> {
        let (mut all, mut warnings) = (FoundMembers::default(), Vec::new());
        let Some(map) = map.filter(|map| map.manage == Manage::Exclusive) else {
            return Ok((all, warnings));
        };
        for group in map.managed() {
            let members = match self.read_members(&group).await {
                Ok(GroupMembers::Shown(members)) => members,
                Ok(GroupMembers::Gone) => {
                    warnings.push(format!(
                        "roles grant the group {group}, and Workiva has no such group any more; correct the grants in access"
                    ));
                    Vec::new()
                }
                Err(why) => {
                    warnings.push(format!(
                        "who is in the group {group} could not be read ({why}): nobody is taken out of it who was not granted it"
                    ));
                    continue;
                }
            };
            let unknown = self.store.unknown_members(&group, &members).await?;
            let vanished = self.store.vanished_members(&group, &members).await?;
            let unlinked = self.store.unlinked(&members).await?;
            if unlinked > 0 {
                tracing::info!(group, users = unlinked, "members who are nobody's whom HR knows stay");
            }
            all.found.extend(unknown.into_iter().map(|employee_id| (employee_id, group.clone())));
            all.vanished.extend(vanished.into_iter().map(|employee_id| (employee_id, group.clone())));
        }
        if self.may_write {
            self.store.store_found(&all.found, &all.vanished, self.clock.now()).await?;
        }
        Ok((all, warnings))
    }

    /// Who is in a group now.
    ///
    /// # Errors
    /// In words, where that cannot be seen.
    pub(super) async fn read_members(&self, group: &str) -> Result<GroupMembers, String> {
        let answer = match ask(self, ScimRequest::GetGroup { id: group.to_owned() }).await.result {
            Ok(answer) => answer,
            Err(failure) if failure.kind == FailureKind::NotFound && self.is_gone(group).await => {
                return Ok(GroupMembers::Gone);
            }
            Err(failure) => return Err(failure.kind.to_string()),
        };
        let group = answer.group().ok_or("the answer is no group")?;
        let members = group.members.ok_or("Workiva does not show members")?;
        Ok(GroupMembers::Shown(members.into_iter().collect()))
    }

    /// Whether the list of all groups, which shows others, shows this one no more.
    async fn is_gone(&self, group: &str) -> bool {
        let listed = self.list_groups().await;
        listed.is_ok_and(|groups| !groups.is_empty() && groups.iter().all(|one| one.id != group))
    }
}

/// Who is in a group, as Workiva shows it.
#[derive(Debug)]
pub(super) enum GroupMembers {
    /// These users.
    Shown(Vec<String>),
    /// There is no such group any more.
    Gone,
}

/// Adds to states who was found in which group, and who is not in it any more.
pub(super) fn add_found(states: &mut HashMap<String, PersonState>, all: &FoundMembers) {
    for (employee_id, group) in &all.found {
        if let Some(state) = states.get_mut(employee_id) {
            state.memberships.entry(group.clone()).or_insert(Given::Found);
        }
    }
    for (employee_id, group) in &all.vanished {
        if let Some(state) = states.get_mut(employee_id)
            && state.memberships.get(group) == Some(&Given::Found)
        {
            state.memberships.remove(group);
        }
    }
}

/// What a server says that has no groups.
pub(super) fn has_none(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::NotFound | FailureKind::NotSupported | FailureKind::Invalid)
}
