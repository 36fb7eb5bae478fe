//! Who should have access, and why: lifecycle first, then roles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grants::Granted;
use super::lifecycle::{AnnouncedEnd, Employment, Lifecycle, Moment, OnLeave};
use super::mapping::{CompileError, Rule, Tables};
use super::person::Person;
use super::record::{Rejection, RejectionKind};
use super::state::PersonState;

/// `[access]`: which employed people get an account.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessSettings {
    /// `roles`: people who meet at least one role's condition; `all`: every employed person.
    pub provision: Provision,
    /// Whether somebody who loses every role keeps the account (they still lose it on leaving).
    #[serde(default)]
    pub keep_on_role_loss: bool,
    /// Groups of Workiva that everybody with an account is put into; by id, or by display name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// The roles, each with a condition on the record's fields.
    #[serde(default)]
    pub roles: Vec<RoleSettings>,
}

/// Who is provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provision {
    /// Whoever meets a role's condition.
    Roles,
    /// Every employed person.
    All,
}

/// One role of `[[access.roles]]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleSettings {
    /// The name that plans and reasons show.
    pub name: String,
    /// The condition: an expression that is true for the people who have this role.
    pub when: String,
    /// Groups of Workiva that people with this role are put into; by id, or by display name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
}

/// Why somebody has access or has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Employed, and in these roles.
    Roles(Vec<String>),
    /// Employed, and everybody is provisioned.
    Everybody,
    /// Employed, lost every role, but `keep_on_role_loss` is set.
    RoleLossKept,
    /// Employed, in no role.
    NoRole,
    /// On a leave during which only a role gives access, and in none.
    OnLeaveWithoutRole,
    /// Not employed today, for this reason.
    NotEmployed(Employment),
    /// Left in this way, and a grace is running; but it keeps access, and there is none.
    NothingToKeep(Employment),
    /// No longer in a full source, and absence means leaving.
    Absent,
    /// No longer in a full source, where that means nothing; but the last day had been announced before, and is over.
    Announced {
        /// The last day of employment.
        last_day: NaiveDate,
    },
    /// No longer in a full source, where that means nothing; but one before, whose plan was held, showed that they had left.
    ShownWhenHeld,
}

impl Reason {
    /// The one thing that decided: a rule, a date or the status.
    pub fn rests_on(&self) -> &'static str {
        match self {
            Self::Roles(_) => "access.roles",
            Self::Everybody => "access.provision",
            Self::RoleLossKept => "access.keep_on_role_loss",
            Self::NoRole => "access.roles",
            Self::OnLeaveWithoutRole => "lifecycle.on_leave",
            Self::NotEmployed(Employment::NotYet { .. }) => "hire_date",
            Self::NotEmployed(Employment::OnLeave) => "lifecycle.on_leave",
            Self::NotEmployed(Employment::TerminatedByDate { .. }) => "termination_date",
            Self::NotEmployed(_) => "status",
            Self::NothingToKeep(_) => "lifecycle.deprovision_days_after_termination",
            Self::Absent => "source.absence",
            Self::Announced { .. } => "termination_date",
            Self::ShownWhenHeld => "status",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roles(names) if names.len() == 1 => write!(f, "employed, in role {}", names[0]),
            Self::Roles(names) => write!(f, "employed, in roles {}", names.join(", ")),
            Self::Everybody => write!(f, "employed"),
            Self::RoleLossKept => {
                write!(f, "employed, in no role any more; keep_on_role_loss keeps the account")
            }
            Self::NoRole => write!(f, "employed, in no role"),
            Self::OnLeaveWithoutRole => write!(f, "on leave, in no role"),
            Self::NotEmployed(Employment::NotYet { from }) => write!(f, "hired, access begins on {from}"),
            Self::NotEmployed(Employment::OnLeave) => write!(f, "on leave"),
            Self::NotEmployed(Employment::TerminatedByDate { date }) => {
                write!(f, "left, last day was {date}")
            }
            Self::NotEmployed(_) => write!(f, "left, says the status"),
            Self::NothingToKeep(left) => {
                let left = Self::NotEmployed(left.clone());
                write!(f, "{left}; the days after it keep access and give none")
            }
            Self::Absent => write!(f, "no longer in the HR source"),
            Self::Announced { last_day } => {
                write!(f, "left, last day was {last_day}, as HR said while the source still named them")
            }
            Self::ShownWhenHeld => {
                write!(f, "left, says a source whose plan was held; the newest one no longer names them")
            }
        }
    }
}

/// The answer for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the person should have an active account.
    pub access: bool,
    /// Why.
    pub reason: Reason,
    /// The next moment at which the dates alone could change the answer.
    pub next_change: Option<DateTime<Utc>>,
    /// The end that a last day still to come announces.
    pub ends: Option<AnnouncedEnd>,
    /// The roles whose condition holds, of those that were asked: of nobody who is not employed, and where everybody has access, only
    /// of roles that grant something.
    pub roles: Vec<String>,
    /// The groups that the person's roles grant.
    pub grants: Granted,
}

/// The compiled rules of `[lifecycle]` and `[access]`.
pub struct AccessRules {
    /// The lifecycle's rules.
    pub lifecycle: Lifecycle,
    provision: Provision,
    keep_on_role_loss: bool,
    grants: Vec<String>,
    roles: Vec<Role>,
}

struct Role {
    name: String,
    rule: Rule,
    grants: Vec<String>,
}

impl AccessRules {
    /// Compiles the roles' conditions; `names` are the fields that they may use.
    ///
    /// # Errors
    /// Every condition that does not compile, and `roles` without any role.
    pub fn compile(
        settings: &AccessSettings,
        lifecycle: Lifecycle,
        names: &[String],
        tables: &Tables,
    ) -> Result<Self, Vec<CompileError>> {
        let mut errors = Vec::new();
        let mut roles = Vec::new();
        let mut seen = BTreeMap::new();
        for (index, role) in settings.roles.iter().enumerate() {
            let key = format!("access.roles[{index}].when");
            match Rule::compile(&key, &role.when, names, tables) {
                Ok(rule) => {
                    let (name, grants) = (role.name.clone(), role.grants.clone());
                    roles.push(Role { name, rule, grants });
                }
                Err(error) => errors.push(error),
            }
            if let Some(first) = seen.insert(role.name.as_str(), index) {
                errors.push(CompileError {
                    key: format!("access.roles[{index}].name"),
                    message: format!(
                        "'{}' is also the name of access.roles[{first}]; give each role its own",
                        role.name
                    ),
                });
            }
        }
        if settings.provision == Provision::Roles && settings.roles.is_empty() {
            errors.push(CompileError {
                key: "access.roles".into(),
                message:
                    "is empty, so nobody would have access; add a role or set access.provision = \"all\""
                        .into(),
            });
        }
        if errors.is_empty() {
            let (provision, keep_on_role_loss) = (settings.provision, settings.keep_on_role_loss);
            let grants = settings.grants.clone();
            return Ok(Self { lifecycle, provision, keep_on_role_loss, grants, roles });
        }
        Err(errors)
    }

    /// Every group that is granted to anybody, as it is configured.
    pub fn references(&self) -> BTreeSet<&str> {
        let of_roles = self.roles.iter().flat_map(|role| &role.grants);
        self.grants.iter().chain(of_roles).map(String::as_str).collect()
    }

    /// Every role: its name, its condition, and what it grants.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &Rule, &[String])> {
        self.roles.iter().map(|role| (role.name.as_str(), &role.rule, &role.grants[..]))
    }

    /// Decides for one person at this moment. `state` is what is known of them, if anything is: a grace, and the loss of every role where
    /// that does not count, leave access to whoever has it, and give it to nobody.
    ///
    /// # Errors
    /// A rejection where a role's condition cannot be evaluated for this record.
    pub fn decide(
        &self,
        person: &Person,
        moment: Moment,
        state: Option<&PersonState>,
    ) -> Result<Decision, Rejection> {
        let next_change = self.lifecycle.next_change(person, moment);
        let ends = self.lifecycle.announced_end(person, moment);
        let decided =
            |access, reason, roles, grants| Ok(Decision { access, reason, next_change, ends, roles, grants });
        let employment = self.lifecycle.employment(person, moment);
        let Employment::Employed { leave, .. } = employment else {
            return decided(false, Reason::NotEmployed(employment), Vec::new(), Granted::new());
        };
        if let Some(left) = self.lifecycle.left(person, moment)
            && !state.is_some_and(PersonState::has_access_for_grace)
        {
            return decided(false, Reason::NothingToKeep(left), Vec::new(), Granted::new());
        }
        let by_role_only = leave == Some(OnLeave::Roles);
        let everybody = self.provision == Provision::All && !by_role_only;
        let mut names = Vec::new();
        let mut grants: Granted = self.grants.iter().map(|group| (group.clone(), BTreeSet::new())).collect();
        // Where everybody has access, roles only say who is granted what.
        for role in self.roles.iter().filter(|role| !everybody || !role.grants.is_empty()) {
            let matches = role.rule.matches(&person.record).map_err(|error| Rejection {
                employee_id: Some(person.record.employee_id().to_owned()),
                row: Some(person.record.row),
                kind: RejectionKind::RoleCondition,
                reason: format!("{}: {}", error.attribute, error.message),
            })?;
            if matches {
                names.push(role.name.clone());
                for group in role.grants.iter().filter(|group| !self.grants.contains(group)) {
                    grants.entry(group.clone()).or_default().insert(role.name.clone());
                }
            }
        }
        let had_access = state.is_some_and(|state| state.had_access);
        match (names.is_empty(), self.keep_on_role_loss && had_access) {
            _ if everybody => decided(true, Reason::Everybody, names, grants),
            (false, _) => decided(true, Reason::Roles(names.clone()), names, grants),
            (true, _) if by_role_only => decided(false, Reason::OnLeaveWithoutRole, names, Granted::new()),
            (true, true) => decided(true, Reason::RoleLossKept, names, grants),
            (true, false) => decided(false, Reason::NoRole, names, Granted::new()),
        }
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
pub(crate) mod tests;
