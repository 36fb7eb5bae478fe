//! What the simulation has found, each as the shortest list that shows it.

use super::sim::{Change, Edit, FileKind, Op, Setup, Task, Weather, run};

fn assert_well(setup: Setup, ops: &[Op]) {
    let verdict = run(setup, ops);
    assert!(verdict.faults.is_empty(), "{:#?}\n{}", verdict.faults, verdict.log.join("\n"));
}

/// A company that has come to rest once.
fn settled(rest: &[Op]) -> Vec<Op> {
    let mut ops = vec![Op::Export(FileKind::True), Op::Start(Task::Run), Op::Quiet];
    ops.extend(rest);
    ops
}

/// SQLite rolls back by itself when the disk is full, and sqlx let no transaction begin on that connection any more: the
/// daemon stored and sent nothing until it was started again.
#[test]
fn a_daemon_goes_on_by_itself_once_the_disk_has_room_again() {
    let mut ops = Vec::new();
    for _ in 0..40 {
        ops.push(Op::Hr(Change::Hire, 0));
    }
    ops.extend([
        Op::Export(FileKind::True),
        Op::DiskFull(true),
        Op::Pass(900, 1),
        Op::Work(5, 2),
        Op::Pass(900, 3),
        Op::Work(5, 4),
        Op::DiskFull(false),
        Op::Hr(Change::Leave, 1),
        Op::Quiet,
    ]);
    assert_well(Setup::USUAL, &settled(&ops));
}

/// Runs were put in order by the clock on the wall, and the next one was due by a tick of the time before: for as long as the
/// clock was set back, an older run was taken for the newest, and none was due.
#[test]
fn a_clock_that_is_set_back_by_hours_delays_no_run_and_makes_no_old_run_the_newest() {
    let ops = [
        Op::SetBack(10_000),
        Op::Hr(Change::Rename, 1),
        Op::Hr(Change::Leave, 2),
        Op::Export(FileKind::True),
        Op::Pass(900, 1),
        Op::Work(20, 2),
        Op::Hr(Change::Return, 2),
        Op::Quiet,
    ];
    assert_well(Setup::USUAL, &settled(&ops));
}

/// A 404 was believed because the list of users answered. The wrong address was put right between the two, and a leaver who
/// was active counted as gone.
#[test]
fn a_404_is_asked_for_again_once_the_list_of_users_has_answered() {
    for steps in 1..12 {
        let ops = [
            Op::Hr(Change::Leave, 1),
            Op::Export(FileKind::True),
            Op::Weather(Weather::NoRoute),
            Op::Start(Task::Sync),
            Op::Work(steps, u64::from(steps)),
            Op::Weather(Weather::Fine),
            Op::Quiet,
        ];
        assert_well(Setup::USUAL, &settled(&ops));
    }
}

/// A create took effect unseen, the employee was renamed before it could be looked at again, and the server's filter finds no
/// externalId: a search by the new user name found nobody, and a second account was made.
#[test]
fn a_rename_after_a_create_that_was_not_seen_makes_no_second_account() {
    let setup = Setup { people: 11, holds_deprovisions_only: true, update: "put", ways: 2, ..Setup::USUAL };
    let ops = [
        Op::Start(Task::Run),
        Op::Start(Task::Run),
        Op::Hr(Change::HireWithTakenName, 12),
        Op::Export(FileKind::True),
        Op::Start(Task::Sync),
        Op::Work(6, 6839953101595894897),
        Op::Kill(37, 2504257571632008384),
        Op::Kill(17, 18021624586823638501),
        Op::Start(Task::Run),
        Op::Work(7, 16240257814696588755),
        Op::Start(Task::Retry),
        Op::Hr(Change::Rename, 2),
        Op::Work(3, 12218298321991793531),
        Op::Pass(923, 695073797875310088),
        Op::Work(5, 8306175288859095292),
        Op::Pass(131, 12119201246830743594),
    ];
    assert_well(setup, &ops);
}

/// A leaver's user was found by the user name; somebody had made it by hand, without the employee id and with another name.
/// It was suspended, and counted as having all that a user of ours has: on the leaver's return none of it was sent.
#[test]
fn a_suspended_user_whom_others_made_is_known_by_what_was_seen_of_them_alone() {
    let setup = Setup { people: 11, page: 3, update: "patch", ways: 6, ..Setup::USUAL };
    let ops = [
        Op::Export(FileKind::True),
        Op::Start(Task::Sync),
        Op::Work(4, 4752076219104805088),
        Op::Pass(129366, 8603985663971246560),
        Op::Hr(Change::Vanish, 9),
        Op::Hr(Change::Hire, 33),
        Op::Export(FileKind::True),
        Op::Hr(Change::TakeBack, 57),
        Op::Start(Task::Run),
        Op::Work(1, 7110920482394865636),
        Op::Hand(Edit::MakeForEmployee, 9),
    ];
    assert_well(setup, &ops);
}

/// The database was locked for so long that the pool gave up with leases in its hands, and the clock was set back by hours
/// meanwhile. The next pool of the same process waited for its predecessor's leases to end by their time.
#[test]
fn what_a_pool_held_that_gave_up_over_the_database_is_taken_up_by_the_next_one_at_once() {
    let setup = Setup { people: 8, page: 3, repairs_drift: true, ..Setup::USUAL };
    let ops = [
        Op::Export(FileKind::True),
        Op::Start(Task::Run),
        Op::Start(Task::Run),
        Op::Work(6, 9_546_119_515_837_362_239),
        Op::Locked(true),
        Op::Pass(1233, 8_847_213_317_982_010_427),
        Op::Work(8, 5_907_228_732_011_585_704),
        Op::Start(Task::Sync),
        Op::Work(2, 14_523_222_332_425_400_074),
        Op::SetBack(6398),
    ];
    assert_well(setup, &ops);
}
