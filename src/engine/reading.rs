//! Reading one user without believing too much, by an action and beside all actions alike.

use std::future::Future;

use super::session::{Interrupt, Line, Session};
use super::tenant;
use crate::core::planted::{self, Fault};
use crate::core::scim::list::UserPage;
use crate::core::scim::{Answer, Failure, FailureKind, RemoteUser, ScimPort, ScimRequest};

const ONLY_ONE: &str = "Workiva answers 404 for this user, and no other one is linked, so nothing shows that it is the right tenant. Look: \
                        where the user was deleted there, have `workiva-sync drift --repair` take that for the state, or discard this if there is no user at all; else correct \
                        workiva.base_url, or what the SCIM user may see; then retry";

/// Somebody who can ask Workiva something that changes nothing.
pub trait Ask: Send {
    /// The connection.
    type Port: ScimPort;

    /// Asks; what may pass is asked again.
    ///
    /// # Errors
    /// The last failure, or why it was not asked.
    fn ask(&mut self, request: &ScimRequest) -> impl Future<Output = Result<Answer, Interrupt>> + Send;

    /// The line that is asked on.
    fn line(&self) -> &Line<Self::Port>;

    /// A 404 came for the only user who is linked, so no other shows whether the tenant is ours. Whether that is believed.
    ///
    /// # Errors
    /// Where it is not.
    fn only_one_linked(&self) -> Result<(), Interrupt> {
        Ok(())
    }
}

impl<P: ScimPort> Ask for Session<'_, P> {
    type Port = P;

    async fn ask(&mut self, request: &ScimRequest) -> Result<Answer, Interrupt> {
        self.read(request).await
    }

    fn line(&self) -> &Line<P> {
        self.line
    }

    fn only_one_linked(&self) -> Result<(), Interrupt> {
        Err(Interrupt::Park(ONLY_ONE.into()))
    }
}

/// A user who may be gone.
pub enum Found {
    /// As Workiva shows it.
    Here(RemoteUser),
    /// Not there, and Workiva answers otherwise.
    Gone,
}

/// Reads a user by id. A 404 is believed only if the list of users is there, and is one, and if the tenant shows somebody else who is
/// linked: else the address may be wrong. Even then the user is asked for once more: the address may have been wrong until a moment ago.
///
/// # Errors
/// Where Workiva cannot be asked, answers nonsense, or shows nobody who is linked.
pub async fn read_user(asker: &mut impl Ask, id: &str) -> Result<Found, Interrupt> {
    read(asker, id, true).await
}

/// The same of a user whom Workiva has just accepted to delete: that it knew the user shows whose tenant it is.
///
/// # Errors
/// Where Workiva cannot be asked or answers nonsense.
pub async fn read_deleted(asker: &mut impl Ask, id: &str) -> Result<Found, Interrupt> {
    read(asker, id, false).await
}

async fn read(asker: &mut impl Ask, id: &str, is_tenant_in_doubt: bool) -> Result<Found, Interrupt> {
    if let Some(user) = get(asker, id).await? {
        return Ok(Found::Here(user));
    }
    if planted::is(Fault::BelievedNotFound) {
        return Ok(Found::Gone);
    }
    let page = match asker.ask(&ScimRequest::ListUsers { start_index: 1, count: 1 }).await {
        Ok(answer) => UserPage::read(&answer)?,
        Err(Interrupt::Failed(failure)) if failure.kind == FailureKind::NotFound => {
            let message = "Workiva knows neither this user nor the list of users; is workiva.base_url right?";
            return Err(Failure::new(FailureKind::Malformed, Some(404), message).into());
        }
        Err(other) => return Err(other),
    };
    if is_tenant_in_doubt {
        tenant::insist_on_ours(asker, id, &page).await?;
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
