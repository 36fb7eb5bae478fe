//! Changing a user: PATCH by path, or read, merge and PUT.

use std::sync::atomic::Ordering;

use crate::config::UpdateBy;
use crate::core::scim::user::{merge_body, patch_body};
use crate::core::scim::{Answer, Failure, FailureKind, RemoteUser, ScimPort, ScimRequest};
use crate::core::verdict::{Cause, DOES_NOTHING, Trouble};
use crate::engine::reading::{Found, read_user};
use crate::engine::session::{Interrupt, Session};

/// Attribute changes as SCIM requests take them.
pub type Changes = Vec<(String, Option<String>)>;

/// How a change went.
pub enum Written {
    /// It was accepted; the user as the answer shows it, if it does.
    Accepted(Option<RemoteUser>),
    /// The answer says success and shows no user: only a read tells.
    Unclear,
    /// There is no such user any more, and that was asked twice.
    Gone,
}

/// Changes a user in the way that the server takes. `live` is the user as just read, if it was.
///
/// # Errors
/// Where Workiva refuses or cannot be reached.
pub async fn change<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    changes: &Changes,
    active: Option<bool>,
    live: Option<&RemoteUser>,
) -> Result<Written, Interrupt> {
    if !session.line.patches() {
        return put(session, id, changes, active, live).await;
    }
    let request = ScimRequest::PatchUser { id: id.to_owned(), body: patch_body(changes, active) };
    let may_put = session.line.manner.update == UpdateBy::Auto;
    match session.write(&request).await {
        Ok(answer) => Ok(accepted(&answer)),
        Err(Interrupt::Failed(failure)) => match failure.kind {
            FailureKind::NotSupported if may_put => {
                session.line.patch_refused.store(true, Ordering::Relaxed);
                put(session, id, changes, active, live).await
            }
            // A path that this server cannot take by PATCH; a whole user says the same without paths.
            FailureKind::Invalid if may_put && is_about_the_path(failure.scim_type.as_deref()) => {
                put(session, id, changes, active, live).await
            }
            FailureKind::NotFound => match read_user(session, id).await? {
                Found::Gone => Ok(Written::Gone),
                Found::Here(user) if may_put => {
                    session.line.patch_refused.store(true, Ordering::Relaxed);
                    put(session, id, changes, active, Some(&user)).await
                }
                Found::Here(_) => Err(Interrupt::Park(
                    "Workiva answers PATCH with 404 although the user is there; set workiva.update = \"put\", then retry".into(),
                )),
            },
            _ => Err(Interrupt::Failed(failure)),
        },
        Err(other) => Err(other),
    }
}

async fn put<P: ScimPort>(
    session: &mut Session<'_, P>,
    id: &str,
    changes: &Changes,
    active: Option<bool>,
    live: Option<&RemoteUser>,
) -> Result<Written, Interrupt> {
    let read;
    let live = match live {
        Some(live) => live,
        None => match read_user(session, id).await? {
            Found::Gone => return Ok(Written::Gone),
            Found::Here(user) => {
                read = user;
                &read
            }
        },
    };
    let request =
        ScimRequest::ReplaceUser { id: id.to_owned(), body: merge_body(&live.raw, changes, active) };
    match session.write(&request).await {
        Ok(answer) => Ok(accepted(&answer)),
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::NotFound => match read_user(session, id).await? {
            Found::Gone => Ok(Written::Gone),
            Found::Here(_) => Err(Interrupt::Park(
                "Workiva answers PUT with 404 although the user is there; set workiva.update = \"patch\", then retry".into(),
            )),
        },
        Err(other) => Err(other),
    }
}

fn accepted(answer: &Answer) -> Written {
    if answer.says_nothing_of_the_user() { Written::Unclear } else { Written::Accepted(answer.user()) }
}

/// What an unclear answer has turned out to mean. A change that was made shows that changes are; one that was not may be everybody's lot.
///
/// # Errors
/// Where it was not made: worth another attempt.
pub fn settle<P: ScimPort>(session: &mut Session<'_, P>, is_made: bool) -> Result<(), Interrupt> {
    let line = session.line;
    if is_made {
        line.gate.succeeded(false);
        return Ok(());
    }
    let trouble = Trouble { cause: Cause::Failing, message: DOES_NOTHING.into() };
    let who = Some(session.action.action_id);
    session.blame = line.gate.failed(who, false, trouble, line.clock.now(), line.random.unit());
    let message = "the answer says success and shows no user, and the user is not as it was to be";
    Err(Failure::new(FailureKind::Malformed, Some(200), message).into())
}

fn is_about_the_path(scim_type: Option<&str>) -> bool {
    matches!(scim_type, Some("invalidPath" | "noTarget" | "invalidSyntax"))
}
