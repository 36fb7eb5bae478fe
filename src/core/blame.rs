//! Whose failures are whose: an attempt counts against its action once Workiva was seen to work.

use std::collections::BTreeSet;

/// Whose failure it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blame {
    /// The action's own, as far as anybody can tell: the attempt counts.
    #[default]
    Action,
    /// Nobody can tell yet: the action's own if Workiva turns out to work, and else the beginning of an outage.
    Unclear,
    /// Workiva's: it costs the action nothing.
    Workiva,
}

/// Attempts that failed while nobody could tell whose failure it was. Each is counted late, with the action's next one.
#[derive(Debug, Default)]
pub struct Unsettled {
    undecided: BTreeSet<i64>,
    own: BTreeSet<i64>,
}

impl Unsettled {
    /// An attempt of the action failed. True: one before it has turned out to be the action's own, and counts now.
    pub fn add(&mut self, action: i64) -> bool {
        self.undecided.insert(action);
        self.own.remove(&action)
    }

    /// Workiva works, so those were the actions' own.
    pub fn works(&mut self) {
        self.own.append(&mut self.undecided);
    }

    /// Workiva is down, so they were Workiva's.
    pub fn is_down(&mut self) {
        self.undecided.clear();
    }

    /// The action has ended.
    pub fn forget(&mut self, action: i64) {
        self.undecided.remove(&action);
        self.own.remove(&action);
    }
}
