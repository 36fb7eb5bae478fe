//! Whether it is our tenant that answers. A Workiva that shows none of the users who are linked is a wrong address, or a SCIM user who has
//! lost sight of them; that it answers 404 for one of them says nothing then.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::reading::Ask;
use super::session::{Interrupt, Line};
use crate::core::scim::list::UserPage;
use crate::core::scim::{Answer, FailureKind, ScimPort, ScimRequest};
use crate::core::verdict::{Cause, SHOWS_NOBODY_OF_OURS, Trouble};
use crate::store::Store;

/// How long it is remembered that the tenant was seen to be ours: many users may be gone at a time, and one look is enough for them. No
/// longer, since what is believed meanwhile is believed unseen.
const SEEN_FOR: Duration = Duration::from_secs(10);
/// How many linked users are asked for, others each time: some may be gone as well.
const ASKED: u32 = 8;
/// How many pages of the list are looked through behind that: most users may be nobody's.
const PAGES: u32 = 20;

/// What is known of the tenant.
#[derive(Debug, Default)]
pub struct Tenant(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// When it was last seen to be ours, by what has passed.
    ours: Option<Duration>,
    /// For whom it was not: the probe asks for the same witnesses, or it would end an outage that the next action begins anew.
    missing: Option<String>,
}

impl Tenant {
    fn was_ours(&self, now: Duration) -> bool {
        self.seen().ours.is_some_and(|seen| now < seen + SEEN_FOR)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose tenant it is.
enum Whose {
    /// It shows somebody who is linked.
    Ours,
    /// It shows nobody who is linked.
    Anothers,
    /// Nobody else is linked, so nothing tells.
    Unknown,
}

/// Looks, behind a 404 for the linked user `missing`, whether Workiva shows anybody else who is linked. `page` is what its list of users
/// has just shown. Where it does not, that is an outage from here on.
///
/// # Errors
/// Where it does not, where nobody else is linked and the asker does not believe the 404 for that, or where Workiva cannot be asked.
pub async fn insist_on_ours(asker: &mut impl Ask, missing: &str, page: &UserPage) -> Result<(), Interrupt> {
    let now = asker.line().clock.elapsed();
    if asker.line().tenant.was_ours(now) {
        return Ok(());
    }
    match look(asker, Some(missing), page).await? {
        Whose::Ours => {
            *asker.line().tenant.seen() = Seen { ours: Some(now), missing: None };
            Ok(())
        }
        Whose::Unknown => asker.only_one_linked(),
        Whose::Anothers => {
            let (line, trouble) = (asker.line(), trouble());
            line.tenant.seen().missing = Some(missing.to_owned());
            let message = trouble.message.clone();
            line.gate.failed(None, true, trouble, line.clock.now(), line.random.unit());
            Err(Interrupt::Outage(message))
        }
    }
}

/// What is wrong with the tenant, if anything is: the probe of an outage that was one of the tenant.
///
/// # Errors
/// Where Workiva cannot be asked, or the pool was told to stop meanwhile.
pub async fn trouble_with<P: ScimPort>(line: &Line<P>) -> Result<Option<Trouble>, Interrupt> {
    let mut asker = Probing(line);
    let answer = asker.ask(&ScimRequest::ListUsers { start_index: 1, count: 1 }).await?;
    let page = UserPage::read(&answer)?;
    let missing = line.tenant.seen().missing.clone();
    Ok(match look(&mut asker, missing.as_deref(), &page).await? {
        Whose::Ours | Whose::Unknown => None,
        Whose::Anothers => Some(trouble()),
    })
}

fn trouble() -> Trouble {
    Trouble { cause: Cause::Stranger, message: SHOWS_NOBODY_OF_OURS.into() }
}

async fn look(asker: &mut impl Ask, missing: Option<&str>, page: &UserPage) -> Result<Whose, Interrupt> {
    let (store, page_size) = (asker.line().store.clone(), asker.line().manner.page_size);
    if shows_ours(&store, page, missing).await? {
        return Ok(Whose::Ours);
    }
    let others = store.some_linked(missing, ASKED, asker.line().random.unit()).await?;
    if others.is_empty() {
        return Ok(Whose::Unknown);
    }
    for id in others {
        match asker.ask(&ScimRequest::GetUser { id }).await {
            Ok(answer) if answer.user().is_some() => return Ok(Whose::Ours),
            // Somebody else may be gone as well, or forbidden.
            Ok(_) => {}
            Err(Interrupt::Failed(failure))
                if matches!(failure.kind, FailureKind::NotFound | FailureKind::Forbidden) => {}
            Err(other) => return Err(other),
        }
    }
    let mut start_index = 1;
    for _ in 0..PAGES {
        let request = ScimRequest::ListUsers { start_index, count: page_size };
        let page = UserPage::read(&asker.ask(&request).await?)?;
        if shows_ours(&store, &page, missing).await? {
            return Ok(Whose::Ours);
        }
        start_index += page.users.len() as u64;
        if page.users.is_empty() || page.total.is_none_or(|total| start_index > total) {
            break;
        }
    }
    Ok(Whose::Anothers)
}

async fn shows_ours(store: &Store, page: &UserPage, missing: Option<&str>) -> Result<bool, Interrupt> {
    let ids: Vec<&str> = page.users.iter().filter_map(|user| user.id.as_deref()).collect();
    Ok(!ids.is_empty() && store.is_any_linked(&ids, missing).await?)
}

/// Asks while the breaker is open.
struct Probing<'a, P>(&'a Line<P>);

impl<P: ScimPort> Ask for Probing<'_, P> {
    type Port = P;

    async fn ask(&mut self, request: &ScimRequest) -> Result<Answer, Interrupt> {
        Ok(self.0.ask_past_gate(request).await?.result?)
    }

    fn line(&self) -> &Line<P> {
        self.0
    }
}
