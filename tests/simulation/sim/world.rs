//! The world: HR, Workiva, a database, processes; and the driver that lets one thing happen at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use workiva_sync::core::scim::ScimRequest;
use workiva_sync::sandbox::Behaviour;

use super::database::Database;
use super::evidence::Evidence;
use super::hr::{FileKind, GROUPS, Hr, INSIDE, WORKSPACE, ZONE, zones};
use super::hub::{Hub, Waiting, Who, Wish};
use super::observed::Observed;
use super::operation::{Edit, Op, Setup};
use super::process::{Given, Process, Task};
use super::workiva::{Effect, Fate, Weather, Workiva, is_active, text};

/// `workiva.timeout_seconds`: whatever is not answered by then is given up.
const TIMEOUT: Duration = Duration::from_secs(40);
/// Things that may happen for one request that is answered.
const IDLE: u32 = 8;
/// As many pages as anybody could want.
const ROOM: u32 = 1_000_000;

/// Everything that there is.
pub struct World {
    pub(super) hub: Hub,
    pub(super) hr: Hr,
    pub(super) workiva: Workiva,
    pub(super) evidence: Evidence,
    pub(super) observed: Observed,
    /// Whose write was let go last.
    wrote: Option<Who>,
    pub(super) database: Database,
    pub(super) processes: Vec<Process>,
    pub(super) setup: Setup,
    given: Given,
    started: Who,
    disk_is_full: bool,
    _folder: TempDir,
}

impl World {
    /// As it is before the first operation.
    pub fn new(setup: Setup) -> Self {
        let folder = folder();
        let began: DateTime<Utc> = "2026-11-23T09:00:00Z".parse().unwrap();
        let hub = Hub::new(began);
        let file = folder.path().join("employees.csv");
        let given = Given {
            hub: hub.clone(),
            database: folder.path().join("state.db"),
            config: config(folder.path(), &setup).into(),
            file_is_true: Arc::new(AtomicBool::new(false)),
        };
        Self {
            hr: Hr::new(file, &setup),
            workiva: workiva(&setup, began),
            evidence: Evidence::default(),
            observed: Observed::default(),
            wrote: None,
            database: Database::new(&given.database),
            processes: Vec::new(),
            setup,
            started: 0,
            disk_is_full: false,
            given,
            hub,
            _folder: folder,
        }
    }

    /// The day as the engine has it.
    pub(super) fn today(&self) -> NaiveDate {
        self.hub.now().date_naive()
    }

    /// The days that it is where somebody is.
    pub(super) fn days(&self) -> Vec<NaiveDate> {
        self.hr.days(self.hub.now())
    }

    /// Lets one operation happen.
    pub fn happen(&mut self, op: Op) {
        self.hub.note(format!("{op:?}"));
        match op {
            Op::Hr(change, place) => {
                let today = self.today();
                self.hr.change(change, place, today);
            }
            Op::Export(kind) => self.export(kind),
            Op::Work(steps, dice) => self.work(steps, &mut StdRng::seed_from_u64(dice)),
            Op::Pass(seconds, dice) => {
                self.pass(Duration::from_secs(seconds.into()), &mut StdRng::seed_from_u64(dice));
            }
            Op::SetBack(seconds) => self.hub.set_back(Duration::from_secs(seconds.into())),
            Op::Start(task) => self.start(task),
            Op::Stop(place) => {
                if !self.processes.is_empty() {
                    self.processes[place % self.processes.len()].stop();
                }
            }
            Op::Kill(place, dice) => self.kill(place, &mut StdRng::seed_from_u64(dice)),
            Op::Hand(edit, place) => self.edit(edit, place),
            Op::Weather(weather) => self.workiva.weather = weather,
            Op::DiskFull(full) => self.disk_is_full = full,
            Op::Locked(locked) => self.database.lock(locked),
            Op::Quiet => self.quiet(),
        }
        self.settle();
    }

    fn export(&mut self, kind: FileKind) {
        let complete = matches!(kind, FileKind::Shrunken | FileKind::ShiftedColumn | FileKind::EverybodyLeft);
        // Against a file that is complete and false nothing helps but the guard, and that counts people.
        if complete && self.known_with_access() < 6 {
            return;
        }
        self.hr.export(kind);
        self.given.file_is_true.store(self.hr.is_true, Ordering::Relaxed);
        if self.hr.is_true {
            for (id, person) in self.hr.told.iter().filter(|(_, person)| person.listed) {
                self.evidence.named(id, person.email.to_lowercase());
            }
        }
    }

    /// People who by a true file have access, and have it.
    fn known_with_access(&self) -> usize {
        let now = self.hub.now();
        let with_access = |id: &&String| self.hr.shows_as_gone(id, now) == Some(false);
        let users = self.workiva.users();
        let has_user =
            |id: &&String| users.iter().any(|user| text(user, "externalId") == Some(id) && is_active(user));
        self.hr.told.keys().filter(with_access).filter(has_user).count()
    }

    pub(super) fn start(&mut self, task: Task) {
        let running = self.processes.iter().filter(|process| process.task == task).count();
        if running >= 2 || self.processes.len() >= 4 {
            return;
        }
        self.started += 1;
        match Process::start(&self.given, self.started, task) {
            Some(process) => self.processes.push(process),
            None => self.hub.note(format!("{task:?} could not start")),
        }
    }

    fn kill(&mut self, place: usize, dice: &mut StdRng) {
        if self.processes.is_empty() {
            return;
        }
        let process = self.processes.remove(place % self.processes.len());
        for waiting in self.hub.bury(process.who) {
            self.lose(waiting, dice);
        }
        process.kill(dice.random_bool(0.5));
    }

    /// A request whose sender is gone, or has waited too long: it may have arrived.
    fn lose(&mut self, waiting: Waiting, dice: &mut StdRng) {
        let Wish::Request(request, sender) = waiting.wish else { return };
        let fate = if dice.random_bool(0.5) { Fate::LostAfter } else { Fate::LostBefore };
        let (exchange, effects) = self.workiva.answer(&self.hub, &request, fate);
        self.hub.note(format!("{} {} -> lost, {fate:?}", waiting.who, request.line()));
        self.see(waiting.who, effects);
        // A sender that is gone hears nothing.
        let _ = sender.send(exchange);
    }

    /// Lets tasks go on until everybody waits for the driver; processes that have ended leave.
    pub(super) fn settle(&mut self) {
        let mut calm = 0;
        while calm < 2 {
            let before = self.hub.activity();
            self.processes.iter().for_each(Process::go_on);
            let busy = self.processes.iter().find(|process| !process.is_calm());
            if let Some(busy) = busy {
                busy.wait();
            }
            calm = if busy.is_none() && self.hub.activity() == before { calm + 1 } else { 0 };
        }
        self.hub.arrange();
        if let Some(who) = self.wrote.take() {
            self.observe(who);
        }
        let (ended, running) = std::mem::take(&mut self.processes).into_iter().partition(Process::has_ended);
        self.processes = running;
        for process in Vec::into_iter(ended) {
            let process: Process = process;
            self.hub.bury(process.who);
            process.leave();
        }
    }

    /// Lets things happen, drawn by the dice, until so many requests were answered. Where there is nothing else, time passes
    /// until somebody wakes.
    fn work(&mut self, steps: u32, dice: &mut StdRng) {
        let requests = self.workiva.requests;
        // Idle processes look around every second; that is little of what can go wrong.
        for _ in 0..steps * IDLE {
            self.settle();
            if self.workiva.requests >= requests + u64::from(steps) || !self.step(dice, None) {
                return;
            }
        }
    }

    /// Lets one thing happen. False: nobody waits for anything. `fate`: what becomes of requests, if not by the weather.
    pub(super) fn step(&mut self, dice: &mut StdRng, fate: Option<Fate>) -> bool {
        let waiting = self.hub.look(|waiting| waiting.number);
        let mut due = self.hub.due();
        if waiting.is_empty() && due.is_empty() {
            let Some(at) = self.hub.next_wake() else { return false };
            self.hub.pass(at.saturating_sub(self.hub.elapsed()));
            due = self.hub.due();
        }
        let choice = dice.random_range(0..waiting.len() + due.len());
        match waiting.get(choice) {
            Some(number) => self.grant(*number, dice, fate),
            None => self.hub.wake(due[choice - waiting.len()]),
        }
        true
    }

    /// Gives one what it waits for.
    pub(super) fn grant(&mut self, number: u64, dice: &mut StdRng, fate: Option<Fate>) {
        let waiting = self.hub.take(number);
        match waiting.wish {
            Wish::Request(request, sender) => {
                let fate = fate.unwrap_or_else(|| self.workiva.weather.draw(dice));
                let (exchange, effects) = self.workiva.answer(&self.hub, &request, fate);
                let status = exchange.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
                self.hub.note(format!("{} {} -> {status} {fate:?}", waiting.who, request.line()));
                if let (ScimRequest::GetUser { id }, Some(200)) = (&request, exchange.status) {
                    self.evidence.looks_at(waiting.who, id);
                }
                self.see(waiting.who, effects);
                // Whoever gave up meanwhile hears nothing.
                let _ = sender.send(exchange);
            }
            Wish::Write(sender) => {
                let pages = if self.disk_is_full { 1 } else { ROOM };
                self.hub.note(format!("{} writes", waiting.who));
                self.wrote = Some(waiting.who);
                let _ = sender.send(pages);
            }
            Wish::Source(name, sender) => {
                self.hub.note(format!("{} source: {name}", waiting.who));
                if name == "read" {
                    // It is judged by the moment at which it was asked for, at the latest by that at which the run is stored.
                    let waited = TimeDelta::from_std(self.hub.elapsed() - waiting.since).unwrap();
                    let now = self.hub.now();
                    self.evidence.reads(
                        waiting.who,
                        &self.hr,
                        [now - waited, now].into(),
                        self.observed.busy(),
                    );
                }
                let _ = sender.send(());
            }
        }
    }

    /// Looks at what a request did.
    fn see(&mut self, who: Who, effects: Vec<Effect>) {
        for effect in effects {
            if let Some(fault) = self.evidence.judge(who, &effect) {
                self.hub.fault(format!("{who}: {fault}"));
            }
        }
    }

    /// Time passes by a jump. What was on its way longer than a request may take is given up first.
    pub(super) fn pass(&mut self, duration: Duration, dice: &mut StdRng) {
        self.settle();
        let then = self.hub.elapsed() + duration;
        let overdue = |waiting: &Waiting| {
            let is_request = matches!(waiting.wish, Wish::Request(..));
            (is_request && waiting.since + TIMEOUT <= then).then_some(waiting.number)
        };
        for number in self.hub.look(overdue).into_iter().flatten() {
            let waiting = self.hub.take(number);
            self.lose(waiting, dice);
        }
        self.hub.pass(duration);
    }

    fn edit(&mut self, edit: Edit, place: usize) {
        let now = self.hub.now();
        let mut users = self.workiva.users();
        users.retain(|user| text(user, "id") != self.workiva.guest.as_deref());
        let employee = self.hr.people.iter().nth(place % self.hr.people.len());
        let employee = employee.map(|(id, person)| (id.clone(), person.email.to_lowercase()));
        let theirs = |user: &&Map<String, Value>| {
            employee.as_ref().is_some_and(|(id, _)| text(user, "externalId") == Some(id))
        };
        let user = users.iter().find(theirs).or_else(|| users.get(place % users.len().max(1)));
        let id = user.and_then(|user| text(user, "id")).map(str::to_owned);
        let tenant = &mut self.workiva.tenant;
        let mut set = |key: &'static str, value: Value| {
            let id = id.clone()?;
            let done = tenant.edit_user(&id, |user| user[key] = value, now);
            done.is_ok().then_some(id)
        };
        let touched = match edit {
            Edit::Suspend => set("active", json!(false)),
            Edit::Activate => set("active", json!(true)),
            Edit::Rename => set("name", json!({"givenName": "By", "familyName": "Hand"})),
            Edit::Delete => id.clone().filter(|id| tenant.delete_user(id).is_ok()),
            Edit::OwnElsewhere => id.clone().filter(|id| tenant.own_elsewhere(id).is_ok()),
            Edit::Join(group) => id.clone().filter(|id| self.join(GROUPS[group].0, id)),
            Edit::Part(group) => id.clone().filter(|id| self.part(GROUPS[group].0, id)),
            Edit::MakeForEmployee | Edit::MakeForSomebodyElse | Edit::MakeStranger => {
                let (employee_id, mut name) = employee.unwrap();
                if edit == Edit::MakeStranger {
                    name = format!("stranger.{place}@example.com");
                }
                let mut user = Map::new();
                user.insert("userName".into(), json!(name));
                user.insert("name".into(), json!({"givenName": "By", "familyName": "Hand"}));
                user.insert("emails".into(), json!([{"value": name, "type": "work", "primary": true}]));
                if edit == Edit::MakeForSomebodyElse {
                    user.insert("externalId".into(), json!(format!("not {employee_id}")));
                }
                let made = tenant.seed_user(user, now).ok();
                if let (Edit::MakeForSomebodyElse | Edit::MakeStranger, Some(id)) = (edit, &made) {
                    let user = self.workiva.tenant.user(id).cloned().unwrap();
                    self.workiva.strangers.insert(id.clone(), user);
                }
                None
            }
        };
        if let Some(id) = touched {
            match edit {
                Edit::Part(_) => self.evidence.parted(&id),
                Edit::Activate => self.evidence.activated(&id),
                _ => {}
            }
            if edit != Edit::OwnElsewhere {
                self.evidence.by_hand(&id, user.and_then(|user| text(user, "externalId")));
            }
            if let Some(stranger) = self.workiva.strangers.get_mut(&id) {
                *stranger = self.workiva.tenant.user(&id).cloned().unwrap_or_default();
            }
        }
    }

    /// Somebody puts a user into a group by hand; false where they are in it, or not in its workspace.
    fn join(&mut self, group: &str, user: &str) -> bool {
        let mut members = self.workiva.tenant.members(group);
        let is_outside = group == INSIDE && !self.workiva.tenant.members(WORKSPACE).contains(user);
        if !self.setup.groups || is_outside || !members.insert(user.to_owned()) {
            return false;
        }
        let done = self.workiva.tenant.set_members(group, members, self.hub.now());
        if done.is_ok() {
            // Of what was granted once, nobody can tell any more whose the membership is.
            let is_certain = !self.has_been_granted(group, user);
            self.workiva.by_hand.insert((group.to_owned(), user.to_owned()), is_certain);
        }
        done.is_ok()
    }

    /// Somebody takes a user out of a group by hand; false where they are not in it.
    fn part(&mut self, group: &str, user: &str) -> bool {
        let mut members = self.workiva.tenant.members(group);
        if !members.remove(user) {
            return false;
        }
        self.workiva
            .by_hand
            .retain(|(of, one), _| one != user || !(of == group || (group == WORKSPACE && of == INSIDE)));
        self.workiva.tenant.set_members(group, members, self.hub.now()).is_ok()
    }

    /// Whether a grant of this group was ever planned for whose user this is.
    fn has_been_granted(&self, group: &str, user: &str) -> bool {
        let owner = self.evidence.owner(user).map(str::to_owned);
        let external =
            self.workiva.tenant.user(user).and_then(|user| text(user, "externalId").map(str::to_owned));
        let granted = self.database.rows("SELECT group_id, employee_id FROM action WHERE kind = 'grant'");
        granted.iter().any(|row| {
            row[0] == group && (Some(&row[1]) == owner.as_ref() || Some(&row[1]) == external.as_ref())
        })
    }

    /// Everything that could be in the way is out of it.
    pub(super) fn clear_the_way(&mut self) {
        self.workiva.weather = Weather::Fine;
        self.disk_is_full = false;
        self.database.lock(false);
        self.export(FileKind::True);
        self.see_that_a_daemon_runs();
    }

    /// One may have been asked to end, and have ended since.
    pub(super) fn see_that_a_daemon_runs(&mut self) {
        if !self.processes.iter().any(|process| process.task == Task::Run) {
            self.start(Task::Run);
        }
    }
}

/// In memory, where the machine has such a place: nothing is simulated that a disk would tell apart.
fn folder() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("simulation").tempdir_in(place).unwrap()
}

/// With a guest in each group, whom somebody put there by hand.
fn workiva(setup: &Setup, now: DateTime<Utc>) -> Workiva {
    let mut workiva = Workiva::new(ways(setup));
    if !setup.groups {
        return workiva;
    }
    let guest = json!({"userName": "guest"}).as_object().cloned().unwrap();
    let guest = workiva.tenant.seed_user(guest, now).unwrap();
    for (id, name) in GROUPS {
        workiva.tenant.seed_group(id, name, now).unwrap();
        workiva.tenant.set_members(id, [guest.clone()].into(), now).unwrap();
    }
    workiva.guest = Some(guest);
    workiva
}

fn ways(setup: &Setup) -> Behaviour {
    let mut ways = Behaviour { page_cap: setup.page, ..Behaviour::default() };
    match setup.ways {
        1 => ways.patch_answers_no_content = true,
        2 => ways.externalid_filter = false,
        3 => ways.filter = false,
        4 => (ways.patch, ways.unrouted_answers_not_found) = (false, true),
        5 => ways.awkward_ids = true,
        6 => (ways.active_as_text, ways.discovery_is_complete) = (true, false),
        _ => {}
    }
    if setup.update == "patch" {
        ways.patch = true;
    }
    ways
}

/// None of them gives access to anybody who has none otherwise.
const ROLES: &str = r#"grants = ["workspace:Q1"]
[[access.roles]]
name = "editors"
when = "department == 'Finance' and right(family_name, 1) == 'x'"
grants = ["Editors"]
[[access.roles]]
name = "at work"
when = "department == 'Finance' and status == 'Active'"
grants = ["At work"]"#;

/// As `Hr::manager` has it.
const MANAGERS: &str = r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value" = "{{ 'E002' if right(family_name, 1) == 'x' else 'E001' }}""#;

/// By what one person is known under two employee ids.
const MOVES: &str = r#"on_new_id = "move"
same_person = ["userName", "name.givenName", "name.familyName"]"#;

fn config(folder: &Path, setup: &Setup) -> String {
    let folder = folder.display();
    let absence = if setup.absence_means_leaving { "deprovision" } else { "keep" };
    let deprovision = if setup.deletes { "delete" } else { "suspend" };
    let on_trip = if setup.holds_deprovisions_only { "hold_deprovisions" } else { "hold_all" };
    let drift = match setup.repairs_drift {
        true => "[drift]\ncron = \"0 5,15,25,35,45,55 * * * *\"\nrepair = true\nmax_repair_percent = 100.0",
        false => "",
    };
    let Setup { update, page, rate, grace, before_hire, .. } = setup;
    let on_leave = if setup.leave_suspends { "suspend" } else { "keep" };
    let zone = ZONE.0;
    let zones = match setup.zones {
        true => format!("timezone_by = \"given_name\"\ntimezones = {{ {} }}", zones(100)),
        false => String::new(),
    };
    let roles = if setup.groups { ROLES } else { "" };
    let managers = if setup.managers { MANAGERS } else { "" };
    let new_id = if setup.moves { MOVES } else { "" };
    format!(
        r#"
[schedule]
cron = "0 */15 * * * *"
[source]
kind = "csv"
path = "{folder}/employees.csv"
absence = "{absence}"
[source.columns]
employee_id = "Employee ID"
given_name = "First Name"
family_name = "Last Name"
work_email = "Work Email"
status = "Status"
department = "Department"
hire_date = "Hire Date"
termination_date = "Termination Date"
[lifecycle]
active = ["Active"]
terminated = ["Terminated"]
leave = ["On Leave"]
on_leave = "{on_leave}"
provision_days_before_hire = {before_hire}
deprovision_days_after_termination = {grace}
timezone = "{zone}"
{zones}
{new_id}
[access]
provision = "roles"
[[access.roles]]
name = "finance"
when = "department == 'Finance'"
{roles}
[attributes]
userName = "{{{{ work_email | lower }}}}"
"name.givenName" = "{{{{ given_name }}}}"
"name.familyName" = "{{{{ family_name }}}}"
"emails.work" = "{{{{ work_email }}}}"
externalId = "{{{{ employee_id }}}}"
{managers}
[workiva]
base_url = "https://workiva.invalid/scim/v2"
username = "scim-user"
password = "simulated"
update = "{update}"
deprovision = "{deprovision}"
page_size = {page}
requests_per_second = {rate}
max_in_flight = 3
[guard]
max_deprovision_count = 3
max_deprovision_percent = 100.0
max_revoke_percent = 100.0
max_create_percent = 100000.0
max_shrink_percent = 40.0
max_reject_percent = 60.0
max_rename_percent = 40.0
max_move_percent = 40.0
on_trip = "{on_trip}"
{drift}
[store]
url = "sqlite://{folder}/state.db"
"#
    )
}
