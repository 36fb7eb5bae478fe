//! The stand-in without its server: a request in, an answer out, for simulations in one process.

use std::collections::BTreeSet;

use axum::http::{Method, header};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    membership,
    options::{Behaviour, SandboxOptions},
    refusal::Refusal,
    scim::{self, Target},
    world::World,
};

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// Where a new user is.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The users of the stand-in, with the very rules of the server. It has no clock, no faults and no credentials.
pub struct Tenant {
    world: World,
}

impl Tenant {
    /// An empty one with these ways.
    #[must_use]
    pub fn new(behaviour: Behaviour) -> Self {
        let options = SandboxOptions { behaviour, ..SandboxOptions::default() };
        Self { world: World::new(&options, "https://workiva.invalid/scim/v2".to_owned()) }
    }

    /// Answers a request; `path_and_query` begins behind the base URL.
    pub fn answer(
        &mut self,
        method: &str,
        path_and_query: &str,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> TenantAnswer {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let target = Target::read(&format!("/scim/v2{path}"), query);
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::TRACE);
        let answer = scim::answer(&mut self.world, &method, target, scim::parse_body(body), now);
        let location = answer.headers.iter().find(|(name, _)| *name == header::LOCATION);
        TenantAnswer {
            status: answer.status.as_u16(),
            content_type: answer.content_type,
            location: location.and_then(|(_, value)| value.to_str().ok()).map(str::to_owned),
            body: answer.body,
        }
    }

    /// Every user as it is kept, sorted by user name.
    #[must_use]
    pub fn users(&self) -> Vec<Value> {
        self.world.directory.snapshot()
    }

    /// The user with this id, if there is one.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<&Map<String, Value>> {
        self.world.directory.get(id).ok()
    }

    /// Puts a user there without SCIM, and returns the id.
    ///
    /// # Errors
    /// Where the user name is missing or taken.
    pub fn seed_user(&mut self, user: Map<String, Value>, now: DateTime<Utc>) -> Result<String, Refusal> {
        let user = self.world.directory.seed(user, false, now)?;
        Ok(user["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Somebody edits a user by hand. `id` and `meta` cannot be edited.
    ///
    /// # Errors
    /// Where there is no such user, or the new user name is missing or taken.
    pub fn edit_user(
        &mut self,
        id: &str,
        edit: impl FnOnce(&mut Value),
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.world.directory.edit(id, edit, now)
    }

    /// Somebody deletes a user by hand.
    ///
    /// # Errors
    /// Where there is no such user, or another organization owns them.
    pub fn delete_user(&mut self, id: &str) -> Result<(), Refusal> {
        self.world.delete_user(id)
    }

    /// Puts a group there, without members.
    ///
    /// # Errors
    /// Where the id is empty or taken.
    pub fn seed_group(&mut self, id: &str, name: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.world.groups.seed(id, name, now)
    }

    /// Somebody gives a group these members by hand, with all that this does to them.
    ///
    /// # Errors
    /// Where there is no such group.
    pub fn set_members(
        &mut self,
        id: &str,
        users: BTreeSet<String>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        membership::set_members(&mut self.world, id, users, now)
    }

    /// Who is in a group, by the ids of the users.
    #[must_use]
    pub fn members(&self, id: &str) -> BTreeSet<String> {
        self.world.groups.members(id).cloned().unwrap_or_default()
    }

    /// From now on the user belongs to another organization, too.
    ///
    /// # Errors
    /// Where there is no such user.
    pub fn own_elsewhere(&mut self, id: &str) -> Result<(), Refusal> {
        self.world.directory.own_elsewhere(id)
    }
}
