//! The schedules: a run whenever a tick is due, and a comparison of live Workiva with state.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::feed::Feed;
use super::member::EndedRead;
use super::readers::{Readers, turn};
use super::register::Turn;
use super::ticks::{Event, Ticks};
use super::trigger::{Asked, Asker};
use super::{Engine, EngineError};
use crate::core::rounds::Round;
use crate::core::schedule::{Agenda, Schedule};
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::StoreError;

/// What comes next.
enum Next {
    Event(Event<(usize, bool)>),
    /// Sources were read beside.
    Read(Round<EndedRead>),
}

impl Next {
    /// What was asked for by whoever is not seen by the database.
    fn promised<S, P>(&self, engine: &Engine<S, P>) -> Option<Asked> {
        match self {
            Self::Event(Event::Asked(asked)) => Some(asked.clone()),
            Self::Read(round) if matches!(round.cause, "webhook" | "queue") => {
                let name = |(place, _): &(usize, EndedRead)| engine.rules.sources[*place].origin.name.clone();
                let sources = round.reads.iter().map(name).collect();
                Some(Asked { sources, called: round.cause == "webhook", ..Asked::default() })
            }
            Self::Read(_) | Self::Event(Event::Due(..)) => None,
        }
    }
}

/// Plans whenever a tick is due; a run that fails is told, and the next one tries again. `first`: the daemon has just started.
pub async fn run<S: HrSource, P: ScimPort>(
    engine: Arc<Engine<S, P>>,
    mut stop: watch::Receiver<bool>,
    first: bool,
) {
    let mut ticks = Ticks::new("schedule.cron", agenda(&engine), engine.clock.now());
    ticks.is_asked = true;
    let missed = known(has_missed(&engine).await, "whether a run was missed is not known");
    ticks.at_once = match first && engine.settings.schedule.run_on_start {
        true => Some("start"),
        false => missed.unwrap_or_default().then_some("missed"),
    };
    // What a process that is gone had answered for is read at once, whatever the schedule says.
    if known(engine.store.delivery_waits().await, "whether a delivery waits is not known").unwrap_or_default()
    {
        ask_for_pushed(&engine);
    }
    let mut readers = Readers::new(Arc::clone(&engine));
    loop {
        let next = tokio::select! {
            biased;
            _ = stop.changed() => break,
            round = readers.complete() => Next::Read(round),
            event = ticks.next(&engine) => Next::Event(event),
        };
        // Nothing is changed until one transaction at the end, so the work can be left at any point. A tick that is missed by that is
        // seen by the database; what somebody was promised is asked for again, should another configuration take over.
        let promised = next.promised(&engine);
        tokio::select! {
            biased;
            _ = stop.changed() => {
                promised.into_iter().for_each(|asked| engine.triggers.give_back(asked));
                break;
            }
            () = work(&engine, &mut ticks, &mut readers, next) => {}
        }
    }
    readers.stop().await;
}

/// Compares live Workiva with state whenever a tick of `[drift]` is due, and has the way back planned where that is configured.
pub async fn run_drift<S: HrSource, P: ScimPort>(engine: Arc<Engine<S, P>>, mut stop: watch::Receiver<bool>) {
    let Some(schedule) = &engine.rules.drift_schedule else {
        let _ = stop.changed().await;
        return;
    };
    let last = known(engine.store.last_drift_at().await, "the last comparison is not known").flatten();
    let now = engine.clock.now();
    let mut ticks = Ticks::new("drift.cron", Agenda::new(vec![(schedule.clone(), ())]), now);
    ticks.at_once = last.is_some_and(|last| is_past(schedule, last, now)).then_some("missed");
    loop {
        let event = tokio::select! {
            biased;
            _ = stop.changed() => return,
            event = ticks.next(&engine) => event,
        };
        let Event::Due(cause, _) = event else { continue };
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = drift(&engine, cause) => {}
        }
    }
}

/// Does what comes next. What is read beside is only begun here.
async fn work<S: HrSource, P: ScimPort>(
    engine: &Engine<S, P>,
    ticks: &mut Ticks<(usize, bool)>,
    readers: &mut Readers<S, P>,
    next: Next,
) {
    let (cause, turn) = match next {
        Next::Read(round) => return take_in(engine, ticks, readers, round).await,
        Next::Event(Event::Due(cause, places)) => {
            let (beside, own) = readers.part(places).await;
            if !beside.is_empty() {
                return readers.begin(cause, &beside, own);
            }
            (cause, Turn::of(own))
        }
        Next::Event(Event::Asked(asked)) => {
            let (beside, own) = readers.part(places(engine, &asked)).await;
            let cause = if asked.called { "webhook" } else { "queue" };
            if asked.waits_for_none() {
                // What the run is for is there already.
                readers.begin(cause, &beside, Vec::new());
            } else if !beside.is_empty() {
                return readers.begin(cause, &beside, own);
            }
            (asked.cause(), Turn { is_again: asked.cause() == "again", ..Turn::of(own) })
        }
    };
    ticks.looked_at(engine.clock.now());
    if !cycle(engine, cause, turn).await {
        ask_for_pushed(engine);
    }
}

/// Takes in what was read beside.
async fn take_in<S: HrSource, P: ScimPort>(
    engine: &Engine<S, P>,
    ticks: &mut Ticks<(usize, bool)>,
    readers: &mut Readers<S, P>,
    round: Round<EndedRead>,
) {
    let places: Vec<(usize, bool)> = round.reads.iter().map(|(place, _)| (*place, false)).collect();
    let cause = round.cause;
    ticks.looked_at(engine.clock.now());
    if !cycle(engine, cause, turn(round)).await {
        readers.begin(cause, &places, Vec::new());
        ask_for_pushed(engine);
    }
    readers.begin_again();
}

/// Runs a cycle. The answer is whether what it had read could stand; if not, it has to be read again.
async fn cycle<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, cause: &str, turn: Turn) -> bool {
    let ended = engine.cycle_of(cause, turn).await;
    for source in ended.iter().flat_map(|result| &result.further) {
        engine.triggers.ask(Asker::Queue, Some(source));
    }
    match ended {
        Ok(result) if result.planned.as_ref().is_some_and(|planned| planned.plan.busy > 0) => {
            // The schedule may come round in a day only, and what left them out ends in seconds.
            engine.triggers.ask_again(engine.clock.elapsed());
        }
        Ok(_) => engine.triggers.all_looked_at(),
        Err(error) => {
            tracing::error!(%error, "the run failed; nothing of it was stored or sent");
            // What was pushed has been answered for, and the schedule may come round in a day only.
            if engine.feed.pushed().next().is_some() {
                engine.triggers.ask_again(engine.clock.elapsed());
            }
            return !matches!(error, EngineError::Store(StoreError::Overtaken { .. }));
        }
    }
    true
}

async fn drift<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, cause: &str) {
    match engine.drift(cause, engine.settings.drift.repair).await {
        Ok(run) if run.recorded > 0 => {
            engine.triggers.ask(Asker::Drift, None);
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "Workiva was not compared with state"),
    }
}

/// What is asked for, by position; `None`: everything.
fn places<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, asked: &Asked) -> Option<Vec<(usize, bool)>> {
    // One that is configured no longer is not read; where none is left, what they told last is looked at again.
    let place = |name: &String| Some((engine.feed.position(name)?, false));
    (!asked.all).then(|| asked.sources.iter().filter_map(place).collect())
}

fn ask_for_pushed<S: HrSource, P: ScimPort>(engine: &Engine<S, P>) {
    for source in engine.feed.pushed() {
        engine.triggers.ask(Asker::Push, Some(source));
    }
}

/// When which source is read, by position; `true`: in full.
fn agenda<S, P>(engine: &Engine<S, P>) -> Agenda<(usize, bool)> {
    let places = 0..engine.rules.sources.len();
    let entry =
        |place| schedules(engine, place).map(move |(schedule, full)| (schedule.clone(), (place, full)));
    Agenda::new(places.flat_map(entry).collect())
}

fn schedules<S, P>(engine: &Engine<S, P>, place: usize) -> impl Iterator<Item = (&Schedule, bool)> {
    let source = &engine.rules.sources[place];
    let usual = source.schedule.as_ref().unwrap_or(&engine.rules.schedule);
    std::iter::once((usual, false)).chain(source.full_schedule.as_ref().map(|schedule| (schedule, true)))
}

/// Whether a date, or the turn of a source, has passed without a run. Where there is a register it tells when each was read: a run over
/// what was pushed, say, stands for no other source.
async fn has_missed<S: HrSource, P: ScimPort>(engine: &Engine<S, P>) -> Result<bool, StoreError> {
    let now = engine.clock.now();
    let Some(last) = engine.store.last_run_at().await? else { return Ok(false) };
    if engine.store.next_date(last).await?.is_some_and(|date| date <= now) {
        return Ok(true);
    }
    let has_passed =
        |place, since| schedules(engine, place).any(|(schedule, _)| is_past(schedule, since, now));
    let Feed::Register(register) = &engine.feed else { return Ok(has_passed(0, last)) };
    let standings = engine.store.source_standings().await?;
    let asked = register.members.iter().enumerate().filter(|(_, member)| member.source.push().is_none());
    Ok(asked.into_iter().any(|(place, member)| match standings.get(&member.origin.name) {
        Some(standing) => has_passed(place, standing.read_at),
        None => true,
    }))
}

fn is_past(schedule: &Schedule, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    schedule.next_after(since).is_some_and(|due| due <= now)
}

fn known<T>(known: Result<T, StoreError>, message: &str) -> Option<T> {
    known.map_err(|error| tracing::error!(%error, "{message}")).ok()
}
