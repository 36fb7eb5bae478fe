//! Taking over the user of an old employee id. Nothing is written before that user has been read: somebody may have changed it by hand,
//! or made another one for the new employee id.

use super::provision::bring;
use super::{Confirmed, find};
use crate::core::scim::{Attributes, RemoteUser, ScimPort};
use crate::engine::reading::{Found, read_user};
use crate::engine::session::{Interrupt, Session};

/// Brings the user of the old employee id to the attributes of the new one. `None`: there is no such user any more.
///
/// # Errors
/// Why the work stops before its end.
pub async fn take_over<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    old: &str,
    desired: &Attributes,
) -> Result<Confirmed, Interrupt> {
    let live = match read_user(session, id).await? {
        Found::Gone => return Ok(None),
        Found::Here(user) => user,
    };
    if !is_either(session, old, desired, &live) {
        return Err(Interrupt::Park(format!(
            "is to take over the Workiva user {id} of employee {old}, which has another externalId than either of them; it may be \
             somebody else's. Correct it in Workiva, then retry"
        )));
    }
    if let Some(other) = find::searched(session, desired).await?.and_then(|user| user.id)
        && other != id
    {
        return Err(Interrupt::Park(format!(
            "is to take over the Workiva user {id} of employee {old}, but the user {other} has this employee's key or user name \
             already. Leave one of them in Workiva, then retry"
        )));
    }
    tracing::info!(from = old, "the Workiva user of another employee id is taken over");
    bring(session, id, desired, &live).await
}

/// Whether the user has the key of the old or of the new employee id, or none.
fn is_either<P: ScimPort>(
    session: &Session<'_, P>,
    old: &str,
    desired: &Attributes,
    live: &RemoteUser,
) -> bool {
    let Some(theirs) = live.external_id.as_deref().filter(|id| !id.is_empty()) else { return true };
    let Some(new_key) = desired.get("externalId") else {
        // Where none is mapped, one that is there may still be an employee id.
        return theirs == old || theirs == session.action.employee_id;
    };
    let confirmed = session.action.changes.iter().find(|change| change.attribute == "externalId");
    theirs == new_key || confirmed.is_some_and(|change| change.from.as_deref() == Some(theirs))
}
