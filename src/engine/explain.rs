//! One person: what HR says, what follows from it by which rule, what differs from the confirmed account, and what was done.
//!
//! The judging is that of planning, over the records of this one person. Nothing is written, and Workiva is not asked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::feed::Feed;
use super::next_step::next;
use super::user_names::Live;
use super::{Engine, EngineError};
use crate::core::access::Reason;
use crate::core::action::{Attributes, Change};
use crate::core::grants::Given;
use crate::core::header::HeaderNames;
use crate::core::intake::{Findings, Intake};
use crate::core::judged::{Judged, judge};
use crate::core::lifecycle::{AnnouncedEnd, EmploymentStatus, Moment};
use crate::core::mapping::Fields;
use crate::core::person::Person;
use crate::core::planner::{Absence, Material, States, assemble};
use crate::core::record::{Fingerprint, Record, RecordBatch};
use crate::core::scim::ScimPort;
use crate::core::source_file::SourceFile;
use crate::core::state::{AdoptionMark, PersonState};
use crate::source::{BATCHES_AHEAD, HrSource, SourceError};
use crate::store::{DriftFinding, History, RegisterWrite};

pub use super::next_step::{Next, NextStep};

/// Everything that is known of one person. All keys are always there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// Whom it is about.
    pub employee_id: String,
    /// What the source says now.
    pub input: Input,
    /// What follows from it; `None` where there is no usable record.
    pub decision: Option<Judgement>,
    /// The mapped user, where there is to be one.
    pub user: Option<Attributes>,
    /// The account as Workiva last confirmed it.
    pub account: Option<ConfirmedAccount>,
    /// The groups that the person was confirmed to be in, of those that we have to do with, and by whom it was given.
    pub memberships: BTreeMap<String, Given>,
    /// What of it is not as it should be.
    pub differs: Vec<Change>,
    /// What `adopt` left to be decided about this person, or what was decided.
    pub adoption: Option<AdoptionMark>,
    /// What the newest comparison with live Workiva found, if it found this person changed.
    pub drift: Option<DriftFinding>,
    /// What the next run would do for this person alone, before the guard.
    pub next: Next,
    /// What was done.
    #[serde(flatten)]
    pub history: History,
}

/// What the source says now.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Input {
    /// The file or system that was read; `None`: it could not be.
    pub source: Option<String>,
    /// Why it could not be read, in words.
    pub failure: Option<String>,
    /// Where the record stands, the first data row being 1; `None`: there is none that can be used.
    pub row: Option<u64>,
    /// The record's fields as they are read, without the empty ones.
    pub fields: BTreeMap<String, String>,
    /// Why records of this person cannot be used.
    pub rejected: Vec<String>,
    /// What besides keeps them from counting.
    pub warnings: Vec<String>,
}

/// Whether somebody should have access, by which rule and date.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Judgement {
    /// Whether there should be an active account.
    pub access: bool,
    /// Why, in words.
    pub reason: String,
    /// The field or configuration key that decided.
    pub rests_on: &'static str,
    /// The list of `[lifecycle]` in which the status stands.
    pub status: Option<EmploymentStatus>,
    /// The first day of work, as it was read.
    pub hire_date: Option<NaiveDate>,
    /// The last day of work, as it was read.
    pub termination_date: Option<NaiveDate>,
    /// The roles that matched.
    pub roles: Vec<String>,
    /// The next day on which the dates alone may change the answer.
    pub next_change: Option<DateTime<Utc>>,
}

/// The account as Workiva last confirmed it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConfirmedAccount {
    /// Workiva's id of the user.
    pub scim_id: String,
    /// Whether it is active.
    pub active: bool,
    /// The attributes that were sent and accepted.
    pub attributes: Attributes,
    /// When this was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
}

impl Judgement {
    /// Of somebody whom a full source does not name.
    fn of_absence(access: bool, ends: Option<&AnnouncedEnd>, is_said: bool) -> Self {
        let (reason, rests_on) = match ends {
            _ if is_said => ("HR has said that they are gone".to_owned(), "a delta"),
            Some(ends) if ends.is_in_doubt => {
                (Reason::ShownWhenHeld.to_string(), Reason::ShownWhenHeld.rests_on())
            }
            Some(ends) if access => (
                format!(
                    "{}; they keep access until the end that HR had announced (last day {})",
                    Reason::Absent,
                    ends.last_day
                ),
                "termination_date",
            ),
            _ => (Reason::Absent.to_string(), Reason::Absent.rests_on()),
        };
        Self {
            access,
            reason,
            rests_on,
            status: None,
            hire_date: None,
            termination_date: ends.map(|ends| ends.last_day),
            roles: Vec::new(),
            next_change: ends.map(|ends| ends.at).filter(|_| access),
        }
    }
}

impl Explanation {
    /// Whether anybody has ever heard of this person.
    pub fn is_known(&self) -> bool {
        let in_source = self.input.row.is_some() || !self.input.rejected.is_empty();
        let in_state =
            self.account.is_some() || self.history.actions_total > 0 || self.history.audit_total > 0;
        in_source || in_state || !self.history.rejections.is_empty()
    }
}

/// Nobody is settled as absent here, so whoever is absent is found to be.
const NOBODY_ABSENT: Fingerprint = Fingerprint(u128::MAX);

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Explains one person, with at most so many actions and audit records. `patience`: how long the source is waited for; for as long
    /// as it takes where none is given.
    ///
    /// # Errors
    /// Where the database fails. A source that fails is in the answer, which then tells what is stored.
    pub async fn explain(
        &self,
        employee_id: &str,
        limit: u32,
        patience: Option<Duration>,
    ) -> Result<Explanation, EngineError> {
        let mut states = self.store.states(&[employee_id]).await?;
        self.store.add_memberships(&mut states).await?;
        let confirmed_at = self.store.confirmed_at(employee_id).await?;
        let account = states.get(employee_id).and_then(|state| state.account.clone());
        let mut told = Explanation {
            employee_id: employee_id.to_owned(),
            input: Input::default(),
            decision: None,
            user: None,
            account: account.map(|account| ConfirmedAccount {
                scim_id: account.scim_id,
                active: account.active,
                attributes: account.attributes,
                confirmed_at,
            }),
            memberships: states.get(employee_id).map(|state| state.memberships.clone()).unwrap_or_default(),
            differs: Vec::new(),
            adoption: states.get(employee_id).and_then(|state| state.adoption),
            drift: self.store.drift_finding(employee_id).await?,
            next: Next::default(),
            history: self.store.history(employee_id, limit, self.clock.now()).await?,
        };
        let read = self.read_one(employee_id, states.contains_key(employee_id));
        let read = tokio::select! {
            read = read => Some(read?),
            () = self.clock.sleep(patience.unwrap_or(Duration::MAX)), if patience.is_some() => None,
        };
        match read {
            None => {
                let why = "the source takes long to be read; `workiva-sync explain` waits for it.";
                told.input.failure = Some(why.to_owned());
            }
            Some(Ok((findings, name))) => {
                told.input.source = Some(name);
                self.judge_one(&mut told, findings, &states).await?;
            }
            Some(Err(error)) => {
                told.input.failure = Some(error.to_string());
                let moment = Moment::At(self.clock.now());
                let state = states.get(employee_id).filter(|state| state.has_access());
                let over = state.and_then(|state| state.ends.as_ref()?.over(moment));
                told.input.warnings.extend(over.map(|last_day| {
                    format!(
                        "the last day that HR announced ({last_day}) is over; they have access until the source can be read"
                    )
                }));
            }
        }
        Ok(told)
    }

    /// The whole source is read, since it has to prove itself complete, and what is about one person is kept. What several
    /// sources told last is in the register.
    async fn read_one(
        &self,
        employee_id: &str,
        is_known: bool,
    ) -> Result<Result<(Findings, String), SourceError>, EngineError> {
        let mut intake = Intake::default();
        if is_known {
            intake.know(employee_id, Fingerprint::NONE);
        }
        Ok(match &self.feed {
            Feed::Direct(source) => {
                let accepted = self.store.accepted_file().await?;
                read_direct(&**source, accepted.as_ref(), employee_id, intake).await
            }
            Feed::Register(register) => {
                register.take_in(&mut intake, &self.store, employee_id).await?;
                Ok((
                    intake.finish(NOBODY_ABSENT),
                    "the register of all sources, as they were last read".into(),
                ))
            }
        })
    }

    async fn judge_one(
        &self,
        told: &mut Explanation,
        mut findings: Findings,
        states: &States,
    ) -> Result<(), EngineError> {
        let rulebook = &self.rules.rulebook;
        let moment = Moment::At(self.clock.now());
        let records = std::mem::take(&mut findings.changed);
        if let Some(record) = records.first() {
            told.input.row = Some(record.row);
            told.input.fields = fields(record);
        }
        let person = records
            .first()
            .cloned()
            .and_then(|record| Person::read(record, &rulebook.access.lifecycle, &rulebook.date_formats).ok());
        let (mut judged, rejected) = judge(records, states, rulebook, moment);
        let mut states = states.clone();
        let managers = self.manager_book(&judged).await?;
        let lookalikes = self.lookalikes(&judged, &mut states).await?;
        self.store.add_memberships(&mut states).await?;
        let states = &states;
        if let Some(one) = judged.first() {
            told.decision = Some(judgement(one, person.as_ref()));
            told.user = one.desired().cloned();
        }
        let is_absent = !findings.absent.is_empty();
        if is_absent && states.get(&told.employee_id).is_some_and(PersonState::has_something_to_lose) {
            self.add_doubts(&told.employee_id, &mut findings, moment).await?;
        }
        let mut names = self.name_book(&mut judged, states, &Live::default()).await?;
        names.awaited = self.store.awaited_by(&told.employee_id).await?;
        let groups = self.known_groups().await?.map(|(mut map, unknown)| {
            let asked = unknown.into_iter();
            map.wrong =
                asked.map(|name| format!("Workiva has not been asked yet which group '{name}' is")).collect();
            map
        });
        let plan = |states: &States| {
            let material = Material {
                judged: judged.clone(),
                rejected: rejected.clone(),
                findings: findings.clone(),
                // One person's difference does not depend on it.
                header: HeaderNames::default(),
                states,
                names: &names,
                managers: &managers,
                moment,
                lookalikes: &lookalikes,
                groups: groups.as_ref(),
                stale: &HashSet::new(),
            };
            assemble(material, rulebook)
        };
        // What differs is seen without regard to what is under way.
        let at_rest = states.iter().map(|(id, state)| {
            let mut state = state.clone();
            state.open = None;
            state.open_memberships.clear();
            (id.clone(), state)
        });
        let whole = plan(&at_rest.collect::<HashMap<_, _>>());
        if is_absent {
            // Whoever is missing may keep what they have: by source.absence, for some runs, or for rows without an id.
            let state = states.get(&told.employee_id);
            let keeps = whole.actions.is_empty() && state.is_some_and(PersonState::has_access);
            let ends = state.and_then(|state| state.ends.as_ref());
            let is_said = match &self.feed {
                Feed::Register(register) => {
                    let who = std::slice::from_ref(&told.employee_id);
                    !register.said_gone(&self.store, who, &RegisterWrite::default()).await?.is_empty()
                }
                Feed::Direct(_) => false,
            };
            let moment = Moment::At(self.clock.now());
            let ends = match rulebook.absence {
                Absence::Keep => ends,
                Absence::Deprovision => {
                    ends.and_then(AnnouncedEnd::accepted).filter(|ends| ends.is_in_grace(moment))
                }
            };
            told.decision = Some(Judgement::of_absence(keeps, ends, is_said));
        }
        told.differs = whole.actions.into_iter().flat_map(|action| action.changes).collect();
        let mut plan = plan(states);
        if let Feed::Register(register) = &self.feed {
            self.heed_silence(&mut plan, states, &register.silent(&[]), |_| false, self.clock.now()).await?;
        }
        let theirs = plan.rejected.iter().filter(|one| one.employee_id.is_some());
        told.input.rejected = theirs.map(|one| one.reason.clone()).collect();
        told.input.warnings = plan.warnings.clone();
        told.next = next(&plan, states.get(&told.employee_id));
        Ok(())
    }
}

async fn read_direct<S: HrSource>(
    source: &S,
    accepted: Option<&SourceFile>,
    employee_id: &str,
    mut intake: Intake,
) -> Result<(Findings, String), SourceError> {
    let (sender, mut batches) = mpsc::channel::<RecordBatch>(BATCHES_AHEAD);
    let take_in = async {
        while let Some(batch) = batches.recv().await {
            intake.accept(batch.about(employee_id));
        }
        intake
    };
    let (end, intake) = tokio::join!(source.read(None, sender), take_in);
    let file = SourceError::unless_after(end?.file, accepted)?;
    Ok((intake.finish(NOBODY_ABSENT), file.name))
}

fn fields(record: &Record) -> BTreeMap<String, String> {
    let value = |name: &String| Some((name.clone(), record.get(name)?.to_owned()));
    record.names().iter().filter_map(value).collect()
}

fn judgement(judged: &Judged, person: Option<&Person>) -> Judgement {
    let decision = judged.decision();
    Judgement {
        access: decision.access,
        reason: decision.reason.to_string(),
        rests_on: decision.reason.rests_on(),
        status: person.map(|person| person.status),
        hire_date: person.and_then(|person| person.hire_date),
        termination_date: person.and_then(|person| person.termination_date),
        roles: decision.roles.clone(),
        next_change: decision.next_change,
    }
}
