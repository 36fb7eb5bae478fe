//! A full file and deltas behind it, over several reads.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::{Duration, SystemTime};

use super::archive::put_away;
use super::delta::may_follow;
use super::disk::Disk;
use super::*;
use crate::core::happened::{ActionWords, usual_there};
use crate::core::source_file::SourceFile;
use crate::source::Extent;

#[path = "delta_again_tests.rs"]
mod again;

/// A folder of HR files, and what the reads so far came to.
struct Hr {
    folder: tempfile::TempDir,
    options: CsvOptions,
    end: Option<SourceEnd>,
    people: BTreeMap<String, String>,
    rejected: Vec<String>,
}

impl Hr {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let in_folder = |name: &str| folder.path().join(name).display().to_string();
        let columns = [("employee_id", "Employee ID"), ("status", "Status"), ("department", "Department")];
        let options = CsvOptions {
            server: None,
            pattern: in_folder("full*.csv"),
            delimiter: b',',
            encoding: Encoding::Utf8,
            min_records: 1,
            announcements: Announcements::default(),
            archive: None,
            delta: Some(DeltaOptions {
                pattern: in_folder("delta*.csv"),
                action_column: "Action".into(),
                actions: ActionWords::new(&["D".into(), "Delete".into()], &usual_there(), "a nor b"),
                numbered: false,
            }),
            stable_for: Duration::ZERO,
            columns: columns.map(|(name, header)| (name.to_owned(), header.to_owned())).into(),
            left: vec!["terminated".into()],
            seed: 0,
        };
        let mut hr = Self { folder, options, end: None, people: BTreeMap::new(), rejected: Vec::new() };
        hr.put("full-1.csv", "1,Active,x\n2,Active,x\n3,Active,x\n", 100);
        hr
    }

    /// Writes a file of that second; a delta with its column more.
    fn put(&mut self, name: &str, rows: &str, second: u64) {
        let action = if name.starts_with("delta") { ",Action" } else { "" };
        let path = self.folder.path().join(name);
        std::fs::write(&path, format!("Employee ID,Status,Department{action}\n{rows}")).unwrap();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        File::options().write(true).open(path).unwrap().set_modified(changed).unwrap();
    }

    fn delta(&mut self) -> &mut DeltaOptions {
        self.options.delta.as_mut().unwrap()
    }

    /// Reads behind what was read before.
    fn read(&mut self) -> Result<Extent, SourceError> {
        let since = self.end.as_ref().and_then(|end| end.cursor.clone());
        self.read_since(since)
    }

    fn read_since(&mut self, since: Option<String>) -> Result<Extent, SourceError> {
        let (mut upserts, mut gone, mut rejected) = (BTreeMap::new(), Vec::new(), Vec::new());
        let delta = self.options.delta.as_ref().unwrap();
        let end = delta::read(&Disk, &self.options, delta, since.as_deref(), None, |batch| {
            for index in 0..batch.len() {
                let record = batch.record(index);
                let department = record.get("department").unwrap_or_default().to_owned();
                let twice = upserts.insert(record.employee_id().to_owned(), department);
                assert!(twice.is_none(), "each is delivered once");
            }
            gone.extend(batch.gone);
            rejected.extend(batch.rejections.into_iter().map(|one| one.reason));
            Ok(())
        })?;
        let end_of =
            |file: SourceFile| SourceError::unless_after(file, self.end.as_ref().map(|end| &end.file));
        end_of(end.file.clone())?;
        if end.extent == Extent::Snapshot {
            self.people.clear();
        }
        self.people.extend(upserts);
        self.people.retain(|id, _| !gone.contains(id));
        self.rejected = rejected;
        let extent = end.extent;
        self.end = Some(end);
        Ok(extent)
    }

    fn told(&self) -> &str {
        self.end.as_ref().unwrap().passed_over.as_deref().unwrap_or_default()
    }

    fn assert_people(&self, people: &[(&str, &str)]) {
        let people: Vec<_> = people.iter().map(|(id, is)| ((*id).to_owned(), (*is).to_owned())).collect();
        assert_eq!(self.people, people.into_iter().collect());
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let listed = std::fs::read_dir(self.folder.path().join(folder)).unwrap();
        let files = listed.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file());
        let mut names: Vec<_> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn deltas_are_read_once_each_in_the_order_of_their_names_behind_the_full_file() {
    let mut hr = Hr::new();
    assert_eq!(hr.read().unwrap(), Extent::Snapshot);
    hr.assert_people(&[("1", "x"), ("2", "x"), ("3", "x")]);
    assert_eq!(hr.read().unwrap(), Extent::Delta, "nothing new");
    hr.assert_people(&[("1", "x"), ("2", "x"), ("3", "x")]);
    // Written in another order than meant.
    hr.put("delta-b.csv", "1,Active,second,U\n2,,,delete\n", 110);
    hr.put("delta-a.csv", "1,Active,first,U\n4,Active,new,I\n", 120);
    assert_eq!(hr.read().unwrap(), Extent::Delta);
    hr.assert_people(&[("1", "second"), ("3", "x"), ("4", "new")]);
    assert_eq!(hr.read().unwrap(), Extent::Delta);
    assert_eq!(hr.told(), "");
    hr.put("delta-c.csv", "2,Active,back,U\n", 130);
    hr.read().unwrap();
    hr.assert_people(&[("1", "second"), ("2", "back"), ("3", "x"), ("4", "new")]);
}

#[test]
fn a_full_file_that_was_replaced_within_the_second_it_was_written_in_is_read() {
    let mut hr = Hr::new();
    hr.read().unwrap();
    hr.put("full-1.csv", "1,Active,x\n2,Active,x\n", 100);
    assert_eq!(hr.read().unwrap(), Extent::Snapshot);
    hr.assert_people(&[("1", "x"), ("2", "x")]);
    assert_eq!(hr.read().unwrap(), Extent::Delta, "and only once");
}

#[test]
fn whoever_is_named_twice_is_as_the_last_word_says() {
    let mut hr = Hr::new();
    hr.read().unwrap();
    hr.put("delta-1.csv", "1,Active,a,U\n2,,,D\n2,Active,again,U\n3,Active,b,U\n3,Active\n1,,,D\n", 110);
    hr.put("delta-2.csv", "1,Active,back,U\n", 120);
    hr.read().unwrap();
    // The last word on 3 cannot be used, so nothing is said of them.
    hr.assert_people(&[("1", "back"), ("2", "again"), ("3", "x")]);
    assert_eq!(hr.rejected.len(), 1);
    assert!(hr.rejected[0].ends_with("(delta-1.csv)"), "{:?}", hr.rejected);
}

#[test]
fn a_read_from_the_beginning_is_the_full_file_with_all_deltas_behind_it_and_none_before() {
    let mut hr = Hr::new();
    hr.put("delta-1.csv", "1,Active,before the full file,U\n", 90);
    hr.put("delta-2.csv", "2,,,D\n3,Active,y,U\n5,Active,y,U\n", 110);
    assert_eq!(hr.read().unwrap(), Extent::Snapshot);
    hr.assert_people(&[("1", "x"), ("3", "y"), ("5", "y")]);
    assert_eq!(hr.read_since(Some("no cursor of ours".into())).unwrap(), Extent::Snapshot);
    hr.assert_people(&[("1", "x"), ("3", "y"), ("5", "y")]);
}

#[test]
fn a_newer_full_file_heals_and_counts_with_the_deltas_behind_it() {
    let mut hr = Hr::new();
    hr.read().unwrap();
    hr.put("delta-1.csv", "1,,,D\n", 110);
    hr.read().unwrap();
    hr.put("full-2.csv", "1,Active,rehired\n2,Active,x\n", 120);
    hr.put("delta-2.csv", "2,Active,y,U\n", 130);
    assert_eq!(hr.read().unwrap(), Extent::Snapshot);
    hr.assert_people(&[("1", "rehired"), ("2", "y")]);
    // One that comes late takes nothing back that deltas behind it said.
    hr.put("delta-3.csv", "2,,,D\n", 140);
    hr.read().unwrap();
    hr.put("full-3.csv", "1,Active,rehired\n2,Active,y\n", 135);
    assert_eq!(hr.read().unwrap(), Extent::Snapshot);
    hr.assert_people(&[("1", "rehired")]);
}

/// Reads everybody behind what was read before, as `full_cron` has it done.
fn read_again(hr: &mut Hr) -> Result<(), String> {
    let known = hr.end.as_ref().unwrap().cursor.clone().unwrap();
    hr.read_since(None).unwrap();
    may_follow(hr.end.as_ref().unwrap(), &known).map_err(|error| error.to_string())
}

#[test]
fn a_file_that_the_pattern_of_deltas_means_is_never_read_as_a_full_one() {
    let mut hr = Hr::new();
    hr.options.pattern = hr.folder.path().join("*.csv").display().to_string();
    hr.options.archive = Some("old".into());
    std::fs::create_dir(hr.folder.path().join("old")).unwrap();
    hr.put("delta-1.csv", "1,,,D\n", 110);
    hr.read().unwrap();
    hr.assert_people(&[("2", "x"), ("3", "x")]);
    hr.put("delta-2.csv", "2,,,D\n", 90);
    put_away(&Disk, &hr.options, hr.end.as_ref().unwrap()).unwrap();
    assert_eq!(hr.files(""), ["delta-2.csv"], "it was not read yet");
    assert_eq!(hr.read().unwrap(), Extent::Delta);
    hr.assert_people(&[("3", "x")]);
}

#[test]
fn behind_a_gap_in_the_numbers_nothing_is_read_until_it_is_filled() {
    let mut hr = Hr::new();
    hr.delta().numbered = true;
    hr.read().unwrap();
    hr.put("delta-9.csv", "1,Active,nine,U\n", 110);
    hr.put("delta-11.csv", "1,Active,eleven,U\n", 111);
    hr.read().unwrap();
    hr.assert_people(&[("1", "nine"), ("2", "x"), ("3", "x")]);
    assert!(hr.told().contains("1 delta files wait: number 10 is missing before"), "{}", hr.told());
    hr.put("delta-10.csv", "1,Active,ten,U\n2,,,D\n", 112);
    hr.read().unwrap();
    hr.assert_people(&[("1", "eleven"), ("3", "x")]);
    assert_eq!(hr.told(), "");
}

#[test]
fn a_delta_that_comes_behind_its_turn_is_told_of_by_every_read_until_one_of_everybody_takes_it_in() {
    let mut hr = Hr::new();
    hr.put("delta-2.csv", "1,Active,two,U\n", 110);
    hr.read().unwrap();
    hr.put("delta-1.csv", "1,Active,one,U\n2,,,D\n", 120);
    hr.read().unwrap();
    hr.assert_people(&[("1", "two"), ("2", "x"), ("3", "x")]);
    // What is read behind it makes it no more known.
    hr.put("delta-3.csv", "3,Active,three,U\n", 130);
    for _ in 0..3 {
        hr.read().unwrap();
        hr.assert_people(&[("1", "two"), ("2", "x"), ("3", "three")]);
        assert!(hr.told().contains("delta-1.csv came or was changed behind its turn"), "{}", hr.told());
    }
    assert_eq!(read_again(&mut hr), Ok(()), "a read of everybody takes it in its turn");
    hr.assert_people(&[("1", "two"), ("3", "three")]);
    assert_eq!(hr.told(), "");
    hr.read().unwrap();
    assert_eq!(hr.told(), "");
}

#[test]
fn a_delta_that_is_not_done_or_not_complete_holds_up_those_behind_it() {
    let mut hr = Hr::new();
    hr.read().unwrap();
    hr.options.announcements.done_marker = Some("{file}.done".into());
    hr.put("full-1.csv.done", "", 100);
    hr.put("delta-1.csv", "1,,,D\n", 110);
    hr.put("delta-2.csv", "2,,,D\n", 120);
    hr.put("delta-2.csv.done", "", 120);
    hr.read().unwrap();
    assert!(
        hr.told().contains("2 delta files wait") && hr.told().contains("delta-1.csv.done"),
        "{}",
        hr.told()
    );
    hr.assert_people(&[("1", "x"), ("2", "x"), ("3", "x")]);
    hr.put("delta-1.csv.done", "", 130);
    hr.read().unwrap();
    hr.assert_people(&[("3", "x")]);
    hr.options.announcements.done_marker = None;
    for (rows, word) in
        [("3,Active,\"y", "quoted field"), ("3,Active\n", "of 4 fields"), ("3,,,D", "no line end")]
    {
        hr.put("delta-3.csv", rows, 140);
        let told = hr.read().unwrap_err().to_string();
        assert!(told.contains("delta-3.csv is not complete") && told.contains(word), "{told}");
    }
    hr.put("delta-3.csv", "3,Active,\"y\n4,,,D\n5,Active,\"z,U\n", 140);
    assert!(hr.read().unwrap_err().to_string().contains("stray quote"), "whose rows are lost nobody knows");
    std::fs::write(hr.folder.path().join("delta-3.csv"), "Employee ID,Status,Department\n").unwrap();
    assert!(hr.read().unwrap_err().to_string().contains("'Action' (source.delta.action_column)"));
    hr.assert_people(&[("3", "x")]);
}

#[test]
fn what_was_read_is_put_away_once_it_is_stored_and_is_still_the_newest() {
    let mut hr = Hr::new();
    hr.options.archive = Some("old".into());
    hr.options.announcements.control_file = Some("{file}.count".into());
    let counted = |hr: &Hr, name: &str, number: &str| {
        std::fs::write(hr.folder.path().join(format!("{name}.count")), number).unwrap();
    };
    counted(&hr, "full-1.csv", "3");
    hr.put("delta-1.csv", "1,,,D\n", 110);
    counted(&hr, "delta-1.csv", "1");
    hr.read().unwrap();
    let refused = put_away(&Disk, &hr.options, hr.end.as_ref().unwrap()).unwrap_err().to_string();
    assert!(
        refused.contains("full-1.csv was read, and cannot be moved") && refused.contains("source.archive")
    );
    std::fs::create_dir(hr.folder.path().join("old")).unwrap();
    // What has come since stays.
    hr.put("delta-2.csv", "2,,,D\n", 120);
    counted(&hr, "delta-2.csv", "1");
    put_away(&Disk, &hr.options, hr.end.as_ref().unwrap()).unwrap();
    assert_eq!(hr.files(""), ["delta-2.csv", "delta-2.csv.count"]);
    let stamp = |second: u32| format!("archived-19700101T00{:02}{:02}Z", second / 60, second % 60);
    assert!(hr.files("old").contains(&format!("full-1.csv.{}", stamp(100))), "{:?}", hr.files("old"));
    assert!(hr.files("old").contains(&format!("delta-1.csv.count.{}", stamp(110))));
    assert_eq!(hr.files("old").len(), 4);
    hr.read().unwrap();
    hr.assert_people(&[("3", "x")]);
    put_away(&Disk, &hr.options, hr.end.as_ref().unwrap()).unwrap();
    put_away(&Disk, &hr.options, hr.end.as_ref().unwrap()).expect("once more, as after a crash");
    assert!(hr.files("").is_empty());
    assert_eq!(hr.read_since(None).unwrap(), Extent::Snapshot, "all of it again, out of the archive");
    hr.assert_people(&[("3", "x")]);
}
