//! Finding the account that a person may already have, and whether it is provably theirs.

use std::time::Duration;

use crate::core::action::Target;
use crate::core::identity::{
    MatchAttribute, Named, Unproven, has_other_names, is_another_person, prove, prove_named,
};
use crate::core::scim::list::UserPage;
use crate::core::scim::{Attributes, Failure, FailureKind, RemoteUser, ScimPort, ScimRequest};
use crate::core::user_names::is_between;
use crate::core::value::folded;
use crate::engine::directory::Listing;
use crate::engine::reading::{Found, read_user};
use crate::engine::session::{Interrupt, Session};

/// How old a listing may be that is asked about duplicates.
const LISTING_AGE: Duration = Duration::from_secs(60);

/// Looks a person's account up by the configured attributes, in order. `None`: there is none.
///
/// # Errors
/// Where Workiva cannot be asked, or several users fit.
pub async fn existing<P: ScimPort>(
    session: &mut Session<'_, P>,
    attributes: &Attributes,
) -> Result<Option<RemoteUser>, Interrupt> {
    if let Some(user) = searched(session, attributes).await? {
        return Ok(Some(user));
    }
    if !session.must_verify() {
        return Ok(None);
    }
    // A create that may have taken effect unseen may have had another user name, and there are servers whose filter knows no
    // externalId: only a look at everybody tells.
    if let Some(user) = by_paging(session, attributes).await? {
        return Ok(Some(user));
    }
    for sent in sent_before(session).await? {
        if let Some(user) = by_paging(session, &sent).await? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// As what the person's user may have been made unseen, besides as what this action wants it.
async fn sent_before<P: ScimPort>(session: &Session<'_, P>) -> Result<Vec<Attributes>, Interrupt> {
    let action = session.action;
    match session.must_verify() && action.scim_id.is_none() {
        true => Ok(session.line.store.sent_before(&action.employee_id, action.action_id).await?),
        false => Ok(Vec::new()),
    }
}

/// The same by searches alone.
///
/// # Errors
/// Where Workiva cannot be asked, or several users fit.
pub async fn searched<P: ScimPort>(
    session: &mut Session<'_, P>,
    attributes: &Attributes,
) -> Result<Option<RemoteUser>, Interrupt> {
    let prepared =
        if session.must_verify() { None } else { session.line.directory.prepared(session.begun_at) };
    for by in session.line.manner.match_existing.clone() {
        let Some((name, value)) = wanted(by, attributes) else { continue };
        let found = match &prepared {
            Some(listing) => read_listed(session, listing, by, value).await?,
            None => {
                let since = session.must_verify().then_some(session.begun_at);
                search(session, by, name, value, since).await?
            }
        };
        if let Some(user) = only_one(found, name)? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// Looks through all users, for servers whose filter finds nothing although a create is refused as a duplicate.
///
/// # Errors
/// Where the users cannot be listed, or several fit.
pub async fn by_paging<P: ScimPort>(
    session: &mut Session<'_, P>,
    attributes: &Attributes,
) -> Result<Option<RemoteUser>, Interrupt> {
    // Of a request of ours that may have taken effect, only a later listing can tell. Otherwise one a minute is enough:
    // a listing for each of many duplicates would be a flood.
    let since = if session.must_verify() {
        Some(session.begun_at)
    } else {
        session.begun_at.checked_sub(LISTING_AGE)
    };
    let listing = session.line.directory.load(session.line, since).await?;
    for by in session.line.manner.match_existing.clone() {
        let Some((name, value)) = wanted(by, attributes) else { continue };
        let found = read_listed(session, &listing, by, value).await?;
        if let Some(user) = only_one(found, name)? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// Insists that a search does not show a confirmed user either whom a read does not find: by what the account was confirmed with, since
/// HR may have another name by now. Whoever is believed to be gone is made a second time.
///
/// # Errors
/// Where Workiva cannot be asked, or the user is shown.
pub async fn insist_on_gone<P: ScimPort>(session: &mut Session<'_, P>, gone: &str) -> Result<(), Interrupt> {
    let store = &session.line.store;
    let Some(owner) = store.owner_of(gone).await? else { return Ok(()) };
    let known = store.states(&[&owner]).await?.remove(&owner).and_then(|state| state.account);
    let known_as = known.map(|account| account.attributes).unwrap_or_default();
    // A list of all users that is older than the account would not show it.
    let age = store.confirmed_at(&owner).await?.map(|at| session.line.clock.now() - at);
    let age = age.map_or(Duration::ZERO, |age| age.to_std().unwrap_or_default());
    let since = session.begun_at.checked_sub(age);
    for by in session.line.manner.match_existing.clone() {
        let Some((name, value)) = wanted(by, &known_as) else { continue };
        let found = search(session, by, name, value, since).await?;
        if found.iter().any(|user| user.id.as_deref() == Some(gone)) {
            return Err(shown_although_gone());
        }
    }
    Ok(())
}

/// A user cannot both be gone and be there: worth another attempt.
pub fn shown_although_gone() -> Interrupt {
    let message = "Workiva answers 404 for this user, and shows the user to a search";
    Failure::new(FailureKind::Malformed, Some(404), message).into()
}

/// Whether an account is provably the person's; the answer is its id. Where it is not, the second is what it has to do with them.
async fn proof<P: ScimPort>(
    session: &Session<'_, P>,
    user: &RemoteUser,
    attributes: &Attributes,
) -> Result<Result<String, Unproven>, Interrupt> {
    let employee_id = &session.action.employee_id;
    let owner = match &user.id {
        Some(id) => session.line.store.owner_of(id).await?,
        None => None,
    };
    let chooses_names = session.line.manner.chooses_names;
    let owner = owner.as_deref();
    let by = |attributes: &Attributes| {
        proof_by(user, attributes, employee_id, owner, chooses_names, &session.action.target)
    };
    let first = by(attributes);
    if first.is_ok() {
        return Ok(first);
    }
    // What an earlier request of ours may have made is theirs, whatever they are called by now.
    let sent = sent_before(session).await?;
    let has_sent_name = |sent: &&Attributes| {
        let (shown, sent) = (user.user_name.as_deref(), sent.get("userName"));
        shown.zip(sent).is_some_and(|(shown, sent)| folded(shown) == folded(sent))
    };
    Ok(sent.iter().filter(has_sent_name).map(by).find(Result::is_ok).unwrap_or(first))
}

fn proof_by(
    user: &RemoteUser,
    attributes: &Attributes,
    employee_id: &str,
    owner: Option<&str>,
    chooses_names: bool,
    target: &Target,
) -> Result<String, Unproven> {
    let (id, external_id) = (user.id.as_deref(), user.external_id.as_deref());
    let email = user.attribute("emails.work");
    let proof = if chooses_names {
        prove_named(
            employee_id,
            attributes,
            &Named { scim_id: id, external_id, email: email.as_deref(), owner },
        )
    } else {
        prove(employee_id, attributes, id, external_id, owner)
    };
    let shown = |path: &str| user.attribute(path);
    // Addresses pass on: who has other names and was suspended is not given access back as somebody else.
    let would_come_back = || user.active == Some(false) && matches!(target, Target::Access(_));
    let is_another =
        || is_another_person(attributes, shown) || (would_come_back() && has_other_names(attributes, shown));
    let id = proof?;
    if owner.is_some() || !is_another() { Ok(id.to_owned()) } else { Err(Unproven::AnotherPerson) }
}

/// Refuses an account that may be somebody else's.
///
/// # Errors
/// A reason to park.
pub async fn prove_same_person<P: ScimPort>(
    session: &mut Session<'_, P>,
    user: &RemoteUser,
    attributes: &Attributes,
) -> Result<String, Interrupt> {
    let unproven = match proof(session, user, attributes).await? {
        Ok(id) => return Ok(id),
        Err(unproven) => unproven,
    };
    let which = user.id.as_deref().map_or(String::new(), |id| format!(" (its id: {id})"));
    let is_to_choose = session.line.manner.chooses_names && is_another_persons(&unproven);
    let wanted = attributes.get("userName").filter(|_| is_to_choose);
    let has_their_name =
        |name: &&String| user.user_name.as_ref().is_some_and(|own| folded(own) == folded(name));
    if let (Target::Access(_), Some(name)) = (&session.action.target, wanted.filter(has_their_name)) {
        return Err(name_is_taken(session, name, format!("{unproven}{which}")).await);
    }
    Err(Interrupt::Park(format!("{unproven}{which}. {}", mend(&unproven))))
}

/// Whether a user with the person's user name has somebody else's key, so that there is nothing of the person's to take away. Of a
/// request of ours that may have taken effect unseen that is not believed.
///
/// # Errors
/// Where the database fails.
pub async fn is_anothers<P: ScimPort>(
    session: &Session<'_, P>,
    user: &RemoteUser,
    attributes: &Attributes,
) -> Result<bool, Interrupt> {
    let proof = proof(session, user, attributes).await?;
    Ok(!session.must_verify() && proof == Err(Unproven::OtherExternalId))
}

fn is_another_persons(unproven: &Unproven) -> bool {
    matches!(unproven, Unproven::LinkedTo(_) | Unproven::OtherExternalId | Unproven::OtherEmail)
}

/// Whether there are other user names to take instead of this one.
pub fn has_others<P: ScimPort>(session: &Session<'_, P>, name: &str) -> bool {
    session.line.manner.chooses_names || is_between(name)
}

/// Parks an action whose user name Workiva holds for somebody else, where there are others to choose from: the next run takes one.
pub async fn name_is_taken<P: ScimPort>(session: &Session<'_, P>, name: &str, why: String) -> Interrupt {
    match session.line.store.name_is_taken(name, session.line.clock.now()).await {
        Ok(()) => Interrupt::Park(format!("{why}. The next run takes another user name")),
        Err(error) => error.into(),
    }
}

fn mend(unproven: &Unproven) -> &'static str {
    match unproven {
        Unproven::WithoutId => "Look at it, then retry",
        Unproven::LinkedTo(_) => "Correct one of them, then retry",
        Unproven::AnotherPerson => {
            "If it is theirs, discard this and decide so by `adopt`; if not, correct its externalId or user name in Workiva, then retry"
        }
        Unproven::OtherExternalId | Unproven::OtherEmail => {
            "Correct it in Workiva or the user name in HR, then retry"
        }
    }
}

fn wanted(by: MatchAttribute, attributes: &Attributes) -> Option<(&'static str, &str)> {
    by.wanted(attributes).map(|value| (by.name(), value))
}

/// By a filter, or through all users, listed later than `since`, where the server does not filter.
async fn search<P: ScimPort>(
    session: &mut Session<'_, P>,
    by: MatchAttribute,
    name: &str,
    value: &str,
    since: Option<Duration>,
) -> Result<Vec<RemoteUser>, Interrupt> {
    if session.line.capabilities.filter != Some(false) {
        let request = ScimRequest::FindUsers { attribute: name.to_owned(), value: value.to_owned() };
        match session.read(&request).await {
            Ok(answer) => {
                let page = UserPage::read(&answer)?;
                let is_whole = page.total.is_none_or(|total| total <= page.users.len() as u64);
                let found: Vec<_> = page.users.into_iter().filter(|user| fits(user, by, value)).collect();
                // A server that ignores the filter shows its first page: only a whole answer can mean nobody.
                if is_whole || !found.is_empty() {
                    return Ok(found);
                }
            }
            Err(Interrupt::Failed(failure))
                if matches!(failure.kind, FailureKind::Invalid | FailureKind::NotSupported) =>
            {
                tracing::debug!(
                    attribute = name,
                    "Workiva does not filter by this; all users are listed instead"
                );
            }
            Err(other) => return Err(other),
        }
    }
    let listing = session.line.directory.load(session.line, since).await?;
    read_listed(session, &listing, by, value).await
}

fn fits(user: &RemoteUser, by: MatchAttribute, value: &str) -> bool {
    by.fits(user.external_id.as_deref(), user.user_name.as_deref(), value)
}

/// The users that a listing shows with this value, as they are now.
async fn read_listed<P: ScimPort>(
    session: &mut Session<'_, P>,
    listing: &Listing,
    by: MatchAttribute,
    value: &str,
) -> Result<Vec<RemoteUser>, Interrupt> {
    let entries = match by {
        MatchAttribute::ExternalId => listing.with_external_id(value),
        MatchAttribute::UserName => listing.with_user_name(value),
    };
    let mut users = Vec::new();
    for entry in entries {
        match read_user(session, &entry.id).await? {
            // Somebody may have another name by now than when the users were listed.
            Found::Here(user) => users.extend(Some(user).filter(|user| fits(user, by, value))),
            // Should they have been deleted since, the next attempt finds another listing.
            Found::Gone => {
                session.line.directory.forget();
                return Err(shown_although_gone());
            }
        }
    }
    Ok(users)
}

fn only_one(mut found: Vec<RemoteUser>, name: &str) -> Result<Option<RemoteUser>, Interrupt> {
    found.dedup_by(|one, two| one.id == two.id);
    if found.len() > 1 {
        return Err(Interrupt::Park(format!(
            "{} Workiva users have this employee's {name}; leave one of them, then retry",
            found.len()
        )));
    }
    Ok(found.pop())
}
