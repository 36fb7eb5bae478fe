//! Everybody out of the register and what was just read, merged, into the intake.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::member::OneRead;
use super::register::Register;
use crate::core::intake::Intake;
use crate::core::record::{Fingerprint, RecordBatch};
use crate::core::register::{Change, RegisterFields, content, fingerprint};
use crate::source::HrSource;
use crate::store::{RegisterRow, Store, StoreError};

/// Records in one batch.
const BATCH: usize = 512;
/// People whose records are asked for at a time.
const WANTED: usize = 5_000;

/// Somebody's records, by position, each by the fingerprint of what it holds.
type Contents = Vec<(usize, Fingerprint)>;

/// Somebody's records, by position.
type Records = HashMap<usize, RegisterFields>;

/// The changes of all reads, by person and position; `None`: gone.
type Overlay = HashMap<String, HashMap<usize, Option<RegisterFields>>>;

impl<S: HrSource> Register<S> {
    /// Everybody: who is settled by the fingerprint of the records alone, everybody else merged, in one batch after another.
    pub(super) async fn merge_into(
        &self,
        intake: &mut Intake,
        store: &Store,
        reads: &[(usize, OneRead)],
    ) -> Result<(), StoreError> {
        let mut overlay = overlay(reads);
        let places = self.places();
        let wanted = self.settle(intake, store, &overlay, &places).await?;
        let mut batch = self.batch();
        for some in wanted.chunks(WANTED) {
            let mut records = records_of(store, some, &places).await?;
            for id in some {
                self.push(&mut batch, id, records.remove(id).unwrap_or_default(), &mut overlay);
                if batch.len() >= BATCH {
                    intake.accept(std::mem::replace(&mut batch, self.batch()));
                }
            }
        }
        intake.accept(batch);
        Ok(())
    }

    /// The positions of the sources by name. What others left in the register does not count.
    fn places(&self) -> HashMap<&str, usize> {
        let members = self.members.iter().enumerate();
        members.map(|(place, member)| (member.origin.name.as_str(), place)).collect()
    }

    /// Takes in whoever is settled. The answer is everybody else, whose records are asked for.
    async fn settle(
        &self,
        intake: &mut Intake,
        store: &Store,
        overlay: &Overlay,
        places: &HashMap<&str, usize>,
    ) -> Result<Vec<String>, StoreError> {
        let mut new: BTreeSet<&str> = overlay.keys().map(String::as_str).collect();
        let mut wanted = Vec::new();
        let mut meet = |id: &str, mut contents: Contents| {
            for (place, newest) in overlay.get(id).into_iter().flatten() {
                contents.retain(|(known, _)| known != place);
                contents.push((*place, newest.as_ref().map_or(Fingerprint::NONE, content)));
            }
            // Of whom nothing is left is known that they are gone.
            let was_known = !contents.is_empty();
            contents.retain(|(_, content)| *content != Fingerprint::NONE);
            if was_known && contents.is_empty() {
                intake.leave(id);
            }
            if !contents.is_empty() && !intake.accept_settled(id, fingerprint(&mut contents, self.seed)) {
                wanted.push(id.to_owned());
            }
        };
        let mut person = (String::new(), Contents::new());
        let mut after = (String::new(), String::new());
        while let Some(page) = store.register_heads((&after.0, &after.1)).await? {
            for (id, source, content) in page.iter() {
                if person.0 != id {
                    let (before, contents) = std::mem::replace(&mut person, (id.to_owned(), Contents::new()));
                    new.remove(before.as_str());
                    meet(&before, contents);
                }
                person.1.extend(places.get(source).map(|place| (*place, content)));
            }
            if let Some((id, source, _)) = page.iter().next_back() {
                after = (id.to_owned(), source.to_owned());
            }
        }
        new.remove(person.0.as_str());
        meet(&person.0, person.1);
        for id in new {
            meet(id, Contents::new());
        }
        Ok(wanted)
    }

    fn batch(&self) -> RecordBatch {
        RecordBatch::new(Arc::clone(&self.columns), self.seed)
    }

    fn push(&self, batch: &mut RecordBatch, id: &str, mut records: Records, overlay: &mut Overlay) {
        for (place, newest) in overlay.remove(id).into_iter().flatten() {
            match newest {
                Some(fields) => records.insert(place, fields),
                None => records.remove(&place),
            };
        }
        if records.is_empty() {
            return;
        }
        let mut contents: Contents =
            records.iter().map(|(place, fields)| (*place, content(fields))).collect();
        let fingerprint = fingerprint(&mut contents, self.seed);
        // It stands in no row.
        batch.push_as(0, self.precedence.merge(id, &records, &self.columns), fingerprint);
    }

    /// Takes in one person as the register knows them, with what cannot be used of them or is nobody's.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn take_in(
        &self,
        intake: &mut Intake,
        store: &Store,
        employee_id: &str,
    ) -> Result<(), StoreError> {
        let (ids, places) = ([employee_id.to_owned()], self.places());
        let rows = store.register_of(&ids).await?;
        let known = rows.iter().filter(|row| places.contains_key(row.source.as_str()));
        if known.clone().next().is_some() && known.clone().all(|row| row.gone) {
            intake.leave(employee_id);
        }
        let mut records = by_person(rows, &places);
        let mut batch = self.batch();
        let records = records.remove(employee_id).unwrap_or_default();
        self.push(&mut batch, employee_id, records, &mut Overlay::new());
        intake.accept(batch);
        let is_theirs = |id: &Option<String>| id.as_deref().is_none_or(|id| id == employee_id);
        let words = store.refused_words().await?.into_iter();
        let words =
            words.filter(|(source, _)| places.contains_key(source.as_str())).flat_map(|(_, words)| words);
        words.filter(|one| is_theirs(&one.employee_id)).for_each(|one| intake.refuse(one));
        Ok(())
    }
}

/// What the register holds of these people, of the sources that count.
async fn records_of(
    store: &Store,
    ids: &[String],
    places: &HashMap<&str, usize>,
) -> Result<HashMap<String, Records>, StoreError> {
    Ok(by_person(store.register_of(ids).await?, places))
}

fn by_person(rows: Vec<RegisterRow>, places: &HashMap<&str, usize>) -> HashMap<String, Records> {
    let mut records: HashMap<String, Records> = HashMap::new();
    for row in rows.into_iter().filter(|row| !row.gone) {
        if let Some(place) = places.get(row.source.as_str()) {
            records.entry(row.employee_id).or_default().insert(*place, row.fields);
        }
    }
    records
}

fn overlay(reads: &[(usize, OneRead)]) -> Overlay {
    let mut overlay = Overlay::new();
    for (place, read) in reads {
        for (id, change) in &read.commit.changes {
            let newest = match change {
                Change::Put { fields, .. } => Some(fields.clone()),
                Change::Gone { .. } => None,
                Change::Missing { .. } => continue,
            };
            overlay.entry(id.clone()).or_default().insert(*place, newest);
        }
    }
    overlay
}
