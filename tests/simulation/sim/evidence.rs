//! What justifies that somebody is given access, or loses it: what the newest file says of them that a run was stored over.
//!
//! A file counts once its run is stored, and takes evidence away at once, whether the plan is held or not. It gives evidence for
//! losing access only once it was accepted.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::hr::Hr;
use super::hub::Who;
use super::workiva::{Effect, is_active, text};

/// What a process has read and stored no run over yet.
#[derive(Debug)]
struct Read {
    /// HR as a true file tells; `None`: the file is a false one.
    hr: Option<Hr>,
    /// HR as a false file tells the truth of who is employed, if it does.
    half: Option<Hr>,
    /// At which moments it may be judged.
    moments: BTreeSet<DateTime<Utc>>,
    /// Of whom something was in a worker's hands, or has changed, since: the run may know nothing of it, and leave it to the next.
    moved: BTreeSet<String>,
    /// Another read of the same process is under way: whose the run is that is stored next cannot be told.
    is_one_of_two: bool,
}

/// A run that was stored.
#[derive(Debug)]
pub struct Stored {
    /// Whether what it read was let stand.
    pub accepted: bool,
    /// Whose records it could not use: they keep what they have.
    pub rejected: BTreeSet<String>,
}

/// Who may not be given access, who may lose it, and who was meddled with by hand.
#[derive(Debug, Default)]
pub struct Evidence {
    gone: BTreeSet<String>,
    /// Who is to have no access: nobody gives it to them.
    unwanted: BTreeSet<String>,
    /// Whom the newest true file that said something of them shows as gone, if that waits to be accepted.
    waiting: BTreeSet<String>,
    reads: BTreeMap<Who, Read>,
    /// The last day of each by the newest accepted run that had a row of theirs, as far as it is certain which that is.
    last_days: BTreeMap<String, Option<NaiveDate>>,
    /// Whose each user name is or was, by HR: it proves whose a user is who carries no employee id.
    names: BTreeMap<String, BTreeSet<String>>,
    /// By user id.
    owners: BTreeMap<String, String>,
    /// How often somebody edited a user by hand: by the user's id, and by the employee id that it had then. A user may pass to
    /// another employee id behind the edit, and another user come in its place.
    meddled: BTreeMap<String, u32>,
    /// Users whom somebody has taken out of a group by hand: if that was a workspace, the other one is their last, and Workiva suspends them
    /// with the end of that, until the next run puts it right.
    parted: BTreeSet<String>,
    /// Users whom somebody has activated by hand, and which processes have looked at them since: a user that is written whole is what was
    /// seen before, and of what happens between the two only a server with versions of users could tell.
    activated: BTreeMap<String, BTreeSet<Who>>,
}

impl Evidence {
    /// A process reads the file that is there. `busy` are those of whom something is in a worker's hands.
    pub fn reads(&mut self, who: Who, hr: &Hr, moments: BTreeSet<DateTime<Utc>>, busy: BTreeSet<String>) {
        let is_one_of_two = self.reads.contains_key(&who);
        let half = hr.half_true();
        let read = Read { hr: hr.is_true.then(|| hr.clone()), half, moments, moved: busy, is_one_of_two };
        self.reads.insert(who, read);
    }

    /// Something of these people has changed in the database, by the process `who`.
    pub fn moved(&mut self, moved: &BTreeSet<String>, but_for: Option<Who>) {
        for (who, read) in &mut self.reads {
            if but_for != Some(*who) {
                read.moved.extend(moved.iter().cloned());
            }
        }
    }

    /// A process has stored a run over what it has read.
    /// `confirmed`: whose access is.
    pub fn stored(&mut self, who: Who, run: &Stored, confirmed: &BTreeSet<String>, now: DateTime<Utc>) {
        // Of two that read side by side the first to be stored stands for both: what it showed is not forgotten for the second.
        let Some(mut read) = self.reads.remove(&who) else { return };
        read.moments.insert(now);
        if let Some(half) = read.half.take() {
            self.half_true(&half, &read.moments, run.accepted);
        }
        let Some(hr) = read.hr.take() else { return };
        let before = std::mem::take(&mut self.waiting);
        for employee_id in hr.told.keys() {
            let shown: BTreeSet<Option<bool>> =
                read.moments.iter().map(|now| hr.shows_as_gone(employee_id, *now)).collect();
            let is_left = read.is_one_of_two
                || read.moved.contains(employee_id)
                || run.rejected.contains(employee_id)
                || self.is_claimed(&hr, employee_id, &run.rejected);
            // That a file names somebody no more takes nothing back of what one before has said.
            if shown.contains(&None) && before.contains(employee_id) {
                self.waiting.insert(employee_id.clone());
            }
            let has_ended = read.moments.iter().any(|now| hr.has_ended_as_announced(employee_id, *now));
            // A grace keeps what was confirmed, and what may have been given unseen is taken.
            let has_nothing = !confirmed.contains(employee_id)
                && read.moments.iter().any(|now| hr.gives_nothing(employee_id, *now));
            let keeps_grace = read.moments.iter().all(|now| self.keeps_grace(&hr, employee_id, *now));
            match hr.last_day(employee_id) {
                Some(last_day) if run.accepted && !is_left => {
                    self.last_days.insert(employee_id.clone(), last_day);
                }
                Some(_) => drop(self.last_days.remove(employee_id)),
                None => {}
            }
            if keeps_grace && !has_ended {
                // Nothing new: they have left, and the rest of the grace is theirs.
            } else if shown.contains(&Some(true)) || has_ended || has_nothing {
                let evidence = if run.accepted { &mut self.gone } else { &mut self.waiting };
                evidence.insert(employee_id.clone());
            } else if shown.contains(&Some(false)) && !shown.contains(&None) && !is_left {
                self.gone.remove(employee_id);
            }
            if shown.contains(&Some(false)) {
                self.unwanted.remove(employee_id);
            } else if shown.contains(&Some(true)) && !shown.contains(&None) && !is_left {
                self.unwanted.insert(employee_id.clone());
            }
        }
    }

    /// Whether somebody has left, is no longer named, and may keep what they have until the grace is over.
    pub fn keeps_grace(&self, hr: &Hr, employee_id: &str, now: DateTime<Utc>) -> bool {
        let last_day = self.last_days.get(employee_id).copied().flatten();
        !hr.names(employee_id) && last_day.is_some_and(|last_day| hr.is_in_grace(employee_id, last_day, now))
    }

    /// A false file can justify what it says truly, and takes nothing back.
    fn half_true(&mut self, hr: &Hr, moments: &BTreeSet<DateTime<Utc>>, accepted: bool) {
        for employee_id in hr.told.keys() {
            let shows = |what| moments.iter().any(|now| hr.shows_as_gone(employee_id, *now) == Some(what));
            if shows(true) {
                let evidence = if accepted { &mut self.gone } else { &mut self.waiting };
                evidence.insert(employee_id.clone());
            }
            if shows(false) {
                self.unwanted.remove(employee_id);
            }
        }
    }

    /// A process has stored a run that read nothing, or came to nothing.
    pub fn stored_nothing(&mut self, who: Who) {
        self.reads.remove(&who);
    }

    /// The newest file was accepted by somebody.
    pub fn accepted(&mut self) {
        self.gone.append(&mut self.waiting);
    }

    /// Somebody has said that these people keep their access, whatever the newest file says.
    pub fn refused(&mut self, kept: &BTreeSet<String>) {
        self.waiting.retain(|employee_id| !kept.contains(employee_id));
        self.unwanted.retain(|employee_id| !kept.contains(employee_id));
    }

    /// This person has this user name.
    pub fn named(&mut self, employee_id: &str, user_name: String) {
        self.names.entry(user_name).or_default().insert(employee_id.to_owned());
    }

    /// Somebody edited a user by hand.
    pub fn by_hand(&mut self, id: &str, employee_id: Option<&str>) {
        let known = self.owners.get(id).cloned();
        for key in employee_id.map(str::to_owned).or(known).into_iter().chain([id.to_owned()]) {
            *self.meddled.entry(key).or_default() += 1;
        }
    }

    /// Somebody took a user out of a group by hand.
    pub fn parted(&mut self, id: &str) {
        self.parted.insert(id.to_owned());
    }

    /// Somebody activated a user by hand.
    pub fn activated(&mut self, id: &str) {
        self.activated.insert(id.to_owned(), BTreeSet::new());
    }

    /// A process is shown a user.
    pub fn looks_at(&mut self, who: Who, id: &str) {
        if let Some(looked) = self.activated.get_mut(id) {
            looked.insert(who);
        }
    }

    /// Whose user this was when a request of the engine's changed it last.
    pub fn owner(&self, user_id: &str) -> Option<&str> {
        self.owners.get(user_id).map(String::as_str)
    }

    /// How often this employee's user was edited by hand.
    pub fn edits(&self, employee_id: &str, user_id: Option<&str>) -> u32 {
        let times = |key: &str| self.meddled.get(key).copied().unwrap_or(0);
        times(employee_id).max(user_id.map_or(0, times))
    }

    /// What is wrong with what a request of the engine's did, if anything.
    pub fn judge(&mut self, who: Who, effect: &Effect) -> Option<String> {
        let named = [&effect.after, &effect.before].into_iter().flatten();
        let named = named.filter_map(|user| text(user, "externalId")).next();
        if let Some(employee_id) = named {
            self.owners.insert(effect.id.clone(), employee_id.to_owned());
        }
        let had = effect.before.as_ref().is_some_and(is_active);
        let has = effect.after.as_ref().is_some_and(is_active);
        let user = effect.before.as_ref().or(effect.after.as_ref())?;
        let name = text(user, "userName").unwrap_or_default().to_lowercase();
        let owners: Vec<&String> = match self.owners.get(&effect.id) {
            Some(owner) => vec![owner],
            None => self.names.get(&name).into_iter().flatten().collect(),
        };
        let id = &effect.id;
        let is_of_groups = effect.is_of_group && self.parted.contains(id);
        let is_overwritten =
            effect.is_whole && self.activated.get(id).is_some_and(|looked| !looked.contains(&who));
        match (had, has) {
            (true, false) if is_of_groups => None,
            (true, false) if is_overwritten => None,
            (true, false) if !owners.iter().any(|owner| self.gone.contains(*owner)) => Some(format!(
                "{owners:?} lost access by user {id}, and the newest file does not show them as gone"
            )),
            (false, true) if owners.iter().any(|owner| self.unwanted.contains(*owner)) => Some(format!(
                "{owners:?} was given access by user {id}, and the newest file shows them as gone"
            )),
            _ => None,
        }
    }

    /// Whether somebody is rejected who has the name of one who is missing: they may be one person, whose absence is not believed then.
    /// Where all else is equal they are one, whose account waits for the new employee id, whatever the row of the old one says.
    fn is_claimed(&self, hr: &Hr, employee_id: &str, rejected: &BTreeSet<String>) -> bool {
        let Some(person) = hr.told.get(employee_id) else { return false };
        hr.told.iter().any(|(id, other)| {
            let name = other.email.to_lowercase();
            let is_same = (&other.given, &other.family) == (&person.given, &person.family);
            // What HR has changed since of one whom no file names, nobody has been told.
            let had_name = || self.names.get(&name).is_some_and(|owners| owners.contains(employee_id));
            other.listed
                && rejected.contains(id)
                && id != employee_id
                && match person.listed {
                    true => is_same && name == person.email.to_lowercase(),
                    false => had_name(),
                }
        })
    }
}
