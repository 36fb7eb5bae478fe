//! The reads that go on beside the cycles, so that none of them, and nothing that was pushed, waits for a slow source.

use std::panic::resume_unwind;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;

use super::Engine;
use super::feed::Feed;
use super::member::EndedRead;
use super::register::Turn;
use super::trigger::Asker;
use crate::core::rounds::{Round, Rounds};
use crate::core::scim::ScimPort;
use crate::source::HrSource;

/// The reads that are under way, each on a task of its own. They end with this.
pub(super) struct Readers<S, P> {
    engine: Arc<Engine<S, P>>,
    tasks: JoinSet<Option<(usize, EndedRead)>>,
    rounds: Rounds<EndedRead>,
    /// Whether nothing can be planned before each source has been read.
    is_first: bool,
}

impl<S: HrSource, P: ScimPort> Readers<S, P> {
    /// Nothing is read yet.
    pub(super) fn new(engine: Arc<Engine<S, P>>) -> Self {
        Self { engine, tasks: JoinSet::new(), rounds: Rounds::default(), is_first: false }
    }

    /// Parts what is due, `None` being everything: what is read here, and what a cycle reads by itself. That is what was pushed,
    /// which lies in the database. A single source without a register a cycle reads in any case: nothing could wait for it.
    pub(super) async fn part(
        &mut self,
        places: Option<Vec<(usize, bool)>>,
    ) -> (Vec<(usize, bool)>, Vec<(usize, bool)>) {
        let engine = Arc::clone(&self.engine);
        let Feed::Register(register) = &engine.feed else { return Default::default() };
        let places = places.unwrap_or_else(|| register.everything());
        let is_asked = |place: usize| register.members[place].source.push().is_none();
        let (mut beside, own): (Vec<_>, Vec<_>) = places.into_iter().partition(|(place, _)| is_asked(*place));
        let unread = register.unread(&engine.store).await.unwrap_or_else(|error| {
            tracing::error!(%error, "it is not known which sources have been read");
            Vec::new()
        });
        self.is_first = !unread.is_empty();
        if !beside.is_empty() {
            let further =
                unread.into_iter().filter(|place| is_asked(*place) && !self.rounds.is_under_way(*place));
            beside.extend(further.map(|place| (place, false)));
        }
        (beside, own)
    }

    /// Begins to read these, for one run. `along`: what that run reads by itself.
    pub(super) fn begin(&mut self, cause: &'static str, places: &[(usize, bool)], along: Vec<(usize, bool)>) {
        for (place, _) in places.iter().filter(|(place, _)| self.rounds.is_under_way(*place)) {
            tracing::warn!(
                source = self.engine.rules.sources[*place].origin.name,
                "the source is still being read when it is its turn again; that comes once the read has ended"
            );
        }
        // What begins together counts as read at one time.
        let now = self.engine.clock.now();
        for (place, full) in self.rounds.begin(cause, places, along, self.is_first) {
            self.tasks.spawn(read(Arc::clone(&self.engine), place, full, now));
        }
    }

    /// Begins what was asked for meanwhile, of what is not read any more.
    pub(super) fn begin_again(&mut self) {
        for (cause, places) in self.rounds.due_again() {
            let cause = if cause == "schedule" { "missed" } else { cause };
            self.begin(cause, &places, Vec::new());
        }
    }

    /// Waits until a round is complete; for ever, where nothing is read. What is given up before that is not lost.
    pub(super) async fn complete(&mut self) -> Round<EndedRead> {
        loop {
            match self.tasks.join_next().await {
                None => std::future::pending().await,
                Some(Ok(None)) => {}
                Some(Ok(Some((place, read)))) => match self.rounds.ended(place, read) {
                    // What is asked for meanwhile is compared with what this one says, so it comes behind its run.
                    Some(round) => return round,
                    None => self.begin_again(),
                },
                Some(Err(error)) => {
                    if let Ok(panic) = error.try_into_panic() {
                        resume_unwind(panic);
                    }
                }
            }
        }
    }

    /// Ends what is under way: nothing of it is stored, and no cursor has moved. What nobody would make up is asked for again,
    /// should another configuration take over: a tick that was missed is seen by the database.
    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
        for (place, cause) in self.rounds.unfinished() {
            let asker = match cause {
                "webhook" => Asker::Webhook,
                "queue" => Asker::Queue,
                _ => continue,
            };
            self.engine.triggers.ask(asker, Some(&self.engine.rules.sources[place].origin.name));
        }
    }
}

/// A round as a cycle takes it in.
pub(super) fn turn(round: Round<EndedRead>) -> Turn {
    let reads = round.reads.into_iter().map(|(_, read)| read).collect();
    Turn { reads, ..Turn::of(round.along) }
}

async fn read<S: HrSource, P: ScimPort>(
    engine: Arc<Engine<S, P>>,
    place: usize,
    full: bool,
    now: DateTime<Utc>,
) -> Option<(usize, EndedRead)> {
    let Feed::Register(register) = &engine.feed else { return None };
    let read = register.read(&engine.store, place, full, now, &*engine.clock).await;
    Some((place, read.unwrap_or_else(|error| register.failed(place, now, &error))))
}
