//! Looking at the sources for people: what each holds, what of it is read, and what a run would reject. Nothing is stored.

pub mod head;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Engine;
use super::feed::Feed;
use super::register::Register;
use crate::config::advice;
use crate::core::coverage::Coverage;
use crate::core::judged::judge;
use crate::core::lifecycle::Moment;
use crate::core::mapping::Fields;
use crate::core::reach::{Reach, Seen};
use crate::core::record::{Columns, EMPLOYEE_ID, Record, RecordBatch};
use crate::core::register::{Kept, Origin, RegisterFields};
use crate::core::scim::ScimPort;
use crate::core::source_file::SourceFile;
use crate::core::tally::{Count, Tally};
use crate::source::{BATCHES_AHEAD, Extent, HrSource, SourceEnd, SourceError};
use crate::store::StoreError;

/// How many rejections are told.
const TOLD: usize = 10;
/// How many people are judged at once.
const BATCH: usize = 512;

/// A source, read whole.
#[derive(Debug)]
pub struct Look {
    /// What it is called.
    pub name: String,
    /// The file or system that was read; `None`: none was found, or it could not be read.
    pub reached: Option<String>,
    /// What came of it. Where it failed, that counts for nothing.
    pub count: Count,
    /// What it holds beside what is read of it.
    pub coverage: Coverage,
    /// What an operator should know.
    pub warnings: Vec<String>,
    /// Why it cannot be used.
    pub failure: Option<SourceError>,
}

/// All sources.
#[derive(Debug)]
pub struct Looks {
    /// Each of them.
    pub sources: Vec<Look>,
    /// Of several, what they make together. `None`: there is only one, or one of them failed.
    pub together: Option<Count>,
}

/// How people are looked at.
struct Manner {
    moment: Moment,
    /// What is counted besides, where it is asked how far the rules reach.
    survey: Option<Survey>,
}

struct Survey {
    seen: Seen,
    /// How many are told who are in no role.
    told: usize,
}

impl Manner {
    fn tally(&self) -> Tally {
        if self.survey.is_some() { Tally::with_classes() } else { Tally::default() }
    }

    /// How many are told who are in no role.
    fn told(&self) -> usize {
        self.survey.as_ref().map_or(0, |survey| survey.told)
    }
}

/// What several sources say of everybody.
#[derive(Default)]
struct Said {
    people: BTreeMap<String, Person>,
    /// Who was rejected in one of them keeps what is known of them, whatever the others say.
    spoiled: HashSet<String>,
}

#[derive(Default)]
struct Person {
    row: u64,
    records: HashMap<usize, Kept>,
}

impl Said {
    fn add(
        &mut self,
        place: usize,
        origin: &Origin,
        theirs: Vec<(String, u64, RegisterFields)>,
        tally: &Tally,
    ) {
        for (own, row, fields) in theirs {
            let id = origin.id(&own);
            if tally.is_usable(&own) {
                let person = self.people.entry(id).or_default();
                person.row = row;
                person.records.insert(place, Kept { fields, stale: false });
            } else {
                self.spoiled.insert(id);
            }
        }
    }
}

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Reads every source whole, whatever is known of it, and judges everybody by the rules. No cursor moves.
    ///
    /// # Errors
    /// Where the database fails. A source that fails is in the answer.
    pub async fn look(&self) -> Result<Looks, StoreError> {
        self.look_in(&mut Manner { moment: Moment::At(self.clock.now()), survey: None }).await
    }

    /// The same at this moment, and how far the rules reach; so many are told who are in no role. `None`: a source failed.
    ///
    /// # Errors
    /// Where the database fails. A source that fails is in the answer.
    pub async fn reach(&self, moment: Moment, told: usize) -> Result<(Looks, Option<Reach>), StoreError> {
        let rules = &self.rules.rulebook.access;
        let mut manner = Manner { moment, survey: Some(Survey { seen: Seen::of(rules), told }) };
        let mut looks = self.look_in(&mut manner).await?;
        let failed = looks.sources.iter().any(|look| look.failure.is_some());
        let counts = looks.sources.iter_mut().map(|look| &mut look.count);
        let census = looks.together.as_mut().into_iter().chain(counts).next();
        let census = census.map(|count| std::mem::take(&mut count.census));
        let seen = manner.survey.map(|survey| survey.seen);
        let reach = census.zip(seen).map(|(census, seen)| Reach::of(rules, census, seen));
        Ok((looks, reach.filter(|_| !failed)))
    }

    async fn look_in(&self, manner: &mut Manner) -> Result<Looks, StoreError> {
        let mut looks = self.look_at_all(manner).await?;
        for look in &mut looks.sources {
            let source = self.settings.all_sources().find(|(_, source)| source.called() == look.name);
            look.warnings.extend(source.and_then(|(_, source)| advice(source)).map(str::to_owned));
        }
        Ok(looks)
    }

    async fn look_at_all(&self, manner: &mut Manner) -> Result<Looks, StoreError> {
        match &self.feed {
            Feed::Direct(source) => {
                let accepted = self.store.accepted_file().await?;
                let origin = &self.rules.sources[0].origin;
                let mut tally = manner.tally();
                let take = async |batches| self.take_judged(&mut tally, batches, manner).await;
                let (end, taken) = read_whole(&**source, None, take).await;
                taken?;
                let count = tally.finish(TOLD, manner.told());
                Ok(Looks { sources: vec![look(origin, end, accepted.as_ref(), count)], together: None })
            }
            Feed::Register(register) => self.look_at_each(register, manner).await,
        }
    }

    async fn look_at_each(&self, register: &Register<S>, manner: &mut Manner) -> Result<Looks, StoreError> {
        let standings = self.store.source_standings().await?;
        let (mut sources, mut said) = (Vec::new(), Said::default());
        for (place, member) in register.members.iter().enumerate() {
            let mut tally = Tally::default();
            let stored = standings.get(&member.origin.name);
            let standing = member.stands(stored);
            // What was pushed and read does not come again: it stands in the register.
            let pushed = standing.filter(|_| member.source.push().is_some());
            let since = pushed.and_then(|standing| standing.cursor.clone());
            let (mut theirs, mut gone) = (Vec::new(), HashSet::new());
            let take = async |mut batches: mpsc::Receiver<RecordBatch>| {
                while let Some(batch) = batches.recv().await {
                    gone.extend(batch.gone.iter().cloned());
                    let fresh = tally.accept(member.origin.refusing_foreign(batch));
                    theirs.extend(fresh.iter().map(|record| kept(record, &member.origin)));
                    tally.sample_from(fresh);
                }
            };
            let (end, ()) = read_whole(&member.source, since, take).await;
            let known = stored.and_then(|stored| stored.cursor.as_deref()).unwrap_or_default();
            let end = end.and_then(|end| member.source.may_follow(&end, known).map(|()| end));
            let mut known = 0;
            if end.as_ref().is_ok_and(|end| end.extent == Extent::Delta) {
                let moved = |own: &str| gone.contains(own) || tally.has_come(own);
                known = self.add_known(&mut said, place, &member.origin, moved).await?;
            }
            said.add(place, &member.origin, theirs, &tally);
            let count = tally.finish(TOLD, 0);
            let mut look = look(&member.origin, end, stored.map(|stored| &stored.file), count);
            look.count.sample =
                look.count.sample.map(|sample| as_known(&sample, &member.origin, sample.names()));
            look.count.usable += known;
            if member.source.push().is_some() {
                // Its bodies may be gone; what was seen in them is kept.
                look.coverage.unmapped = self.store.delivery_unmapped(&member.origin.name).await?;
            }
            sources.push(look);
        }
        if sources.iter().any(|look| look.failure.is_some()) {
            return Ok(Looks { sources, together: None });
        }
        let mut together = self.judge_together(register, said, manner).await?;
        together.rejected += sources.iter().map(|look| look.count.rejected).sum::<u64>();
        if let [only] = &mut sources[..] {
            only.count.first_rejected.append(&mut together.first_rejected);
            only.count.first_rejected.sort_by_key(|one| (one.row, one.employee_id.clone()));
            let rejections = std::mem::take(&mut only.count.first_rejected);
            let first_rejected = rejections.into_iter().take(TOLD).collect();
            only.count = Count { rows: only.count.rows, first_rejected, ..together };
            return Ok(Looks { sources, together: None });
        }
        Ok(Looks { sources, together: Some(together) })
    }

    /// Adds what the register holds of a source, without those of whom something newer came. The answer is of how many.
    async fn add_known(
        &self,
        said: &mut Said,
        place: usize,
        origin: &Origin,
        is_newer: impl Fn(&str) -> bool,
    ) -> Result<u64, StoreError> {
        let (mut added, mut after) = (0, String::new());
        loop {
            let page = self.store.register_page(&origin.name, &after).await?;
            let Some(last) = page.last() else { return Ok(added) };
            after = last.employee_id.clone();
            for row in page {
                let own = row.employee_id.strip_prefix(origin.id_prefix.as_str()).unwrap_or(&row.employee_id);
                if !is_newer(own) {
                    said.people.entry(row.employee_id).or_default().records.insert(place, row.kept);
                    added += 1;
                }
            }
        }
    }

    async fn judge_together(
        &self,
        register: &Register<S>,
        said: Said,
        manner: &mut Manner,
    ) -> Result<Count, StoreError> {
        let empty = || RecordBatch::new(Arc::clone(&register.columns), register.seed);
        let (mut tally, mut batch) = (manner.tally(), empty());
        for (id, person) in &said.people {
            if said.spoiled.contains(id) {
                continue;
            }
            // What several sources say stands in no row.
            let row = if register.members.len() == 1 { person.row } else { 0 };
            batch.push(row, register.precedence.merge(id, &person.records, &register.columns));
            if batch.len() >= BATCH {
                self.judge_batch(&mut tally, std::mem::replace(&mut batch, empty()), manner).await?;
            }
        }
        self.judge_batch(&mut tally, batch, manner).await?;
        Ok(tally.finish(TOLD, manner.told()))
    }

    async fn take_judged(
        &self,
        tally: &mut Tally,
        mut batches: mpsc::Receiver<RecordBatch>,
        manner: &mut Manner,
    ) -> Result<(), StoreError> {
        while let Some(batch) = batches.recv().await {
            self.judge_batch(tally, batch, manner).await?;
        }
        Ok(())
    }

    async fn judge_batch(
        &self,
        tally: &mut Tally,
        batch: RecordBatch,
        manner: &mut Manner,
    ) -> Result<(), StoreError> {
        let rulebook = &self.rules.rulebook;
        let fresh = tally.accept(batch);
        if let Some(survey) = &mut manner.survey {
            fresh.iter().for_each(|record| survey.seen.take(record));
        }
        let samples = if tally.wants_samples() { fresh.clone() } else { Vec::new() };
        let ids: Vec<&str> = fresh.iter().map(Record::employee_id).collect();
        let states = self.store.states(&ids).await?;
        let (judged, refused) = judge(fresh, &states, rulebook, manner.moment);
        let names: Vec<String> = judged.iter().filter_map(|person| person.user_name()).collect();
        let has_choice = rulebook.names.has_fallback();
        let holders = if has_choice { None } else { Some(self.store.holders(&names).await?) };
        tally.judged(judged, refused, holders.as_ref());
        tally.sample_from(samples);
        Ok(())
    }
}

/// Reads everybody; `take` takes what comes.
async fn read_whole<S: HrSource, T>(
    source: &S,
    since: Option<String>,
    take: impl AsyncFnOnce(mpsc::Receiver<RecordBatch>) -> T,
) -> (Result<SourceEnd, SourceError>, T) {
    let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
    tokio::join!(source.read(since, sender), take(batches))
}

fn look(
    origin: &Origin,
    end: Result<SourceEnd, SourceError>,
    accepted: Option<&SourceFile>,
    mut count: Count,
) -> Look {
    for rejection in &mut count.first_rejected {
        rejection.employee_id = rejection.employee_id.take().map(|own| origin.id(&own));
    }
    let (mut coverage, mut warnings, mut reached) = (Coverage::default(), Vec::new(), None);
    let end = end.and_then(|end| {
        coverage = end.coverage;
        warnings.extend(end.passed_over);
        SourceError::unless_after(end.file, accepted)
    });
    let failure = match end {
        Ok(file) => {
            reached = Some(file.name);
            None
        }
        Err(error) => {
            coverage = error.coverage().cloned().unwrap_or(coverage);
            Some(error)
        }
    };
    Look { name: origin.name.clone(), reached, count, coverage, warnings, failure }
}

fn kept(record: &Record, origin: &Origin) -> (String, u64, RegisterFields) {
    (record.employee_id().to_owned(), record.row, origin.fields(record))
}

/// A record as the register would know it: ids with their prefix, dates in one form.
fn as_known(record: &Record, origin: &Origin, columns: &[String]) -> Record {
    let columns = Columns::new(columns.iter().map(String::as_str));
    let mut batch = RecordBatch::new(Arc::clone(&columns), 0);
    let (id, fields) = (origin.id(record.employee_id()), origin.fields(record));
    let value = |name: &String| match name.as_str() {
        EMPLOYEE_ID => id.as_str(),
        name => fields.get(name).map_or("", String::as_str),
    };
    batch.push(record.row, columns.names().iter().map(value));
    batch.record(0)
}
