//! The watch: a held plan expires, and until then somebody is reminded of it; and whether there is a connection at all.

use chrono::{DateTime, TimeDelta, Utc};

use super::Engine;
use crate::core::scim::ScimPort;
use crate::source::HrSource;
use crate::store::{PlanSummary, StoreError};

/// How often a held plan is logged again while it waits.
const REMIND_EVERY: TimeDelta = TimeDelta::days(1);

impl<S: HrSource, P: ScimPort> Engine<S, P> {
    /// Whether these settings were found working once. Nobody is asked.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_connected(&self) -> Result<bool, StoreError> {
        Ok(self.store.checked_connection(&self.connection_key).await?.is_some())
    }

    /// Marks the held plan as expired, should nobody have decided about it in time.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn expire_held(&self) -> Result<(), StoreError> {
        if let Some(plan_id) = self.store.expire_held(self.clock.now()).await? {
            tracing::warn!(
                plan_id,
                "the held plan has expired (guard.hold_expires_hours), and nothing of it was sent; the next run holds a new \
                 one where its cause is still there"
            );
        }
        Ok(())
    }

    /// Expires the held plan, or logs it once a day while it waits. `reminded_at` is when it was logged last.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn watch_held(&self, reminded_at: &mut Option<DateTime<Utc>>) -> Result<(), StoreError> {
        self.expire_held().await?;
        let now = self.clock.now();
        let Some(held) = self.store.held_summary(now).await? else { return Ok(()) };
        if is_reminder_due(&held, *reminded_at, now) {
            let codes: Vec<&str> = held.hold_reasons.iter().map(|reason| reason.code.as_str()).collect();
            tracing::warn!(
                plan_id = held.plan_id,
                held_since = %held.created_at,
                expires_at = held.expires_at.map(|at| at.to_string()),
                reasons = codes.join(", "),
                "a plan is still held, and nothing of it is sent; `workiva-sync status` shows it, `approve` or `reject` decides"
            );
            *reminded_at = Some(now);
        }
        Ok(())
    }
}

/// The run that held the plan has logged it, so the first reminder comes a day later.
fn is_reminder_due(held: &PlanSummary, reminded_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    let last = reminded_at.map_or(held.created_at, |at| at.max(held.created_at));
    now - last >= REMIND_EVERY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::report::Counts;

    #[test]
    fn a_held_plan_is_logged_again_once_a_day_and_a_new_one_not_at_once() {
        let at = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        let held = PlanSummary {
            plan_id: "p".into(),
            created_at: at(100),
            expires_at: None,
            counts: Counts::default(),
            hold_reasons: vec![],
        };
        assert!(!is_reminder_due(&held, None, at(123)));
        assert!(is_reminder_due(&held, None, at(124)));
        assert!(!is_reminder_due(&held, Some(at(124)), at(147)));
        assert!(is_reminder_due(&held, Some(at(124)), at(148)));
        assert!(!is_reminder_due(&held, Some(at(10)), at(110)), "that was about another plan");
    }
}
