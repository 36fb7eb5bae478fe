//! What sources said and nobody can use. It stands beside the last good records until a newer word comes, and leaves in doubt who
//! is gone.

use std::collections::HashSet;

use super::record::Rejection;
use super::register::{Change, Changes, Origin};

/// What of one source cannot be used behind a read that changes this; `stored`: before it. Whoever tells of everybody takes back
/// all that was said before. What changed takes it back of those alone whom it names: rows that are nobody's stand, since they
/// could be anybody's and do not come again.
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
    standing.extend_from_slice(refused);
    standing
}

/// A source, as far as it may have people whom it does not show.
pub struct Doubtful<'a> {
    origin: &'a Origin,
    /// Anybody.
    is_blind: bool,
    /// These.
    refused: HashSet<&'a str>,
}

impl<'a> Doubtful<'a> {
    /// `failed`: it could not be read. `refused`: what of it cannot be used, ids with the prefix.
    pub fn new(origin: &'a Origin, failed: bool, refused: &'a [Rejection]) -> Self {
        let ids = refused.iter().filter_map(|one| one.employee_id.as_deref()).collect();
        Self { origin, is_blind: failed || refused.iter().any(|one| one.employee_id.is_none()), refused: ids }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.origin.name
    }

    /// Whether there is anything that it does not show.
    pub fn is_in_doubt(&self) -> bool {
        self.is_blind || !self.refused.is_empty()
    }

    fn may_have(&self, id: &str) -> bool {
        id.starts_with(&self.origin.id_prefix) && (self.is_blind || self.refused.contains(id))
    }
}

/// Whoever is missing from one source may have gone to one of the others. While that may be, they are missing and not gone. The
/// answer is who they are, in order.
pub fn spare(changes: &mut Changes, others: &[Doubtful<'_>]) -> Vec<String> {
    let mut spared = Vec::new();
    for (id, change) in changes {
        if let Change::Gone { missing: Some(reads) } = *change
            && others.iter().any(|other| other.may_have(id))
        {
            *change = Change::Missing { reads };
            spared.push(id.clone());
        }
    }
    spared.sort_unstable();
    spared
}

#[cfg(test)]
mod tests {
    use super::super::record::RejectionKind;
    use super::*;

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
    }

    #[test]
    fn who_is_missing_is_spared_while_another_source_may_have_them_and_who_is_said_to_be_gone_is_not() {
        let (agency, temps) = (
            Origin { name: "agency".into(), ..Origin::default() },
            Origin { name: "temps".into(), id_prefix: "t-".into(), ..Origin::default() },
        );
        let spared = |others: &[Doubtful<'_>]| {
            let absent = || Change::Gone { missing: Some(2) };
            let mut changes = Changes::from([
                ("1".to_owned(), absent()),
                ("2".to_owned(), Change::Gone { missing: None }),
                ("t-3".to_owned(), absent()),
            ]);
            let spared = spare(&mut changes, others);
            assert_eq!(changes["2"], Change::Gone { missing: None });
            assert!(spared.iter().all(|id| changes[id] == Change::Missing { reads: 2 }));
            spared
        };
        let nobodys = [refused(None, "no id")];
        let theirs = [refused(Some("1"), "a list")];
        assert!(spared(&[Doubtful::new(&agency, false, &[])]).is_empty());
        assert_eq!(spared(&[Doubtful::new(&agency, true, &[])]), ["1", "t-3"]);
        assert_eq!(spared(&[Doubtful::new(&agency, false, &nobodys)]), ["1", "t-3"]);
        assert_eq!(spared(&[Doubtful::new(&agency, false, &theirs)]), ["1"]);
        // Nobody whose id lacks the prefix can be there.
        assert_eq!(spared(&[Doubtful::new(&temps, true, &[])]), ["t-3"]);
    }
}
