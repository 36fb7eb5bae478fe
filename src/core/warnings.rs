//! What a plan warns of: people who wait, for a user name or for a decision.

use super::judged::Judged;
use super::plan::Plan;
use super::planner::States;

/// That absence proves nothing while there are rows of which nobody can tell whose they are; `which`: as far as they can be named.
pub fn of_rows_without_id(missing: usize, rows: u64, which: &[String]) -> String {
    let which = if which.is_empty() { String::new() } else { format!(" ({})", some_of(which)) };
    format!(
        "{} missing from the source, but {} no readable employee id, or nothing by which to tell whose \
         they are, and could be theirs{which}: nobody is deprovisioned for being absent until those rows are mended",
        number(missing, "person is", "people are"),
        number(rows, "row has", "rows have")
    )
}

/// Tells of those who wait for another's change of name. They are left as they are, and looked at again.
pub(super) fn warn_of_waiting(plan: &mut Plan, waiting: Vec<(String, String)>, states: &States) {
    if waiting.is_empty() {
        return;
    }
    plan.busy += waiting.len() as u64;
    plan.pending += waiting.len() as u64;
    let has_account = |id: &String| states.get(id).is_some_and(|state| state.account.is_some());
    plan.waiting_renames =
        waiting.iter().map(|(who, _)| who).filter(|who| has_account(who)).cloned().collect();
    let told: Vec<String> = waiting.iter().map(|(who, holder)| format!("{who} for {holder}")).collect();
    plan.warnings.push(format!(
        "{} for a user name until another's change of name is confirmed (employee {})",
        number(told.len(), "person waits", "people wait"),
        some_of(&told)
    ));
    plan.name_waits = waiting;
}

/// Tells of those who work here by an earlier record, and whose first day is to come by the newest one.
pub(super) fn of_hired_again(judged: &[Judged]) -> Option<String> {
    let told = |person: &Judged| {
        let (before, now) = (person.hired?, person.hired_again?);
        Some(format!("{}: {now}, was {before}", person.employee_id()))
    };
    let told: Vec<String> = judged.iter().filter_map(told).collect();
    (!told.is_empty()).then(|| {
        format!(
            "{} worked here by a hire date that had passed, and {} one now that is still to come (employee {}); they keep the access. \
             Correct the date in HR; if they have left until then, give them that status or the last day",
            number(told.len(), "person has", "people have"),
            if told.len() == 1 { "has" } else { "have" },
            some_of(&told)
        )
    })
}

/// Tells of those who are left on a name for the time between, since another keeps the one that HR gives them: (who, holder).
pub(super) fn of_names_between(between: &[(String, String)]) -> Option<String> {
    let told: Vec<String> = between.iter().map(|(who, holder)| format!("{who} for {holder}")).collect();
    (!told.is_empty()).then(|| {
        format!(
            "{} left on the user name that they had for the time of a swap, since another has theirs and keeps it \
             (lifecycle.on_rename; employee {}); with \"update\" both get the one that HR gives them",
            number(told.len(), "person is", "people are"),
            some_of(&told)
        )
    })
}

/// Warns of those for whom somebody has to decide, in every run until somebody has.
pub(super) fn warn_of_undecided(plan: &mut Plan) {
    const DECIDE: &str = "decide with `workiva-sync adopt --csv FILE` and `--decisions FILE`";
    plan.waiting.sort_unstable();
    plan.doubtful_leavers.sort_unstable();
    if !plan.waiting.is_empty() {
        plan.warnings.push(format!(
            "{} no account yet, since a Workiva user may be theirs (employee {}); {DECIDE}",
            number(plan.waiting.len(), "person gets", "people get"),
            some_of(&plan.waiting)
        ));
    }
    if !plan.doubtful_leavers.is_empty() {
        plan.warnings.push(format!(
            "{} to have no access may have a Workiva user that adopt could not link for certain (employee {}); \
             they may still have access: {DECIDE}",
            number(plan.doubtful_leavers.len(), "person who is", "people who are"),
            some_of(&plan.doubtful_leavers)
        ));
    }
}

/// Warns of those who keep access that HR takes from them, in every run until the action is taken up again, or somebody's hand is seen in
/// Workiva.
pub(super) fn warn_of_discarded(plan: &mut Plan) {
    if plan.discarded_ends.is_empty() {
        return;
    }
    plan.discarded_ends.sort_unstable();
    let told: Vec<String> =
        plan.discarded_ends.iter().map(|(who, action)| format!("{who}: action {action}")).collect();
    plan.warnings.push(format!(
        "{} it, since an operator discarded the action (employee {}); `workiva-sync actions retry \
         ID` takes it up again, which also settles it where they were suspended by hand meanwhile",
        number(told.len(), "person who is to have no access keeps", "people who are to have no access keep"),
        some_of(&told)
    ));
}

/// Tells of those whose manager Workiva cannot be told.
pub(super) fn warn_of_missing_managers(plan: &mut Plan) {
    if plan.without_manager.is_empty() {
        return;
    }
    plan.without_manager.sort_unstable();
    let told: Vec<String> =
        plan.without_manager.iter().map(|(who, manager)| format!("{who} under {manager}")).collect();
    plan.warnings.push(format!(
        "{} no manager in Workiva, since theirs has no user there, or is the person (employee {}); once there is one, they \
         get it",
        number(told.len(), "person gets", "people get"),
        some_of(&told)
    ));
}

/// Tells how many have left although not all of what is said of them can be read; `what`: what of it cannot.
pub fn of_unread(people: u64, what: &str) -> Option<String> {
    (people > 0).then(|| {
        format!(
            "{} left by their status, and {what} of theirs cannot be read and count as empty; correct them in the \
             HR system",
            number(people, "person has", "people have")
        )
    })
}

/// Tells that Workiva has users of whom the database knows none: it is the first run and `adopt` was left out, or the database was lost.
pub fn of_unknown_users(users: u64) -> Option<String> {
    (users > 0).then(|| {
        format!(
            "this database knows no account, and Workiva has {}: whoever among them has left, or is in no source, keeps access. \
             `workiva-sync drift` shows them; `workiva-sync adopt`, before the first run, takes them in",
            number(users, "user", "users")
        )
    })
}

/// So many, and the words for one or for several: "1 person waits", "2 people wait".
pub fn number(number: impl TryInto<u64>, one: &str, several: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", if number == 1 { one } else { several })
}

/// The first of some ids, for a sentence.
pub fn some_of(ids: &[String]) -> String {
    let more = if ids.len() > 5 { ", …" } else { "" };
    ids.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ") + more
}
