//! Reading source and state side by side: the source on its own thread, both into the intake.

use std::pin::pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::clock::Clock;
use super::register::{Register, RegisterRead, Turn};
use crate::core::guard::SourceScale;
use crate::core::header::HeaderNames;
use crate::core::intake::{Findings, Intake};
use crate::core::lifecycle::Moment;
use crate::core::planner::Rulebook;
use crate::core::record::{Fingerprint, RecordBatch};
use crate::core::source_file::SourceFile;
use crate::core::warnings::of_unread;
use crate::source::push::PushOptions;
use crate::source::{BATCHES_AHEAD, HrSource, SourceDigest, SourceEnd, SourceError};
use crate::store::{Silent, Store, StoreError};

/// What a source may have read while the people known are loaded, in bytes.
const MOST_AHEAD: usize = 16 * 1024 * 1024;

/// What can go wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where records come from.
pub enum Feed<S> {
    /// One source that tells of everybody each time.
    Direct(Box<S>),
    /// Several, or one that delivers deltas.
    Register(Register<S>),
}

/// Who has to be looked at whatever their record says.
#[derive(Default)]
pub struct Due {
    /// By the employee id.
    pub people: Vec<String>,
    /// Until when no date may change what is decided about somebody for whom a create or deprovision waits, so that they are known by the
    /// record that it was planned for; `None`: everybody for whom something waits is looked at.
    pub known_by: Option<DateTime<Utc>>,
}

/// Everybody, as read.
pub struct Gathered {
    /// Who has to be looked at.
    pub findings: Findings,
    /// The columns, where one source has told of everybody.
    pub header: HeaderNames,
    /// The file or system, or the names of several.
    pub file: SourceFile,
    /// What an operator should know.
    pub warnings: Vec<String>,
    /// How many bytes the files of one source had.
    pub bytes: Option<u64>,
    /// How many of several sources failed. What they told before stands.
    pub failed: usize,
    /// Those of several sources that say nothing in this run.
    pub silent: Silent,
    /// How each of several sources compares with what was accepted of it.
    pub scales: Vec<SourceScale>,
    /// Whether somebody is missing from one of several sources who may be in a row of it that cannot be used.
    pub unsure_absence: bool,
    /// Sources that are not configured any more, which nobody has let stand yet.
    pub removed: Vec<String>,
    /// What is to be stored with the plan.
    pub register: Option<RegisterRead>,
}

impl<S: HrSource> Feed<S> {
    /// One source that tells of everybody each time.
    pub fn direct(source: S) -> Self {
        Self::Direct(Box::new(source))
    }

    /// Each source, in the order of the configuration.
    pub fn sources(&self) -> Vec<&S> {
        match self {
            Self::Direct(source) => vec![&**source],
            Self::Register(register) => register.members.iter().map(|member| &member.source).collect(),
        }
    }

    /// What [`HrSource::digest`] tells of the only source.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn digest(&self) -> Result<Option<SourceDigest>, SourceError> {
        match self {
            Self::Direct(source) => source.digest().await,
            Self::Register(_) => Ok(None),
        }
    }

    /// How bodies are read that are pushed to the source of this name; `None`: there is none, or nobody can.
    pub fn push(&self, source: &str) -> Option<&Arc<PushOptions>> {
        let Self::Register(register) = self else { return None };
        register.members.iter().find(|member| member.origin.name == source)?.source.push()
    }

    /// The names of the sources that are pushed to.
    pub fn pushed(&self) -> impl Iterator<Item = &str> {
        let members = match self {
            Self::Direct(_) => &[],
            Self::Register(register) => register.members.as_slice(),
        };
        members
            .iter()
            .filter(|member| member.source.push().is_some())
            .map(|member| member.origin.name.as_str())
    }

    /// The position of the source of this name.
    pub fn position(&self, source: &str) -> Option<usize> {
        match self {
            Self::Direct(_) => None,
            Self::Register(register) => {
                register.members.iter().position(|member| member.origin.name == source)
            }
        }
    }

    /// Reads what is selected, and takes in what was read beside. `absent` is the fingerprint of those settled as absent.
    ///
    /// # Errors
    /// Where the source is not complete, or the database fails.
    pub async fn read(
        &self,
        store: &Store,
        turn: Turn,
        due: &Due,
        absent: Fingerprint,
        clock: &dyn Clock,
    ) -> Result<Gathered, FeedError> {
        self.gather(store, turn, clock, known(store, due, absent), absent).await
    }

    /// Reads everybody as if nobody were known: every good record.
    ///
    /// # Errors
    /// Where the source is not complete, or the database fails.
    pub async fn read_everybody(&self, store: &Store, clock: &dyn Clock) -> Result<Gathered, FeedError> {
        let nobody = async { Ok(Intake::default()) };
        self.gather(store, Turn::default(), clock, nobody, Fingerprint::NONE).await
    }

    async fn gather(
        &self,
        store: &Store,
        turn: Turn,
        clock: &dyn Clock,
        intake: impl Future<Output = Result<Intake, StoreError>>,
        absent: Fingerprint,
    ) -> Result<Gathered, FeedError> {
        let source = match self {
            Self::Direct(source) => source,
            Self::Register(register) => return register.gather(store, turn, clock, intake, absent).await,
        };
        let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
        let engine_side = async {
            let (mut intake, ahead) = load_beside(intake, &mut batches).await?;
            ahead.into_iter().for_each(|batch| intake.accept(batch));
            Ok::<_, FeedError>(take_in(intake, batches, |batch| batch).await)
        };
        let accepted = store.accepted_file().await?;
        // The source parses on a thread of its own, so this is two cores at work; it waits where the engine is behind.
        let (end, intake) = tokio::join!(source.read(None, sender), engine_side);
        let (end, intake) = (end?, intake?);
        let findings = intake.finish(absent);
        let unread = of_unread(findings.unread, "fields");
        Ok(Gathered {
            header: findings.header(end.header),
            findings,
            file: SourceError::unless_after(end.file, accepted.as_ref())?,
            warnings: end.passed_over.into_iter().chain(unread).collect(),
            bytes: end.bytes,
            failed: 0,
            silent: Silent::default(),
            scales: Vec::new(),
            removed: Vec::new(),
            unsure_absence: false,
            register: None,
        })
    }

    /// Tells the sources that what they delivered is stored. Who fails at what that means is asked again after the next read.
    pub async fn stored(&self, read: Option<&RegisterRead>, file: &SourceFile) -> Cleared {
        let mut cleared = Cleared::default();
        match self {
            Self::Direct(source) => {
                let end = SourceEnd { file: file.clone(), ..SourceEnd::default() };
                cleared.add("", &end, source.stored(&end).await);
            }
            Self::Register(register) => {
                for (place, end) in read.iter().flat_map(|read| &read.ends) {
                    let member = &register.members[*place];
                    cleared.add(&member.origin.name, end, member.source.stored(end).await);
                }
            }
        }
        cleared
    }
}

/// What came of clearing away what was read.
#[derive(Debug, Default)]
pub struct Cleared {
    /// The sources in whose queues more may wait, by name.
    pub further: Vec<String>,
    /// Why something is not cleared away: for the operator.
    pub failures: Vec<String>,
}

impl Cleared {
    fn add(&mut self, source: &str, end: &SourceEnd, result: Result<(), SourceError>) {
        match result {
            Ok(()) if end.message.is_some() => self.further.push(source.to_owned()),
            Ok(()) => {}
            // A message that could not be taken off would come again at once.
            Err(error) => {
                let whose = if source.is_empty() { String::new() } else { format!("source '{source}': ") };
                let why = error.without_values();
                self.failures.push(format!("{whose}what was read is stored, but not cleared away: {why}"));
            }
        }
    }
}

/// Loads what is known while the source reads, and holds what comes meanwhile.
async fn load_beside(
    intake: impl Future<Output = Result<Intake, StoreError>>,
    batches: &mut mpsc::Receiver<RecordBatch>,
) -> Result<(Intake, Vec<RecordBatch>), StoreError> {
    let mut loading = pin!(intake);
    let (mut ahead, mut held) = (Vec::new(), 0);
    loop {
        tokio::select! {
            biased;
            loaded = &mut loading => return Ok((loaded?, ahead)),
            Some(batch) = batches.recv(), if held < MOST_AHEAD => {
                held += batch.memory();
                ahead.push(batch);
            }
        }
    }
}

/// Takes in all that comes, as `own` makes of it.
pub(super) async fn take_in(
    mut intake: Intake,
    mut batches: mpsc::Receiver<RecordBatch>,
    own: impl Fn(RecordBatch) -> RecordBatch,
) -> Intake {
    while let Some(batch) = batches.recv().await {
        intake.accept(own(batch));
    }
    intake
}

/// Whether it is an earlier day than the one by which people were judged last: then dates that counted do not any more.
///
/// # Errors
/// Where the database fails.
pub async fn was_set_back(store: &Store, rulebook: &Rulebook, moment: Moment) -> Result<bool, StoreError> {
    let judged_at = store.judged_at().await?;
    let lifecycle = &rulebook.access.lifecycle;
    Ok(judged_at.is_some_and(|at| match moment {
        Moment::At(now) => lifecycle.is_earlier_day(now, at),
        Moment::On(day) => day < lifecycle.today(at),
    }))
}

/// Everybody who is known, at what each is settled: at the record of an action that waits, who is known by that.
async fn known(store: &Store, due: &Due, absent: Fingerprint) -> Result<Intake, StoreError> {
    let people = store.people().await?;
    let mut intake = Intake::with_capacity(usize::try_from(people).unwrap_or(0));
    // The database reads the next people while these are taken in.
    let ask = |after: String| {
        let store = store.clone();
        tokio::spawn(async move { store.packed_people(&after).await })
    };
    let mut asked = ask(String::new());
    while let Some((pack, last)) = asked.await.unwrap_or(Err(StoreError::Stopped))? {
        asked = ask(last);
        for (employee_id, fingerprint) in pack.iter() {
            intake.know(employee_id, fingerprint);
        }
    }
    let mut after = String::new();
    while let Some((pack, last)) = store.packed_waiting(&after, due.known_by).await? {
        after = last;
        for (employee_id, fingerprint) in pack.iter() {
            // Whom the source does not name has no record to be known by.
            match [Fingerprint::NONE, absent, absent.kept()].contains(&fingerprint) {
                true => intake.unsettle(employee_id),
                false => intake.wait(employee_id, fingerprint),
            }
        }
    }
    for employee_id in &due.people {
        intake.unsettle(employee_id);
    }
    Ok(intake)
}
