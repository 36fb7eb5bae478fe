//! Time and randomness, as values that are handed in.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
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
