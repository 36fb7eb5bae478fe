//! The schedules: a run whenever a tick is due, and a comparison of live Workiva with state.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::Engine;
use super::register::Select;
use super::trigger::{Asked, Asker};
use crate::core::schedule::Agenda;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::StoreError;

/// The longest sleep: a wall clock that was set, or a machine that slept, is noticed within this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// A wall clock that is so far behind the newest tick was set back: ticks are counted from where it is now.
const SET_BACK: TimeDelta = TimeDelta::seconds(60);

/// When something is due by the schedule, and when by a date.
type DueBy = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// Why a sleep ended.
enum Wake {
    Due,
    Asked(Asked),
    Stopped,
    SetBack,
}

/// Plans whenever a tick is due; a run that fails is told, and the next one tries again. `first`: the daemon has just started.
pub async fn run<S: HrSource, P: ScimPort>(
    engine: Arc<Engine<S, P>>,
    stop: watch::Receiver<bool>,
    first: bool,
) {
    let at_once = first && engine.settings.schedule.run_on_start;
    let last = known(engine.store.last_run_at().await, "the last run is not known");
    // What a process that is gone had answered for is read at once, whatever the schedule says.
    if known(
        engine.store.delivery_waits().await.map(|waits| waits.then_some(())),
        "whether a delivery waits is not known",
    )
    .is_some()
    {
        for source in engine.feed.pushed() {
            engine.triggers.ask(Asker::Push, Some(source));
        }
    }
    let ticks = Ticks { key: "schedule.cron", agenda: agenda(&engine), last, at_once, is_asked: true };
    let work = |cause, due: Option<Vec<(usize, bool)>>| {
        let select = due.map_or(Select::All, Select::Some);
        let engine = &engine;
        async move { cycle(engine, cause, &select).await }
    };
    each_tick(&engine, ticks, stop, work).await;
}

/// Compares live Workiva with state whenever a tick of `[drift]` is due, and has the way back planned where that is configured.
pub async fn run_drift<S: HrSource, P: ScimPort>(engine: Arc<Engine<S, P>>, mut stop: watch::Receiver<bool>) {
    let Some(schedule) = &engine.rules.drift_schedule else {
        let _ = stop.changed().await;
        return;
    };
    let last = known(engine.store.last_drift_at().await, "the last comparison is not known");
    let agenda = Agenda::new(vec![(schedule.clone(), ())]);
    let ticks = Ticks { key: "drift.cron", agenda, last, at_once: false, is_asked: false };
    let work = |cause, _: Option<Vec<()>>| drift(&engine, cause);
    each_tick(&engine, ticks, stop, work).await;
}

/// When which source is read, by position; `true`: in full.
fn agenda<S, P>(engine: &Engine<S, P>) -> Agenda<(usize, bool)> {
    let usual = &engine.rules.schedule;
    let mut entries = Vec::new();
    for (place, source) in engine.rules.sources.iter().enumerate() {
        entries.push((source.schedule.as_ref().unwrap_or(usual).clone(), (place, false)));
        entries.extend(source.full_schedule.clone().map(|schedule| (schedule, (place, true))));
    }
    Agenda::new(entries)
}

fn known<T>(known: Result<Option<T>, StoreError>, message: &str) -> Option<T> {
    known.unwrap_or_else(|error| {
        tracing::error!(%error, "{message}");
        None
    })
}

/// When something is due.
struct Ticks<T> {
    /// The key of the expression.
    key: &'static str,
    agenda: Agenda<T>,
    /// When it was done last.
    last: Option<DateTime<Utc>>,
    /// Whether it is due now, whatever the schedule says.
    at_once: bool,
    /// Whether somebody else may ask for it as well: it is a run, for which dates of people come as well.
    is_asked: bool,
}

impl<T: Clone + Ord> Ticks<T> {
    /// What is due next after this moment.
    async fn next_after<S, P>(&self, engine: &Engine<S, P>, reference: DateTime<Utc>) -> DueBy {
        let date = match self.is_asked {
            true => known(engine.store.next_date(reference).await, "the next date is not known"),
            false => None,
        };
        (self.agenda.next_after(reference), date)
    }
}

/// Works whenever a tick is due. A tick that was missed, because the daemon was down or the work took longer, is made up
/// once; the work never overlaps with itself.
/// `work` is told the cause and what is due; `None`: everything.
async fn each_tick<S: HrSource, P: ScimPort, T: Place, F: Future<Output = ()>>(
    engine: &Engine<S, P>,
    ticks: Ticks<T>,
    mut stop: watch::Receiver<bool>,
    work: impl Fn(&'static str, Option<Vec<T>>) -> F,
) {
    let now = engine.clock.now();
    let missed = match ticks.last {
        Some(last) => {
            <[_; 2]>::from(ticks.next_after(engine, last).await).into_iter().flatten().any(|due| due <= now)
        }
        None => false,
    };
    let mut cause = match (ticks.at_once, missed) {
        (true, _) => Some("start"),
        (false, true) => Some("missed"),
        (false, false) => None,
    };
    let mut due_now = None;
    let mut reference = now;
    let mut told_of_end = false;
    loop {
        if let Some(cause) = cause {
            // Nothing is changed until one transaction at the end, so the work can be left at any point.
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                () = work(cause, due_now.take()) => {}
            }
        }
        let (tick, date) = ticks.next_after(engine, reference).await;
        if tick.is_none() && !told_of_end {
            tracing::warn!(
                key = ticks.key,
                "the expression names no further day; nothing runs by it any more"
            );
            told_of_end = true;
        }
        let due = [tick, date].into_iter().flatten().min().unwrap_or(DateTime::<Utc>::MAX_UTC);
        let woken = sleep_until(engine, reference, due, ticks.is_asked, &mut stop).await;
        let now = engine.clock.now();
        match woken {
            Wake::Due => {}
            Wake::Stopped => return,
            Wake::Asked(asked) => {
                (cause, due_now) = (Some(asked.cause()), T::asked(engine, &asked));
                // A tick that comes due meanwhile stays due.
                continue;
            }
            Wake::SetBack => {
                tracing::warn!(%due, "the clock was set back; the next run is due by what it shows now");
                (cause, reference) = (None, now);
                continue;
            }
        }
        // Ticks between the one that was due and now were missed: this run stands for all of them.
        let was_late = ticks.agenda.next_after(due).is_some_and(|next| next <= now);
        let places = ticks.agenda.due(reference, now.max(due));
        cause = Some(match (was_late, places.is_empty()) {
            (true, _) => "missed",
            (false, false) => "schedule",
            (false, true) => "date",
        });
        due_now = Some(places);
        reference = now.max(due);
    }
}

/// What a tick can be about.
trait Place: Clone + Ord {
    /// What is asked for; `None`: everything.
    fn asked<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, asked: &Asked) -> Option<Vec<Self>>;
}

impl Place for () {
    fn asked<S: HrSource, P: ScimPort>(_: &Engine<S, P>, _: &Asked) -> Option<Vec<Self>> {
        None
    }
}

impl Place for (usize, bool) {
    fn asked<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, asked: &Asked) -> Option<Vec<Self>> {
        // One that is configured no longer is not read; where none is left, what they told last is looked at again.
        let place = |name: &String| Some((engine.feed.position(name)?, false));
        (!asked.all).then(|| asked.sources.iter().filter_map(place).collect())
    }
}

async fn cycle<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, cause: &str, select: &Select) {
    let ended = engine.cycle_of(cause, select).await;
    for source in ended.iter().flat_map(|result| &result.further) {
        engine.triggers.ask(Asker::Queue, Some(source));
    }
    match ended {
        Ok(result) if result.planned.as_ref().is_some_and(|planned| planned.plan.busy > 0) => {
            // The schedule may come round in a day only, and what left them out ends in seconds.
            engine.triggers.ask_again(engine.clock.elapsed());
        }
        Ok(_) => engine.triggers.all_looked_at(),
        Err(error) => tracing::error!(%error, "the run failed; nothing of it was stored or sent"),
    }
}

async fn drift<S: HrSource, P: ScimPort>(engine: &Engine<S, P>, cause: &str) {
    match engine.drift(cause, engine.settings.drift.repair).await {
        Ok(run) if run.recorded > 0 => cycle(engine, "drift", &Select::All).await,
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "Workiva was not compared with state"),
    }
}

/// Sleeps until a tick is due that comes after `reference`.
async fn sleep_until<S: HrSource, P: ScimPort>(
    engine: &Engine<S, P>,
    reference: DateTime<Utc>,
    due: DateTime<Utc>,
    is_asked: bool,
    stop: &mut watch::Receiver<bool>,
) -> Wake {
    loop {
        let now = engine.clock.now();
        let wait = (due - now).to_std().unwrap_or(Duration::ZERO);
        if wait.is_zero() {
            return Wake::Due;
        }
        if now + SET_BACK < reference {
            return Wake::SetBack;
        }
        tokio::select! {
            biased;
            _ = stop.changed() => return Wake::Stopped,
            asked = engine.triggers.due(&*engine.clock, engine.settings.trigger.pause()), if is_asked => {
                return Wake::Asked(asked);
            }
            () = engine.clock.sleep(wait.min(LONGEST_SLEEP)) => {}
        }
    }
}
