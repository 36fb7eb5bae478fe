//! Reading one user without believing too much, by an action and beside all actions alike.

use std::future::Future;

use super::session::Interrupt;
use crate::core::planted::{self, Fault};
use crate::core::scim::list::UserPage;
use crate::core::scim::{Answer, Failure, FailureKind, RemoteUser, ScimRequest};

/// Somebody who can ask Workiva something that changes nothing.
pub trait Ask: Send {
    /// Asks; what may pass is asked again.
    ///
    /// # Errors
    /// The last failure, or why it was not asked.
    fn ask(&mut self, request: &ScimRequest) -> impl Future<Output = Result<Answer, Interrupt>> + Send;
}

/// A user who may be gone.
pub enum Found {
    /// As Workiva shows it.
    Here(RemoteUser),
    /// Not there, and Workiva answers otherwise.
    Gone,
}

/// Reads a user by id. A 404 is believed only if the list of users is there, and is one: else the address may be wrong. Even
/// then the user is asked for once more: the address may have been wrong until a moment ago.
///
/// # Errors
/// Where Workiva cannot be asked or answers nonsense.
pub async fn read_user(asker: &mut impl Ask, id: &str) -> Result<Found, Interrupt> {
    if let Some(user) = get(asker, id).await? {
        return Ok(Found::Here(user));
    }
    if planted::is(Fault::BelievedNotFound) {
        return Ok(Found::Gone);
    }
    match asker.ask(&ScimRequest::ListUsers { start_index: 1, count: 1 }).await {
        Ok(answer) => {
            UserPage::read(&answer)?;
        }
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::NotFound => {
            let message = "Workiva knows neither this user nor the list of users; is workiva.base_url right?";
            return Err(Failure::new(FailureKind::Malformed, Some(404), message).into());
        }
        Err(other) => return Err(other),
    }
    Ok(get(asker, id).await?.map_or(Found::Gone, Found::Here))
}

/// `None`: 404.
async fn get(asker: &mut impl Ask, id: &str) -> Result<Option<RemoteUser>, Interrupt> {
    let answer = match asker.ask(&ScimRequest::GetUser { id: id.to_owned() }).await {
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::NotFound => return Ok(None),
        answered => answered?,
    };
    match answer.user() {
        Some(user) => Ok(Some(user)),
        None => {
            Err(Failure::new(FailureKind::Malformed, Some(answer.status), "the answer is no user").into())
        }
    }
}
