//! Which reads of sources go into one run: those that began by one tick, or one call, wait for each other.

use std::collections::{BTreeMap, BTreeSet};

/// Reads that began together, of which each ends with an `R`.
#[derive(Debug, PartialEq, Eq)]
pub struct Round<R> {
    /// What they began by.
    pub cause: &'static str,
    /// What the run reads by itself, for which nobody waits.
    pub along: Vec<(usize, bool)>,
    /// What has ended of it.
    pub reads: Vec<(usize, R)>,
    waits_for: BTreeSet<usize>,
}

/// The reads that are under way, of each source one at most, by position; `true`: in full.
///
/// A round is complete once all of it has ended: somebody who went from one source to another is seen in both. A source whose
/// next turn comes while its read waits for others does not wait with them: it is read anew, and the older read is given up.
#[derive(Debug)]
pub struct Rounds<R> {
    open: Vec<Round<R>>,
    /// What was asked for while it was under way: a read that had begun may have missed what that was about.
    again: BTreeMap<usize, (&'static str, bool)>,
}

impl<R> Default for Rounds<R> {
    fn default() -> Self {
        Self { open: Vec::new(), again: BTreeMap::new() }
    }
}

impl<R> Rounds<R> {
    /// Begins a round, or where it `joins` goes into one that is open. The answer is what is to be read now; what is under way is
    /// read again once that has ended. Where nothing is to be read, there is no round.
    pub fn begin(
        &mut self,
        cause: &'static str,
        places: &[(usize, bool)],
        along: Vec<(usize, bool)>,
        joins: bool,
    ) -> Vec<(usize, bool)> {
        let mut now: BTreeMap<usize, bool> = BTreeMap::new();
        for &(place, full) in places {
            if self.is_under_way(place) {
                self.again.entry(place).or_insert((cause, false)).1 |= full;
            } else {
                *now.entry(place).or_default() |= full;
            }
        }
        if now.is_empty() {
            return Vec::new();
        }
        for round in &mut self.open {
            round.reads.retain(|(place, _)| !now.contains_key(place));
        }
        match self.open.first_mut().filter(|_| joins) {
            Some(round) => {
                round.waits_for.extend(now.keys());
                round.along.extend(along);
            }
            None => {
                let waits_for = now.keys().copied().collect();
                self.open.push(Round { cause, along, reads: Vec::new(), waits_for });
            }
        }
        now.into_iter().collect()
    }

    /// A read has ended. The answer is its round, if that is complete by it.
    pub fn ended(&mut self, place: usize, read: R) -> Option<Round<R>> {
        let at = self.open.iter().position(|round| round.waits_for.contains(&place))?;
        let round = &mut self.open[at];
        round.waits_for.remove(&place);
        round.reads.push((place, read));
        round.waits_for.is_empty().then(|| self.open.remove(at))
    }

    /// What was asked for while it was under way and is not any more, by what asked.
    pub fn due_again(&mut self) -> BTreeMap<&'static str, Vec<(usize, bool)>> {
        let open = &self.open;
        let mut due: BTreeMap<&'static str, Vec<(usize, bool)>> = BTreeMap::new();
        self.again.retain(|place, (cause, full)| {
            let is_under_way = open.iter().any(|round| round.waits_for.contains(place));
            if !is_under_way {
                due.entry(*cause).or_default().push((*place, *full));
            }
            is_under_way
        });
        due
    }

    /// Whether a source is being read.
    pub fn is_under_way(&self, place: usize) -> bool {
        self.open.iter().any(|round| round.waits_for.contains(&place))
    }

    /// What has been asked for and is in no run yet, with what asked.
    pub fn unfinished(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let begun = self.open.iter().flat_map(|round| {
            let places = round.waits_for.iter().copied().chain(round.reads.iter().map(|(place, _)| *place));
            places.map(|place| (place, round.cause))
        });
        begun.chain(self.again.iter().map(|(place, (cause, _))| (*place, *cause)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(round: Option<Round<u32>>) -> Option<Vec<(usize, u32)>> {
        round.map(|round| round.reads)
    }

    #[test]
    fn what_began_together_is_complete_together() {
        let mut rounds = Rounds::default();
        assert_eq!(
            rounds.begin("schedule", &[(0, false), (1, false), (1, true)], vec![], false),
            [(0, false), (1, true)]
        );
        assert!(rounds.begin("schedule", &[], vec![], false).is_empty());
        assert_eq!(rounds.ended(1, 10), None);
        assert!(rounds.is_under_way(0) && !rounds.is_under_way(1));
        assert_eq!(reads(rounds.ended(0, 11)), Some(vec![(1, 10), (0, 11)]));
        assert_eq!(rounds.ended(0, 12), None, "nobody had begun that");
        assert!(rounds.unfinished().next().is_none());
    }

    #[test]
    fn another_round_does_not_wait_for_a_slow_one() {
        let mut rounds = Rounds::default();
        rounds.begin("schedule", &[(0, false)], vec![], false);
        rounds.begin("schedule", &[(1, false)], vec![(2, false)], false);
        let fast = rounds.ended(1, 10).unwrap();
        assert_eq!((fast.reads, fast.along), (vec![(1, 10)], vec![(2, false)]));
        assert_eq!(reads(rounds.ended(0, 11)), Some(vec![(0, 11)]));
    }

    #[test]
    fn what_is_asked_for_while_it_is_read_is_read_again_behind_that() {
        let mut rounds = Rounds::default();
        rounds.begin("schedule", &[(0, false)], vec![], false);
        assert!(rounds.begin("webhook", &[(0, false)], vec![], false).is_empty());
        assert!(rounds.begin("schedule", &[(0, true)], vec![], false).is_empty());
        assert!(rounds.due_again().is_empty(), "it is still under way");
        assert!(rounds.ended(0, 10).is_some());
        assert_eq!(rounds.due_again(), BTreeMap::from([("webhook", vec![(0, true)])]));
        assert!(rounds.due_again().is_empty(), "once");
    }

    #[test]
    fn a_read_that_waits_for_a_slow_one_is_given_up_once_its_next_turn_comes() {
        let mut rounds = Rounds::default();
        rounds.begin("start", &[(0, false), (1, false)], vec![], false);
        assert_eq!(rounds.ended(0, 10), None);
        // The slow one's turn has come as well.
        assert_eq!(rounds.begin("schedule", &[(0, false), (1, false)], vec![], false), [(0, false)]);
        assert_eq!(reads(rounds.ended(0, 11)), Some(vec![(0, 11)]), "newer, and by itself");
        assert_eq!(reads(rounds.ended(1, 12)), Some(vec![(1, 12)]), "without what is older");
        assert_eq!(rounds.due_again(), BTreeMap::from([("schedule", vec![(1, false)])]));
    }
    #[test]
    fn where_nothing_can_be_planned_without_the_others_no_round_leaves_them_behind() {
        let mut rounds = Rounds::default();
        rounds.begin("start", &[(0, false), (1, false)], vec![], true);
        assert_eq!(rounds.ended(0, 10), None);
        assert_eq!(rounds.begin("schedule", &[(0, false)], vec![(2, false)], true), [(0, false)]);
        assert_eq!(rounds.ended(1, 11), None, "the first is being read anew");
        let round = rounds.ended(0, 12).unwrap();
        assert_eq!(
            (round.cause, round.reads, round.along),
            ("start", vec![(1, 11), (0, 12)], vec![(2, false)])
        );
    }
}
