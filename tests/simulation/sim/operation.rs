//! What may happen, as a list: drawn from a seed, written down, and replayed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::hr::{Change, FileKind, Flaw, GROUPS};
use super::process::Task;
use super::workiva::Weather;

/// One thing that happens. Numbers stand for places and are counted round, so that a list keeps its meaning when something
/// is taken out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Something happens to somebody in HR; the next export tells it.
    Hr(Change, usize),
    /// A file is written.
    Export(FileKind),
    /// Things go on, drawn by the dice, until so many requests were answered.
    Work(u32, u64),
    /// Seconds pass, by a jump: whoever was to wake meanwhile wakes late. The dice say what became of requests on their way.
    Pass(u32, u64),
    /// The clock on the wall is set back by so many seconds.
    SetBack(u32),
    /// A process starts; a daemon only where fewer than two run.
    Start(Task),
    /// A process is asked to end.
    Stop(usize),
    /// A process is killed; the dice say what became of its requests on their way.
    Kill(usize, u64),
    /// Somebody edits Workiva by hand.
    Hand(Edit, usize),
    /// How Workiva is from now on.
    Weather(Weather),
    /// The disk is full, or no longer.
    DiskFull(bool),
    /// A foreign process locks the database, or lets go.
    Locked(bool),
    /// All is well for a while, and everything has to come to rest as it should be.
    Quiet,
}

/// What somebody does in Workiva by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Suspends a user.
    Suspend,
    /// Activates one.
    Activate,
    /// Gives one another last name.
    Rename,
    /// Deletes one.
    Delete,
    /// Makes one for an employee, without saying whose it is.
    MakeForEmployee,
    /// Makes one with an employee's user name and another employee id.
    MakeForSomebodyElse,
    /// Makes one whom HR does not know.
    MakeStranger,
    /// Another organization owns the user as well.
    OwnElsewhere,
    /// Puts a user into a group, by its place.
    Join(usize),
    /// Takes one out of a group.
    Part(usize),
}

/// What a simulation begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Employees at the beginning.
    pub people: usize,
    /// `source.absence` is "deprovision".
    pub absence_means_leaving: bool,
    /// `workiva.deprovision` is "delete".
    pub deletes: bool,
    /// `guard.on_trip` is "hold_deprovisions".
    pub holds_deprovisions_only: bool,
    /// Users on one page.
    pub page: u32,
    /// `workiva.update`.
    pub update: &'static str,
    /// The ways of the server, by number.
    pub ways: u8,
    /// `workiva.requests_per_second`.
    pub rate: u32,
    /// `[drift]` compares, and repairs.
    pub repairs_drift: bool,
    /// A line end stands behind the last row of HR's files.
    pub ends_line: bool,
    /// Roles grant groups.
    pub groups: bool,
    /// `lifecycle.on_new_id` is "move".
    pub moves: bool,
    /// Everybody has a manager.
    pub managers: bool,
    /// `lifecycle.deprovision_days_after_termination`.
    pub grace: u32,
    /// `lifecycle.provision_days_before_hire`.
    pub before_hire: u32,
    /// People are in three time zones, of which one has the next day already and one the last day still.
    pub zones: bool,
    /// `lifecycle.on_leave` is "suspend".
    pub leave_suspends: bool,
}

impl Setup {
    /// As most have it.
    pub const USUAL: Self = Self {
        people: 8,
        absence_means_leaving: true,
        deletes: false,
        holds_deprovisions_only: false,
        page: 100,
        update: "auto",
        ways: 0,
        rate: 0,
        repairs_drift: false,
        ends_line: true,
        groups: false,
        moves: false,
        managers: false,
        grace: 0,
        before_hire: 0,
        zones: false,
        leave_suspends: false,
    };

    /// Drawn from a seed.
    pub fn of(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        Self {
            people: dice.random_range(6..14),
            absence_means_leaving: dice.random_bool(0.8),
            deletes: dice.random_bool(0.15),
            holds_deprovisions_only: dice.random_bool(0.4),
            page: if dice.random_bool(0.5) { 100 } else { 3 },
            update: ["auto", "auto", "patch", "put"][dice.random_range(0..4)],
            ways: dice.random_range(0..8),
            rate: if dice.random_bool(0.3) { 10 } else { 0 },
            repairs_drift: dice.random_bool(0.4),
            ends_line: dice.random_bool(0.7),
            // Of its own, so that a seed's setup stays what it was but for this.
            groups: StdRng::seed_from_u64(seed ^ 0x96).random_bool(0.4),
            moves: StdRng::seed_from_u64(seed ^ 0x1d).random_bool(0.5),
            managers: StdRng::seed_from_u64(seed ^ 0x3a).random_bool(0.5),
            grace: [0, 0, 1, 2][StdRng::seed_from_u64(seed ^ 0x67a).random_range(0..4)],
            before_hire: [0, 0, 1, 2][StdRng::seed_from_u64(seed ^ 0xbef).random_range(0..4)],
            zones: StdRng::seed_from_u64(seed ^ 0x20e).random_bool(0.4),
            leave_suspends: StdRng::seed_from_u64(seed ^ 0x1ea).random_bool(0.4),
        }
    }
}

/// What a list is mostly about: a seed that does a little of everything finds less than one that does much of one thing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Theme {
    Kills,
    Weather,
    Hands,
    Trouble,
    Files,
    TwoDaemons,
}

/// The list of a seed: days in the life of a company, each with what goes wrong on it.
pub fn list(seed: u64) -> Vec<Op> {
    let mut dice = StdRng::seed_from_u64(seed ^ 0x5eed);
    // Of its own, so that a seed's list stays what it was but for this.
    let mut report = StdRng::seed_from_u64(seed ^ 0xc01);
    let changes = [0.0, 0.15, 0.4][report.random_range(0..3)];
    let themes =
        [Theme::Kills, Theme::Weather, Theme::Hands, Theme::Trouble, Theme::Files, Theme::TwoDaemons];
    let theme = themes[dice.random_range(0..themes.len())];
    let mut ops = vec![Op::Export(FileKind::True), Op::Start(Task::Run)];
    // Most lists begin in a world that has come to rest once.
    if dice.random_bool(0.8) {
        ops.push(Op::Quiet);
    }
    if theme == Theme::TwoDaemons {
        ops.push(Op::Start(Task::Run));
    }
    for _ in 0..dice.random_range(2..7) {
        day(&mut dice, theme, &mut ops);
    }
    change_report(&mut report, changes, &mut ops);
    give_new_ids(&mut StdRng::seed_from_u64(seed ^ 0x2e1d), &mut ops);
    edit_members(&mut StdRng::seed_from_u64(seed ^ 0x96e), &mut ops);
    ops
}

/// Now and then somebody is put into a group by hand, or taken out of one.
fn edit_members(dice: &mut StdRng, ops: &mut Vec<Op>) {
    let likely = [0.0, 0.1, 0.3][dice.random_range(0..3)];
    let mut at = 1;
    while at < ops.len() {
        if matches!(ops[at], Op::Work(..) | Op::Pass(..)) && dice.random_bool(likely) {
            let group = dice.random_range(0..GROUPS.len());
            let edit = if dice.random_bool(0.5) { Edit::Join(group) } else { Edit::Part(group) };
            at += 1;
            ops.insert(at, Op::Hand(edit, dice.random_range(0..64)));
        }
        at += 1;
    }
}

/// Now and then the next file has somebody under a new employee id.
fn give_new_ids(dice: &mut StdRng, ops: &mut Vec<Op>) {
    let likely = [0.0, 0.3, 0.6][dice.random_range(0..3)];
    let mut at = 1;
    while at < ops.len() {
        if matches!(ops[at], Op::Export(FileKind::True | FileKind::NewColumn)) && dice.random_bool(likely) {
            let change = Change::NewId(dice.random_bool(0.5));
            ops.insert(at, Op::Hr(change, dice.random_range(0..64)));
            at += 1;
            // And thinks better of it, or goes on as the old one.
            if dice.random_bool(0.3) {
                let back = [Change::TakeBack, Change::Return][dice.random_range(0..2)];
                let later = (at + dice.random_range(1..20)).min(ops.len());
                ops.insert(later, Op::Hr(back, dice.random_range(0..64)));
            }
        }
        at += 1;
    }
}

/// Now and then the report has a new column: its plan is held, and somebody decides about it sooner or later.
fn change_report(dice: &mut StdRng, likely: f64, ops: &mut Vec<Op>) {
    // Not the first one: nobody knows its header yet.
    let mut at = 1;
    while at < ops.len() {
        if ops[at] == Op::Export(FileKind::True) && dice.random_bool(likely) {
            ops[at] = Op::Export(FileKind::NewColumn);
            if dice.random_bool(0.5) {
                let task = if dice.random_bool(0.6) { Task::Decide } else { Task::Reject };
                let later = (at + dice.random_range(1..12)).min(ops.len());
                ops.insert(later, Op::Start(task));
            }
        }
        at += 1;
    }
}

fn day(dice: &mut StdRng, theme: Theme, ops: &mut Vec<Op>) {
    // Whom this day is about: what goes wrong for somebody finds more than what goes wrong for everybody.
    let places: Vec<usize> = (0..dice.random_range(1..5)).map(|_| dice.random_range(0..64)).collect();
    ops.extend(places.iter().map(|place| Op::Hr(change(dice), *place)));
    let false_file = if theme == Theme::Files { 0.5 } else { 0.1 };
    if dice.random_bool(false_file) {
        let kind = match dice.random_range(0..FileKind::FALSE.len() + 4) {
            at if at < FileKind::FALSE.len() => FileKind::FALSE[at],
            // Where much is missing, the guard sees it.
            _ => FileKind::Truncated(dice.random_range(50..100)),
        };
        ops.extend([Op::Export(kind), run(dice), work(dice, 4)]);
        if dice.random_bool(0.3) {
            ops.push(Op::Start(Task::Decide));
        }
    }
    ops.push(Op::Export(FileKind::True));
    if dice.random_bool(0.3) {
        ops.push(mishap(dice, theme, &places));
    }
    ops.push(run(dice));
    for _ in 0..dice.random_range(1..5) {
        ops.extend([work(dice, 8), mishap(dice, theme, &places)]);
        if dice.random_bool(0.25) {
            ops.push(operator(dice));
        }
        if dice.random_bool(0.25) {
            // Something new before the old is through.
            let place = places[dice.random_range(0..places.len())];
            let change = if dice.random_bool(0.5) { Change::TakeBack } else { change(dice) };
            ops.extend([Op::Hr(change, place), Op::Export(FileKind::True), run(dice)]);
        }
        // Whoever was killed is started again, most often.
        if dice.random_bool(0.7) {
            ops.push(Op::Start(Task::Run));
        }
    }
    if dice.random_bool(0.5) {
        ops.extend([Op::Weather(Weather::Fine), Op::DiskFull(false), Op::Locked(false), work(dice, 30)]);
    }
    match dice.random_range(0..10) {
        0..4 => ops.push(Op::Pass(dice.random_range(900..2_000), dice.random())),
        4..6 => ops.push(Op::Pass(dice.random_range(40_000..150_000), dice.random())),
        6 => ops.push(Op::Quiet),
        _ => {}
    }
}

/// What makes a run happen: a command, or time.
fn run(dice: &mut StdRng) -> Op {
    if dice.random_bool(0.6) {
        Op::Start(Task::Sync)
    } else {
        Op::Pass(dice.random_range(600..1_000), dice.random())
    }
}

fn work(dice: &mut StdRng, most: u32) -> Op {
    Op::Work(dice.random_range(1..=most), dice.random())
}

fn operator(dice: &mut StdRng) -> Op {
    Op::Start([Task::Decide, Task::Decide, Task::Retry, Task::Discard][dice.random_range(0..4)])
}

fn mishap(dice: &mut StdRng, theme: Theme, places: &[usize]) -> Op {
    let kind = match theme {
        Theme::Kills | Theme::TwoDaemons if dice.random_bool(0.5) => 0,
        Theme::Weather if dice.random_bool(0.7) => 1,
        Theme::Hands if dice.random_bool(0.7) => 2,
        Theme::Trouble if dice.random_bool(0.7) => 3,
        _ => dice.random_range(0..5),
    };
    match kind {
        0 => Op::Kill(dice.random_range(0..64), dice.random()),
        1 => weather(dice),
        2 => Op::Hand(edit(dice), places[dice.random_range(0..places.len())]),
        3 => trouble(dice),
        // Long enough for a lease to end under a process that stands still.
        _ => Op::Pass(dice.random_range(1..200), dice.random()),
    }
}

fn weather(dice: &mut StdRng) -> Op {
    Op::Weather(match dice.random_range(0..10) {
        0..3 => Weather::Rain,
        3..5 => Weather::Storm,
        _ => Weather::BAD[dice.random_range(0..Weather::BAD.len())],
    })
}

fn trouble(dice: &mut StdRng) -> Op {
    match dice.random_range(0..8) {
        0 | 1 => Op::DiskFull(true),
        2 => Op::DiskFull(false),
        3 | 4 => Op::Locked(true),
        5 => Op::Locked(false),
        6 => Op::SetBack(dice.random_range(1..8_000)),
        _ => Op::Stop(dice.random_range(0..64)),
    }
}

fn edit(dice: &mut StdRng) -> Edit {
    let all = [
        Edit::Suspend,
        Edit::Activate,
        Edit::Rename,
        Edit::Delete,
        Edit::MakeForEmployee,
        Edit::MakeForSomebodyElse,
        Edit::MakeStranger,
        Edit::OwnElsewhere,
    ];
    all[dice.random_range(0..all.len())]
}

fn change(dice: &mut StdRng) -> Change {
    let flaws =
        [Flaw::NoId, Flaw::NoEmail, Flaw::UnknownStatus, Flaw::Twice, Flaw::ColleaguesId, Flaw::JunkId];
    let all = [
        Change::Hire,
        Change::Hire,
        Change::HireWithTakenName,
        Change::HireLater(dice.random_range(0..3)),
        Change::Rename,
        Change::Rename,
        Change::Marry,
        Change::Leave,
        Change::Leave,
        Change::LeaveLater(dice.random_range(0..3)),
        Change::Vanish,
        Change::Vanish,
        Change::Return,
        Change::Return,
        Change::Return,
        Change::Transfer,
        Change::TransferBack,
        Change::OnLeave,
        Change::Flaw(flaws[dice.random_range(0..4)]),
        Change::Mend,
        Change::Mend,
    ];
    all[dice.random_range(0..all.len())]
}
