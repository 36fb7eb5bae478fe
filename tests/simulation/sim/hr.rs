//! The HR system: people, what happens to them, and the files that it writes, true and false.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::operation::Setup;

/// An employee as HR knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// First name.
    pub given: String,
    /// Last name.
    pub family: String,
    /// Work e-mail; in lower case it is the user name.
    pub email: String,
    /// Active, On Leave or Terminated.
    pub status: &'static str,
    /// Finance has access, Sales has none.
    pub department: &'static str,
    /// First day.
    pub hired: Option<NaiveDate>,
    /// Last day.
    pub ends: Option<NaiveDate>,
    /// Whether the file names them.
    pub listed: bool,
    /// What is wrong with their row.
    pub flaw: Option<Flaw>,
}

/// What may be wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The employee id is missing.
    NoId,
    /// The e-mail is missing.
    NoEmail,
    /// The status is one that nobody knows.
    UnknownStatus,
    /// There are two rows that differ.
    Twice,
    /// The employee id is that of a colleague, who has a row as well.
    ColleaguesId,
    /// What stands for the employee id is nobody's, and the status is one that nobody knows.
    JunkId,
}

impl Flaw {
    /// Whether the row does not say whose it is.
    pub fn loses_id(self) -> bool {
        matches!(self, Self::NoId | Self::ColleaguesId | Self::JunkId)
    }
}

/// What happens to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody new.
    Hire,
    /// Somebody new who is given the e-mail address of somebody else.
    HireWithTakenName,
    /// Somebody new who begins later.
    HireLater(u8),
    /// Another e-mail address, and so another user name.
    Rename,
    /// Another last name.
    Marry,
    /// The same person under a new employee id; the old one has left, by status or by no longer being named.
    NewId(bool),
    /// Left, by status.
    Leave,
    /// Leaves later, by date.
    LeaveLater(u8),
    /// No longer named by the file.
    Vanish,
    /// Back, whatever was.
    Return,
    /// Into a department without access.
    Transfer,
    /// Back into one with access.
    TransferBack,
    /// On leave.
    OnLeave,
    /// A flaw in their row.
    Flaw(Flaw),
    /// No flaw any more.
    Mend,
    /// The newest change is taken back.
    TakeBack,
}

/// Which file the export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// As HR says.
    True,
    /// As HR says, with one more column than before: true, and held until somebody has looked.
    NewColumn,
    /// Nothing at all.
    Empty,
    /// The header alone.
    HeaderOnly,
    /// Broken off in the middle of a row.
    Truncated(u8),
    /// Whole rows are missing.
    Shrunken,
    /// A column has another name.
    WrongHeader,
    /// Everybody's values are one column further to the right.
    ShiftedColumn,
    /// Everybody has the e-mail address of the next one.
    ShiftedEmails,
    /// Everybody is said to have left.
    EverybodyLeft,
    /// No file.
    Gone,
}

impl FileKind {
    /// All that are false.
    pub const FALSE: [Self; 8] = [
        Self::Empty,
        Self::HeaderOnly,
        Self::Shrunken,
        Self::WrongHeader,
        Self::ShiftedColumn,
        Self::ShiftedEmails,
        Self::EverybodyLeft,
        Self::Gone,
    ];
}

const HEADER: &str =
    "Employee ID,First Name,Last Name,Work Email,Status,Department,Hire Date,Termination Date,End";

/// The workspace of everybody with access.
pub const WORKSPACE: &str = "workspace:Q1";
/// What is inside of it, for those whose last name ends with an x.
pub const INSIDE: &str = "workspace:Q1:group:G7";
/// Another workspace, for those who are not on leave.
pub const SECOND: &str = "workspace:Q2";
/// All of them, with their names.
pub const GROUPS: [(&str, &str); 3] = [(WORKSPACE, "Finance"), (INSIDE, "Editors"), (SECOND, "At work")];

/// The HR system.
#[derive(Clone, Debug)]
pub struct Hr {
    /// Everybody who was ever employed, by employee id.
    pub people: BTreeMap<String, Person>,
    /// Everybody as the newest true file told.
    pub told: BTreeMap<String, Person>,
    /// Everybody as a false file tells, where it tells the truth of who is employed.
    half_true: BTreeMap<String, Person>,
    /// Whether the file that is there is a true one.
    pub is_true: bool,
    /// Whether a missing row means leaving.
    pub absence_means_leaving: bool,
    /// Whether a line end stands behind the last row.
    ends_line: bool,
    /// Each as they were before their newest change.
    before: BTreeMap<String, Person>,
    /// Last days that a true file has told of each.
    announced: BTreeMap<String, BTreeSet<NaiveDate>>,
    /// Columns that came in later.
    columns: usize,
    rules: Rules,
    file: PathBuf,
    names: u32,
}

/// What the dates mean, as `[lifecycle]` has it.
#[derive(Clone, Copy, Debug)]
struct Rules {
    grace: Days,
    before_hire: Days,
    zones: bool,
    leave_suspends: bool,
}

/// The zone of everybody whose name stands in neither of the next two, and by how many hours it is ahead of the clock.
pub const ZONE: (&str, i64) = ("Etc/UTC", 0);
/// Those of every third one, by first name.
pub const ZONES: [(&str, i64); 2] = [("Pacific/Kiritimati", 14), ("Pacific/Pago_Pago", -11)];

/// The place of somebody's zone among [`ZONES`]; `None`: [`ZONE`].
fn zone(given: &str) -> Option<usize> {
    let number: usize = given.trim_start_matches("Given").parse().unwrap_or(0);
    (number % 3).checked_sub(1)
}

/// `lifecycle.timezones`, for so many people.
pub fn zones(people: usize) -> String {
    let names = (1..=people).map(|number| format!("Given{number}"));
    let named = names.filter_map(|given| Some((zone(&given)?, given)));
    let table: Vec<String> =
        named.map(|(place, given)| format!("{given} = \"{}\"", ZONES[place].0)).collect();
    table.join(", ")
}

impl Hr {
    /// With so many analysts in Finance, of whom a true file tells.
    pub fn new(file: PathBuf, setup: &Setup) -> Self {
        let mut hr = Self {
            people: BTreeMap::new(),
            told: BTreeMap::new(),
            half_true: BTreeMap::new(),
            is_true: false,
            absence_means_leaving: setup.absence_means_leaving,
            ends_line: setup.ends_line,
            before: BTreeMap::new(),
            announced: BTreeMap::new(),
            columns: 0,
            rules: Rules {
                grace: Days::new(setup.grace.into()),
                before_hire: Days::new(setup.before_hire.into()),
                zones: setup.zones,
                leave_suspends: setup.leave_suspends,
            },
            file,
            names: 0,
        };
        for _ in 0..setup.people {
            hr.hire(None, None);
        }
        hr
    }

    fn hire(&mut self, email: Option<String>, hired: Option<NaiveDate>) {
        let number = self.people.len() + 1;
        let email = email.unwrap_or_else(|| self.address());
        let person = Person {
            given: format!("Given{number}"),
            family: format!("Family{number}"),
            email,
            status: "Active",
            department: "Finance",
            hired,
            ends: None,
            listed: true,
            flaw: None,
        };
        self.people.insert(format!("E{number:03}"), person);
    }

    fn convert(&mut self, place: usize, by_status: bool) {
        let new_id = format!("E{:03}", self.people.len() + 1);
        let Some((old_id, old)) = self.people.iter_mut().nth(place) else { return };
        self.before.insert(old_id.clone(), old.clone());
        let new =
            Person { status: "Active", hired: None, ends: None, listed: true, flaw: None, ..old.clone() };
        if by_status {
            old.status = "Terminated";
        } else {
            old.listed = false;
        }
        self.people.insert(new_id, new);
    }

    fn address(&mut self) -> String {
        self.names += 1;
        format!("Person.{}@example.com", self.names)
    }

    /// Something happens to the employee at this place, counted round. `today` is what later is later than.
    pub fn change(&mut self, change: Change, place: usize, today: NaiveDate) {
        let address = self.address();
        let place = place % self.people.len();
        let taken = self.people.values().nth(place).map(|person| person.email.clone());
        let later = |days: u8| today.checked_add_days(Days::new(u64::from(days) + 1));
        match change {
            Change::Hire => return self.hire(None, None),
            Change::HireWithTakenName => return self.hire(taken, None),
            Change::HireLater(days) => return self.hire(None, later(days)),
            Change::NewId(by_status) => return self.convert(place, by_status),
            _ => {}
        }
        let Some((id, person)) = self.people.iter_mut().nth(place) else { return };
        let before = self.before.insert(id.clone(), person.clone());
        match change {
            Change::TakeBack => *person = before.unwrap_or_else(|| person.clone()),
            Change::Rename => person.email = address,
            Change::Marry => person.family.push('x'),
            Change::Leave => person.status = "Terminated",
            Change::LeaveLater(days) => person.ends = later(days),
            Change::Vanish => person.listed = false,
            Change::Return => {
                (person.status, person.department, person.listed) = ("Active", "Finance", true);
                (person.hired, person.ends) = (None, None);
            }
            Change::Transfer => person.department = "Sales",
            Change::TransferBack => person.department = "Finance",
            Change::OnLeave => person.status = "On Leave",
            Change::Flaw(flaw) => person.flaw = Some(flaw),
            Change::Mend => person.flaw = None,
            Change::Hire | Change::HireWithTakenName | Change::HireLater(_) | Change::NewId(_) => {}
        }
    }

    /// HR as the file that is there tells, if it is a false one that tells the truth of who is employed.
    pub fn half_true(&self) -> Option<Self> {
        (!self.half_true.is_empty()).then(|| Self { told: self.half_true.clone(), ..self.clone() })
    }

    /// Writes the file.
    pub fn export(&mut self, kind: FileKind) {
        self.columns += usize::from(kind == FileKind::NewColumn);
        let kind = if kind == FileKind::NewColumn { FileKind::True } else { kind };
        if kind == FileKind::True {
            self.told = self.people.clone();
            for (id, person) in self.told.iter().filter(|(_, person)| person.listed && person.flaw.is_none())
            {
                self.announced.entry(id.clone()).or_default().extend(person.ends);
            }
        }
        self.is_true = kind == FileKind::True;
        self.half_true = match kind {
            FileKind::ShiftedEmails => self.newest(kind).clone(),
            // The rows that are left are true.
            FileKind::Shrunken => {
                let newest = self.newest(kind);
                newest.iter().take(newest.len() / 4).map(|(id, one)| (id.clone(), one.clone())).collect()
            }
            _ => BTreeMap::new(),
        };
        if kind == FileKind::Gone {
            // It may not be there as it is.
            let _ = std::fs::remove_file(&self.file);
            return;
        }
        let text = self.text(kind);
        let partial = self.file.with_extension("partial");
        std::fs::write(&partial, text).unwrap();
        std::fs::rename(partial, &self.file).unwrap();
    }

    /// What a file of this kind is made of. A false file is the newest true one, spoilt: whatever else it said would be something that
    /// HR has shown.
    fn newest(&self, kind: FileKind) -> &BTreeMap<String, Person> {
        if kind == FileKind::True || self.told.is_empty() { &self.people } else { &self.told }
    }

    fn text(&self, kind: FileKind) -> String {
        let mut people: Vec<(String, Person)> =
            self.newest(kind).iter().map(|(id, person)| (id.clone(), person.clone())).collect();
        let more: String = (1..=self.columns).map(|number| format!("More{number},")).collect();
        let mut header = HEADER.replace("End", &(more + "End"));
        match kind {
            FileKind::Empty => return String::new(),
            FileKind::HeaderOnly => people.clear(),
            FileKind::Shrunken => people.truncate(people.len() / 4),
            FileKind::WrongHeader => header = header.replace("Status", "State"),
            FileKind::ShiftedEmails => {
                let mut emails: Vec<String> = people.iter().map(|(_, person)| person.email.clone()).collect();
                emails.rotate_right(1);
                people.iter_mut().zip(emails).for_each(|((_, person), email)| person.email = email);
            }
            FileKind::EverybodyLeft => people.iter_mut().for_each(|(_, person)| person.status = "Terminated"),
            FileKind::True
            | FileKind::NewColumn
            | FileKind::Truncated(_)
            | FileKind::ShiftedColumn
            | FileKind::Gone => {}
        }
        let mut text = header + "\n";
        let listed: Vec<&(String, Person)> = people.iter().filter(|(_, person)| person.listed).collect();
        for (at, (id, person)) in listed.iter().enumerate() {
            let (colleague, _) = listed[(at + 1) % listed.len()];
            for line in rows(id, colleague, person) {
                let line = line.replace(",.", &(",".to_owned() + &"x,".repeat(self.columns) + "."));
                let line = if kind == FileKind::ShiftedColumn { shifted(&line) } else { line };
                text += &line;
                text.push('\n');
            }
        }
        if !self.ends_line {
            text.pop();
        }
        if let FileKind::Truncated(percent) = kind {
            let cut = text.len() * usize::from(percent % 100) / 100;
            text.truncate(cut);
            // Not at a row's end, where nobody could tell from the file alone.
            let is_whole = |text: &str| {
                text.ends_with('\n')
                    || text.lines().last().is_some_and(|line| line.matches(',').count() >= 8 + self.columns)
            };
            while is_whole(&text) {
                text.pop();
            }
        }
        text
    }

    /// The groups that the roles of somebody with access grant.
    pub fn granted(person: &Person) -> BTreeSet<&'static str> {
        let inside = person.family.ends_with('x').then_some(INSIDE);
        let second = (person.status == "Active").then_some(SECOND);
        [Some(WORKSPACE), inside, second].into_iter().flatten().collect()
    }

    /// Whom the mapping gives somebody for a manager: with every second marriage another, and two who manage each other.
    pub fn manager(person: &Person) -> &'static str {
        if person.family.ends_with('x') { "E002" } else { "E001" }
    }

    /// Whether somebody whom the file no longer names had a last day announced before, and it is over, with the grace behind it: it holds for
    /// them, also where absence means nothing.
    pub fn has_ended_as_announced(&self, employee_id: &str, now: DateTime<Utc>) -> bool {
        let Some(person) = self.told.get(employee_id) else { return false };
        let is_named = person.listed && !person.flaw.is_some_and(Flaw::loses_id);
        let today = self.day_of(person, now);
        let mut ends = self.announced.get(employee_id).into_iter().flatten();
        !is_named && ends.any(|end| today > *end + self.rules.grace)
    }

    /// Whether a last day is over where this person is, and the grace behind it is not.
    pub fn is_in_grace(&self, employee_id: &str, last_day: NaiveDate, now: DateTime<Utc>) -> bool {
        let Some(person) = self.told.get(employee_id) else { return false };
        let today = self.day_of(person, now);
        today > last_day && today <= last_day + self.rules.grace
    }

    /// Whether somebody has left by the newest true file, and a grace keeps what they have.
    pub fn gives_nothing(&self, employee_id: &str, now: DateTime<Utc>) -> bool {
        let Some(person) = self.told.get(employee_id) else { return false };
        let access = self.access(person, self.day_of(person, now));
        person.listed && person.flaw.is_none() && access == Access::Keeps
    }

    /// The last day that the newest true file gives somebody, where it has a row that can be used.
    pub fn last_day(&self, employee_id: &str) -> Option<Option<NaiveDate>> {
        let person = self.told.get(employee_id)?;
        (person.listed && person.flaw.is_none()).then_some(person.ends)
    }

    /// Whether the newest true file names somebody.
    pub fn names(&self, employee_id: &str) -> bool {
        self.told.get(employee_id).is_some_and(|person| person.listed)
    }

    /// The days that it is anywhere where somebody is.
    pub fn days(&self, now: DateTime<Utc>) -> Vec<NaiveDate> {
        let zones = ZONES.iter().filter(|_| self.rules.zones).chain([&ZONE]);
        zones.map(|(_, hours)| (now + TimeDelta::hours(*hours)).date_naive()).collect()
    }

    fn day_of(&self, person: &Person, now: DateTime<Utc>) -> NaiveDate {
        let place = zone(&person.given).filter(|_| self.rules.zones);
        let (_, hours) = place.map_or(ZONE, |place| ZONES[place]);
        (now + TimeDelta::hours(hours)).date_naive()
    }

    /// Whether a true file shows this person, at this moment, as somebody without access. `None`: it says nothing of them, or a grace
    /// leaves them what they have, whatever that is.
    pub fn shows_as_gone(&self, employee_id: &str, now: DateTime<Utc>) -> Option<bool> {
        let person = self.told.get(employee_id)?;
        if !person.listed {
            // Their absence proves nothing while a row has no employee id: it might be theirs.
            let unknown = self.told.values().any(|other| other.listed && other.flaw == Some(Flaw::NoId));
            return (self.absence_means_leaving && !unknown).then_some(true);
        }
        let access = self.access(person, self.day_of(person, now));
        match person.flaw {
            // HR systems blank the address of those who left.
            None | Some(Flaw::NoEmail) if access == Access::None => Some(true),
            // Two rows that are equal are one.
            Some(Flaw::Twice) if person.status == "Terminated" && access == Access::None => Some(true),
            None if access == Access::Has => Some(false),
            _ => None,
        }
    }

    fn access(&self, person: &Person, today: NaiveDate) -> Access {
        let Rules { grace, before_hire, leave_suspends, .. } = self.rules;
        let Person { hired, ends, .. } = *person;
        let has_begun = hired.is_none_or(|hired| today >= hired);
        let is_early = hired.is_some_and(|hired| today < hired - before_hire);
        // A last day before the hire date is that of an employment before.
        let is_of_before = hired.zip(ends).is_some_and(|(hired, ends)| ends < hired);
        let goes_on = ends.is_some_and(|ends| today <= ends + grace);
        let is_over = ends.is_some_and(|ends| today > ends);
        let has_left = person.status == "Terminated";
        let has_grace = grace > Days::new(0);
        let is_out = person.department != "Finance" || (leave_suspends && person.status == "On Leave");
        match () {
            () if is_out => Access::None,
            () if is_of_before && is_early && goes_on && (has_grace || !has_left) => Access::Keeps,
            () if has_left && !(has_grace && has_begun && goes_on && !is_of_before) => Access::None,
            () if !is_of_before && ends.is_some() && !goes_on => Access::None,
            () if is_early => Access::None,
            () if has_left || (!is_of_before && is_over) => Access::Keeps,
            () => Access::Has,
        }
    }
}

/// What the dates and the status come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Has,
    /// Whoever has it keeps it, and nobody is given it.
    Keeps,
    None,
}

fn rows(id: &str, colleague: &str, person: &Person) -> Vec<String> {
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let row = |id: &str, email: &str, status: &str, department: &str| {
        let (hired, ends) = (day(person.hired), day(person.ends));
        format!("{id},{},{},{email},{status},{department},{hired},{ends},.", person.given, person.family)
    };
    let as_is = row(id, &person.email, person.status, person.department);
    match person.flaw {
        None => vec![as_is],
        Some(Flaw::NoId) => vec![row("", &person.email, person.status, person.department)],
        Some(Flaw::NoEmail) => vec![row(id, "", person.status, person.department)],
        Some(Flaw::UnknownStatus) => vec![row(id, &person.email, "Unheard of", person.department)],
        Some(Flaw::Twice) => vec![as_is, row(id, &person.email, "Terminated", person.department)],
        Some(Flaw::ColleaguesId) => vec![row(colleague, &person.email, person.status, person.department)],
        Some(Flaw::JunkId) => vec![row("#N/A", &person.email, "Unheard of", person.department)],
    }
}

fn shifted(line: &str) -> String {
    let mut fields: Vec<&str> = line.split(',').collect();
    fields.rotate_right(1);
    fields.join(",")
}
