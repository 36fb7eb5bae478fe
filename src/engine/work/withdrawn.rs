//! A withdrawn action: HR has taken it back when it might have been carried out already. What it did is learnt, and nothing is sent:
//! the way back is a plan's to decide, and the guard's to let through.

use super::find;
use crate::core::action::{ActionKind, Target};
use crate::core::diff::is_same_value;
use crate::core::scim::{Attributes, RemoteUser, ScimPort};
use crate::core::state::Account;
use crate::engine::reading::{Found, read_user};
use crate::engine::session::{Interrupt, Session};
use crate::store::Ending;

const UNSEEN: &str = "HR has taken this suspend back, and Workiva does not show whether the user is active; look at the user, then \
                      discard";

/// Looks for what the action did.
///
/// # Errors
/// Why the work stops before its end.
pub async fn look<P: ScimPort>(session: &mut Session<'_, P>) -> Result<Ending, Interrupt> {
    let action = session.action;
    // What is confirmed of an account that was to be taken over is the old employee id's.
    let owner = action.moved_from.as_ref().unwrap_or(&action.employee_id);
    let mut states = session.line.store.states(&[owner]).await?;
    let confirmed = states.remove(owner).and_then(|state| state.account);
    let Some((id, user)) = found(session, action.target.attributes()).await? else {
        return Ok(nobody(action.kind, confirmed.as_ref()));
    };
    let Some(active) = is_active(&user, action.kind, confirmed.as_ref()) else {
        return Err(Interrupt::Park(UNSEEN.into()));
    };
    let attributes = seen(&user, &id, confirmed.as_ref(), &action.target);
    let account = Account { scim_id: id, active, attributes };
    if action.moved_from.is_some() && has_passed(&action.target, confirmed.as_ref(), &account) {
        return Ok(Ending::Done { account: Some(account) });
    }
    Ok(judge(action.kind, &action.target, confirmed.as_ref(), account))
}

/// The person's user, by the confirmed id or by a search. `None`: there is none, and a search says so as well.
async fn found<P: ScimPort>(
    session: &mut Session<'_, P>,
    known_as: &Attributes,
) -> Result<Option<(String, RemoteUser)>, Interrupt> {
    let known = session.action.scim_id.clone();
    if let Some(id) = &known
        && let Found::Here(user) = read_user(session, id).await?
    {
        return Ok(Some((id.clone(), user)));
    }
    let Some(user) = find::existing(session, known_as).await? else { return Ok(None) };
    if known.is_some() && user.id == known {
        return Err(find::shown_although_gone());
    }
    let id = find::prove_same_person(session, &user, known_as).await?;
    Ok(Some((id, user)))
}

/// What it means that there is no user.
fn nobody(kind: ActionKind, confirmed: Option<&Account>) -> Ending {
    match (kind, confirmed) {
        (ActionKind::Delete, _) => Ending::Done { account: None },
        (_, Some(_)) => Ending::Withdrawn { learnt: Some(None) },
        (_, None) => Ending::Withdrawn { learnt: None },
    }
}

/// Whether the user is active. Where Workiva does not say, access is assumed that can be taken away again, and of a suspend nothing is
/// assumed.
fn is_active(user: &RemoteUser, kind: ActionKind, confirmed: Option<&Account>) -> Option<bool> {
    user.active.or(match kind {
        ActionKind::Suspend => None,
        ActionKind::Create | ActionKind::Reactivate => Some(true),
        ActionKind::Update | ActionKind::Delete | ActionKind::Revoke | ActionKind::Grant => {
            Some(confirmed.is_none_or(|account| account.active))
        }
    })
}

/// The attributes as they are shown; in our own letters where they are as confirmed, or as they were to be.
fn seen(user: &RemoteUser, id: &str, confirmed: Option<&Account>, target: &Target) -> Attributes {
    let is_confirmed = confirmed.is_some_and(|account| account.scim_id == id);
    let nothing = Attributes::new();
    let confirmed = confirmed.map_or(&nothing, |account| &account.attributes);
    let target = target.attributes();
    let mut all = Attributes::new();
    for path in confirmed.keys().chain(target.keys()) {
        let shown = user.attribute(path);
        // There are servers that keep no externalId, or show none. But a user who was made by somebody else has none.
        let is_hidden = shown.is_none() && is_confirmed && path == "externalId";
        let ours = [confirmed.get(path), target.get(path)]
            .into_iter()
            .find(|ours| is_hidden || is_same_value(path, ours.map(String::as_str), shown.as_deref()));
        if let Some(value) = ours.map_or(shown.clone(), |ours| ours.cloned()) {
            all.insert(path.clone(), value);
        }
    }
    all
}

/// Whether an account that was to be taken over has the key of who was to take it over: it is theirs by now, whatever else differs. Left
/// with the old employee id, it would be ended for that one's having left.
fn has_passed(target: &Target, confirmed: Option<&Account>, account: &Account) -> bool {
    const KEY: &str = "externalId";
    let before = confirmed.and_then(|account| account.attributes.get(KEY));
    let (wanted, now) = (target.attributes().get(KEY), account.attributes.get(KEY));
    wanted.is_some() && now == wanted && before != wanted
}

/// It is confirmed where the account is as it was to be. Else it is over, and what differs from the confirmed account is learnt.
fn judge(kind: ActionKind, target: &Target, confirmed: Option<&Account>, account: Account) -> Ending {
    let is_done = match target {
        Target::NoAccess { .. } => kind != ActionKind::Delete && !account.active,
        Target::Access(desired) => account.active && account.attributes == *desired,
        // Learnt with others of its group.
        Target::Membership { .. } => false,
    };
    if is_done {
        return Ending::Done { account: Some(account) };
    }
    Ending::Withdrawn { learnt: (confirmed != Some(&account)).then_some(Some(account)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(title: &str) -> Attributes {
        [("title".to_owned(), title.to_owned()), ("externalId".to_owned(), "1001".to_owned())].into()
    }

    fn account(active: bool, title: &str) -> Account {
        Account { scim_id: "u1".into(), active, attributes: attributes(title) }
    }

    fn learn(
        kind: ActionKind,
        target: &Target,
        confirmed: Option<&Account>,
        user: serde_json::Value,
    ) -> Ending {
        let user = RemoteUser::read(&user).unwrap();
        let active = is_active(&user, kind, confirmed).unwrap();
        let attributes = seen(&user, "u1", confirmed, target);
        judge(kind, target, confirmed, Account { scim_id: "u1".into(), active, attributes })
    }

    #[test]
    fn a_suspend_is_confirmed_by_a_suspended_user_and_over_with_an_active_one() {
        let target = Target::NoAccess { known_as: attributes("Analyst") };
        let confirmed = account(true, "Analyst");
        let user = |active| json!({"id": "u1", "active": active, "title": "Analyst", "externalId": "1001"});
        let ends = |active| learn(ActionKind::Suspend, &target, Some(&confirmed), user(active));
        assert_eq!(ends(false), Ending::Done { account: Some(account(false, "Analyst")) });
        assert_eq!(ends(true), Ending::Withdrawn { learnt: None });
        let unseen = RemoteUser::read(&json!({"id": "u1"})).unwrap();
        assert_eq!(is_active(&unseen, ActionKind::Suspend, Some(&confirmed)), None);
    }

    #[test]
    fn an_update_is_confirmed_or_over_or_something_else_is_learnt() {
        let target = Target::Access(attributes("CFO"));
        let confirmed = account(true, "Analyst");
        // This server shows no externalId.
        let ends = |title: &str, active: bool| {
            let user = json!({"id": "u1", "active": active, "title": title});
            learn(ActionKind::Update, &target, Some(&confirmed), user)
        };
        assert_eq!(ends("CFO", true), Ending::Done { account: Some(account(true, "CFO")) });
        assert_eq!(ends("Analyst", true), Ending::Withdrawn { learnt: None });
        assert_eq!(ends("CEO", true), Ending::Withdrawn { learnt: Some(Some(account(true, "CEO"))) });
        let suspended = Ending::Withdrawn { learnt: Some(Some(account(false, "CFO"))) };
        assert_eq!(ends("CFO", false), suspended);
    }

    #[test]
    fn an_account_that_has_the_key_of_who_was_to_take_it_over_has_passed() {
        let keyed = |key: &str| {
            let attributes = [("externalId".to_owned(), key.to_owned())].into();
            Account { scim_id: "u1".into(), active: true, attributes }
        };
        let target = Target::Access(keyed("1014").attributes);
        let passed = |before: &str, now: &str| has_passed(&target, Some(&keyed(before)), &keyed(now));
        assert!(passed("1007", "1014"));
        assert!(!passed("1007", "1007"));
        // Where both are known by the same key, it tells nothing.
        assert!(!passed("1014", "1014"));
    }

    #[test]
    fn a_user_whom_somebody_made_in_the_place_of_a_deleted_one_is_not_taken_to_have_our_key() {
        let user = RemoteUser::read(&json!({"id": "u2", "active": true, "title": "Analyst"})).unwrap();
        let target = Target::NoAccess { known_as: attributes("Analyst") };
        let has_key =
            |id: &str| seen(&user, id, Some(&account(true, "Analyst")), &target).contains_key("externalId");
        assert!(has_key("u1") && !has_key("u2"));
        assert!(!seen(&user, "u2", None, &target).contains_key("externalId"));
    }

    #[test]
    fn without_a_user_a_delete_is_confirmed_and_everything_else_is_over() {
        let confirmed = account(true, "Analyst");
        assert_eq!(nobody(ActionKind::Delete, Some(&confirmed)), Ending::Done { account: None });
        assert_eq!(nobody(ActionKind::Create, None), Ending::Withdrawn { learnt: None });
        assert_eq!(nobody(ActionKind::Update, Some(&confirmed)), Ending::Withdrawn { learnt: Some(None) });
    }
}
