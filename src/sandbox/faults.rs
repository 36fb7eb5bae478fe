//! Faults on request: which one the next request meets, drawn from a seeded generator.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

/// Which faults happen, and how often. The default is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The share of requests that meet a fault, 0 to 1.
    pub rate: f64,
    /// Added to every request, in milliseconds.
    pub latency_ms: u64,
    /// How long a [`FaultKind::Slow`] request waits in addition, in milliseconds.
    pub slow_ms: u64,
    /// Where the generator begins: the same seed and the same order of requests meet the same faults.
    pub seed: u64,
    /// The kinds to draw from, each as likely as the others.
    pub kinds: BTreeSet<FaultKind>,
}

impl Default for Faults {
    fn default() -> Self {
        Faults { rate: 0.0, latency_ms: 0, slow_ms: 500, seed: 0, kinds: FaultKind::ALL.into() }
    }
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 with `Retry-After`, in seconds or as an HTTP date; nothing is applied.
    Throttle,
    /// 500 with a SCIM error or an HTML page; nothing is applied.
    ServerError,
    /// 503 with or without `Retry-After`; nothing is applied.
    Unavailable,
    /// The connection is reset; nothing is applied.
    Reset,
    /// The answer comes late; the request is applied before or after the wait.
    Slow,
    /// The request is applied, and half of the answer's body is sent as if it were all.
    Malformed,
    /// The request is applied, and the connection is closed without an answer.
    AnswerLost,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [FaultKind; 7] = [
        FaultKind::Throttle,
        FaultKind::ServerError,
        FaultKind::Unavailable,
        FaultKind::Reset,
        FaultKind::Slow,
        FaultKind::Malformed,
        FaultKind::AnswerLost,
    ];
}

/// One fault, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// The rarer form of the kind: an HTTP date, an HTML page, no `Retry-After`, a wait after applying.
    pub(super) variant: bool,
}

/// Draws the faults.
pub(super) struct FaultInjector {
    faults: Faults,
    kinds: Vec<FaultKind>,
    random: StdRng,
}

impl FaultInjector {
    /// An injector at the beginning of its seed. A rate outside of 0 to 1 counts as the nearer end.
    pub(super) fn new(faults: Faults) -> Self {
        let random = StdRng::seed_from_u64(faults.seed);
        let kinds = faults.kinds.iter().copied().collect();
        FaultInjector { faults, kinds, random }
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The fault of the next request, if it has one.
    pub(super) fn draw(&mut self) -> Option<Fault> {
        let rate = self.faults.rate;
        // Compared before it is bounded: `min` would make 1 of a rate that is no number.
        let faulty = rate > 0.0 && !self.kinds.is_empty() && self.random.random_bool(rate.min(1.0));
        if !faulty {
            return None;
        }
        let kind = self.kinds[self.random.random_range(0..self.kinds.len())];
        Some(Fault { kind, variant: self.random.random_bool(1.0 / 3.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(faults: &Faults, count: usize) -> Vec<Option<Fault>> {
        let mut injector = FaultInjector::new(faults.clone());
        (0..count).map(|_| injector.draw()).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let faults = Faults { rate: 0.3, seed: 7, ..Faults::default() };
        assert_eq!(draws(&faults, 200), draws(&faults, 200));
        assert_ne!(draws(&faults, 200), draws(&Faults { seed: 8, ..faults }, 200));
    }

    #[test]
    fn a_full_rate_meets_every_kind_and_a_rate_of_nothing_meets_none() {
        let always = draws(&Faults { rate: 1.0, ..Faults::default() }, 200);
        let met: BTreeSet<FaultKind> = always.iter().map(|fault| fault.expect("always").kind).collect();
        assert_eq!(met, FaultKind::ALL.into());
        assert!(draws(&Faults::default(), 200).iter().all(Option::is_none));
        assert!(draws(&Faults { rate: f64::NAN, ..Faults::default() }, 9).iter().all(Option::is_none));
    }

    #[test]
    fn only_the_chosen_kinds_are_drawn() {
        let faults = Faults { rate: 1.0, kinds: [FaultKind::AnswerLost].into(), ..Faults::default() };
        assert!(
            draws(&faults, 50)
                .into_iter()
                .all(|fault| fault.is_some_and(|fault| fault.kind == FaultKind::AnswerLost))
        );
    }
}
