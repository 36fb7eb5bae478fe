//! What comes of an example, and whether it was expected.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::Serialize;

use super::table::{Before, Example, NOTHING, Question};
use crate::core::action::{ActionKind, Attributes, Target};
use crate::core::diff::{Step, step};
use crate::core::judged::judge_person;
use crate::core::lifecycle::Moment;
use crate::core::planner::{Rulebook, States};
use crate::core::state::{Account, PersonState};

/// What parts the names of a list.
const BETWEEN: char = ';';

/// What came of an example. All keys are always there.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The line of the table.
    pub line: u64,
    /// Whose example it is.
    pub employee_id: String,
    /// What is shown by it.
    pub name: Option<String>,
    /// The day by which it was judged.
    pub as_of: NaiveDate,
    /// Whether everything came as expected.
    pub ok: bool,
    /// Where the account ends.
    pub access: End,
    /// Why, in words.
    pub reason: String,
    /// The field or configuration key that decided; of a rejected record, in one word what is wrong with it.
    pub rests_on: &'static str,
    /// The roles that match.
    pub roles: Vec<String>,
    /// The groups that are granted.
    pub grants: Vec<String>,
    /// The first day of access by the dates.
    pub from: Option<NaiveDate>,
    /// The last day of access by the dates.
    pub until: Option<NaiveDate>,
    /// The mapped user, where there is to be one.
    pub user: Option<Attributes>,
    /// What came otherwise.
    pub failures: Vec<Miss>,
}

/// Something that came otherwise than expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Miss {
    /// The column of the table.
    pub column: String,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub came: String,
}

/// Where an account ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// There is one, with access.
    Active,
    /// There is one, without access.
    Suspended,
    /// It is removed.
    Deleted,
    /// There is none.
    None,
    /// The record cannot be used: they keep what they have.
    Rejected,
}

impl End {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Active, Self::Suspended, Self::Deleted, Self::None, Self::Rejected];

    /// The name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
            Self::None => "none",
            Self::Rejected => "rejected",
        }
    }
}

/// Judges an example; `today` is for one without a day of its own. Each stands alone: who has which user name besides is not known.
pub fn judge(example: &Example, rulebook: &Rulebook, today: NaiveDate) -> Verdict {
    let as_of = example.as_of.unwrap_or(today);
    let state = state(example);
    let states = States::from([(state.employee_id.clone(), state.clone())]);
    let mut verdict = Verdict {
        line: example.line,
        employee_id: state.employee_id.clone(),
        name: example.name.clone(),
        as_of,
        ok: false,
        access: End::Rejected,
        reason: String::new(),
        rests_on: "",
        roles: Vec::new(),
        grants: Vec::new(),
        from: None,
        until: None,
        user: None,
        failures: Vec::new(),
    };
    match judge_person(example.record.clone(), &states, rulebook, Moment::On(as_of)) {
        Err(rejection) => {
            verdict.reason = rejection.reason;
            verdict.rests_on = rejection.kind.name();
        }
        Ok((person, decision, user)) => {
            let lifecycle = &rulebook.access.lifecycle;
            verdict.access = end(&state, user.as_ref(), rulebook);
            verdict.reason = decision.reason.to_string();
            verdict.rests_on = decision.reason.rests_on();
            verdict.roles = decision.roles;
            verdict.grants = decision.grants.into_keys().collect();
            verdict.from = lifecycle.first_day(&person);
            verdict.until = lifecycle.last_day(&person);
            verdict.user = user;
        }
    }
    verdict.failures =
        example.expected.iter().filter_map(|(asked, cell)| miss(&verdict, asked, cell)).collect();
    verdict.ok = verdict.failures.is_empty();
    verdict
}

/// What is known of the person before.
fn state(example: &Example) -> PersonState {
    let user_name = example.user_name.iter().map(|name| ("userName".to_owned(), name.clone()));
    let account = Account {
        scim_id: String::new(),
        active: example.account == Before::Active,
        attributes: user_name.collect(),
    };
    PersonState {
        account: (example.account != Before::None).then_some(account),
        had_access: example.account == Before::Active,
        ..PersonState::unknown(example.record.employee_id())
    }
}

/// Where the step that a run would take leaves the account.
fn end(state: &PersonState, user: Option<&Attributes>, rulebook: &Rulebook) -> End {
    let target = match user {
        Some(attributes) => Target::Access(attributes.clone()),
        None => Target::NoAccess { known_as: Attributes::new() },
    };
    match step(state, target, rulebook.users.paths(), rulebook.deprovision) {
        Step::Act(draft) => match draft.kind {
            ActionKind::Suspend => End::Suspended,
            ActionKind::Delete => End::Deleted,
            _ => End::Active,
        },
        // Nothing to do, since nothing is under way.
        _ => match &state.account {
            Some(account) if account.active => End::Active,
            Some(_) => End::Suspended,
            None => End::None,
        },
    }
}

fn miss(verdict: &Verdict, asked: &Question, expected: &str) -> Option<Miss> {
    let told = |came: String| Miss { column: asked.to_string(), expected: expected.to_owned(), came };
    let text = |came: Option<String>| {
        let came = came.unwrap_or_else(|| NOTHING.to_owned());
        (came != expected).then(|| told(came))
    };
    match asked {
        Question::Access => text(Some(verdict.access.name().to_owned())),
        Question::Reason => {
            let came = format!("{} (by {})", verdict.reason, verdict.rests_on);
            (!came.contains(expected)).then(|| told(came))
        }
        _ if verdict.access == End::Rejected => Some(told(End::Rejected.name().to_owned())),
        Question::Roles => list(expected, &verdict.roles).map(told),
        Question::Grants => list(expected, &verdict.grants).map(told),
        Question::From => text(verdict.from.map(|day| day.to_string())),
        Question::Until => text(verdict.until.map(|day| day.to_string())),
        Question::Attribute(path) => text(verdict.user.as_ref().and_then(|user| user.get(path).cloned())),
    }
}

/// What came of a list whose order does not matter, if it is not what was expected.
fn list(expected: &str, came: &[String]) -> Option<String> {
    let names = expected.split(BETWEEN).map(str::trim).filter(|name| !name.is_empty() && *name != NOTHING);
    let (wanted, came): (BTreeSet<&str>, BTreeSet<&str>) =
        (names.collect(), came.iter().map(String::as_str).collect());
    let told = || match came.is_empty() {
        true => NOTHING.to_owned(),
        false => came.iter().copied().collect::<Vec<_>>().join("; "),
    };
    (wanted != came).then(told)
}
