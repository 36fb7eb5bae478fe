//! The beginning of a source, as the engine sees it: from the source itself, and without a database.

use tokio::sync::mpsc;

use super::as_known;
use crate::core::intake::Intake;
use crate::core::judged::judge;
use crate::core::lifecycle::Moment;
use crate::core::mapping::Fields;
use crate::core::planner::{Rulebook, States};
use crate::core::record::{Fingerprint, Record, RecordBatch, Rejection};
use crate::core::register::Origin;
use crate::source::push;
use crate::source::{HrSource, SourceEnd, SourceError};

/// The first rows of a source.
#[derive(Debug)]
pub struct Head {
    /// The file or system that was read; `None`: none was found, or it could not be read.
    pub reached: Option<String>,
    /// What can be used of the rows that are shown.
    pub records: Vec<Record>,
    /// What cannot, and why. Whom only the rules refuse is in `records` as well.
    pub rejected: Vec<Rejection>,
    /// Whom a delta names as gone.
    pub gone: Vec<String>,
    /// How many rows came before the read was over; more of them than are shown, perhaps.
    pub rows: u64,
    /// How it ended.
    pub ended: Ended,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// How far a read came.
#[derive(Debug)]
pub enum Ended {
    /// To the end, and the source proved itself complete.
    Complete,
    /// As far as was needed; whether the rest is whole is not known.
    Stopped,
    /// It failed. What came before that counts for nothing.
    Failed(SourceError),
}

/// By what a head is judged.
pub struct Judging<'a> {
    /// The rules.
    pub rulebook: &'a Rulebook,
    /// When.
    pub moment: Moment,
}

/// Reads the first `limit` rows, and little more where the source can be stopped. `judging`: none where one source alone does not
/// make a person.
pub async fn head<S: HrSource>(
    source: &S,
    origin: &Origin,
    keeps_register: bool,
    limit: usize,
    judging: Option<Judging<'_>>,
) -> Head {
    // With room for one batch, the source is not far ahead when it is stopped.
    let (sender, batches) = mpsc::channel(1);
    // Of what is pushed, whatever waits; the rest is in the register alone.
    let since = source.push().map(|_| push::BEFORE_ALL.to_owned());
    let (end, (intake, rows)) = tokio::join!(source.read(since, sender), take(origin, batches, limit));
    let findings = intake.finish(Fingerprint::NONE);
    let mut head = Head {
        reached: None,
        records: findings.changed,
        rejected: findings.rejected,
        gone: findings.gone,
        rows,
        ended: Ended::Complete,
        warnings: Vec::new(),
    };
    head.end(end);
    if keeps_register {
        let known = |record: &Record| as_known(record, origin, record.names());
        head.records = head.records.iter().map(known).collect();
        head.gone.iter_mut().for_each(|own| *own = origin.id(own));
        for rejection in &mut head.rejected {
            rejection.employee_id = rejection.employee_id.take().map(|own| origin.id(&own));
        }
    }
    if let Some(Judging { rulebook, moment }) = judging {
        head.rejected.extend(judge(head.records.clone(), &States::new(), rulebook, moment).1);
    }
    head.records.sort_by_key(|record| record.row);
    head.rejected.sort_by_key(|one| (one.row, one.employee_id.clone()));
    head
}

impl Head {
    fn end(&mut self, end: Result<SourceEnd, SourceError>) {
        match end {
            Ok(end) => {
                self.reached = Some(end.file.name);
                self.warnings.extend(end.passed_over);
            }
            Err(SourceError::Stopped(reached)) => (self.reached, self.ended) = (reached, Ended::Stopped),
            Err(error) => self.ended = Ended::Failed(error),
        }
    }
}

/// Takes the first rows, and stops the source by closing the channel. The answer also tells how many rows came.
async fn take(origin: &Origin, mut batches: mpsc::Receiver<RecordBatch>, limit: usize) -> (Intake, u64) {
    let (mut intake, mut rows, mut room) = (Intake::default(), 0, limit);
    while room > 0 {
        let Some(batch) = batches.recv().await else { break };
        let came = batch.len() + batch.rejections.len();
        rows += came as u64;
        intake.accept(origin.refusing_foreign(batch.first(room)));
        room = room.saturating_sub(came);
    }
    (intake, rows)
}
