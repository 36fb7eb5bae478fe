//! From how alerts stood, and what is the matter now, to how they stand and what is told.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Alert, Condition, Event, Kind, Limits};

/// For how long an alert that has ended is remembered. What comes back meanwhile is believed to be over later each time, and that
/// waits no longer than this either.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// What came of looking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The alerts as they stand, with those that ended of late.
    pub alerts: Vec<Alert>,
    /// What somebody is to be told.
    pub told: Vec<Told>,
}

/// Something that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happened to it.
    pub event: Event,
    /// The alert as it stands since.
    pub alert: Alert,
}

/// Looks at what is the matter. `decided_at`: when somebody decided about a plan last.
///
/// An alert is told once, again while it lasts, at once when it concerns twice as many as were told of last, and when it is over. What comes
/// and goes is one alert: it has to be gone for a while, and for twice as long with each time that it came back within a day.
pub fn turn(
    before: &[Alert],
    conditions: &[Condition],
    decided_at: Option<DateTime<Utc>>,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Turn {
    let mut turn = Turn::default();
    for alert in before {
        let alert = not_ahead(alert, now);
        let key = alert.condition.key();
        let present = conditions.iter().find(|condition| condition.key() == key);
        let decided = alert.condition.kind == Kind::HeldPlan && is_decided(&alert, decided_at, now);
        match present {
            _ if !alert.is_raised() => match present {
                Some(condition) => turn.tell(Event::Raised, again(&alert, condition, now)),
                None if alert.ended_at.is_some_and(|ended| now - ended >= REMEMBERED) => {}
                None => turn.alerts.push(alert),
            },
            Some(condition) if decided => {
                // Somebody decided about that plan, and the next one is held by now: they are told of both.
                let ended = Alert { ended_at: Some(now), quiet_since: None, ..alert };
                turn.told.push(Told { event: Event::Recovered, alert: ended.clone() });
                turn.tell(Event::Raised, again(&ended, condition, now));
            }
            Some(condition) => turn.last(alert, condition, limits, now),
            None => turn.quiet(alert, decided, limits, now),
        }
    }
    for condition in conditions {
        let key = condition.key();
        if !before.iter().any(|alert| alert.condition.key() == key) {
            turn.tell(Event::Raised, fresh(condition, 1, now));
        }
    }
    turn
}

impl Turn {
    fn tell(&mut self, event: Event, alert: Alert) {
        self.told.push(Told { event, alert: alert.clone() });
        self.alerts.push(alert);
    }

    /// It is still the matter.
    fn last(&mut self, mut alert: Alert, condition: &Condition, limits: &Limits, now: DateTime<Utc>) {
        let since = condition.since.min(alert.condition.since);
        alert.condition = Condition { since, ..condition.clone() };
        alert.quiet_since = None;
        let is_worse = condition.count >= alert.told_count.saturating_mul(2);
        let is_due = limits.remind.is_some_and(|remind| now - alert.told_at >= remind);
        if !is_worse && !is_due {
            return self.alerts.push(alert);
        }
        alert.told_at = now;
        // What is told now is what the next one is measured by, fewer as well as more.
        alert.told_count = condition.count.max(1);
        self.tell(if is_worse { Event::Worse } else { Event::Reminded }, alert);
    }

    /// It is not seen any more.
    fn quiet(&mut self, mut alert: Alert, decided: bool, limits: &Limits, now: DateTime<Utc>) {
        let since = *alert.quiet_since.get_or_insert(now);
        if !decided && now - since < settling(limits, alert.times) {
            return self.alerts.push(alert);
        }
        alert.ended_at = Some(now);
        alert.told_at = now;
        alert.quiet_since = None;
        self.tell(Event::Recovered, alert);
    }
}

/// A condition that was not the matter before.
fn fresh(condition: &Condition, times: u32, now: DateTime<Utc>) -> Alert {
    Alert {
        condition: condition.clone(),
        raised_at: now,
        told_at: now,
        told_count: condition.count.max(1),
        quiet_since: None,
        ended_at: None,
        times,
    }
}

/// One that had ended and is back.
fn again(ended: &Alert, condition: &Condition, now: DateTime<Utc>) -> Alert {
    let is_soon = ended.ended_at.is_some_and(|at| now - at < REMEMBERED);
    fresh(condition, if is_soon { ended.times.saturating_add(1) } else { 1 }, now)
}

/// How long it has to be gone until that is believed.
fn settling(limits: &Limits, times: u32) -> TimeDelta {
    let doublings = times.saturating_sub(1).min(16);
    let settling = limits.settle.checked_mul(1 << doublings).unwrap_or(REMEMBERED);
    settling.min(REMEMBERED.max(limits.settle))
}

/// Whether somebody has decided about it since it was raised.
fn is_decided(alert: &Alert, decided_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    decided_at.is_some_and(|at| at > alert.raised_at && at <= now)
}

/// A clock that was ahead and is set right must not keep anybody from being told.
fn not_ahead(alert: &Alert, now: DateTime<Utc>) -> Alert {
    let capped = |at: Option<DateTime<Utc>>| at.map(|at| at.min(now));
    Alert {
        raised_at: alert.raised_at.min(now),
        told_at: alert.told_at.min(now),
        quiet_since: capped(alert.quiet_since),
        ended_at: capped(alert.ended_at),
        ..alert.clone()
    }
}

#[cfg(test)]
#[path = "turn_tests.rs"]
mod tests;
