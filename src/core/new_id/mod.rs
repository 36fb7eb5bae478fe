//! People who come under a new employee id: rehired, or of another worker type. `lifecycle.on_new_id = "move"` lets them take over the
//! account that they had under the old one, where it is certain whose that is. In doubt nobody gets an account: never a second one.

mod doubles;
mod doubt;
mod gone;
pub mod namesakes;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use self::doubt::{Doubt, refuse};
use self::gone::Gone;
use super::action::{ActionKind, Attributes, Change, Target};
use super::desired::UserMapping;
use super::diff::{Draft, Step, is_same_value};
use super::intake::Findings;
use super::judged::Judged;
use super::lifecycle::Moment;
use super::name_choice::{GivenUp, NameBook};
use super::planner::{Rulebook, States};
use super::record::Rejection;
use super::state::{Account, AdoptionMark, OpenAction, OpenState, PersonState};
use super::value::folded;

/// The attribute under which a plan shows that an account moves.
pub const ATTRIBUTE: &str = "employee_id";

/// Whose account an action takes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The old employee id.
    pub employee_id: String,
    /// The version of its state that this was decided on.
    pub base_version: i64,
}

impl Origin {
    pub(super) fn of(state: &PersonState) -> Self {
        Self { employee_id: state.employee_id.clone(), base_version: state.version }
    }
}

/// People of the state table whose account may be that of somebody new, by the folded value of the first attribute of
/// `lifecycle.same_person`.
#[derive(Debug, Default)]
pub struct Lookalikes(pub HashMap<String, Vec<String>>);

/// Whose accounts have to be looked for: the folded values of the first attribute of `same_person` of those who come without one.
pub fn keys(judged: &[Judged], states: &States, users: &UserMapping, same_person: &[String]) -> Vec<String> {
    let Some(path) = same_person.first() else { return Vec::new() };
    let key = |person: &Judged| Some(folded(newcomer(person, states, users)?.get(path)?));
    let keys: BTreeSet<String> = judged.iter().filter_map(key).collect();
    keys.into_iter().collect()
}

/// The old employee ids of moves that are under way.
pub fn origins(states: &States) -> Vec<String> {
    let origin = |state: &PersonState| state.open.as_ref()?.moved_from.clone();
    states.values().filter_map(origin).collect()
}

/// What somebody is to look like who should have an account and has none, if an old one may be theirs.
fn newcomer<'a>(person: &'a Judged, states: &States, users: &UserMapping) -> Option<&'a Attributes> {
    let desired = person.desired()?;
    let Some(state) = states.get(person.employee_id()) else { return Some(desired) };
    // What somebody decided stands; that `adopt` found a user who may be theirs as well does not keep them from their own.
    if state.account.is_some() || state.adoption.is_some_and(|mark| mark != AdoptionMark::Open) {
        return None;
    }
    let is_wanted = |open: &OpenAction| {
        let origin = open.moved_from.as_ref().and_then(|old| states.get(old)?.account.as_ref());
        let desired = origin.map_or_else(|| desired.clone(), |account| kept(desired, account, users));
        matches!(&open.target, Target::Access(wanted) if super::managers::is_same(wanted, &desired, users))
    };
    let may_take_over = state.open.as_ref().is_none_or(|open| match open.state {
        // An account may have been made already.
        _ if open.moved_from.is_none() && open.uncertain => false,
        OpenState::Leased => open.moved_from.is_some(),
        // Somebody has decided to leave it at that until HR says something else.
        OpenState::Discarded => !is_wanted(open),
        OpenState::Queued | OpenState::Parked => true,
    });
    may_take_over.then_some(desired)
}

/// What is wanted of an account that is taken over: it keeps what accounts keep, but for the key.
fn kept(desired: &Attributes, account: &Account, users: &UserMapping) -> Attributes {
    const KEY: &str = "externalId";
    let mut all = desired.clone();
    users.keep(&mut all, &account.attributes);
    if let Some(key) = desired.get(KEY) {
        all.insert(KEY.to_owned(), key.clone());
    }
    all
}

/// By what people are looked at who come without an account.
pub(super) struct Sight<'a> {
    pub states: &'a States,
    pub rulebook: &'a Rulebook,
    /// When dates are judged.
    pub moment: Moment,
    pub findings: &'a Findings,
    /// Whose records cannot be used.
    pub refused: &'a [Rejection],
    pub lookalikes: &'a Lookalikes,
}

/// Who takes over whose account, and who may not have one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// New employee id to old one.
    pub from: BTreeMap<String, String>,
    /// Who gets an account of their own although somebody of their name has left: new employee id to old ones.
    pub namesakes: BTreeMap<String, Vec<String>>,
    /// In doubt: no account is made for them.
    pub rejected: Vec<Rejection>,
    /// Old employee ids whose account is left as it is in this run.
    pub kept: BTreeSet<String>,
    /// Old employee ids that are missing from the source, whose absence counts but is not acted on.
    pub claimed: BTreeSet<String>,
    /// Old employee ids on whose account an action is under way that a move waits for.
    pub in_flight: BTreeSet<String>,
    /// Moves under way that are not to be carried out any more: (action, new employee id).
    pub withdrawals: Vec<(i64, String)>,
    /// How many wait for an action under way on the account.
    pub busy: u64,
    /// How many are to be looked at again once something has ended.
    pub pending: u64,
}

/// Settles who takes over which account. Those in doubt are taken out of `judged`, and so is whoever's account is left as it is.
pub(super) fn settle(judged: &mut Vec<Judged>, sight: &Sight<'_>) -> Moves {
    let mut moves = Moves::default();
    let Some(same_person) = sight.rulebook.access.lifecycle.same_person() else { return moves };
    let mut found: BTreeMap<String, Result<String, Doubt>> = BTreeMap::new();
    let mut strangers = Vec::new();
    for person in judged.iter() {
        let users = &sight.rulebook.users;
        let Some(desired) = newcomer(person, sight.states, users) else { continue };
        match origin(person.employee_id(), desired, same_person, sight) {
            Some(origin) => drop(found.insert(person.employee_id().to_owned(), origin)),
            None => strangers.extend(namesakes::name_of(desired).map(|name| (person.employee_id(), name))),
        }
    }
    let gone = Gone::new(found.values().filter_map(|origin| origin.as_ref().ok()), judged, sight);
    moves.namesakes = namesakes::find(&strangers, judged, same_person, sight);
    let mut claims: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
    for (who, origin) in &found {
        if let Ok(old) = origin {
            claims.entry(old).or_default().push(who);
        }
    }
    let several: BTreeMap<String, Vec<String>> = claims
        .into_iter()
        .filter(|(_, all)| all.len() > 1)
        .map(|(old, all)| (old.clone(), all.into_iter().cloned().collect()))
        .collect();
    judged.retain(|person| {
        let who = person.employee_id();
        let Some(origin) = found.remove(who) else { return true };
        let doubt = origin.and_then(|old| match several.get(&old) {
            Some(all) => Err(Doubt::SeveralNewcomers { old, all: all.clone() }),
            None => gone.check(who, old),
        });
        match doubt {
            Ok(old) => {
                moves.kept.insert(old.clone());
                moves.from.insert(who.to_owned(), old);
                true
            }
            Err(doubt) => {
                moves.doubt(person, &doubt, &gone);
                false
            }
        }
    });
    for person in judged.iter_mut() {
        let origin = moves.from.get(person.employee_id()).and_then(|old| sight.states.get(old));
        if let Some(account) = origin.and_then(|origin| origin.account.as_ref()) {
            person.wish(|desired| kept(desired, account, &sight.rulebook.users));
        }
    }
    let mut doubles = doubles::find(judged, &moves, same_person, sight.states);
    judged.retain(|person| {
        let doubt = doubles.remove(person.employee_id());
        doubt.iter().for_each(|doubt| moves.rejected.push(refuse(person, doubt)));
        doubt.is_none()
    });
    let people = judged.len();
    judged.retain(|person| !moves.kept.contains(person.employee_id()));
    moves.pending = moves.busy + (people - judged.len()) as u64;
    moves
}

/// The one employee id whose account looks like theirs; `None`: nobody's does.
fn origin(
    who: &str,
    desired: &Attributes,
    same_person: &[String],
    sight: &Sight<'_>,
) -> Option<Result<String, Doubt>> {
    // What has been decided stands, also where HR has changed a value since.
    let open = sight.states.get(who).and_then(|state| state.open.as_ref());
    if let Some(old) = open.filter(|open| !open.withdrawn && open.state != OpenState::Discarded)
        && let Some(old) = &old.moved_from
    {
        return Some(Ok(old.clone()));
    }
    let (first, others) = same_person.split_first()?;
    let account = |old: &String| sight.states.get(old).and_then(|state| state.account.as_ref());
    let same = |old: &String, path: &String| {
        let theirs = account(old).and_then(|account| account.attributes.get(path)).map(String::as_str);
        theirs.is_some() && is_same_value(path, theirs, desired.get(path).map(String::as_str))
    };
    let alike: Vec<&String> =
        sight.lookalikes.0.get(&folded(desired.get(first)?))?.iter().filter(|old| same(old, first)).collect();
    let differing =
        |old: &String| others.iter().filter(|path| !same(old, path)).cloned().collect::<Vec<String>>();
    let whole: Vec<&String> = alike.iter().copied().filter(|old| differing(old).is_empty()).collect();
    match (whole.as_slice(), alike.as_slice()) {
        ([old], _) => Some(Ok((*old).clone())),
        ([], []) => None,
        ([], [old, ..]) => {
            let doubt = Doubt::Differs { old: (*old).clone(), by: first.clone(), in_what: differing(old) };
            Some(Err(doubt))
        }
        (all, _) => Some(Err(Doubt::SeveralAccounts(all.iter().map(|old| (*old).clone()).collect()))),
    }
}

impl Moves {
    /// Who holds which user name, once the accounts have moved.
    pub(super) fn names<'a>(&self, book: &'a NameBook) -> Cow<'a, NameBook> {
        if self.from.is_empty() {
            return Cow::Borrowed(book);
        }
        let new_ids: HashMap<&String, &String> = self.from.iter().map(|(who, old)| (old, who)).collect();
        let after = |old: &String| (*new_ids.get(old).unwrap_or(&old)).clone();
        let holders = book.holders.iter().map(|(name, holder)| (name.clone(), after(holder))).collect();
        let given_up = book.given_up.iter().map(|(name, GivenUp { by, heir })| {
            (name.clone(), GivenUp { by: after(by), heir: heir.as_ref().map(after) })
        });
        let given_up = given_up.collect();
        Cow::Owned(NameBook { holders, given_up, ..book.clone() })
    }

    fn doubt(&mut self, person: &Judged, doubt: &Doubt, gone: &Gone<'_>) {
        self.rejected.push(refuse(person, doubt));
        let states = gone.sight.states;
        let open = states.get(person.employee_id()).and_then(|state| state.open.as_ref());
        if let Some(open) = open.filter(|open| open.moved_from.is_some() && open.state != OpenState::Leased) {
            self.withdrawals.push((open.action_id, person.employee_id().to_owned()));
        }
        self.claimed.extend(doubt.whose().filter(|old| gone.absent.contains(old)).cloned());
        if let Doubt::InFlight { old } = doubt {
            self.busy += 1;
            self.in_flight.insert(old.clone());
            // What takes the access away ends first; anything else is not followed by a suspension of one who stays.
            let open = states.get(old).and_then(|state| state.open.as_ref());
            if !open.is_some_and(|open| open.kind.is_deprovision()) {
                self.kept.insert(old.clone());
            }
        }
    }
}

/// The state of somebody who takes over an account, as it will be with it.
pub(super) fn with_account_of(state: &PersonState, origin: &PersonState) -> PersonState {
    let (memberships, lapsed) = (origin.memberships.clone(), origin.lapsed.clone());
    PersonState { account: origin.account.clone(), memberships, lapsed, ..state.clone() }
}

/// The step of somebody who takes over an account: there is always something to be confirmed, be it only whose it is.
pub(super) fn step(step: Step, who: &str, target: Target, state: &PersonState, origin: &PersonState) -> Step {
    let open = state.open.as_ref();
    let mut draft = match step {
        Step::Act(draft) => draft,
        Step::Pending
            if open.is_some_and(|open| open.moved_from.as_deref() == Some(&*origin.employee_id)) =>
        {
            return Step::Pending;
        }
        busy @ Step::Busy { .. } => return busy,
        Step::Settled | Step::Withdraw { .. } | Step::Pending => Draft {
            kind: ActionKind::Update,
            changes: Vec::new(),
            target,
            verify: open.is_some_and(|open| open.uncertain),
            supersedes: open.map(|open| open.action_id),
        },
    };
    let change = Change {
        attribute: ATTRIBUTE.into(),
        from: Some(origin.employee_id.clone()),
        to: Some(who.to_owned()),
    };
    draft.changes.insert(0, change);
    Step::Act(draft)
}

/// What waits under the old employee id, and is not needed any more.
pub(super) fn withdrawals(origin: &PersonState) -> impl Iterator<Item = (i64, String)> + '_ {
    let account = origin.open.as_ref().map(|open| open.action_id);
    let memberships = origin.open_memberships.values().map(|open| open.action_id);
    account.into_iter().chain(memberships).map(|action_id| (action_id, origin.employee_id.clone()))
}

#[cfg(test)]
mod tests;
