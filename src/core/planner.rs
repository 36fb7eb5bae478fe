//! From what a source delivered to a plan: judge each person, settle who holds which user name, compare with state.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::absence::{Missing, add_absents};
use super::access::{AccessRules, Reason};
use super::action::{ActionKind, Attributes, DeprovisionBy, Target};
use super::desired::{AttributePolicy, UserMapping};
use super::diff::{Draft, Step, step};
use super::grants::{Granted, GroupMap, Standing};
use super::guard::groups::{group, is_of};
use super::header::HeaderNames;
use super::intake::Findings;
use super::judged::Judged;
use super::lead_back::lead_back;
use super::lifecycle::Moment;
use super::managers::{self, ManagerBook, Managers};
use super::membership;
use super::name_choice::{self, NameBook};
use super::name_rules::NameRules;
use super::new_id::{self, Lookalikes, Moves, Origin, Sight, namesakes};
use super::plan::{Plan, PlannedAction, Settled, SettledPerson};
use super::record::{Fingerprint, Rejection};
use super::state::{AdoptionMark, PersonState};
use super::stray;
use super::user_names;
use super::value::folded;
use super::warnings::{
    of_hired_again, of_names_between, of_unread, warn_of_discarded, warn_of_missing_managers,
    warn_of_undecided, warn_of_waiting,
};

/// `source.absence`: what it means that a full source no longer names somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Absence {
    /// They have left.
    Deprovision,
    /// Nothing.
    Keep,
}

/// All rules that decide, compiled from one configuration.
pub struct Rulebook {
    /// Lifecycle and roles.
    pub access: AccessRules,
    /// The attribute mapping.
    pub users: UserMapping,
    /// Which user names there are to choose from.
    pub names: NameRules,
    /// How dates are written, as `chrono` has it.
    pub date_formats: Vec<String>,
    /// What taking access away means.
    pub deprovision: DeprovisionBy,
    /// What absence means.
    pub absence: Absence,
    /// In how many complete runs in a row somebody has to be missing before that counts as absence.
    pub absence_runs: u32,
    /// The column by whose values the guard groups people.
    pub group_by: Option<String>,
    /// The fingerprint of the configuration above: with it every person's fingerprint changes.
    pub seed: u64,
}

/// What is known of the people of a run, by employee id.
pub type States = HashMap<String, PersonState>;

/// What one run has to work with, once everybody is judged.
pub struct Material<'a> {
    /// Who was judged.
    pub judged: Vec<Judged>,
    /// Whose record could not be judged, besides those of `findings`.
    pub rejected: Vec<Rejection>,
    /// The source's findings; its records have been judged.
    pub findings: Findings,
    /// The source's columns.
    pub header: HeaderNames,
    /// State of everybody concerned: judged and absent people.
    pub states: &'a States,
    /// What is known of user names.
    pub names: &'a NameBook,
    /// What is known of the managers whom they are to have.
    pub managers: &'a ManagerBook,
    /// When dates are judged.
    pub moment: Moment,
    /// Whose account may be that of somebody who comes under a new employee id; their states are in `states`.
    pub lookalikes: &'a Lookalikes,
    /// Which groups are meant by what roles grant; `None`: none grants anything, and memberships are left alone.
    pub groups: Option<&'a GroupMap>,
    /// For whom something has waited for long.
    pub stale: &'a HashSet<String>,
}

/// By what each person is looked at.
pub(super) struct Ground<'a> {
    pub states: &'a States,
    pub rulebook: &'a Rulebook,
    pub moment: Moment,
    pub groups: Option<&'a GroupMap>,
    pub moves: &'a Moves,
    pub stale: &'a HashSet<String>,
    pub managers: Managers<'a>,
}

impl Ground<'_> {
    /// Whether an account is left as it is: somebody else takes it over, or is about to.
    pub(super) fn keeps(&self, employee_id: &str) -> bool {
        let is_moving = |state: &PersonState| state.moving_to.is_some();
        self.moves.kept.contains(employee_id) || self.states.get(employee_id).is_some_and(is_moving)
    }
}

/// Makes the plan.
pub fn assemble(material: Material<'_>, rulebook: &Rulebook) -> Plan {
    let Material {
        mut judged,
        rejected,
        findings,
        header,
        states,
        names: book,
        managers,
        moment,
        lookalikes,
        groups,
        stale,
    } = material;
    let mut plan = Plan { rows: findings.rows, rules: rulebook.seed, ..Plan::default() };
    plan.input = Fingerprint(findings.digest.0.wrapping_add(header.digest().0));
    plan.header = header;
    let unread = judged.iter().filter(|person| person.is_unread).count() as u64;
    plan.warnings.extend(of_unread(unread, "dates"));
    let sight = Sight { states, rulebook, moment, findings: &findings, refused: &rejected, lookalikes };
    let mut moves = new_id::settle(&mut judged, &sight);
    let mut which = findings.rows_of_anybody();
    plan.doubled_rows = findings.doubled_rows;
    plan.rejected = findings.rejected;
    plan.rejected.extend(rejected);
    // Also who waits for a user name, or is refused for one: to have access, or none, is what HR says of them.
    let says = |person: &&Judged| {
        let open = states.get(person.employee_id()).and_then(|state| state.open.as_ref());
        open.is_some_and(|open| open.kind.is_deprovision() == person.desired.is_none())
    };
    judged.iter().filter(says).for_each(|person| plan.reaffirm(person.employee_id(), stale));
    // A move waits for them, so they wait for nothing themselves.
    moves.in_flight.iter().for_each(|old| plan.reaffirm(old, stale));
    plan.rejected.append(&mut moves.rejected);
    plan.withdrawals.append(&mut moves.withdrawals);
    (plan.busy, plan.pending) = (moves.busy, moves.pending + findings.waiting);
    let book = moves.names(book);
    plan.rejected.append(&mut settle_choices(&mut judged, &book, &moves, states, rulebook));
    let is_another = |person: &Judged, holder: &str| stray::is_another(person, holder, states);
    let account = |who: &str| {
        let whose = moves.from.get(who).map_or(who, String::as_str);
        states.get(whose).and_then(|state| state.account.as_ref())
    };
    let confirmed = |who: &str| account(who).map(|account| account.attributes.clone());
    let names_stay = rulebook.users.policy("userName") == AttributePolicy::OnCreate;
    let mut names = user_names::settle(judged, &book, &findings.absent, is_another, confirmed, names_stay);
    let (maybe_known, mut claimed) =
        stray::claims(&mut names.kept, &findings.absent, &moves, states, rulebook);
    plan.rejected.extend(maybe_known);
    // Who has no account yet would be given a name that was another's: that is what the time before a re-use is for.
    plan.awaited_names = std::mem::take(&mut names.awaited);
    plan.awaited_names.retain(|(_, who)| account(who).is_some());
    let managers = Managers::new(&rulebook.users, managers, &names, states);
    plan.rejected.extend(names.rejected);
    warn_of_waiting(&mut plan, names.waiting, states);
    plan.warnings.extend(of_names_between(&names.between));
    claimed.extend(names.claimed.into_iter().chain(std::mem::take(&mut moves.claimed)));
    let strays = stray::find(&findings.doubtful, &findings.absent, states);
    let is_unsure = !strays.spared.is_empty();
    if rulebook.absence == Absence::Deprovision {
        plan.warnings.extend(strays.spared.iter().map(|(who, row)| {
            format!(
                "employee {who} is missing from the source, and may be in a row that cannot be used, with employee id {row}: they keep what \
                 they have until that row is mended"
            )
        }));
    }
    claimed.extend(strays.spared.into_keys());
    let ground = Ground { states, rulebook, moment, groups, moves: &moves, stale, managers };
    plan.warnings.extend(of_hired_again(&names.kept));
    for person in names.kept {
        add_judged(&mut plan, person, &ground);
    }
    let Findings { absent: people, mut gone, said, without_id, unsure, again, .. } = findings;
    if !strays.unplaced.is_empty() {
        // Whom merely no source names any more may be in a row that says nothing of anybody.
        gone.retain(|who| said.contains(who));
    }
    let missing = people.iter().cloned().collect();
    let without_id = without_id + strays.unplaced.len() as u64;
    which.extend(strays.unplaced.into_iter().map(|id| format!("employee id {id}")));
    plan.unsure_absence = is_unsure || (without_id > 0 && !people.is_empty());
    add_absents(&mut plan, Missing { people, gone, without_id, which, unsure, again }, &claimed, &ground);
    lead_back(&mut plan, &missing, &ground);
    warn_of_undecided(&mut plan);
    warn_of_discarded(&mut plan);
    plan.warnings.extend(namesakes::warning(&plan.actions, &moves.namesakes));
    warn_of_missing_managers(&mut plan);
    membership::warn(&mut plan, groups);
    let depths = managers::depths(&plan.actions);
    let place = |action: &PlannedAction| {
        let is_create = action.kind == ActionKind::Create;
        let depth = depths.get(&action.employee_id).filter(|_| is_create).copied().unwrap_or_default();
        (
            action.kind,
            !action.is_immediate,
            depth,
            action.employee_id.clone(),
            action.target.group().map(str::to_owned),
        )
    };
    plan.actions.sort_by_cached_key(place);
    plan.rejected.sort_by_key(|rejection| (rejection.row, rejection.employee_id.clone()));
    plan
}

/// Settles which of several user names each gets. The answer are those who get none.
fn settle_choices(
    judged: &mut Vec<Judged>,
    book: &NameBook,
    moves: &Moves,
    states: &States,
    rulebook: &Rulebook,
) -> Vec<Rejection> {
    if !rulebook.names.has_fallback() {
        return name_choice::reserve(judged, book, rulebook.names.reuse_after_days());
    }
    let own = |employee_id: &str| {
        let whose = moves.from.get(employee_id).map_or(employee_id, String::as_str);
        let account = states.get(whose).and_then(|state| state.account.as_ref());
        account.and_then(|account| account.attributes.get("userName")).map(|name| folded(name))
    };
    name_choice::choose(judged, book, states, own)
}

fn add_judged(plan: &mut Plan, person: Judged, ground: &Ground<'_>) {
    let Judged { employee_id, fingerprint, decision, group, hired, has_left: gone, is_immediate, .. } =
        person;
    let target = match person.desired {
        Some(attributes) => Target::Access(attributes),
        None => Target::NoAccess { known_as: Attributes::new() },
    };
    let (next_change, ends) = (decision.next_change, decision.ends);
    let settled = Settled { fingerprint, next_change, ends, hired, group, gone, ..Settled::default() };
    let (reason, granted) = (&decision.reason, Some(&decision.grants));
    add(plan, employee_id, Wish { target, reason, granted, is_immediate, settled }, ground);
}

/// Where somebody should end, and why.
pub(super) struct Wish<'a> {
    pub target: Target,
    pub reason: &'a Reason,
    /// What their roles grant.
    pub granted: Option<&'a Granted>,
    /// Whether they leave for a reason of `lifecycle.immediate`.
    pub is_immediate: bool,
    /// What settles them.
    pub settled: Settled,
}

/// Adds what has to happen for one person.
pub(super) fn add(plan: &mut Plan, employee_id: String, wish: Wish<'_>, ground: &Ground<'_>) {
    if ground.keeps(&employee_id) {
        // To be looked at again once it has ended.
        plan.pending += 1;
        return;
    }
    let Wish { mut target, reason, granted, is_immediate, settled } = wish;
    let rulebook = ground.rulebook;
    plan.reaffirm(&employee_id, ground.stale);
    let known = ground.states.get(&employee_id).map(Cow::Borrowed);
    let mut state = known.unwrap_or_else(|| Cow::Owned(PersonState::unknown(&employee_id)));
    let origin = ground.moves.from.get(&employee_id).and_then(|old| ground.states.get(old));
    if let Some(origin) = origin {
        state = Cow::Owned(new_id::with_account_of(&state, origin));
        plan.withdrawals.extend(new_id::withdrawals(origin));
    }
    let state = &*state;
    let grouped = grouped(plan, state, &settled, rulebook);
    let settled =
        Settled { group: settled.group.filter(|group| !is_blank_again(group, state, rulebook)), ..settled };
    let granted = granted.filter(|_| matches!(target, Target::Access(_)));
    let manager = ground.managers.settle(&mut target, state);
    let settled = Settled { manager: manager.manager().cloned(), ..settled };
    let desired = target.clone();
    let mut step = step(state, target, rulebook.users.paths(), rulebook.deprovision);
    let mut because = reason.to_string();
    if let Some(origin) = origin {
        step = new_id::step(step, &employee_id, desired, state, origin);
        because += &format!("; takes over the account of employee {}", origin.employee_id);
    }
    if let Some(olds) = ground.moves.namesakes.get(&employee_id) {
        because += &namesakes::told(olds);
    }
    manager.tell(&mut step, &mut because, &rulebook.users);
    match manager {
        managers::Standing::Awaited(_) => plan.pending += u64::from(state.account.is_some()),
        managers::Standing::Own => plan.without_manager.push((employee_id.clone(), employee_id.clone())),
        managers::Standing::Nobody(manager) => plan.without_manager.push((employee_id.clone(), manager)),
        managers::Standing::Settled | managers::Standing::Known(_) => {}
    }
    // Whoever has left and is to have access has a grace.
    let standing = Standing::of(*reason == Reason::RoleLossKept, settled.gone && granted.is_some());
    let memberships = membership::of_person(state, &step, granted, standing, ground.groups);
    let is_whole = memberships.is_settled();
    // What a worker holds with another end may end before the rest of this does, and that must not settle the person then.
    let settled = match memberships.leaves_more() {
        true => Settled { fingerprint: Fingerprint::NONE, ..settled },
        false => settled,
    };
    let goes_on = match step {
        Step::Pending => settled.fingerprint == Fingerprint::NONE,
        Step::Busy { .. } => true,
        _ => false,
    };
    if goes_on && state.is_about_to_be_renamed() {
        plan.renames_under_way.push(employee_id.clone());
    }
    membership::add(plan, &employee_id, state, memberships, &settled, grouped.as_ref());
    match step {
        // Not settled, so that the next run tells of them as well.
        Step::Settled if may_have_unlinked_user(state) => plan.doubtful_leavers.push(employee_id),
        Step::Settled if !is_whole => {}
        // They wait for a user name.
        Step::Settled if settled.fingerprint == Fingerprint::NONE => {}
        Step::Settled => {
            plan.settled.push(SettledPerson { employee_id, base_version: state.version, settled })
        }
        Step::Pending => {
            plan.pending += 1;
            plan.discarded_ends.extend(state.discarded_end().map(|action| (employee_id, action)));
        }
        Step::Busy { loses_access } => {
            plan.pending += 1;
            plan.busy += 1;
            plan.busy_deprovisions += u64::from(loses_access);
        }
        // Somebody in Workiva may be they: a second account is worse than a late one.
        Step::Act(Draft { kind: ActionKind::Create, .. }) if state.adoption == Some(AdoptionMark::Open) => {
            plan.waiting.push(employee_id)
        }
        Step::Act(Draft { kind: ActionKind::Create, .. }) if state.adoption == Some(AdoptionMark::Skip) => {
            plan.settled.push(SettledPerson { employee_id, base_version: state.version, settled })
        }
        Step::Withdraw { action_id } => plan.withdrawals.push((action_id, employee_id)),
        Step::Act(draft) => plan.actions.push(PlannedAction {
            employee_id,
            kind: draft.kind,
            changes: draft.changes,
            because,
            target: draft.target,
            scim_id: state.account.as_ref().map(|account| account.scim_id.clone()),
            base_version: state.version,
            verify: draft.verify,
            supersedes: draft.supersedes,
            last_workspace: false,
            is_immediate: is_immediate && draft.kind.is_deprovision(),
            // Who loses access counts where they were counted until now: HR may have blanked the column.
            settled: if draft.kind.is_deprovision() {
                Settled { group: grouped, ..settled }
            } else {
                settled
            },
            moved_from: origin.map(Origin::of),
        }),
    }
}

/// Whether `adopt` found a user who may be theirs, and nobody has decided. Who is to have access gets an account only then.
fn may_have_unlinked_user(state: &PersonState) -> bool {
    state.account.is_none() && state.adoption == Some(AdoptionMark::Open)
}

/// Whether a record no longer says in which group somebody counts who was in one: they stay in that.
fn is_blank_again(group_of_record: &str, state: &PersonState, rulebook: &Rulebook) -> bool {
    let Some(column) = &rulebook.group_by else { return false };
    *group_of_record == group(column, None)
        && state.group.as_ref().is_some_and(|stored| is_of(stored, column))
}

/// The group in which somebody counts now: the stored one, else that of the record. Those with access of whom none is stored
/// are counted in the plan, since the state cannot count them.
fn grouped(plan: &mut Plan, state: &PersonState, settled: &Settled, rulebook: &Rulebook) -> Option<String> {
    let column = rulebook.group_by.as_ref()?;
    if let Some(stored) = state.group.as_ref().filter(|stored| is_of(stored, column)) {
        return Some(stored.clone());
    }
    let group = settled.group.clone().unwrap_or_else(|| group(column, None));
    if state.has_access() {
        *plan.ungrouped.entry(group.clone()).or_default() += 1;
    }
    Some(group)
}
