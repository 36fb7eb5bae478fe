//! Everybody out of the register and what was just read, merged, into the intake.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::member::Member;
use super::register::Register;
use crate::core::intake::Intake;
use crate::core::record::{Fingerprint, RecordBatch, Rejection};
use crate::core::register::{Change, Changes, Kept, RegisterFields, content, fingerprint, stale};
use crate::core::value::folded;
use crate::source::HrSource;
use crate::store::{RegisterRow, RegisterWrite, Store, StoreError};

/// Records in one batch.
const BATCH: usize = 512;
/// People whose records are asked for at a time.
const WANTED: usize = 5_000;

/// Somebody's records, by position, each by the fingerprint of what it holds.
type Contents = Vec<(usize, Fingerprint)>;

/// Somebody's records, by position.
type Records = HashMap<usize, Kept>;

/// What becomes of a record.
enum Newest {
    Put(RegisterFields),
    Stale,
    Gone,
}

/// What changes, by person and position.
type Overlay = HashMap<String, HashMap<usize, Newest>>;

impl<S: HrSource> Register<S> {
    /// Everybody: who is settled by the fingerprint of the records alone, everybody else merged, in one batch after another.
    pub(super) async fn merge_into(
        &self,
        intake: &mut Intake,
        store: &Store,
        changes: impl Iterator<Item = (usize, &Changes)>,
    ) -> Result<(), StoreError> {
        let mut overlay = overlay(changes);
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

    /// Takes in what cannot be used of each source, by position, behind these changes. Whoever it is about keeps what they have, unless a
    /// source whose word on employment comes before says that they have left: a bad row elsewhere takes that back for nobody.
    pub(super) async fn refuse(
        &self,
        intake: &mut Intake,
        store: &Store,
        refused: Vec<Vec<Rejection>>,
        changes: &[(usize, &Changes)],
    ) -> Result<(), StoreError> {
        let deciders = self.who_let_them_go(store, &refused, changes).await?;
        for (place, rejections) in refused.into_iter().enumerate() {
            for rejection in rejections {
                let decider = rejection.employee_id.as_ref().and_then(|id| deciders.get(id));
                match decider.is_some_and(|decider| self.precedence.outranks(*decider, place)) {
                    true => intake.tell(rejection),
                    false => intake.refuse(rejection),
                }
            }
        }
        Ok(())
    }

    /// Of those of whom something cannot be used: the position of the source that says that they have left, where the one that decides does.
    async fn who_let_them_go(
        &self,
        store: &Store,
        refused: &[Vec<Rejection>],
        changes: &[(usize, &Changes)],
    ) -> Result<HashMap<String, usize>, StoreError> {
        let mut deciders = HashMap::new();
        if self.members.len() < 2 {
            return Ok(deciders);
        }
        let ids: BTreeSet<&String> =
            refused.iter().flatten().filter_map(|one| one.employee_id.as_ref()).collect();
        let (ids, places) = (ids.into_iter().cloned().collect::<Vec<_>>(), self.places());
        for some in ids.chunks(WANTED) {
            let mut records = records_of(store, some, &places).await?;
            for id in some {
                let mut theirs = records.remove(id).unwrap_or_default();
                for (place, changes) in changes {
                    match changes.get(id) {
                        Some(Change::Put { fields, .. }) => {
                            _ = theirs.insert(*place, Kept { fields: fields.clone(), stale: false });
                        }
                        Some(Change::Gone { .. } | Change::Stale) => _ = theirs.remove(place),
                        Some(Change::Missing { .. }) | None => {}
                    }
                }
                theirs.retain(|_, kept| !kept.stale);
                let deciding = self.precedence.deciding(&theirs);
                let status = deciding.and_then(|(_, kept)| kept.fields.get("status"));
                if let (Some((place, _)), Some(status)) = (deciding, status)
                    && self.left.contains(&folded(status))
                {
                    deciders.insert(id.clone(), place);
                }
            }
        }
        Ok(deciders)
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
                let before = contents.iter().position(|(known, _)| known == place);
                let before = before.map(|at| contents.swap_remove(at).1);
                let now = match newest {
                    Newest::Put(fields) => content(fields),
                    Newest::Stale => {
                        before.filter(|was| *was != Fingerprint::NONE).map_or(Fingerprint::NONE, stale)
                    }
                    Newest::Gone => Fingerprint::NONE,
                };
                contents.push((*place, now));
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
        // The database reads the next page while this one is taken in.
        let ask = |after: (String, String)| {
            let store = store.clone();
            tokio::spawn(async move { store.register_heads((&after.0, &after.1)).await })
        };
        let mut asked = ask((String::new(), String::new()));
        while let Some(page) = asked.await.unwrap_or(Err(StoreError::Stopped))? {
            let Some((id, source, ..)) = page.iter().next_back() else { break };
            asked = ask((id.to_owned(), source.to_owned()));
            for (id, source, content, is_stale) in page.iter() {
                if person.0 != id {
                    let (before, contents) = std::mem::replace(&mut person, (id.to_owned(), Contents::new()));
                    new.remove(before.as_str());
                    meet(&before, contents);
                }
                let content = if is_stale { stale(content) } else { content };
                person.1.extend(places.get(source).map(|place| (*place, content)));
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
                Newest::Put(fields) => _ = records.insert(place, Kept { fields, stale: false }),
                Newest::Stale => records.get_mut(&place).into_iter().for_each(|kept| kept.stale = true),
                Newest::Gone => _ = records.remove(&place),
            }
        }
        if records.is_empty() {
            return;
        }
        let content = |kept: &Kept| {
            let content = content(&kept.fields);
            if kept.stale { stale(content) } else { content }
        };
        let mut contents: Contents = records.iter().map(|(place, kept)| (*place, content(kept))).collect();
        let fingerprint = fingerprint(&mut contents, self.seed);
        // It stands in no row.
        batch.push_as(0, self.precedence.merge(id, &records, &self.columns), fingerprint);
    }

    /// Of which of these people, who are gone, a source has said so, behind these changes.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn said_gone(
        &self,
        store: &Store,
        people: &[String],
        behind: &RegisterWrite,
    ) -> Result<BTreeSet<String>, StoreError> {
        let is_said = |change: Option<&Change>| matches!(change, Some(Change::Gone { missing: None }));
        let says = |id: &&String| behind.commits.iter().any(|commit| is_said(commit.changes.get(*id)));
        let mut said: BTreeSet<String> = people.iter().filter(says).cloned().collect();
        let places = self.places();
        for some in people.chunks(WANTED) {
            let rows = store.register_of(some).await?.into_iter();
            let theirs = rows.filter(|row| row.is_said && places.contains_key(row.source.as_str()));
            said.extend(theirs.map(|row| row.employee_id));
        }
        Ok(said)
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
        let mut words = store.refused_words().await?;
        let of_member = |member: &Member<S>| -> Vec<Rejection> {
            let words = words.remove(&member.origin.name).unwrap_or_default().into_iter();
            words.filter(|one| is_theirs(&one.employee_id)).collect()
        };
        let refused = self.members.iter().map(of_member).collect();
        self.refuse(intake, store, refused, &[]).await
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
            records.entry(row.employee_id).or_default().insert(*place, row.kept);
        }
    }
    records
}

fn overlay<'a>(changes: impl Iterator<Item = (usize, &'a Changes)>) -> Overlay {
    let mut overlay = Overlay::new();
    for (place, changes) in changes {
        for (id, change) in changes {
            let newest = match change {
                Change::Put { fields, .. } => Newest::Put(fields.clone()),
                Change::Gone { .. } => Newest::Gone,
                Change::Stale => Newest::Stale,
                Change::Missing { .. } => continue,
            };
            overlay.entry(id.clone()).or_default().insert(place, newest);
        }
    }
    overlay
}
