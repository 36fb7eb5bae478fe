//! A stand-in for Workiva's SCIM side, on loopback, for trying out, testing and measuring without a tenant.
//!
//! What it does is either documented of Workiva (**D**), inferred from what is documented (**I**), or assumed
//! because nothing public says (**?**). A client that works here is not thereby proven against Workiva.
//!
//! - **D**: Basic and Bearer credentials; user names without spaces and capital letters; first name, last name
//!   and an e-mail are required; deactivating suspends and can be undone; a user of more than one organization
//!   cannot be suspended or activated by one of them; 429 with `Retry-After` on load and bodies up to 10 MB
//!   (both documented of the REST side only).
//! - **D**: groups carry organization roles, workspaces (`workspace:…`), and roles and groups inside of a workspace
//!   (`workspace:…:group:…`), which need the membership of the workspace: without it a request is held up to 30 s
//!   and then fails. Who is in no workspace any more is suspended, and activated when added to one again.
//! - **I**: suspending is `active: false` on the wire; that refusal of another organization's users shows as
//!   silence (the default) or as 403 ([`Behaviour::owned_elsewhere_refuses`]).
//! - **?**: everything else follows RFC 7643 and 7644: the path `/scim/v2`, the media type,
//!   `ServiceProviderConfig`, PATCH and PUT and DELETE, filters (`eq` on a few attributes, joined by `and`),
//!   paging with a cap, 409 with `scimType: uniqueness`, unknown attributes being stored, ids, error bodies.
//!   [`Behaviour`] turns many of these into what other servers do. There are no ETags, no Bulk, no sorting, and of
//!   users `attributes` and `excludedAttributes` are ignored.
//!
//! Of a user who is owned elsewhere only `active` is protected, and DELETE answers 403; Workiva documents that
//! such a user cannot be edited at all, but not what the wire then says.

mod answer;
mod attributes;
mod control;
mod faults;
mod filter;
mod groups;
mod http;
mod line;
mod membership;
mod options;
mod patch;
mod refusal;
mod scim;
mod tenant;
mod users;
mod world;

#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::Router;
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use self::{
    faults::FaultInjector,
    line::{Line, Lines},
    world::Shared,
};
pub use self::{
    faults::{FaultKind, Faults},
    options::{Behaviour, SandboxError, SandboxOptions},
    refusal::Refusal,
    tenant::{Tenant, TenantAnswer},
    world::{Outage, Statistics},
};

/// Starts a sandbox on the ambient tokio runtime.
///
/// # Errors
/// Where the options make no sense, the address is not a loopback one, or it cannot be bound.
pub async fn start(options: SandboxOptions) -> Result<RunningSandbox, SandboxError> {
    options.check()?;
    let bind_error = |source| SandboxError::Bind { address: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(bind_error)?;
    let address = listener.local_addr().map_err(bind_error)?;
    let shared = Arc::new(Shared::new(&options, base_url(address)));
    let (stop, stopped) = watch::channel(false);
    let mut end = stopped.clone();
    let service = Router::new()
        .fallback(http::handle)
        .with_state(Arc::clone(&shared))
        .into_make_service_with_connect_info::<Line>();
    let server = axum::serve(Lines { listener, stopped }, service).with_graceful_shutdown(async move {
        // An error says that the handle was dropped, which stops the server too.
        let _ = end.wait_for(|stopped| *stopped).await;
    });
    let task = tokio::spawn(async move {
        // Serving only ends by the shutdown above; the result is always Ok.
        let _ = server.await;
    });
    Ok(RunningSandbox { address, shared, stop, task })
}

fn base_url(address: SocketAddr) -> String {
    format!("http://{address}/scim/v2")
}

/// A sandbox that serves until it is stopped or dropped; both break every connection.
pub struct RunningSandbox {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl RunningSandbox {
    /// The SCIM base URL, `http://127.0.0.1:PORT/scim/v2`.
    #[must_use]
    pub fn base_url(&self) -> String {
        base_url(self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every user as it is kept, sorted by user name.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        self.shared.world().directory.snapshot()
    }

    /// The user with this id, if there is one.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<Value> {
        self.shared.world().directory.get(id).ok().cloned().map(Value::Object)
    }

    /// What was asked so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.world().statistics.clone()
    }

    /// Puts a user there without SCIM, and returns the id. Of Workiva's demands only a unique `userName` is
    /// made; `active` defaults to true.
    ///
    /// # Errors
    /// Where the value is no object, or its user name is missing or taken.
    pub fn seed_user(&self, user: Value) -> Result<String, Refusal> {
        let Value::Object(user) = user else { return Err(Refusal::syntax("a user is an object")) };
        self.seed(user)
    }

    fn seed(&self, user: Map<String, Value>) -> Result<String, Refusal> {
        let mut world = self.shared.world();
        let user = world.directory.seed(user, false, http::now())?;
        Ok(user["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Somebody edits a user in Workiva by hand. `id` and `meta` cannot be edited.
    ///
    /// # Errors
    /// Where there is no such user, or the new user name is missing or taken.
    pub fn edit_user(&self, id: &str, edit: impl FnOnce(&mut Value)) -> Result<(), Refusal> {
        self.shared.world().directory.edit(id, edit, http::now())
    }

    /// Somebody deletes a user in Workiva by hand.
    ///
    /// # Errors
    /// Where there is no such user, or another organization owns them.
    pub fn delete_user(&self, id: &str) -> Result<(), Refusal> {
        self.shared.world().delete_user(id)
    }

    /// From now on the user belongs to another organization, too, and cannot be suspended or activated.
    ///
    /// # Errors
    /// Where there is no such user.
    pub fn own_elsewhere(&self, id: &str) -> Result<(), Refusal> {
        self.shared.world().directory.own_elsewhere(id)
    }

    /// Puts a group there, without members.
    ///
    /// # Errors
    /// Where the id is empty or taken.
    pub fn seed_group(&self, id: &str, name: &str) -> Result<(), Refusal> {
        self.shared.world().groups.seed(id, name, http::now())
    }

    /// Somebody gives a group these members by hand, with all that this does to them.
    ///
    /// # Errors
    /// Where there is no such group.
    pub fn set_members(&self, id: &str, users: impl IntoIterator<Item = String>) -> Result<(), Refusal> {
        membership::set_members(&mut self.shared.world(), id, users.into_iter().collect(), http::now())
    }

    /// Somebody gives a group another name by hand.
    ///
    /// # Errors
    /// Where there is no such group.
    pub fn rename_group(&self, id: &str, name: &str) -> Result<(), Refusal> {
        self.shared.world().groups.rename(id, name, http::now())
    }

    /// Somebody deletes a group by hand, with what is inside of it: first everybody leaves it.
    ///
    /// # Errors
    /// Where there is no such group.
    pub fn remove_group(&self, id: &str) -> Result<(), Refusal> {
        self.set_members(id, [])?;
        self.shared.world().groups.remove(id);
        Ok(())
    }

    /// Who is in a group, by the ids of the users.
    #[must_use]
    pub fn members(&self, id: &str) -> Vec<String> {
        let world = self.shared.world();
        world.groups.members(id).map(|members| members.iter().cloned().collect()).unwrap_or_default()
    }

    /// Other faults from the next request on; the generator begins anew at their seed. A rate outside of 0 to
    /// 1 counts as the nearer end.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.world().faults = FaultInjector::new(faults);
    }

    /// Another behaviour from the next request on. Users that are there keep their ids.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.shared.world().directory.behaviour = behaviour;
    }

    /// Down answers 503 to everything; for broken connections see [`RunningSandbox::set_outage`].
    pub fn set_down(&self, down: bool) {
        self.set_outage(if down { Outage::Unavailable } else { Outage::None });
    }

    /// Begins or ends an outage.
    pub fn set_outage(&self, outage: Outage) {
        self.shared.world().outage = outage;
    }

    /// The Basic password from now on.
    pub fn set_password(&self, password: &SecretString) {
        self.shared.world().set_password(password);
    }

    /// Stops serving: the port is free and every connection is broken when this returns.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        self.wait().await;
    }

    /// Waits until the sandbox has ended.
    pub async fn wait(&mut self) {
        // A panic of the server task is an end like any other.
        let _ = (&mut self.task).await;
    }
}

/// Written by hand so that no user and no secret is printed.
impl fmt::Debug for RunningSandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RunningSandbox").field("address", &self.address).finish_non_exhaustive()
    }
}
