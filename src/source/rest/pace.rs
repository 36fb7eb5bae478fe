//! How often a system is asked: one pace for all that is asked of it, whatever it is asked for.

use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};

/// Lets requests through one by one.
#[derive(Debug)]
pub(super) struct Pace(Option<DefaultDirectRateLimiter>);

impl Pace {
    /// So many a minute, evenly; 0: as many as there are.
    pub(super) fn new(requests_per_minute: u32) -> Self {
        Self(NonZeroU32::new(requests_per_minute).map(|rate| {
            // Without a burst: some systems count within a second as well.
            let one = NonZeroU32::MIN;
            DefaultDirectRateLimiter::direct(Quota::per_minute(rate).allow_burst(one))
        }))
    }

    /// Waits until a request may be sent.
    pub(super) async fn wait(&self) {
        let Some(limiter) = &self.0 else { return };
        while let Err(early) = limiter.check() {
            tokio::time::sleep(early.wait_time_from(DefaultClock::default().now())).await;
        }
    }
}
