//! What sources said and nobody can use, and what they may know that has not been read. The one stands beside the last good records
//! until a newer word comes; both leave in doubt who is gone.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::record::{Rejection, RejectionKind};
use super::register::{Change, Changes, Origin, settled};

/// What of one source cannot be used behind a read that changes this; `stored`: before it. Whoever tells of everybody takes back
/// all that was said before. What changed takes it back of those alone whom it names: rows that are nobody's stand, since they
/// could be anybody's. Whether one comes again (a delta overlaps with the one before) cannot be told by what it is about, nor by where
/// it stands; so of those with the same fault as many count as the read had that had most.
pub fn after(
    stored: Vec<Rejection>,
    changes: &Changes,
    refused: &[Rejection],
    is_of_everybody: bool,
) -> Vec<Rejection> {
    let mut standing = stored;
    let named: HashSet<&String> = refused.iter().filter_map(|one| one.employee_id.as_ref()).collect();
    standing.retain(|one| {
        let is_newer = |id: &String| named.contains(id) || changes.contains_key(id);
        !is_of_everybody && !one.employee_id.as_ref().is_some_and(is_newer)
    });
    let mut again: HashMap<(RejectionKind, String), usize> = HashMap::new();
    for one in refused.iter().filter(|one| one.employee_id.is_none()) {
        *again.entry(fault(one)).or_default() += 1;
    }
    // The newest words tell where it stands now.
    standing.retain(|one| match again.get_mut(&fault(one)).filter(|left| **left > 0) {
        Some(left) if one.employee_id.is_none() => {
            *left -= 1;
            false
        }
        _ => true,
    });
    standing.extend_from_slice(refused);
    standing
}

/// What is wrong with a row, whatever delta it came in: that stands behind it, in parentheses.
fn fault(one: &Rejection) -> (RejectionKind, String) {
    let origin = one.reason.strip_suffix(')').and_then(|reason| reason.rsplit_once(" ("));
    (one.kind, origin.map_or(one.reason.as_str(), |(fault, _)| fault).to_owned())
}

/// A source, as far as it may have people whom it does not show.
pub struct Doubtful<'a> {
    origin: &'a Origin,
    /// When the newest read began that showed it whole; `None`: none did.
    whole_at: Option<DateTime<Utc>>,
    /// Whether there are rows that could be anybody's.
    has_nobodys: bool,
    /// Whom it names, and nobody can use the word.
    refused: HashSet<&'a str>,
}

impl<'a> Doubtful<'a> {
    /// `whole_at`: when the newest read began that showed all it had. `refused`: what of it cannot be used, ids with the prefix.
    pub fn new(origin: &'a Origin, whole_at: Option<DateTime<Utc>>, refused: &'a [Rejection]) -> Self {
        let ids = refused.iter().filter_map(|one| one.employee_id.as_deref()).collect();
        let has_nobodys = refused.iter().any(|one| one.employee_id.is_none());
        Self { origin, whole_at, has_nobodys, refused: ids }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.origin.name
    }

    /// Whether somebody may be in it who was found missing elsewhere by a read that began then: it has not been read whole since, or
    /// has a word on them, or on nobody knows whom, that cannot be used.
    pub fn may_have(&self, id: &str, since: DateTime<Utc>) -> bool {
        let is_read_since = self.whole_at.is_some_and(|at| at >= since);
        id.starts_with(&self.origin.id_prefix) && (!is_read_since || self.refuses(id))
    }

    /// Whether it has a word on somebody, or on nobody knows whom, that cannot be used.
    fn refuses(&self, id: &str) -> bool {
        self.has_nobodys || self.refused.contains(id)
    }
}

/// Somebody whom a source had ceased to name before, which is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// With the prefix.
    pub employee_id: String,
    /// In how many complete reads in a row they were missing.
    pub reads: u32,
    /// When the first of these began.
    pub since: DateTime<Utc>,
}

/// Settles what it means that one source, the one at `place`, has ceased to name people. Whoever is missing may have gone to one of the
/// others; while that may be, they are missing, and no more. `read`: what the source was read to change, and when that began. `before`: who
/// was missing from it before. The answer is what is settled of those besides, and who is in doubt, since when.
pub fn settle(
    place: usize,
    read: Option<(&mut Changes, DateTime<Utc>)>,
    before: &[Unsettled],
    all: &[Doubtful<'_>],
) -> (Changes, BTreeMap<String, DateTime<Utc>>) {
    let others = || all.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, other)| other);
    let may_be_elsewhere = |id: &str, since| others().any(|other| other.may_have(id, since));
    let mut in_doubt = BTreeMap::new();
    let (changes, began) = match read {
        Some((changes, began)) => (Some(changes), began),
        None => (None, DateTime::<Utc>::MAX_UTC),
    };
    let mut named = HashSet::new();
    if let Some(changes) = changes {
        let since: HashMap<&str, DateTime<Utc>> =
            before.iter().map(|one| (one.employee_id.as_str(), one.since)).collect();
        for (id, change) in changes {
            named.insert(id);
            let reads = match change {
                Change::Gone { missing: Some(reads) } => *reads,
                Change::Stale => 0,
                Change::Put { .. } | Change::Missing { .. } | Change::Gone { missing: None } => continue,
            };
            let since = since.get(id.as_str()).copied().unwrap_or(began);
            if may_be_elsewhere(id, since) {
                *change = Change::Missing { reads };
                in_doubt.insert(id.clone(), since);
            }
        }
    }
    let mut besides = Changes::new();
    for one in before.iter().filter(|one| !named.contains(&one.employee_id)) {
        let id = &one.employee_id;
        let Some(change) = settled(all[place].origin, one.reads) else { continue };
        // Its own newest word may be on them.
        match all[place].refuses(id) || may_be_elsewhere(id, one.since) {
            true => _ = in_doubt.insert(id.clone(), one.since),
            false => _ = besides.insert(id.clone(), change),
        }
    }
    (besides, in_doubt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn refused(id: Option<&str>, reason: &str) -> Rejection {
        let (employee_id, reason) = (id.map(str::to_owned), reason.to_owned());
        Rejection { employee_id, row: Some(1), kind: RejectionKind::UnfitField, reason }
    }

    #[test]
    fn a_refused_word_stands_until_a_newer_one_on_the_same_person_or_on_everybody() {
        let stored = || vec![refused(Some("1"), "old"), refused(Some("2"), "old"), refused(None, "old")];
        let reasons = |changes: &[&str], refused: &[Rejection], is_full| {
            let changes =
                changes.iter().map(|id| ((*id).to_owned(), Change::Gone { missing: None })).collect();
            let standing = after(stored(), &changes, refused, is_full);
            let told = |one: &Rejection| (one.employee_id.clone().unwrap_or_default(), one.reason.clone());
            standing.iter().map(told).map(|(id, reason)| format!("{id} {reason}")).collect::<Vec<_>>()
        };
        assert_eq!(reasons(&[], &[], false), ["1 old", "2 old", " old"]);
        assert_eq!(reasons(&["1"], &[refused(Some("2"), "new")], false), [" old", "2 new"]);
        assert_eq!(reasons(&[], &[refused(Some("3"), "new")], true), ["3 new"]);
        // The same row of nobody comes again, at another place; and once more beside another one.
        let again = Rejection { row: Some(7), ..refused(None, "old (delta-2)") };
        assert_eq!(reasons(&[], std::slice::from_ref(&again), false), ["1 old", "2 old", " old (delta-2)"]);
        let twice = ["1 old", "2 old", " old (delta-2)", " old (delta-2)"];
        assert_eq!(reasons(&[], &[again.clone(), again], false), twice);
    }

    #[test]
    fn who_is_missing_is_in_doubt_while_another_source_may_have_them_and_who_is_said_to_be_gone_is_not() {
        let (staff, agency, temps) = (
            Origin { name: "staff".into(), absence_runs: Some(2), ..Origin::default() },
            Origin { name: "agency".into(), ..Origin::default() },
            Origin { name: "temps".into(), id_prefix: "t-".into(), ..Origin::default() },
        );
        let in_doubt = |other: Doubtful<'_>| {
            let absent = || Change::Gone { missing: Some(2) };
            let mut changes = Changes::from([
                ("1".to_owned(), absent()),
                ("2".to_owned(), Change::Gone { missing: None }),
                ("t-3".to_owned(), absent()),
            ]);
            let all = [Doubtful::new(&staff, Some(at(10)), &[]), other];
            let (besides, in_doubt) = settle(0, Some((&mut changes, at(10))), &[], &all);
            assert_eq!((&changes["2"], besides.len()), (&Change::Gone { missing: None }, 0));
            assert!(in_doubt.keys().all(|id| changes[id] == Change::Missing { reads: 2 }));
            in_doubt.into_keys().collect::<Vec<_>>()
        };
        let nobodys = [refused(None, "no id")];
        let theirs = [refused(Some("1"), "a list")];
        assert!(in_doubt(Doubtful::new(&agency, Some(at(10)), &[])).is_empty());
        assert_eq!(in_doubt(Doubtful::new(&agency, Some(at(9)), &[])), ["1", "t-3"]);
        assert_eq!(in_doubt(Doubtful::new(&agency, None, &[])), ["1", "t-3"]);
        assert_eq!(in_doubt(Doubtful::new(&agency, Some(at(10)), &nobodys)), ["1", "t-3"]);
        assert_eq!(in_doubt(Doubtful::new(&agency, Some(at(10)), &theirs)), ["1"]);
        // Nobody whose id lacks the prefix can be there.
        assert_eq!(in_doubt(Doubtful::new(&temps, None, &[])), ["t-3"]);
    }

    #[test]
    fn whoever_was_in_doubt_is_settled_once_each_other_source_has_been_read_since() {
        let settled = |runs: Option<u32>, whole_at: i64, own: &[Rejection]| {
            let staff = Origin { name: "staff".into(), absence_runs: runs, ..Origin::default() };
            let agency = Origin { name: "agency".into(), ..Origin::default() };
            let before = [Unsettled { employee_id: "1".into(), reads: 2, since: at(10) }];
            let all =
                [Doubtful::new(&staff, Some(at(9)), own), Doubtful::new(&agency, Some(at(whole_at)), &[])];
            let (besides, in_doubt) = settle(0, None, &before, &all);
            assert_eq!(in_doubt.len(), usize::from(besides.is_empty() && runs != Some(3)));
            besides.get("1").cloned()
        };
        assert_eq!(settled(Some(2), 9, &[]), None);
        assert_eq!(settled(Some(2), 10, &[]), Some(Change::Gone { missing: Some(2) }));
        assert_eq!(settled(None, 10, &[]), Some(Change::Stale));
        // It has to be missing once more.
        assert_eq!(settled(Some(3), 10, &[]), None);
        // Its own source names them in a word that cannot be used.
        assert_eq!(settled(Some(2), 10, &[refused(Some("1"), "a list")]), None);
    }
}
