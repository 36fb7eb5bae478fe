//! Taking access away, and seeing that it is gone.

use super::write::{Changes, Written, change, settle};
use super::{Confirmed, find};
use crate::core::identity::is_made_anew;
use crate::core::planted::{self, Fault};
use crate::core::scim::{Attributes, FailureKind, RemoteUser, ScimPort, ScimRequest};
use crate::core::state::Account;
use crate::engine::reading::{Found, read_deleted, read_user};
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
    let (id, known) = match session.action.scim_id.clone() {
        Some(id) => (id, known_as.clone()),
        // A create whose answer was lost may have made an account.
        None => match find::existing(session, known_as).await? {
            Some(user) if find::is_anothers(session, &user, known_as).await? => return Ok(None),
            Some(user) => (find::prove_same_person(session, &user, known_as).await?, seen(&user, known_as)),
            None => return Ok(None),
        },
    };
    match take_away(session, &id, &known).await? {
        Taken::Away(account) => Ok(account),
        Taken::WasGone => match made_anew(session, &id, known_as).await? {
            Some((id, seen)) => match take_away(session, &id, &seen).await? {
                Taken::Away(account) => Ok(account),
                Taken::WasGone => Err(find::shown_although_gone()),
            },
            None => {
                session.line.unkept.notice_gone(&session.action.employee_id);
                Ok(None)
            }
        },
    }
}

/// What a user who was found has of what the person is known by. Nothing else is confirmed of somebody whom perhaps others
/// made; what is missing is sent should the person come back.
fn seen(user: &RemoteUser, known_as: &Attributes) -> Attributes {
    let differing = user.differences(known_as);
    let is_seen = |path: &String| differing.iter().all(|(other, _)| other != path);
    known_as
        .iter()
        .filter(|(path, _)| is_seen(path))
        .map(|(path, value)| (path.clone(), value.clone()))
        .collect()
}

/// How taking away went.
enum Taken {
    /// It is done; the account as it is now, if there still is one.
    Away(Confirmed),
    /// There was no such user before anything was sent.
    WasGone,
}

async fn take_away<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    known_as: &Attributes,
) -> Result<Taken, Interrupt> {
    if session.is_delete() { delete(session, id).await } else { suspend(session, id, known_as).await }
}

/// The user is gone, but somebody may have made one anew under another id, who would keep the access: the id, if it is
/// provably the person's, and what that user was seen to have.
async fn made_anew<P: ScimPort>(
    session: &mut Session<'_, P>,
    gone: &str,
    known_as: &Attributes,
) -> Result<Option<(String, Attributes)>, Interrupt> {
    let Some(user) = find::existing(session, known_as).await? else { return Ok(None) };
    if user.active == Some(false) {
        return Ok(None);
    }
    let Some(id) = user.id.clone() else { return Ok(None) };
    if id == gone && planted::is(Fault::BelievedNotFound) {
        return Ok(None);
    }
    if id == gone {
        // Whoever has left keeps the access where the 404 is believed.
        return Err(find::shown_although_gone());
    }
    let employee_id = &session.action.employee_id;
    let owner = session.line.store.owner_of(&id).await?;
    if owner.is_some_and(|owner| owner != *employee_id) {
        return Ok(None);
    }
    let external_id = user.external_id.as_deref().filter(|id| !id.is_empty());
    if is_made_anew(employee_id, known_as, external_id, |path| user.attribute(path)) {
        return Ok(Some((id, seen(&user, known_as))));
    }
    match external_id {
        // Another key is on it: somebody else's.
        Some(_) => Ok(None),
        None => Err(Interrupt::Park(format!(
            "the user whom this person had is gone, but the active user {id} has their user name. If it is theirs, suspend it in \
             Workiva; then discard this action"
        ))),
    }
}

async fn suspend<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    known_as: &Attributes,
) -> Result<Taken, Interrupt> {
    let mut live = None;
    if session.must_verify() {
        match read_user(session, id).await? {
            Found::Gone => return Ok(Taken::WasGone),
            Found::Here(user) if user.active == Some(false) => return Ok(suspended(id, known_as)),
            Found::Here(user) => live = Some(user),
        }
    }
    let (shown, is_unclear) = match change(session, id, &Changes::new(), Some(false), live.as_ref()).await? {
        Written::Gone => return Ok(Taken::WasGone),
        Written::Accepted(shown) => (shown, false),
        Written::Unclear => (None, true),
    };
    if planted::is(Fault::UnseenSuspension) {
        return Ok(suspended(id, known_as));
    }
    // What the answer shows may be what was sent; only a read tells what is stored.
    let now = match read_user(session, id).await? {
        Found::Gone => return Ok(Taken::WasGone),
        Found::Here(user) => user,
    };
    if is_unclear && let Some(active) = now.active {
        settle(session, !active)?;
    }
    match now.active.or_else(|| shown.as_ref().and_then(active_of)) {
        Some(false) => Ok(suspended(id, known_as)),
        Some(true) => Err(Interrupt::NotYet(OWNED_ELSEWHERE.into())),
        None => Err(Interrupt::Park(
            "suspend was accepted, but Workiva does not show whether the user is active; look at the user, then discard".into(),
        )),
    }
}

async fn delete<P: ScimPort>(session: &mut Session<'_, P>, id: &str) -> Result<Taken, Interrupt> {
    let mut was_there = true;
    match session.write(&ScimRequest::DeleteUser { id: id.to_owned() }).await {
        Ok(_) => {}
        // Gone already is what was wanted, and some servers answer a second DELETE with 500: the read below tells.
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::NotFound => was_there = false,
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::ServerError => {
            let blame = session.blame;
            return match read_user(session, id).await? {
                Found::Gone => Ok(Taken::WasGone),
                Found::Here(_) => {
                    // That the read went well says nothing about the write.
                    session.blame = blame;
                    Err(Interrupt::Failed(failure))
                }
            };
        }
        Err(other) => return Err(other),
    }
    let now = if was_there { read_deleted(session, id).await? } else { read_user(session, id).await? };
    match now {
        Found::Gone if was_there => Ok(Taken::Away(None)),
        Found::Gone => Ok(Taken::WasGone),
        Found::Here(_) => {
            Err(Interrupt::NotYet("not deleted: Workiva accepted it, but the user is still there".into()))
        }
    }
}

fn active_of(user: &RemoteUser) -> Option<bool> {
    user.active
}

fn suspended(id: &str, known_as: &Attributes) -> Taken {
    Taken::Away(Some(Account { scim_id: id.to_owned(), active: false, attributes: known_as.clone() }))
}
