//! Whose failures are whose: an attempt counts against its action once Workiva was seen to work.

use std::collections::BTreeSet;

/// So many users may fail, and nobody else, without that being an outage once Workiva was seen to work.
pub const HANDFUL: usize = 3;

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

/// Users whose change was refused (403).
#[derive(Debug, Default)]
pub struct Refused {
    /// Whose was, since a change was accepted last; one more than a handful at most.
    lately: Vec<i64>,
    /// Whose was, while those of others were accepted.
    own: BTreeSet<i64>,
}

impl Refused {
    /// A change was refused. True: as many were, and none accepted, that it cannot be theirs.
    pub fn add(&mut self, who: Option<i64>) -> bool {
        if let Some(who) = who.filter(|who| !self.lately.contains(who) && self.lately.len() <= HANDFUL) {
            self.lately.push(who);
        }
        self.lately.len() > HANDFUL
    }

    /// A change was accepted, so those refused were the actions' own.
    pub fn others_are_not(&mut self) {
        self.own.extend(self.lately.drain(..));
    }

    /// Whether what is refused to the action is known to be its own.
    pub fn is_own(&self, who: Option<i64>) -> bool {
        who.is_some_and(|who| self.own.contains(&who))
    }

    /// The action has ended.
    pub fn forget(&mut self, action: i64) {
        self.own.remove(&action);
    }
}
