//! Taking access away, and seeing that it is gone.

use super::write::{Changes, Found, Written, change, read_user};
use super::{Confirmed, find};
use crate::core::planted::{self, Fault};
use crate::core::scim::{Attributes, FailureKind, RemoteUser, ScimPort, ScimRequest};
use crate::core::state::Account;
use crate::engine::session::{Interrupt, Session};

const OWNED_ELSEWHERE: &str = "not suspended: owned elsewhere. Workiva accepted the change, but the user stays active; a user in \
                               more than one organization can be suspended by none of them alone. Ask the other organization's \
                               administrator";

/// Takes a person's access away. `known_as` tells how an account may be found whose id is not known.
///
/// # Errors
/// Why the work stops before its end.
pub async fn deprovision<P: ScimPort>(
    session: &mut Session<'_, P>,
    known_as: &Attributes,
) -> Result<Confirmed, Interrupt> {
    let id = match session.action.scim_id.clone() {
        Some(id) => id,
        // A create whose answer was lost may have made an account.
        None => match find::existing(session, known_as).await? {
            Some(user) => find::prove_same_person(session, &user, known_as).await?,
            None => return Ok(None),
        },
    };
    if session.is_delete() { delete(session, &id).await } else { suspend(session, &id, known_as).await }
}

async fn suspend<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    known_as: &Attributes,
) -> Result<Confirmed, Interrupt> {
    let mut live = None;
    if session.must_verify() {
        match read_user(session, id).await? {
            Found::Gone => return Ok(None),
            Found::Here(user) if user.active == Some(false) => return Ok(Some(suspended(id, known_as))),
            Found::Here(user) => live = Some(user),
        }
    }
    let shown = match change(session, id, &Changes::new(), Some(false), live.as_ref()).await? {
        Written::Gone => return Ok(None),
        Written::Accepted(shown) => shown,
    };
    if planted::is(Fault::UnseenSuspension) {
        return Ok(Some(suspended(id, known_as)));
    }
    // What the answer shows may be what was sent; only a read tells what is stored.
    let now = match read_user(session, id).await? {
        Found::Gone => return Ok(None),
        Found::Here(user) => user,
    };
    match now.active.or_else(|| shown.as_ref().and_then(active_of)) {
        Some(false) => Ok(Some(suspended(id, known_as))),
        Some(true) => Err(Interrupt::NotYet(OWNED_ELSEWHERE.into())),
        None => Err(Interrupt::Park(
            "suspend was accepted, but Workiva does not show whether the user is active; look at the user, then discard".into(),
        )),
    }
}

async fn delete<P: ScimPort>(session: &mut Session<'_, P>, id: &str) -> Result<Confirmed, Interrupt> {
    match session.write(&ScimRequest::DeleteUser { id: id.to_owned() }).await {
        Ok(_) => {}
        // Gone already is what was wanted, and some servers answer a second DELETE with 500: the read below tells.
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::NotFound => {}
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::ServerError => {
            return match read_user(session, id).await? {
                Found::Gone => Ok(None),
                Found::Here(_) => Err(Interrupt::Failed(failure)),
            };
        }
        Err(other) => return Err(other),
    }
    match read_user(session, id).await? {
        Found::Gone => Ok(None),
        Found::Here(_) => {
            Err(Interrupt::NotYet("not deleted: Workiva accepted it, but the user is still there".into()))
        }
    }
}

fn active_of(user: &RemoteUser) -> Option<bool> {
    user.active
}

fn suspended(id: &str, known_as: &Attributes) -> Account {
    Account { scim_id: id.to_owned(), active: false, attributes: known_as.clone() }
}
