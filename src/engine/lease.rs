//! How long an action is in somebody's hands. That goes by what passes, in the process that holds it and in the ones that would
//! take it up: the clock on the wall may be set back or forward, between a claim and a request as well.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::Clock;
use crate::store::HeldLease;

/// A lease of this process's.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Its end on the wall, as it is stored.
    pub until: DateTime<Utc>,
    ends: Duration,
}

impl Lease {
    /// One that begins now: before it is stored, so before anybody else sees it.
    pub fn begin(clock: &dyn Clock, length: Duration) -> Self {
        Self { until: clock.now() + length, ends: clock.elapsed() + length }
    }

    /// Of two, the one that ends first.
    pub fn sooner(self, other: Self) -> Self {
        if other.ends < self.ends { other } else { self }
    }

    /// Whether something that begins now and takes so long is over before the lease is.
    pub fn outlives(&self, clock: &dyn Clock, duration: Duration) -> bool {
        clock.elapsed() + duration < self.ends
    }
}

/// The leases of everybody, as this process sees them stand. One that has stood for its whole length without being made longer
/// is over: whoever holds it sends nothing under it any more.
#[derive(Debug, Default)]
pub struct Standing(HashMap<HeldLease, Duration>);

impl Standing {
    /// Looks at the leases that there are, and says which are over. `length` is what a lease lasts.
    pub fn look(&mut self, clock: &dyn Clock, length: Duration, held: &[HeldLease]) -> Vec<HeldLease> {
        let (now, passed) = (clock.now(), clock.elapsed());
        let ends = |one: &HeldLease| {
            // Another process may have been told of longer leases.
            let left = (one.until() - now).to_std().unwrap_or_default();
            passed + left.max(length)
        };
        let ends = held.iter().map(|one| (*one, self.0.get(one).copied().unwrap_or_else(|| ends(one))));
        self.0 = ends.collect();
        held.iter().filter(|one| self.0[*one] < passed).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::clock::Sleep;
    use super::*;

    const LENGTH: Duration = Duration::from_secs(100);

    /// The wall's seconds, and those that have passed.
    struct Clocks(Mutex<(i64, u64)>);

    impl Clocks {
        fn show(&self, wall: i64, passed: u64) {
            *self.0.lock().unwrap() = (wall, passed);
        }
    }

    impl Clock for Clocks {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
                + Duration::from_hours(10_000)
                + chrono::TimeDelta::seconds(self.0.lock().unwrap().0)
        }

        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.lock().unwrap().1)
        }

        fn sleep(&self, _: Duration) -> Sleep {
            Box::pin(std::future::pending())
        }
    }

    fn held(lease: &Lease) -> [HeldLease; 1] {
        [HeldLease { action_id: 1, epoch: 1, until_ms: lease.until.timestamp_millis() }]
    }

    #[test]
    fn a_lease_is_over_by_what_has_passed_wherever_the_clock_on_the_wall_was_set() {
        let clock = Clocks(Mutex::new((0, 0)));
        let lease = Lease::begin(&clock, LENGTH);
        for wall in [-3_600, 0, 3_600] {
            clock.show(wall, 59);
            assert!(lease.outlives(&clock, Duration::from_secs(40)));
            clock.show(wall, 60);
            assert!(!lease.outlives(&clock, Duration::from_secs(40)));
        }
    }

    #[test]
    fn others_take_a_lease_for_over_only_once_it_is_so_for_whoever_holds_it() {
        for (first, second) in [(0, 0), (3_600, 3_600), (-3_600, 3_600), (0, -3_600)] {
            let (clock, mut standing) = (Clocks(Mutex::new((0, 0))), Standing::default());
            let lease = Lease::begin(&clock, LENGTH);
            clock.show(first, 0);
            assert!(standing.look(&clock, LENGTH, &held(&lease)).is_empty());
            clock.show(second, 100);
            assert!(standing.look(&clock, LENGTH, &held(&lease)).is_empty());
            clock.show(second, 3_800);
            assert_eq!(standing.look(&clock, LENGTH, &held(&lease)), held(&lease));
        }
    }

    #[test]
    fn a_lease_that_is_made_longer_begins_anew() {
        let (clock, mut standing) = (Clocks(Mutex::new((0, 0))), Standing::default());
        assert!(standing.look(&clock, LENGTH, &held(&Lease::begin(&clock, LENGTH))).is_empty());
        clock.show(90, 90);
        let longer = held(&Lease::begin(&clock, LENGTH));
        assert!(standing.look(&clock, LENGTH, &longer).is_empty());
        clock.show(150, 150);
        assert!(standing.look(&clock, LENGTH, &longer).is_empty());
        clock.show(191, 191);
        assert_eq!(standing.look(&clock, LENGTH, &longer), longer);
    }
}
