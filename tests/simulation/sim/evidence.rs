//! What justifies that somebody loses access: that HR has shown them as gone.

use std::collections::{BTreeMap, BTreeSet};

use super::workiva::{Effect, is_active, text};

/// Who may lose access, and who was meddled with by hand.
#[derive(Debug, Default)]
pub struct Evidence {
    gone: BTreeSet<String>,
    /// Whose each user name is or was, by HR: it proves whose a user is who carries no employee id.
    names: BTreeMap<String, BTreeSet<String>>,
    /// By user id.
    owners: BTreeMap<String, String>,
    /// Employees whose users somebody edited by hand, and how often.
    pub meddled: BTreeMap<String, u32>,
}

impl Evidence {
    /// These people are shown as gone.
    pub fn shown_as_gone<'a>(&mut self, gone: impl Iterator<Item = &'a String>) {
        self.gone.extend(gone.cloned());
    }

    /// This person has this user name.
    pub fn named(&mut self, employee_id: &str, user_name: String) {
        self.names.entry(user_name).or_default().insert(employee_id.to_owned());
    }

    /// Everything has come to rest: what was shown before justifies nothing any more, but for these.
    pub fn forget_all_but(&mut self, still: impl Fn(&String) -> bool) {
        self.gone.retain(still);
    }

    /// Somebody edited a user by hand.
    pub fn by_hand(&mut self, id: &str, employee_id: Option<&str>) {
        let known = self.owners.get(id).cloned();
        if let Some(employee_id) = employee_id.map(str::to_owned).or(known) {
            *self.meddled.entry(employee_id).or_default() += 1;
        }
    }

    /// What is wrong with what a request of the engine's did, if anything.
    pub fn judge(&mut self, effect: &Effect) -> Option<String> {
        let named = [&effect.after, &effect.before].into_iter().flatten();
        let named = named.filter_map(|user| text(user, "externalId")).next();
        if let Some(employee_id) = named {
            self.owners.insert(effect.id.clone(), employee_id.to_owned());
        }
        let before = effect.before.as_ref()?;
        let loses_access = is_active(before) && !effect.after.as_ref().is_some_and(is_active);
        if !loses_access {
            return None;
        }
        let owner = self.owners.get(&effect.id);
        let by_name = self.names.get(&text(before, "userName").unwrap_or_default().to_lowercase());
        match owner {
            Some(owner) if self.gone.contains(owner) => None,
            Some(owner) => Some(format!("{owner} lost access, and HR never showed them as gone")),
            None if by_name.is_some_and(|ids| ids.iter().any(|id| self.gone.contains(id))) => None,
            None => Some(format!("the user {} lost access, and is nobody's of HR", effect.id)),
        }
    }
}
