//! What Workiva refuses as a duplicate, and shows no user of the person for: whether another user name mends it.

use chrono::TimeDelta;

use super::find;
use super::write::Changes;
use crate::core::name_choice::TAKEN_FOR_DAYS;
use crate::core::scim::conflict::{Taken, taken};
use crate::core::scim::{Attributes, Failure, FailureKind, ScimPort};
use crate::core::value::folded;
use crate::engine::reading::{Found, read_user};
use crate::engine::session::{Interrupt, Session};

/// A create that is refused although nobody who fits is shown. Where there are other user names, the next run takes one; not where it is the
/// e-mail address that somebody has: each further name would be refused for it as well, until none is left.
pub async fn of_create<P: ScimPort>(
    session: &mut Session<'_, P>,
    desired: &Attributes,
    failure: &Failure,
) -> Interrupt {
    let about = taken(failure, desired);
    let name = desired.get("userName").filter(|_| session.line.manner.chooses_names);
    let holder = match (name, about) {
        (None, _) | (_, Taken::UserName) => Ok(None),
        (Some(name), _) => holder_of_address(session, desired, name).await,
    };
    let holder = match holder {
        Ok(holder) => holder,
        Err(interrupt) => return interrupt,
    };
    if about == Taken::Address || holder.is_some() {
        return Interrupt::Park(address_is_taken(holder.as_deref(), failure));
    }
    let why = format!(
        "Workiva says that the user exists already (409), but shows none that fits by workiva.match_existing; it may belong to another \
         organization: {}",
        failure.message
    );
    let Some(name) = name else { return Interrupt::Park(why) };
    match is_to_be_asked(session, about).await {
        Ok(false) => find::name_is_taken(session, name, why).await,
        Ok(true) => Interrupt::Park(format!(
            "{why}. Another user name of this person was refused in the same way, so it may be something else that somebody has, such as the \
             e-mail address. Look for it in Workiva. If it is the user name after all, retry: then the next run takes another"
        )),
        Err(error) => error.into(),
    }
}

/// A change that Workiva refuses as a duplicate. Where it is the user name and there are others to choose from, the next run takes one.
pub async fn of_change<P: ScimPort>(
    session: &Session<'_, P>,
    desired: &Attributes,
    changes: &Changes,
    failure: Failure,
) -> Interrupt {
    if failure.kind != FailureKind::Conflict {
        return failure.into();
    }
    let renamed = changes.iter().find(|(path, _)| path == "userName").and_then(|(_, name)| name.as_ref());
    match renamed.filter(|name| find::has_others(session, name)) {
        Some(_) if taken(&failure, desired) == Taken::Address => {
            Interrupt::Park(address_is_taken(None, &failure))
        }
        Some(name) => {
            let why = format!("Workiva holds this user name for somebody else (409): {}", failure.message);
            find::name_is_taken(session, name, why).await
        }
        None => failure.into(),
    }
}

fn address_is_taken(holder: Option<&str>, failure: &Failure) -> String {
    let whose = holder.map_or_else(|| "another user".to_owned(), |id| format!("the user with the id {id}"));
    format!(
        "Workiva refuses this person as a duplicate (409) for the e-mail address, which {whose} has; another user name would not mend that. \
         Correct the address there or in HR, then retry: {}",
        failure.message
    )
}

/// Who has the person's e-mail address, where nobody has the user name; by the listing in which the person was looked for.
async fn holder_of_address<P: ScimPort>(
    session: &mut Session<'_, P>,
    desired: &Attributes,
    name: &str,
) -> Result<Option<String>, Interrupt> {
    let Some(listing) = session.line.directory.newest(None) else { return Ok(None) };
    let Some(address) = desired.get("emails.work") else { return Ok(None) };
    if !listing.with_user_name(name).is_empty() {
        return Ok(None);
    }
    for entry in listing.with_address(address) {
        // They may have another one by now than when the users were listed.
        if let Found::Here(live) = read_user(session, &entry.id).await?
            && live.attribute("emails.work").is_some_and(|theirs| folded(&theirs) == folded(address))
        {
            return Ok(Some(entry.id.clone()));
        }
    }
    Ok(None)
}

/// Whether a second name of the person is refused without a word about it, and nobody has had it tried again.
async fn is_to_be_asked<P: ScimPort>(
    session: &Session<'_, P>,
    about: Taken,
) -> Result<bool, crate::store::StoreError> {
    if about == Taken::UserName {
        return Ok(false);
    }
    let since = session.line.clock.now() - TimeDelta::days(TAKEN_FOR_DAYS.into());
    let refused = session.line.store.duplicates(session.action.action_id, since).await?;
    Ok(refused.others > 0 && !refused.own)
}
