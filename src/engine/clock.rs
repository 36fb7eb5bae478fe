//! Time and randomness, as values that are handed in. Nothing in the engine tells or passes time but by a [`Clock`], so
//! that a simulation can hold it and let it go.

use std::future::Future;
use std::pin::Pin;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A wait that ends by itself; dropping it gives it up.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What tells the time, and lets it pass.
pub trait Clock: Send + Sync + 'static {
    /// The time now. It may be set back.
    fn now(&self) -> DateTime<Utc>;

    /// What has passed since some beginning. It is never set back.
    fn elapsed(&self) -> Duration;

    /// Waits for so long.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn elapsed(&self) -> Duration {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGINNING.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A random source; equal seeds give equal runs.
#[derive(Debug)]
pub struct Randomness(Mutex<StdRng>);

impl Randomness {
    /// Seeded by a number.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// Seeded by the operating system.
    #[expect(clippy::disallowed_methods, reason = "the one place where true randomness is drawn")]
    pub fn from_system() -> Self {
        Self::seeded(rand::random())
    }

    /// A number in 0..1.
    pub fn unit(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// A name that no other has: the time, to sort by, and some random digits.
    pub fn name(&self, now: DateTime<Utc>) -> String {
        let number: u32 = self.0.lock().unwrap_or_else(PoisonError::into_inner).random();
        format!("{}-{number:08x}", now.format("%Y%m%dT%H%M%S"))
    }
}
