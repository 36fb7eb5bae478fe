//! Who is in which group, kept for a moment: many memberships of one group are changed in a row, and a large group is long to read.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long what was read of a group spares reading it again. Somebody whom others add meanwhile counts as added by us.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// What was read of groups, by group.
#[derive(Debug, Default)]
pub struct Members(Mutex<HashMap<String, Read>>);

/// When it was read, by what has passed, and who is in it (`None`: the server does not show members).
type Read = (Duration, Option<BTreeSet<String>>);

/// Who of some users is in a group; `None`: the server does not show members.
pub type Shown = Option<Vec<bool>>;

impl Members {
    /// Who of these users is in the group, by what was read a moment ago; `None`: nothing was.
    pub fn recent(&self, group: &str, users: &[&str], now: Duration) -> Option<Shown> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, members) = read.get(group).filter(|(at, _)| now < *at + KEPT_FOR)?;
        debug_assert!(*at <= now);
        Some(members.as_ref().map(|members| users.iter().map(|user| members.contains(*user)).collect()))
    }

    /// Keeps what was read of a group at `now`.
    pub fn keep(&self, group: &str, members: Option<BTreeSet<String>>, now: Duration) {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.retain(|_, (at, _)| now < *at + KEPT_FOR);
        read.insert(group.to_owned(), (now, members));
    }

    /// Takes in a change that was confirmed.
    pub fn change(&self, group: &str, users: &[&str], joins: bool) {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, Some(members))) = read.get_mut(group) else { return };
        for user in users {
            if joins {
                members.insert((*user).to_owned());
            } else {
                members.remove(*user);
            }
        }
    }

    /// Forgets a group: a change of it may have taken effect unseen.
    pub fn forget(&self, group: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_kept_for_a_moment_with_every_change_that_was_confirmed() {
        let (members, at) = (Members::default(), Duration::from_secs);
        assert_eq!(members.recent("g", &["a"], at(0)), None);
        members.keep("g", Some(["a".to_owned()].into()), at(0));
        members.change("g", &["b"], true);
        members.change("g", &["a"], false);
        assert_eq!(members.recent("g", &["a", "b"], at(59)), Some(Some(vec![false, true])));
        assert_eq!(members.recent("g", &["a"], at(60)), None);
        members.keep("g", None, at(61));
        assert_eq!(members.recent("g", &["a"], at(61)), Some(None));
        members.forget("g");
        assert_eq!(members.recent("g", &["a"], at(61)), None);
    }
}
