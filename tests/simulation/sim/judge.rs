//! What has to be true once quiet returns.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Map, Value};
use workiva_sync::core::verdict::SHOWS_NOBODY_OF_OURS;

use super::hr::{GROUPS, Hr, INSIDE, Person, WORKSPACE};
use super::process::Task;
use super::workiva::{Fate, is_active, text};
use super::world::World;

/// How often the clock is put forward before everything has to be at rest. With eight attempts and waits of up to five
/// minutes, a push that began in the worst weather is through by then.
const ROUNDS: u32 = 80;
/// By how much each time.
const ROUND: Duration = Duration::from_secs(300);
/// Things that may go on in one round.
const STEPS: u32 = 20_000;
/// How often an operator decides about what is held again and again, until it stays held.
const DECISIONS: u32 = 4;

/// Whose such actions are: whoever is to give up the account to another employee id waits for that as well.
macro_rules! concerned {
    ($which:literal) => {
        concat!(
            "SELECT employee_id FROM action WHERE ",
            $which,
            " UNION SELECT moved_from FROM action WHERE moved_from IS NOT NULL AND ",
            $which
        )
    };
}

/// The differences that are known, each with an employee id.
#[derive(Debug, Default)]
struct Named {
    parked: BTreeSet<String>,
    discarded: BTreeSet<String>,
    rejected: BTreeSet<String>,
    held: BTreeSet<String>,
    /// Those who wait for the user name of one of them.
    waiting: BTreeSet<String>,
}

/// The schema under which a user has a manager.
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// What there was when something happened last: only a run that began behind that can tell that there is rest.
struct Rest {
    runs: usize,
    outcomes: usize,
}

/// What has not ended. What was queued over an hour ago waits for word of its person, as long as their record is rejected, or they are missing
/// and a row may be anybody's, or one that is rejected for it claims what is theirs.
const OPEN: &str = "SELECT employee_id, kind, state FROM action a WHERE state = 'queued' AND waits = 0 AND NOT \
    (max(a.created_at, coalesce(a.reaffirmed_at, 0)) < (SELECT max(started_at) FROM run) - 3600000 AND EXISTS \
      (SELECT 1 FROM (SELECT run_id, unsure_absence FROM run WHERE outcome NOT IN ('incomplete', 'failed') ORDER BY rowid DESC LIMIT 1) n \
       WHERE n.unsure_absence = 1 OR EXISTS \
         (SELECT 1 FROM rejection r WHERE r.run_id = n.run_id AND (r.employee_id = a.employee_id OR \
           r.reason LIKE '%employee ' || a.employee_id || ',%'))))";

impl Named {
    fn has(&self, employee_id: &str) -> bool {
        [&self.parked, &self.discarded, &self.rejected, &self.held, &self.waiting]
            .iter()
            .any(|set| set.contains(employee_id))
    }
}

impl World {
    /// All is well from here on: everything comes to rest, and then has to be as it should be.
    pub(super) fn quiet(&mut self) {
        self.clear_the_way();
        let mut rest = Rest { runs: self.runs(), outcomes: self.outcomes() };
        let mut dice = StdRng::seed_from_u64(0);
        let (mut decisions, mut retried, mut still) = (0, false, 0);
        let mut decided_behind = None;
        for round in 0..ROUNDS {
            self.see_that_a_daemon_runs();
            if !self.run_dry(&mut dice) {
                return;
            }
            if self.shows_nobody_of_old() && self.tells_of_strangers() {
                self.insist_on_few_requests(&mut dice);
                return;
            }
            let is_held = !self.database.rows("SELECT plan_id FROM plan WHERE state = 'held'").is_empty();
            // What was refused as stale is decided about again once a run has looked.
            if is_held && decisions < DECISIONS && decided_behind != Some(self.runs()) {
                decisions += 1;
                decided_behind = Some(self.runs());
                self.start(Task::Decide);
                still = 0;
            } else if !retried && round > 2 && self.has_parked() {
                // What was parked in bad weather is worth another try.
                retried = true;
                self.start(Task::Retry);
                still = 0;
            } else {
                still = if self.is_still(&mut rest) { still + 1 } else { 0 };
            }
            if round > 3 && still > 2 {
                break;
            }
            let days = self.days();
            self.pass(ROUND, &mut dice);
            // A new day may bring something to do.
            still = if self.days() == days { still } else { 0 };
        }
        if still <= 2 {
            let queue = self
                .database
                .rows("SELECT employee_id, kind, state, error FROM action WHERE state IN ('queued', 'held')");
            let runs = self.database.rows(
                "SELECT CAST(rowid AS TEXT), run_id, outcome, message FROM run ORDER BY rowid DESC LIMIT 60",
            );
            self.hub.fault(format!("does not come to rest: {queue:?}, {runs:?}"));
            return;
        }
        self.judge();
        // A comparison with state asks, and changes nothing.
        let sent = |world: &Self| match world.setup.repairs_drift {
            true => world.workiva.writes,
            false => world.workiva.requests,
        };
        let (before, days) = (sent(self), self.days());
        for _ in 0..4 {
            self.pass(ROUND, &mut dice);
            self.run_dry(&mut dice);
        }
        let requests = sent(self) - before;
        if requests > 0 && self.days() == days {
            self.hub.fault(format!("a run over unchanged input sent {requests} requests"));
        }
    }

    /// Whether somebody who is linked is gone, and with them all who were linked before an hour behind them: nothing tells whose tenant it
    /// is then, and by design nothing is sent until a person looks.
    fn shows_nobody_of_old(&self) -> bool {
        let linked = self.database.rows("SELECT scim_id, CAST(confirmed_at AS TEXT) FROM account");
        let linked: Vec<(bool, i64)> = linked
            .iter()
            .map(|row| (self.workiva.tenant.user(&row[0]).is_some(), row[1].parse().unwrap()))
            .collect();
        let hour = 3_600_000;
        linked.iter().enumerate().filter(|(_, (is_there, _))| !is_there).any(|(missing, (_, until))| {
            let others = linked.iter().enumerate().filter(|(other, _)| *other != missing);
            let mut witnesses = others.filter(|(_, (_, confirmed))| *confirmed <= until + hour).peekable();
            witnesses.peek().is_some() && witnesses.all(|(_, (is_there, _))| !is_there)
        })
    }

    /// Whether the outage of that is told.
    fn tells_of_strangers(&self) -> bool {
        let told = self.database.rows("SELECT message FROM outage");
        told.iter().any(|row| row[0] == SHOWS_NOBODY_OF_OURS)
    }

    /// An outage that lasts is asked about ever more rarely.
    fn insist_on_few_requests(&mut self, dice: &mut StdRng) {
        for _ in 0..12 {
            self.pass(ROUND, dice);
            self.see_that_a_daemon_runs();
            if !self.run_dry(dice) {
                return;
            }
        }
        let before = self.workiva.requests;
        self.pass(ROUND, dice);
        if !self.run_dry(dice) {
            return;
        }
        let requests = self.workiva.requests - before;
        if requests > 30 * self.processes.len().max(1) as u64 {
            self.hub.fault(format!("sent {requests} requests in an outage that lasts"));
        }
    }

    /// Lets everything go on, well, until nobody waits but for time.
    fn run_dry(&mut self, dice: &mut StdRng) -> bool {
        for _ in 0..STEPS {
            self.settle();
            // While somebody works on an action, time does not jump: leases are made for a process that lives. The last one may have
            // been asked to end while it waited for the database, and left its leases to the next.
            let is_dry = self.hub.look(|_| ()).is_empty() && self.hub.due().is_empty();
            let is_worked_on = !self.processes.is_empty()
                && !self.database.rows("SELECT owner FROM lease LIMIT 1").is_empty();
            if is_dry && !self.hub.somebody_naps() && !is_worked_on {
                return true;
            }
            self.step(dice, Some(Fate::Answered));
        }
        self.hub.fault("goes on for ever without time passing".into());
        false
    }

    /// Whether the newest run found nothing to do, and nothing waits. A run of another process that looked before the newest
    /// action had ended says nothing: a name that was taken is free since, say.
    fn is_still(&self, rest: &mut Rest) -> bool {
        let outcomes = self.outcomes();
        if outcomes != rest.outcomes {
            *rest = Rest { runs: self.runs(), outcomes };
        }
        let waits = self.database.rows(OPEN);
        let run = self.database.rows("SELECT outcome FROM run ORDER BY rowid DESC LIMIT 1");
        let had_nothing_to_do = run.iter().any(|run| matches!(run[0].as_str(), "unchanged" | "held"));
        waits.is_empty() && had_nothing_to_do && self.runs() > rest.runs
    }

    /// How much work on actions the audit tells of.
    fn outcomes(&self) -> usize {
        self.database.rows("SELECT CAST(seq AS TEXT) FROM audit WHERE kind = 'outcome'").len()
    }

    fn has_parked(&self) -> bool {
        !self.database.rows("SELECT employee_id FROM action WHERE state = 'parked'").is_empty()
    }

    fn runs(&self) -> usize {
        self.database.rows("SELECT run_id FROM run").len()
    }

    fn named(&self) -> Named {
        let set = |sql| self.database.rows(sql).into_iter().map(|mut row| row.remove(0)).collect();
        let mut named = Named {
            parked: set(concerned!("state = 'parked' AND error <> ''")),
            discarded: set(concerned!("state = 'discarded'")),
            held: set(concerned!("state = 'held'")),
            rejected: set("SELECT employee_id FROM rejection WHERE run_id = \
                (SELECT run_id FROM run WHERE outcome NOT IN ('incomplete', 'failed') AND EXISTS \
                  (SELECT 1 FROM rejection r WHERE r.run_id = run.run_id) ORDER BY rowid DESC LIMIT 1)"),
            waiting: BTreeSet::new(),
        };
        let holders = self.database.rows(
            "SELECT user_name, employee_id FROM action WHERE state = 'parked' AND user_name IS NOT NULL \
             UNION ALL SELECT user_name, employee_id FROM account",
        );
        let holders: BTreeMap<String, String> =
            holders.into_iter().map(|mut row| (row.remove(0), row.remove(0))).collect();
        // A run warns of them by name. Whoever waits for one who waits is reached in a later round.
        loop {
            let waits = |(id, person): &(&String, &Person)| {
                let holder = holders.get(&person.email.to_lowercase()).filter(|holder| holder != id);
                person.listed && !named.has(id) && holder.is_some_and(|holder| named.has(holder))
            };
            let more: Vec<String> = self.hr.told.iter().filter(waits).map(|(id, _)| id.clone()).collect();
            if more.is_empty() {
                return named;
            }
            named.waiting.extend(more);
        }
    }

    /// Whether somebody is rejected who would have the name of this user of somebody absent: they may be one person.
    fn is_claimed(&self, user: &Map<String, Value>, named: &Named) -> bool {
        let address = |email: &str| {
            let mails = user.get("emails").and_then(Value::as_array).into_iter().flatten();
            let mails = mails.filter_map(|mail| mail.get("value")?.as_str());
            mails.chain(text(user, "userName")).any(|own| own.to_lowercase() == email.to_lowercase())
        };
        let name = |key: &str| user.get("name").and_then(|name| name.get(key)?.as_str());
        let is_named = |other: &Person| {
            name("givenName") == Some(&other.given) && name("familyName") == Some(&other.family)
        };
        let claims = |(id, other): (&String, &Person)| {
            other.listed && named.rejected.contains(id) && (address(&other.email) || is_named(other))
        };
        self.hr.told.iter().any(claims)
    }

    fn judge(&mut self) {
        let named = self.named();
        let mut faults = Vec::new();
        for row in self.database.rows(OPEN) {
            faults.push(format!("an action never ended: {row:?}"));
        }
        let users = self.workiva.users();
        let user_of =
            |employee_id: &str| users.iter().find(|user| text(user, "externalId") == Some(employee_id));
        // What waits for something waits for what is known to be left, or for word of whom HR says nothing, or whose name a rejected record
        // has: until HR has said who is who, they keep what they have and are given nothing.
        let waits = "SELECT employee_id, kind, group_id FROM action WHERE state = 'queued' AND waits = 1";
        let now = self.hub.now();
        for row in self.database.rows(waits) {
            let user = user_of(&row[0]);
            let is_listed = self.hr.told.get(&row[0]).is_some_and(|person| person.listed);
            let is_claimed = !is_listed && user.is_some_and(|user| self.is_claimed(user, &named));
            if !named.has(&row[0]) && !is_claimed && self.hr.shows_as_gone(&row[0], now).is_some() {
                faults.push(format!("a membership waits for nothing: {row:?}"));
            }
        }
        for row in self.database.rows("SELECT CAST(action_id AS TEXT) FROM lease") {
            faults.push(format!("a lease is left: {row:?}"));
        }
        for row in self
            .database
            .rows("SELECT employee_id FROM action WHERE state = 'parked' AND coalesce(error, '') = ''")
        {
            faults.push(format!("parked without a reason: {row:?}"));
        }
        faults.extend(self.database.audit_fault().map(|fault| format!("the audit: {fault}")));
        let mut owned: BTreeMap<&str, u32> = BTreeMap::new();
        // What others made with a key that HR does not know is theirs, however often they did.
        let keys = users.iter().filter_map(|user| text(user, "externalId"));
        for employee_id in keys.filter(|key| self.hr.people.contains_key(*key)) {
            *owned.entry(employee_id).or_default() += 1;
        }
        let twice = owned.iter().filter(|(_, number)| **number > 1);
        faults.extend(twice.map(|(id, number)| format!("{id} has {number} users")));
        for (id, stranger) in &self.workiva.strangers {
            if self.workiva.tenant.user(id) != Some(stranger).filter(|user| !user.is_empty()) {
                faults.push(format!("a user whom HR does not know was changed: {id}"));
            }
        }
        if let Some(guest) = &self.workiva.guest {
            let lost = GROUPS.iter().filter(|(group, _)| !self.workiva.tenant.members(group).contains(guest));
            faults.extend(
                lost.map(|(group, _)| format!("who was put into {group} by hand is not in it any more")),
            );
        }
        faults.extend(self.lost_by_hand().map(|(group, user)| {
            format!("user {user} was put into {group} by hand, where no role had granted it, and is not in it any more")
        }));
        for (employee_id, person) in &self.hr.told {
            let user = user_of(employee_id);
            // Without drift nobody looks; and what comes back after a repair is taken for the server's doing.
            let edits = self.evidence.edits(employee_id, user.and_then(|user| text(user, "id")));
            let is_meddled = edits > u32::from(self.setup.repairs_drift);
            if named.has(employee_id) || is_meddled {
                continue;
            }
            let wrong = match self.hr.shows_as_gone(employee_id, now) {
                None if person.listed && person.flaw.is_some_and(|flaw| !flaw.loses_id()) => {
                    Some("their row is of no use, and nobody says so".to_owned())
                }
                None => None,
                Some(true) if self.evidence.keeps_grace(&self.hr, employee_id, now) => None,
                Some(true) => user
                    .filter(|user| is_active(user) && (person.listed || !self.is_claimed(user, &named)))
                    .map(|_| "gone, and still active".to_owned()),
                Some(false) => {
                    let of_manager = || self.manager_differs(employee_id, person, user, &named);
                    difference(employee_id, person, user)
                        .or_else(|| self.memberships_differ(person, user))
                        .or_else(of_manager)
                }
            };
            faults.extend(wrong.map(|wrong| format!("{employee_id}: {wrong}")));
        }
        faults.into_iter().for_each(|fault| self.hub.fault(fault));
    }
}

impl World {
    /// Who was put into a group by hand and is there no more. Who is no more in the workspace is not in what is inside of it either.
    fn lost_by_hand(&self) -> impl Iterator<Item = &(String, String)> {
        let tenant = &self.workiva.tenant;
        let certain = self.workiva.by_hand.iter().filter(|(_, is_certain)| **is_certain);
        certain.map(|(who, _)| who).filter(|(group, user)| {
            let is_inside = group != INSIDE || tenant.members(WORKSPACE).contains(user);
            is_inside && tenant.user(user).is_some() && !tenant.members(group).contains(user)
        })
    }

    /// How the groups of a user differ from what the person's roles grant, and from what somebody gave by hand.
    fn memberships_differ(&self, person: &Person, user: Option<&Map<String, Value>>) -> Option<String> {
        self.workiva.guest.as_ref()?;
        let id = text(user?, "id")?;
        let is_in = |group: &&str| self.workiva.tenant.members(group).contains(id);
        let seen: BTreeSet<&str> = GROUPS.iter().map(|(group, _)| *group).filter(is_in).collect();
        let by_hand = |group: &str| self.workiva.by_hand.contains_key(&(group.to_owned(), id.to_owned()));
        let granted = Hr::granted(person);
        let differs = |group: &&str| {
            seen.contains(group) != granted.contains(group) && !(seen.contains(group) && by_hand(group))
        };
        GROUPS
            .iter()
            .any(|(group, _)| differs(group))
            .then(|| format!("is in {seen:?}, and should be in {granted:?}"))
    }
}

impl World {
    /// How the manager of a user differs from the user of whom HR names, where that one has access and is known to be well.
    fn manager_differs(
        &self,
        employee_id: &str,
        person: &Person,
        user: Option<&Map<String, Value>>,
        named: &Named,
    ) -> Option<String> {
        let manager = Hr::manager(person);
        let users = self.workiva.users();
        let theirs = users.iter().find(|user| text(user, "externalId") == Some(manager));
        let wanted = theirs.and_then(|user| text(user, "id"));
        let is_meddled =
            self.evidence.edits(manager, wanted) > u32::from(self.setup.repairs_drift) || named.has(manager);
        let has_access = self.hr.shows_as_gone(manager, self.hub.now()) == Some(false);
        if !self.setup.managers || manager == employee_id || is_meddled || !has_access {
            return None;
        }
        let seen = user?.get(ENTERPRISE).and_then(|extension| extension["manager"]["value"].as_str());
        (seen != wanted).then(|| format!("has the manager {seen:?}, and should have {wanted:?}"))
    }
}

/// What a user lacks who should have access.
fn difference(employee_id: &str, person: &Person, user: Option<&Map<String, Value>>) -> Option<String> {
    let Some(user) = user else { return Some("has no user".into()) };
    if !is_active(user) {
        return Some("has access by HR, and is suspended".into());
    }
    let name = |part: &str| user["name"][part].as_str().unwrap_or_default();
    let seen = [
        text(user, "userName").unwrap_or_default(),
        name("givenName"),
        name("familyName"),
        // A change of letter case alone is none.
        &user["emails"][0]["value"].as_str().unwrap_or_default().to_lowercase(),
    ];
    let email = person.email.to_lowercase();
    let wanted = [email.as_str(), &person.given, &person.family, &email];
    (seen != wanted).then(|| format!("{employee_id} is {seen:?}, and should be {wanted:?}"))
}
