//! All users of Workiva, by the attributes that recognise one: listed once, where asking for each would cost more.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::reading::{Ask, Found, read_user};
use super::session::{Interrupt, Line};
use crate::core::roster::Roster;
use crate::core::scim::list::{UserPage, Walk, WalkError, WalkStep};
use crate::core::scim::{Answer, Failure, FailureKind, RemoteUser, ScimPort, ScimRequest};
use crate::core::value::folded;

/// How long a listing spares asking for each person. Somebody who is made by hand meanwhile is found by the server's own
/// refusal of a second user with that name.
const PREPARED_FOR: Duration = Duration::from_secs(30 * 60);

/// How often a listing is made that has to hold everybody, while the server changes it.
const LISTING_TRIES: u32 = 3;

/// What is kept of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Workiva's id.
    pub id: String,
    /// Our key, where Workiva keeps it.
    pub external_id: Option<String>,
}

/// One listing.
#[derive(Debug, Default)]
pub struct Listing {
    by_user_name: HashMap<String, Vec<Entry>>,
    by_external_id: HashMap<String, Vec<Entry>>,
    by_address: HashMap<String, Vec<Entry>>,
}

impl Listing {
    fn add(&mut self, user: &RemoteUser, with_address: bool) {
        let Some(id) = user.id.clone() else { return };
        let entry = Entry { id, external_id: user.external_id.clone().filter(|id| !id.is_empty()) };
        if let Some(external_id) = &entry.external_id {
            self.by_external_id.entry(external_id.clone()).or_default().push(entry.clone());
        }
        if let Some(address) = user.attribute("emails.work").filter(|_| with_address) {
            self.by_address.entry(folded(&address)).or_default().push(entry.clone());
        }
        if let Some(name) = &user.user_name {
            self.by_user_name.entry(folded(name)).or_default().push(entry);
        }
    }

    /// Users with this `externalId`.
    pub fn with_external_id(&self, value: &str) -> &[Entry] {
        self.by_external_id.get(value).map_or(&[], Vec::as_slice)
    }

    /// Users with this work e-mail address, regardless of case; none where user names are not chosen among several, since nobody asks then.
    pub fn with_address(&self, value: &str) -> &[Entry] {
        self.by_address.get(&folded(value)).map_or(&[], Vec::as_slice)
    }

    /// Users with this user name, regardless of case.
    pub fn with_user_name(&self, value: &str) -> &[Entry] {
        self.by_user_name.get(&folded(value)).map_or(&[], Vec::as_slice)
    }
}

/// The newest listing, and when it was begun: by what has passed, since after the clock on the wall was set back an old listing
/// would count as a new one.
#[derive(Debug, Default)]
pub struct Directory {
    listing: Mutex<Option<(Duration, Arc<Listing>)>>,
    loading: tokio::sync::Mutex<()>,
}

impl Directory {
    /// The listing, if one is there that was begun after `since`: at the same moment does not tell which came first.
    pub fn newest(&self, since: Option<Duration>) -> Option<Arc<Listing>> {
        let held = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .filter(|(begun, _)| since.is_none_or(|since| *begun > since))
            .map(|(_, listing)| Arc::clone(listing))
    }

    /// The listing that was made before many creates, unless it is too old by now to say who is not there.
    pub fn prepared(&self, now: Duration) -> Option<Arc<Listing>> {
        self.newest(now.checked_sub(PREPARED_FOR))
    }

    /// Forgets the listing.
    pub fn forget(&self) {
        *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The listing as of later than `since`; lists all users where there is none. Workers that want one at the same time
    /// share it.
    ///
    /// # Errors
    /// Where a page fails for good, or the server's paging cannot be followed.
    pub async fn load<P: ScimPort>(
        &self,
        line: &Line<P>,
        since: Option<Duration>,
    ) -> Result<Arc<Listing>, Interrupt> {
        let _only_one = self.loading.lock().await;
        if let Some(listing) = self.newest(since) {
            return Ok(listing);
        }
        let begun = line.clock.elapsed();
        let listing = Arc::new(list_all(line).await?);
        *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = Some((begun, Arc::clone(&listing)));
        Ok(listing)
    }

    /// Lists all users before a large number of creates, if that takes fewer requests than asking for each of them.
    pub async fn prepare<P: ScimPort>(&self, line: &Line<P>, creates: u64) {
        let asked_for_each = creates * line.manner.match_existing.len() as u64;
        let Ok(page) = read_page(line, &Walk::new(line.manner.page_size)).await else { return };
        let size = page.users.len().max(1) as u64;
        let pages = page.total.map_or(u64::MAX, |total| total.div_ceil(size));
        if pages < asked_for_each {
            // A failure is no harm: each create then asks for itself.
            if let Err(error) = self.load(line, None).await {
                tracing::debug!(?error, "users could not be listed in advance");
            }
        }
    }
}

async fn list_all<P: ScimPort>(line: &Line<P>) -> Result<Listing, Interrupt> {
    let mut listing = Listing::default();
    match each_user(line, |user| listing.add(user, line.manner.chooses_names)).await {
        Ok(_) => Ok(listing),
        Err(ListingError::Stopped(interrupt)) => Err(interrupt),
        Err(error) => Err(Interrupt::Park(format!(
            "Workiva's users cannot be listed ({error}), so it is not known whether this person has an account; find out, \
             then retry or discard"
        ))),
    }
}

/// Why not all users could be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// A page failed for good.
    #[error("{}", .0.said())]
    Stopped(Interrupt),
    /// The server's paging cannot be followed.
    #[error(transparent)]
    Paging(#[from] WalkError),
    /// The server counts other numbers of users on the way than it shows.
    #[error(
        "Workiva counts {} users and shows {seen}, or counts differently from page to page: people are being added or removed, \
         or its paging is broken. Try again later",
        .total.map_or_else(|| "no".to_owned(), |total| total.to_string())
    )]
    Unsteady {
        /// How many different users were shown.
        seen: u64,
        /// How many the server counted in the end.
        total: Option<u64>,
    },
}

/// Every user, with the values of these SCIM paths. A listing that the server changes meanwhile is made again, a few times.
///
/// # Errors
/// Where the listing fails, or cannot be trusted to hold everybody.
pub async fn roster<P: ScimPort>(line: &Line<P>, paths: &BTreeSet<String>) -> Result<Roster, ListingError> {
    let mut tries = 1;
    loop {
        let mut roster = Roster::new(paths);
        let walk = each_user(line, |user| roster.add(user)).await?;
        if walk.is_steady() {
            return Ok(roster);
        }
        if tries == LISTING_TRIES {
            return Err(ListingError::Unsteady { seen: walk.seen(), total: walk.total() });
        }
        tries += 1;
    }
}

async fn each_user<P: ScimPort>(
    line: &Line<P>,
    mut each: impl FnMut(&RemoteUser),
) -> Result<Walk, ListingError> {
    let mut walk = Walk::new(line.manner.page_size);
    loop {
        let page = read_page(line, &walk).await.map_err(ListingError::Stopped)?;
        match walk.accept(page)? {
            WalkStep::More(users) => users.iter().for_each(&mut each),
            WalkStep::Last(users) => {
                users.iter().for_each(&mut each);
                return Ok(walk);
            }
        }
    }
}

async fn read_page<P: ScimPort>(line: &Line<P>, walk: &Walk) -> Result<UserPage, Interrupt> {
    ask(line, &walk.next_request(), UserPage::read).await
}

/// Reads one user as they are now, by the rule of every action: one 404 is not believed.
///
/// # Errors
/// Where Workiva cannot be asked, or answers something that is no user.
pub async fn read_one<P: ScimPort>(line: &Line<P>, id: &str) -> Result<Found, Interrupt> {
    read_user(&mut Aside(line), id).await
}

/// Asks beside all actions.
struct Aside<'a, P>(&'a Line<P>);

impl<P: ScimPort> Ask for Aside<'_, P> {
    type Port = P;

    async fn ask(&mut self, request: &ScimRequest) -> Result<Answer, Interrupt> {
        let is_one = matches!(request, ScimRequest::GetUser { .. });
        let read = |answer: &Answer| match answer.user() {
            None if is_one => {
                Err(Failure::new(FailureKind::Malformed, Some(answer.status), "the answer is no user"))
            }
            _ => Ok(answer.clone()),
        };
        ask(self.0, request, read).await
    }

    fn line(&self) -> &Line<P> {
        self.0
    }
}

/// Asks outside of any action; what may pass is asked again.
async fn ask<P: ScimPort, T>(
    line: &Line<P>,
    request: &ScimRequest,
    read: impl Fn(&Answer) -> Result<T, Failure>,
) -> Result<T, Interrupt> {
    let mut failure = Failure::new(FailureKind::NoAnswer, None, "nothing was asked");
    for attempt in 1..=line.manner.retry.max_attempts {
        let exchange = line.exchange(request).await?;
        match exchange.result.and_then(|answer| read(&answer)) {
            Ok(read) => return Ok(read),
            Err(error) if error.is_transient() && error.kind != FailureKind::Unreachable => failure = error,
            Err(error) => return Err(error.into()),
        }
        let wait = crate::core::retry::backoff(attempt, &line.manner.retry, line.random.unit());
        line.clock.sleep(wait).await;
    }
    Err(failure.into())
}
