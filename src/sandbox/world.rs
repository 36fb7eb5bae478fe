//! What the requests share: the directory, the faults, the credentials, the counters.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    faults::{Fault, FaultInjector, FaultKind},
    groups::Groups,
    options::SandboxOptions,
    refusal::Refusal,
    users::Directory,
};

/// What was asked of the sandbox so far; requests to the control endpoints are not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Statistics {
    /// All requests, those that met a fault or were refused included.
    pub requests: u64,
    /// Requests by HTTP method.
    pub by_method: BTreeMap<String, u64>,
    /// Users created.
    pub creates: u64,
    /// PUT and PATCH that were applied, whether or not they changed anything.
    pub updates: u64,
    /// Of the updates, those after which the user was as before.
    pub unchanged_updates: u64,
    /// Users deleted.
    pub deletes: u64,
    /// Memberships of groups that began.
    pub members_added: u64,
    /// Memberships of groups that ended by a change of the group.
    pub members_removed: u64,
    /// Requests without the right credentials.
    pub unauthorized: u64,
    /// Requests above the rate limit; throttling faults are counted with the faults.
    pub throttled: u64,
    /// Requests that met a fault.
    pub faults: u64,
    /// Faults by kind.
    pub faults_by_kind: BTreeMap<FaultKind, u64>,
    /// The most requests that were open at one time.
    pub largest_concurrent_requests: u32,
    /// The most writes that were open for one user (by id, for POST by user name) at one time.
    pub largest_concurrent_writes_to_one_user: u32,
}

/// How the sandbox is unreachable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// It is reachable.
    #[default]
    None,
    /// Every request is answered 503.
    Unavailable,
    /// Every request's connection is reset.
    Dropped,
    /// Every request is answered 429 with a `Retry-After` of five minutes.
    Throttled,
}

/// Everything behind one lock, which is never held across an await.
pub(super) struct World {
    pub(super) directory: Directory,
    pub(super) groups: Groups,
    pub(super) faults: FaultInjector,
    pub(super) statistics: Statistics,
    pub(super) outage: Outage,
    credentials: Credentials,
    open_requests: u32,
    open_writes: HashMap<String, u32>,
}

struct Credentials {
    username: String,
    basic: SecretString,
    bearer: Option<SecretString>,
}

impl Credentials {
    fn basic(username: &str, password: &SecretString) -> SecretString {
        let pair = format!("{username}:{}", password.expose_secret());
        SecretString::from(BASE64_STANDARD.encode(pair))
    }
}

impl World {
    /// An empty one as these options have it.
    pub(super) fn new(options: &SandboxOptions, base_url: String) -> Self {
        let credentials = Credentials {
            basic: Credentials::basic(&options.username, &options.password),
            username: options.username.clone(),
            bearer: options.bearer.clone(),
        };
        World {
            directory: Directory::new(base_url, options.faults.seed, options.behaviour.clone()),
            groups: Groups::default(),
            faults: FaultInjector::new(options.faults.clone()),
            statistics: Statistics::default(),
            outage: Outage::None,
            credentials,
            open_requests: 0,
            open_writes: HashMap::new(),
        }
    }

    /// Whether an Authorization header is the right one, by Basic or Bearer.
    pub(super) fn authorizes(&self, header: Option<&str>) -> bool {
        let Some((scheme, token)) = header.and_then(|header| header.split_once(' ')) else { return false };
        let expected = match scheme.to_ascii_lowercase().as_str() {
            "basic" => Some(&self.credentials.basic),
            "bearer" => self.credentials.bearer.as_ref(),
            _ => None,
        };
        expected.is_some_and(|expected| expected.expose_secret() == token.trim())
    }

    pub(super) fn set_password(&mut self, password: &SecretString) {
        self.credentials.basic = Credentials::basic(&self.credentials.username, password);
    }

    /// Removes a user, and from every group.
    pub(super) fn delete_user(&mut self, id: &str) -> Result<(), Refusal> {
        self.directory.delete(id)?;
        self.groups.forget(id);
        Ok(())
    }

    /// Draws the fault of the next request and counts it.
    pub(super) fn draw_fault(&mut self) -> Option<Fault> {
        let fault = self.faults.draw()?;
        self.statistics.faults += 1;
        *self.statistics.faults_by_kind.entry(fault.kind).or_default() += 1;
        Some(fault)
    }
}

/// The world, and the rate limit, which has its own synchronisation.
pub(super) struct Shared {
    world: Mutex<World>,
    /// How long a request is held that needs a workspace which a member is not in.
    pub(super) hold: Duration,
    limiter: Option<DefaultDirectRateLimiter>,
}

impl Shared {
    pub(super) fn new(options: &SandboxOptions, base_url: String) -> Self {
        let world = World::new(options, base_url);
        let rate = options.requests_per_second.and_then(NonZeroU32::new);
        let limiter = rate.map(|rate| RateLimiter::direct(Quota::per_second(rate)));
        Shared { world: Mutex::new(world), hold: options.hold, limiter }
    }

    /// The world. A handler that panicked leaves it usable: nothing in it is half written across a call.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole seconds, at least 1, after which a request above the rate limit may come again.
    pub(super) fn seconds_over_limit(&self) -> Option<u64> {
        let until = self.limiter.as_ref()?.check().err()?;
        let wait = until.wait_time_from(DefaultClock::default().now());
        Some(wait.as_secs() + 1)
    }
}

/// A request that is being answered; it ends when this is dropped, also where the client went away.
pub(super) struct OpenRequest {
    shared: Arc<Shared>,
    written: Option<String>,
}

impl OpenRequest {
    /// Counts a request as begun.
    pub(super) fn begin(shared: &Arc<Shared>, method: &str) -> Self {
        let mut world = shared.world();
        world.open_requests += 1;
        let open = world.open_requests;
        let statistics = &mut world.statistics;
        statistics.requests += 1;
        match statistics.by_method.get_mut(method) {
            Some(count) => *count += 1,
            None => drop(statistics.by_method.insert(method.to_owned(), 1)),
        }
        statistics.largest_concurrent_requests = statistics.largest_concurrent_requests.max(open);
        drop(world);
        OpenRequest { shared: Arc::clone(shared), written: None }
    }

    /// Counts the request as a write to this user.
    pub(super) fn writes(&mut self, user: String) {
        let mut world = self.shared.world();
        let open = world.open_writes.entry(user.clone()).or_default();
        *open += 1;
        let open = *open;
        let largest = &mut world.statistics.largest_concurrent_writes_to_one_user;
        *largest = (*largest).max(open);
        self.written = Some(user);
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut world = self.shared.world();
        world.open_requests -= 1;
        let Some(user) = self.written.take() else { return };
        if let Some(open) = world.open_writes.get_mut(&user) {
            *open -= 1;
            if *open == 0 {
                world.open_writes.remove(&user);
            }
        }
    }
}
