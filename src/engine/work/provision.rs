//! Giving access: create, update, reactivate; and taking over an account that is provably the same person's.

use super::write::{Changes, Written, change, settle};
use super::{Confirmed, duplicate, find, take_over};
use crate::core::action::ActionKind;
use crate::core::identity::is_another_person;
use crate::core::scim::user::{create_body, created_id};
use crate::core::scim::{Attributes, Failure, FailureKind, RemoteUser, ScimPort, ScimRequest};
use crate::core::state::Account;
use crate::engine::reading::{Found, read_user};
use crate::engine::session::{Interrupt, Session};
use crate::store::Claimed;

const NOT_ACTIVATED: &str = "not activated: Workiva accepted the change, but the user stays suspended; a user in more than one \
                             organization can be activated by none of them alone";

/// An earlier request may have made the user.
const NOT_SHOWN_YET: &str = "Workiva says that the user exists already (409), and shows none that fits by workiva.match_existing; an earlier \
                             request of ours may have made it, or it belongs to another organization";

/// The next attempt finds the user, and activates.
const MADE_SUSPENDED: &str = "Workiva made the user, and shows it as suspended";

/// Brings the person to an active account with the desired attributes.
///
/// # Errors
/// Why the work stops before its end.
pub async fn provision<P: ScimPort>(
    session: &mut Session<'_, P>,
    desired: &Attributes,
) -> Result<Confirmed, Interrupt> {
    let is_in_doubt = is_of_somebody_new(session.action)
        && !session.line.store.is_decided(&session.action.employee_id).await?;
    let brought = match (session.action.scim_id.clone(), session.action.moved_from.clone()) {
        (Some(id), Some(old)) => take_over::take_over(session, &id, &old, desired).await?,
        (Some(id), None) if is_in_doubt => match read_user(session, &id).await? {
            Found::Here(live) if is_another_person(desired, |path| live.attribute(path)) => {
                return Err(Interrupt::Park(format!(
                    "by this employee id HR names somebody whose given name, family name and e-mail address are all others than those of its \
                     Workiva user {id}: the id may have been given to somebody else, or two rows have changed theirs. If it is the same \
                     person, give the user the new e-mail address in Workiva, then retry; if not, give the new one an employee id of their \
                     own in HR"
                )));
            }
            Found::Here(live) => bring(session, &id, desired, &live).await?,
            Found::Gone => None,
        },
        (Some(id), None) if session.must_verify() => match read_user(session, &id).await? {
            Found::Here(live) => bring(session, &id, desired, &live).await?,
            Found::Gone => None,
        },
        (Some(id), None) => update(session, &id, desired).await?,
        (None, _) => None,
    };
    if let Some(account) = brought {
        return Ok(Some(account));
    }
    if let Some(gone) = &session.action.scim_id {
        find::insist_on_gone(session, gone).await?;
    }
    provision_unknown(session, desired).await
}

/// Whether an account is to have other names and another address than it was confirmed with.
fn is_of_somebody_new(action: &Claimed) -> bool {
    let confirmed =
        action.changes.iter().filter_map(|change| Some((change.attribute.clone(), change.from.clone()?)));
    let confirmed: Attributes = confirmed.collect();
    matches!(action.kind, ActionKind::Reactivate | ActionKind::Update)
        && is_another_person(action.target.attributes(), |path| confirmed.get(path).cloned())
}

/// The plan's own changes, to a user that was confirmed and has not been touched since. `None`: the user is gone.
async fn update<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    desired: &Attributes,
) -> Result<Confirmed, Interrupt> {
    let changes: Changes = session
        .action
        .changes
        .iter()
        .filter(|change| change.attribute != "active")
        .map(|change| (change.attribute.clone(), change.to.clone()))
        .collect();
    let active = (session.action.kind == ActionKind::Reactivate).then_some(true);
    write(session, id, desired, &changes, active, None).await
}

/// Whatever is missing on a user as it was just read. `None`: the user is gone.
pub(super) async fn bring<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    desired: &Attributes,
    live: &RemoteUser,
) -> Result<Confirmed, Interrupt> {
    let mut changes = live.differences(desired);
    // What the plan removes is no difference to a desired user, who simply does not have it.
    for removed in session.action.changes.iter().filter(|change| change.to.is_none()) {
        if live.attribute(&removed.attribute).is_some() {
            changes.push((removed.attribute.clone(), None));
        }
    }
    let is_hidden = live.active.is_none() && session.action.kind == ActionKind::Reactivate;
    let active = (live.active == Some(false) || is_hidden).then_some(true);
    if changes.is_empty() && active.is_none() {
        return Ok(Some(confirmed(id, desired)));
    }
    write(session, id, desired, &changes, active, Some(live)).await
}

async fn write<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    desired: &Attributes,
    changes: &Changes,
    active: Option<bool>,
    live: Option<&RemoteUser>,
) -> Result<Confirmed, Interrupt> {
    let written = match change(session, id, changes, active, live).await {
        Err(Interrupt::Failed(failure)) => {
            return Err(duplicate::of_change(session, desired, changes, failure).await);
        }
        written => written?,
    };
    match written {
        Written::Gone => Ok(None),
        Written::Unclear => match read_user(session, id).await? {
            Found::Gone => Ok(None),
            Found::Here(live) => {
                let unkept = &session.line.unkept;
                let kept = changes.iter().filter(|(path, _)| !unkept.is_known(path));
                let kept: Changes = kept.cloned().collect();
                let is_told = !kept.is_empty() || active.is_some();
                settle(session, !is_told || live.shows_as_made(&kept, active))?;
                Ok(Some(confirmed(id, desired)))
            }
        },
        Written::Accepted(shown) => {
            if let Some(shown) = &shown {
                let sent = changes.iter().filter_map(|(path, value)| Some((path.clone(), value.clone()?)));
                session.line.unkept.notice(&sent.collect(), shown);
            }
            if active.is_some() {
                confirm_active(session, id, shown).await?;
            }
            Ok(Some(confirmed(id, desired)))
        }
    }
}

/// Activation is believed only when it can be seen; a server that never shows `active` is taken at its word, since
/// nobody is harmed by an account that HR wants.
async fn confirm_active<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    shown: Option<RemoteUser>,
) -> Result<(), Interrupt> {
    let mut active = shown.and_then(|user| user.active);
    if active.is_none() {
        active = match read_user(session, id).await? {
            Found::Here(user) => user.active,
            Found::Gone => return Err(vanished("the user vanished while it was activated")),
        };
    }
    if active == Some(false) { Err(Interrupt::NotYet(NOT_ACTIVATED.into())) } else { Ok(()) }
}

/// Somebody of whom no account is confirmed: find one, or make one.
async fn provision_unknown<P: ScimPort>(
    session: &mut Session<'_, P>,
    desired: &Attributes,
) -> Result<Confirmed, Interrupt> {
    if let Some(user) = find::existing(session, desired).await? {
        return adopt(session, desired, &user).await;
    }
    match session.write(&ScimRequest::CreateUser { body: create_body(desired) }).await {
        Ok(answer) => {
            if let Some(shown) = answer.user() {
                if shown.contradicts(desired) {
                    return another_was_shown(session, desired, &shown).await;
                }
                session.line.unkept.notice(desired, &shown);
                if shown.active == Some(false) {
                    return Err(Interrupt::NotYet(MADE_SUSPENDED.into()));
                }
            }
            if let Some(id) = created_id(&answer) {
                return Ok(Some(confirmed(&id, desired)));
            }
            match find::existing(session, desired).await? {
                Some(RemoteUser { id: Some(id), .. }) => Ok(Some(confirmed(&id, desired))),
                _ => Err(vanished("Workiva accepted the new user but neither gives nor finds its id")),
            }
        }
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::Conflict => {
            match find::by_paging(session, desired).await? {
                Some(user) => adopt(session, desired, &user).await,
                // Perhaps it was an earlier request of ours, and the users are listed by an older state.
                None if session.must_verify() => Err(Interrupt::NotYet(NOT_SHOWN_YET.into())),
                None => Err(duplicate::of_create(session, desired, &failure).await),
            }
        }
        Err(other) => Err(other),
    }
}

/// The answer to a create shows somebody else. Whether the user was made is unknown, so it is looked for as behind a lost answer.
async fn another_was_shown<P: ScimPort>(
    session: &mut Session<'_, P>,
    desired: &Attributes,
    shown: &RemoteUser,
) -> Result<Confirmed, Interrupt> {
    if let Some(user) = find::existing(session, desired).await? {
        return adopt(session, desired, &user).await;
    }
    let which = shown.id.as_deref().unwrap_or("(none)");
    Err(Interrupt::Park(format!(
        "Workiva answered the making of this user with another one (its id: {which}), and shows none that fits. Look whether the user \
         was made, then retry"
    )))
}

async fn adopt<P: ScimPort>(
    session: &mut Session<'_, P>,
    desired: &Attributes,
    user: &RemoteUser,
) -> Result<Confirmed, Interrupt> {
    let id = find::prove_same_person(session, user, desired).await?;
    tracing::info!("an existing Workiva user is taken over for this employee");
    match bring(session, &id, desired, user).await? {
        Some(account) => Ok(Some(account)),
        None => Err(vanished("the user vanished while it was taken over")),
    }
}

/// Worth another attempt, which begins by reading.
fn vanished(message: &str) -> Interrupt {
    Interrupt::Failed(Failure::new(FailureKind::Malformed, None, message))
}

fn confirmed(id: &str, desired: &Attributes) -> Account {
    Account { scim_id: id.to_owned(), active: true, attributes: desired.clone() }
}
