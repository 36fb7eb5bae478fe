//! The manager of whoever gets a user: planned by the employee id, sent by Workiva's id.

use std::borrow::Cow;

use crate::core::action::Target;
use crate::core::managers::{BY_EMPLOYEE_ID, as_sent};
use crate::core::scim::ScimPort;
use crate::engine::session::Line;
use crate::store::{Claimed, StoreError};

/// An action with the manager as Workiva knows them by now. Who has no user yet is left out; a run adds them once there is one.
///
/// # Errors
/// Where the database fails.
pub async fn known<'a, P: ScimPort>(
    line: &Line<P>,
    action: &'a Claimed,
) -> Result<Cow<'a, Claimed>, StoreError> {
    let Some(manager) = action.target.attributes().get(BY_EMPLOYEE_ID) else {
        return Ok(Cow::Borrowed(action));
    };
    let scim_id = match line.newcomers.scim_id_of(manager) {
        Some(scim_id) => Some(scim_id),
        None => line.store.scim_id_of(manager).await?,
    };
    let mut action = action.clone();
    if let Target::Access(user) | Target::NoAccess { known_as: user } = &mut action.target {
        as_sent(user, line.manner.manager.as_deref(), scim_id);
    }
    Ok(Cow::Owned(action))
}
