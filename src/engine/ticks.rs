//! When something is due next: by a schedule, by a date of somebody's, or because somebody asks.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Engine;
use super::trigger::Asked;
use crate::core::schedule::Agenda;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::StoreError;

/// The longest sleep: a wall clock that was set, or a machine that slept, is noticed within this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// A wall clock that is so far behind the newest tick was set back: ticks are counted from where it is now.
const SET_BACK: TimeDelta = TimeDelta::seconds(60);
/// How long a date waits for the sources of a tick that came with it: they may say that it has moved.
const DATES_WAIT: TimeDelta = TimeDelta::seconds(60);

/// What is due.
pub(super) enum Event<T> {
    /// By which cause, and what; `None`: everything.
    Due(&'static str, Option<Vec<T>>),
    /// What somebody asks for.
    Asked(Asked),
}

/// Why a sleep ended.
enum Wake {
    Due,
    Asked(Asked),
    SetBack,
}

/// Tells what is due when. A tick that was missed, because the daemon was down or the work took longer, is made up once.
pub(super) struct Ticks<T> {
    /// Why everything is due now, whatever the schedule says.
    pub(super) at_once: Option<&'static str>,
    /// Whether somebody else may ask for it as well: it is a run, for which dates of people come as well.
    pub(super) is_asked: bool,
    /// The key of the expression that counts where nothing else is said.
    key: &'static str,
    agenda: Agenda<T>,
    /// Up to when all ticks were told.
    told: DateTime<Utc>,
    /// Up to when all dates have been looked at.
    looked_at: DateTime<Utc>,
    /// The newest tick with which dates may have come.
    with_tick: DateTime<Utc>,
    /// Of how many expressions it was told that they name no further day.
    told_ended: usize,
}

impl<T: Clone + Ord> Ticks<T> {
    /// Those that come after `now`.
    pub(super) fn new(key: &'static str, agenda: Agenda<T>, now: DateTime<Utc>) -> Self {
        Self {
            at_once: None,
            is_asked: false,
            key,
            agenda,
            told: now,
            looked_at: now,
            with_tick: now,
            told_ended: 0,
        }
    }

    /// A run begins, which acts on all dates up to this one.
    pub(super) fn looked_at(&mut self, now: DateTime<Utc>) {
        self.looked_at = self.looked_at.max(now);
    }

    /// Waits for what is due next. Given up while it waits, it has told nothing.
    pub(super) async fn next<S: HrSource, P: ScimPort>(&mut self, engine: &Engine<S, P>) -> Event<T> {
        if let Some(cause) = self.at_once.take() {
            return Event::Due(cause, None);
        }
        loop {
            let (tick, date) = (self.agenda.next_after(self.told), self.next_date(engine).await);
            let ended = self.agenda.ended(self.told);
            if ended > self.told_ended {
                tracing::warn!(
                    key = self.key,
                    ended,
                    "an expression names no further day, and nothing runs by it any more; /readyz and `status` name its key"
                );
            }
            self.told_ended = ended;
            let due = [tick, date].into_iter().flatten().min().unwrap_or(DateTime::<Utc>::MAX_UTC);
            let woken = self.sleep_until(engine, due).await;
            let now = engine.clock.now();
            match woken {
                // A tick that comes due meanwhile stays due.
                Wake::Asked(asked) => return Event::Asked(asked),
                Wake::SetBack => {
                    tracing::warn!(%due, "the clock was set back; the next run is due by what it shows now");
                    (self.told, self.looked_at, self.with_tick) = (now, now, now);
                }
                Wake::Due => {
                    let now = now.max(due);
                    // Ticks between the one that was due and now were missed: this run stands for all of them.
                    let was_late = self.agenda.next_after(due).is_some_and(|next| next <= now);
                    let places = self.agenda.due(self.told, now);
                    self.told = now;
                    let cause = match (was_late, places.is_empty()) {
                        (true, _) => "missed",
                        (false, false) => "schedule",
                        (false, true) => "date",
                    };
                    match places.is_empty() {
                        true => self.looked_at(now),
                        false => self.with_tick = now,
                    }
                    return Event::Due(cause, Some(places));
                }
            }
        }
    }

    async fn next_date<S: HrSource, P: ScimPort>(&self, engine: &Engine<S, P>) -> Option<DateTime<Utc>> {
        if !self.is_asked {
            return None;
        }
        let date: Result<_, StoreError> = engine.store.next_date(self.looked_at).await;
        let date = date.unwrap_or_else(|error| {
            tracing::error!(%error, "the next date is not known");
            None
        });
        date.map(|date| if date <= self.with_tick { date + DATES_WAIT } else { date })
    }

    async fn sleep_until<S: HrSource, P: ScimPort>(&self, engine: &Engine<S, P>, due: DateTime<Utc>) -> Wake {
        loop {
            let now = engine.clock.now();
            let wait = (due - now).to_std().unwrap_or(Duration::ZERO);
            if wait.is_zero() {
                return Wake::Due;
            }
            if now + SET_BACK < self.told {
                return Wake::SetBack;
            }
            tokio::select! {
                biased;
                asked = engine.triggers.due(&*engine.clock, engine.settings.trigger.pause()), if self.is_asked => {
                    return Wake::Asked(asked);
                }
                () = engine.clock.sleep(wait.min(LONGEST_SLEEP)) => {}
            }
        }
    }
}
