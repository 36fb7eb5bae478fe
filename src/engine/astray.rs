//! Rows that cannot be used and may be those of somebody who is missing.

use super::feed::{Due, Feed, FeedError, Gathered};
use super::register::Turn;
use super::{Engine, EngineError};
use crate::core::intake::Findings;
use crate::core::judged::judge;
use crate::core::lifecycle::Moment;
use crate::core::planner::States;
use crate::core::record::{Fingerprint, Record};
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::StoreError;

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Asks of whom of those who are gone a source has said so, where a row may be anybody's.
    pub(super) async fn ask_who_is_said_gone(&self, read: &mut Gathered) -> Result<(), StoreError> {
        if let (Feed::Register(register), Some(behind)) = (&self.feed, &read.register)
            && !read.findings.doubtful.is_empty()
        {
            let gone = &read.findings.gone;
            read.findings.said = register.said_gone(&self.store, gone, &behind.write).await?;
        }
        Ok(())
    }

    /// Adds to what was found of somebody who is missing what stands in other rows: they keep what they have while one may be theirs. The
    /// whole source is read for it.
    pub(super) async fn add_doubts(
        &self,
        employee_id: &str,
        findings: &mut Findings,
        moment: Moment,
    ) -> Result<(), EngineError> {
        let rulebook = &self.rules.rulebook;
        let (turn, due) = (Turn::again(), Due { people: vec![employee_id.to_owned()], known_by: None });
        let absent = Fingerprint::absent(rulebook.seed);
        let mut read = match self.feed.read(&self.store, turn, &due, absent, &*self.clock).await {
            Ok(read) => read,
            // What it was read for before was had.
            Err(FeedError::Source(_)) => return Ok(()),
            Err(FeedError::Store(error)) => return Err(error.into()),
        };
        let known = self.store.known_refused().await?;
        read.findings.doubt(|id| known.contains(id));
        let records = std::mem::take(&mut read.findings.changed);
        let ids: Vec<&str> = records.iter().map(Record::employee_id).collect();
        let states = if ids.is_empty() { States::new() } else { self.store.states(&ids).await? };
        let strangers = read.findings.strangers(&records, &states);
        let (_, rejected) = judge(strangers.clone(), &states, rulebook, moment);
        read.findings.add_astray(strangers, &rejected, &known);
        self.ask_who_is_said_gone(&mut read).await?;
        let Findings { doubtful, without_id, of_nobody, said, .. } = read.findings;
        (findings.doubtful, findings.without_id) = (doubtful, without_id);
        (findings.of_nobody, findings.said) = (of_nobody, said);
        Ok(())
    }
}
