//! Reading source and state side by side: the source on its own thread, both into the intake.

use chrono::NaiveDate;
use tokio::sync::mpsc;

use crate::core::intake::{Findings, Intake};
use crate::core::planner::Rulebook;
use crate::core::record::Fingerprint;
use crate::source::{BATCHES_AHEAD, HrSource, SourceEnd, SourceError};
use crate::store::{Store, StoreError};

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

/// Reads everything. `due` are people who have to be looked at whatever their record says; `absent` is the fingerprint of those settled as absent.
///
/// # Errors
/// Where the source is not complete, or the database fails.
pub async fn read<S: HrSource>(
    source: &S,
    store: &Store,
    due: &[String],
    absent: Fingerprint,
) -> Result<(Findings, SourceEnd), FeedError> {
    let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
    let engine_side = async {
        let mut intake = known(store, due).await?;
        while let Some(batch) = batches.recv().await {
            intake.accept(batch);
        }
        Ok::<_, FeedError>(intake)
    };
    let accepted = store.accepted_file().await?;
    // The source parses on a thread of its own, so this is two cores at work; it waits where the engine is behind.
    let (end, intake) = tokio::join!(source.read(None, sender), engine_side);
    let (mut end, intake) = (end?, intake?);
    end.file = SourceError::unless_after(end.file, accepted.as_ref())?;
    Ok((intake.finish(absent), end))
}

/// Reads the whole source as if nobody were known: every good record.
///
/// # Errors
/// Where the source is not complete, or the database fails.
pub async fn read_everybody<S: HrSource>(
    source: &S,
    store: &Store,
) -> Result<(Findings, SourceEnd), FeedError> {
    let accepted = store.accepted_file().await?;
    let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
    let take_in = async {
        let mut intake = Intake::default();
        while let Some(batch) = batches.recv().await {
            intake.accept(batch);
        }
        intake.finish(Fingerprint::NONE)
    };
    let (end, findings) = tokio::join!(source.read(None, sender), take_in);
    let mut end = end?;
    end.file = SourceError::unless_after(end.file, accepted.as_ref())?;
    Ok((findings, end))
}

/// Whether it is an earlier day than the one by which people were judged last: then dates that counted do not any more.
///
/// # Errors
/// Where the database fails.
pub async fn was_set_back(store: &Store, rulebook: &Rulebook, today: NaiveDate) -> Result<bool, StoreError> {
    let judged_at = store.judged_at().await?;
    Ok(judged_at.is_some_and(|at| today < rulebook.access.lifecycle.today(at)))
}

async fn known(store: &Store, due: &[String]) -> Result<Intake, StoreError> {
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
    for employee_id in due {
        intake.unsettle(employee_id);
    }
    Ok(intake)
}
