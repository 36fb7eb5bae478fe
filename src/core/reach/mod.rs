//! How far the rules reach: whom each role matches, whom none does, and which values they name that nobody has.

mod seen;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;

use serde::Serialize;

pub use seen::{NeverSeen, Seen};

use super::access::{AccessRules, Decision, Reason};

/// What the rules make of somebody, whoever they are. There are few of these, however many people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// Whether there should be an active account.
    pub access: bool,
    /// The field or configuration key that decided.
    pub rests_on: &'static str,
    /// Whether it came to asking for roles.
    pub is_employed: bool,
    /// The roles that match.
    pub roles: Vec<String>,
    /// The groups that are granted.
    pub grants: Vec<String>,
}

impl Class {
    /// Of one decision.
    pub fn of(decision: &Decision) -> Self {
        Self {
            access: decision.access,
            rests_on: decision.reason.rests_on(),
            is_employed: !matches!(
                decision.reason,
                Reason::NotEmployed(_) | Reason::Absent | Reason::Announced { .. } | Reason::ShownWhenHeld
            ),
            roles: decision.roles.clone(),
            grants: decision.grants.keys().cloned().collect(),
        }
    }

    /// Whether they are employed and in no role.
    pub fn is_in_no_role(&self) -> bool {
        self.is_employed && self.roles.is_empty()
    }
}

/// All classes so far, each with a number.
#[derive(Debug, Default)]
pub struct Classes {
    numbers: HashMap<Class, NonZeroU32>,
    all: Vec<Class>,
}

impl Classes {
    /// The number of a class, counted from 1.
    pub fn number(&mut self, class: Class) -> NonZeroU32 {
        if let Some(number) = self.numbers.get(&class) {
            return *number;
        }
        self.all.push(class.clone());
        let number = u32::try_from(self.all.len()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX);
        self.numbers.insert(class, number);
        number
    }

    /// The class of a number.
    pub fn get(&self, number: NonZeroU32) -> Option<&Class> {
        self.all.get(number.get() as usize - 1)
    }
}

/// How many people each class has, and who is in no role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Of people who can be used.
    pub classes: Vec<(Class, u64)>,
    /// Employee ids, in order, of those who are employed and in no role; as many as were asked for.
    pub in_no_role: Vec<String>,
}

/// How far the rules reach. All keys are always there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// People who should have access.
    pub access: u64,
    /// People who should have none.
    pub no_access: u64,
    /// By what that is decided, and for how many.
    pub decided_by: Vec<DecidedBy>,
    /// Each role, in the order of the configuration.
    pub roles: Vec<RoleReach>,
    /// Who is employed and in no role.
    pub in_no_role: NoRole,
    /// Each group that is granted to anybody.
    pub grants: Vec<GrantReach>,
    /// Values that the rules name and nobody has.
    pub never_seen: Vec<NeverSeen>,
}

/// For how many one thing decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecidedBy {
    /// The field or configuration key.
    pub rests_on: &'static str,
    /// What it decides.
    pub access: bool,
    /// For how many.
    pub people: u64,
}

/// How far a role reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleReach {
    /// Its name.
    pub role: String,
    /// People who are in it.
    pub people: u64,
    /// Those of them who are in no other.
    pub by_it_alone: u64,
    /// What it grants.
    pub grants: Vec<String>,
}

/// Who is employed and in no role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NoRole {
    /// How many.
    pub people: u64,
    /// The first of them.
    pub employee_ids: Vec<String>,
}

/// How far a group is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantReach {
    /// The group, as the configuration names it.
    pub group: String,
    /// To how many.
    pub people: u64,
}

impl Reach {
    /// Of everybody who was counted.
    pub fn of(rules: &AccessRules, census: Census, seen: Seen) -> Self {
        let number = |is_it: &dyn Fn(&Class) -> bool| -> u64 {
            let fitting = census.classes.iter().filter(|(class, _)| is_it(class));
            fitting.map(|(_, people)| people).sum()
        };
        let mut decided: BTreeMap<(&'static str, bool), u64> = BTreeMap::new();
        for (class, people) in &census.classes {
            *decided.entry((class.rests_on, class.access)).or_default() += people;
        }
        let role = |(name, _, grants): (&str, _, &[String])| RoleReach {
            role: name.to_owned(),
            people: number(&|class| class.roles.iter().any(|role| role == name)),
            by_it_alone: number(&|class| class.roles == [name]),
            grants: grants.to_vec(),
        };
        let grant = |group: &str| GrantReach {
            group: group.to_owned(),
            people: number(&|class| class.grants.iter().any(|granted| granted == group)),
        };
        Self {
            access: number(&|class| class.access),
            no_access: number(&|class| !class.access),
            decided_by: decided
                .into_iter()
                .map(|((rests_on, access), people)| DecidedBy { rests_on, access, people })
                .collect(),
            roles: rules.roles().map(role).collect(),
            in_no_role: NoRole {
                people: number(&Class::is_in_no_role),
                employee_ids: census.in_no_role.clone(),
            },
            grants: rules.references().into_iter().map(grant).collect(),
            never_seen: seen.never(),
        }
    }
}
