//! A CSV file as its user sees it: what is delivered, what is rejected, what is incomplete.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::*;
use crate::core::record::{BATCH, MAX_VALUE_BYTES};
use crate::core::record::{Rejection, RejectionKind};

struct Read {
    ids: Vec<String>,
    departments: Vec<String>,
    rejections: Vec<Rejection>,
}

fn options(folder: &Path) -> CsvOptions {
    let columns = [("employee_id", "Employee ID"), ("status", "Status"), ("department", "Department")];
    CsvOptions {
        server: None,
        pattern: folder.join("employees*.csv").display().to_string(),
        delimiter: b',',
        encoding: Encoding::Utf8,
        min_records: 1,
        announcements: Announcements::default(),
        archive: None,
        delta: None,
        stable_for: Duration::ZERO,
        columns: columns.map(|(name, header)| (name.to_owned(), header.to_owned())).into(),
        left: vec!["terminated".into()],
        seed: 0,
    }
}

fn read_with(bytes: &[u8], change: impl FnOnce(&mut CsvOptions)) -> Result<Read, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("employees.csv");
    std::fs::write(&path, bytes).unwrap();
    let mut options = options(folder.path());
    change(&mut options);
    let mut read = Read { ids: vec![], departments: vec![], rejections: vec![] };
    read_file(&Disk, &path, &options, |batch| {
        for index in 0..batch.len() {
            let record = batch.record(index);
            read.ids.push(record.employee_id().to_owned());
            read.departments.push(record.get("department").unwrap_or_default().to_owned());
        }
        read.rejections.extend(batch.rejections);
        Ok(())
    })?;
    Ok(read)
}

fn read(text: &str) -> Result<Read, SourceError> {
    read_with(text.as_bytes(), |_| {})
}

#[test]
fn a_file_in_utf_16_is_named_as_one() {
    let text = "Employee ID,Status,Department\r\n007,Active,Finance\r\n";
    for (mark, bytes) in [(0xfeff_u16, u16::to_le_bytes as fn(u16) -> [u8; 2]), (0xfeff, u16::to_be_bytes)] {
        let all: Vec<u8> = std::iter::once(mark).chain(text.encode_utf16()).flat_map(bytes).collect();
        let error = read_with(&all, |_| {}).err().unwrap().to_string();
        assert!(error.contains("UTF-16") && error.contains("source.encoding"), "{error}");
    }
}

fn incomplete(text: &str) -> String {
    match read(text) {
        Err(SourceError::Incomplete { reason, .. }) => reason,
        Err(header @ SourceError::Header { .. }) => header.to_string(),
        Err(other) => panic!("{other}"),
        Ok(read) => panic!("{} rows were believed", read.ids.len()),
    }
}

#[test]
fn a_byte_order_mark_crlf_and_line_ends_within_quotes_are_read_as_meant() {
    let text = "\u{feff}Employee ID,Status,Department\r\n007, Active ,\"Fin\r\nance\"\r\n8,Active,\"a, \"\"b\"\"\"\r\n";
    let read = read(text).unwrap();
    assert_eq!(read.ids, ["007", "8"]);
    assert_eq!(read.departments, ["Fin\r\nance", "a, \"b\""]);
}

#[test]
fn other_delimiters_and_windows_1252_are_read_when_configured() {
    let read = read_with(b"Status;Employee ID;Department\nActive;1;Gesch\xe4ft\xa0\n", |options| {
        options.delimiter = b';';
        options.encoding = Encoding::Windows1252;
    });
    assert_eq!(read.unwrap().departments, ["Geschäft"]);
}

#[test]
fn a_header_without_a_mapped_column_is_incomplete_and_names_it() {
    let reason = incomplete("Employee ID,State,Dept\n1,Active,x\n");
    assert!(
        reason.contains("'Status' (source.columns.status)") && reason.contains("'Department'"),
        "{reason}"
    );
    assert!(reason.contains("Employee ID | State | Dept"), "{reason}");
    let logged = read("1,Active,x\n2,Active,y\n").err().unwrap().without_values();
    assert!(logged.contains("'Status'") && !logged.contains("Active"), "{logged}");
    assert!(incomplete("Employee ID,Status,Department,Status\n1,a,b,c\n").contains("twice"));
}

#[test]
fn of_a_file_without_a_header_nobodys_record_is_told() {
    let error = read("1001,Ana Ruiz,ana.ruiz@example.com\n").err().unwrap();
    let told = format!("{error} {error:?} {:?}", error.coverage());
    assert!(
        told.contains("3 columns, none of them configured; masked: 9999 | Xxx Xxxx | xxx.xxxx@"),
        "{told}"
    );
    assert!(!["1001", "Ana", "ana.ruiz"].iter().any(|value| told.contains(value)), "{told}");
    // Another delimiter shows even so.
    assert!(
        incomplete("Employee ID;Status;Department\n1;Active;x\n")
            .contains("masked: Xxxxxxxx XX;Xxxxxx;Xxxxxxxxxx")
    );
}

#[test]
fn a_file_that_ends_inside_a_quoted_field_or_with_a_short_row_is_incomplete() {
    assert!(incomplete("Employee ID,Status,Department\n1,Active,x\n2,Active,\"Fin").contains("quoted field"));
    assert!(incomplete("Employee ID,Status,Department\n1,Active,x\n2,Acti").contains("2 of 3 fields"));
    assert!(incomplete("").contains("empty"));
    assert!(incomplete("Employee ID,Status,Department\n").contains("min_records"));
}

#[test]
fn a_last_row_without_a_line_end_is_whole() {
    assert_eq!(read("Employee ID,Status,Department\n1,Active,x\n2,Active,y").unwrap().ids, ["1", "2"]);
}

#[test]
fn a_bad_row_in_the_middle_is_rejected_by_row_and_the_others_go_on() {
    let read =
        read("Employee ID,Status,Department\n1,Active,x\n,Active,y\n3,Active\n4,Active,a,b\n5,Active,z\n")
            .unwrap();
    assert_eq!(read.ids, ["1", "5"]);
    let told: Vec<_> = read.rejections.iter().map(|one| (one.row, one.employee_id.as_deref())).collect();
    assert_eq!(told, [(Some(2), None), (Some(3), Some("3")), (Some(4), Some("4"))]);
    let kinds: Vec<_> = read.rejections.iter().map(|one| one.kind).collect();
    assert_eq!(
        kinds,
        [RejectionKind::NoEmployeeId, RejectionKind::FieldCount, RejectionKind::TooManyFields],
        "a row that is too long may hold somebody else's"
    );
}

#[test]
fn bytes_that_are_no_utf_8_reject_their_row_only() {
    let read =
        read_with(b"Employee ID,Status,Department\n1,Active,Gesch\xe4ft\n2,Active,x\n", |_| {}).unwrap();
    assert_eq!(read.ids, ["2"]);
    assert_eq!(read.rejections[0].employee_id.as_deref(), Some("1"));
    assert!(read.rejections[0].reason.contains("source.encoding"));
}

#[test]
fn of_several_files_the_newest_is_read_and_names_in_flight_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, age: u64| {
        let path = folder.path().join(name);
        std::fs::write(&path, "x").unwrap();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - age);
        File::options().write(true).open(&path).unwrap().set_modified(changed).unwrap();
    };
    let pattern = folder.path().join("employees*").display().to_string();
    assert!(matches!(newest(&pattern), Err(SourceError::Missing { .. })));
    at("employees-3.csv.partial", 0);
    at("employees-4.csv.TMP", 0);
    at("employees-5.csv.filepart", 0);
    let missing = newest(&pattern).unwrap_err().to_string();
    assert!(missing.contains("3 still being written"), "{missing}");
    at("employees-2.csv", 100);
    at("employees-1.csv", 50);
    assert!(newest(&pattern).unwrap().path.ends_with("employees-1.csv"));
    at("employees-0.csv", 50);
    assert!(newest(&pattern).unwrap().path.ends_with("employees-1.csv"), "of equal age the last by name");
    #[expect(
        clippy::disallowed_methods,
        reason = "the system's clock is what a file's time is compared with"
    )]
    let far = SystemTime::now() + Duration::from_secs(8 * 3600);
    let wrong = folder.path().join("employees-0.csv");
    File::options().write(true).open(&wrong).unwrap().set_modified(far).unwrap();
    let refused = newest(&pattern).unwrap_err().to_string();
    assert!(refused.contains("employees-0.csv") && refused.contains("still to come"), "{refused}");
    std::fs::remove_file(folder.path().join("employees-1.csv")).unwrap();
    std::fs::remove_file(folder.path().join("employees-2.csv")).unwrap();
    assert!(newest(&pattern).unwrap().path.ends_with("employees-0.csv"), "alone it is no other's younger");
}

#[test]
fn a_header_and_values_beyond_ascii_are_read_in_either_encoding_as_the_same_text() {
    let read_department = |bytes: &[u8], encoding| {
        let read = read_with(bytes, |options| {
            options.columns.insert("department".into(), "Geschäft".into());
            options.encoding = encoding;
        });
        read.unwrap().departments.remove(0)
    };
    let composed = "Employee ID,Status,Geschäft\n1,Active,\u{a0}Büro €œ\u{2003}\n";
    let decomposed = composed.replace('ä', "a\u{308}").replace('ü', "u\u{308}");
    let windows = b"Employee ID,Status,Gesch\xe4ft\n1,Active,\xa0B\xfcro \x80\x9c\n";
    assert_eq!(read_department(composed.as_bytes(), Encoding::Utf8), "Büro €œ");
    assert_eq!(read_department(decomposed.as_bytes(), Encoding::Utf8), "Büro €œ");
    assert_eq!(read_department(windows, Encoding::Windows1252), "Büro €œ");
}

#[test]
fn a_file_is_delivered_piece_by_piece_and_none_is_larger_than_a_batch() {
    let (folder, path) = many_rows();
    let (mut batches, mut rows) = (0, 0);
    let digest = read_file(&Disk, &path, &options(folder.path()), |batch| {
        assert!(batch.len() <= BATCH);
        batches += 1;
        rows += batch.len();
        Ok(())
    });
    assert!(digest.is_ok());
    assert_eq!((batches, rows), (10, 5_000));
}

#[test]
fn a_file_that_is_written_to_while_it_is_read_is_incomplete() {
    let (folder, path) = many_rows();
    let read = read_file(&Disk, &path, &options(folder.path()), |_| {
        let mut file = File::options().append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, b"9999,Active,x\n").unwrap();
        Ok(())
    });
    let reason = read.unwrap_err().to_string();
    assert!(reason.contains("changed while it was read"), "{reason}");
}

#[test]
fn a_row_with_a_value_that_is_too_long_is_rejected_by_name_and_does_not_keep_a_leavers_access() {
    let (long, most) = ("ä".repeat(MAX_VALUE_BYTES / 2 + 1), "x".repeat(MAX_VALUE_BYTES));
    let text = format!(
        "Employee ID,Status,Department,Photo\n1,Active,{long},\n2,Active,{most},\n3,terminated,{long},\n{long},Active,x,\n5,Active,x,{long}\n\
         6,Active,{long},,\n"
    );
    let read = read(&text).unwrap();
    assert_eq!(read.ids, ["2", "3", "5"], "what nothing reads may be as long as it likes");
    assert_eq!((read.departments[0].len(), &*read.departments[1]), (MAX_VALUE_BYTES, ""));
    let why: Vec<_> = read.rejections.iter().map(|one| (one.employee_id.as_deref(), one.row)).collect();
    assert_eq!(why, [(Some("1"), Some(1)), (None, Some(4)), (Some("6"), Some(6))]);
    let reason = &read.rejections[0].reason;
    assert!(reason.contains("department has 65538 bytes") && reason.contains("source.columns.department"));
}

#[test]
fn what_cannot_be_read_in_a_row_does_not_hide_whose_it_is_and_that_another_one_may_be_in_it() {
    let long = "x".repeat(MAX_VALUE_BYTES + 1);
    let header = "Employee ID,Status,Department\n";
    let rows = |bad: &[u8]| {
        let all = [header.as_bytes(), b"1,Active,x\n", bad, b"\n9,Active,x\n"].concat();
        let read = read_with(&all, |_| {}).unwrap();
        assert_eq!(read.ids, ["1", "9"]);
        let [rejection] = &read.rejections[..] else { panic!("{:?}", read.rejections) };
        (rejection.employee_id.clone(), rejection.kind)
    };
    // The line end behind row 5 is lost, and 6 is in it.
    let too_many = (Some("5".to_owned()), RejectionKind::TooManyFields);
    assert_eq!(rows(format!("5,Active,{long}6,Active,x").as_bytes()), too_many);
    assert_eq!(rows(b"5,Active,Jos\xe96,Active,x"), too_many);
    assert_eq!(rows(format!("{long},Active,x,6,Active,x").as_bytes()), (None, RejectionKind::TooManyFields));
    assert_eq!(rows(b"5,Jos\xe9"), (Some("5".to_owned()), RejectionKind::FieldCount));
    let nobodys = (None, RejectionKind::UnusableEmployeeId);
    assert_eq!(rows(format!("{},Active,{long}", "5".repeat(200)).as_bytes()), nobodys);
    assert_eq!(rows(b"5\x01,Active,Jos\xe9"), nobodys);
    assert_eq!(rows(b"5,Active,Jos\xe9"), (Some("5".to_owned()), RejectionKind::Encoding));
}

fn many_rows() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("employees.csv");
    let rows: String = (0..5_000).map(|number| format!("{number},Active,x\n")).collect();
    std::fs::write(&path, format!("Employee ID,Status,Department\n{rows}")).unwrap();
    (folder, path)
}

#[test]
fn a_stray_quote_that_swallows_rows_is_a_row_of_nobody_so_that_nobody_counts_as_absent() {
    let text = "Employee ID,Status,Department\n7,Active,\"Finance\n8,Active,Legal\n9,Active,\"Finance\n10,Active,Tax\n";
    let read = read(text).unwrap();
    assert_eq!(read.ids, ["10"]);
    assert_eq!(read.rejections.len(), 1);
    assert_eq!(read.rejections[0].employee_id, None);
    assert_eq!(read.rejections[0].row, Some(1));
    assert!(read.rejections[0].reason.contains("stray quote"));
    let sloppy = "Employee ID,Status,Department\n7,Active,\"Smith \"Bob\" Jr\"\n";
    assert_eq!(read_with(sloppy.as_bytes(), |_| {}).unwrap().ids, ["7"]);
}

#[test]
fn a_stray_quote_that_another_one_closes_at_the_end_of_a_value_is_a_row_of_nobody_as_well() {
    let header = "Employee ID,Given,Status,Department,Title\n";
    let text = format!(
        "{header}7,A,Active,x,\"Lead\n8,B,Active,x,Fitter\n9,C,Active,x,Fitter 24\"\n10,D,Active,x,y\n"
    );
    let read = read(&text).unwrap();
    assert_eq!(read.ids, ["10"]);
    let [rejection] = &read.rejections[..] else { panic!("{:?}", read.rejections) };
    assert_eq!((rejection.employee_id.as_deref(), rejection.row), (None, Some(1)));
    assert!(rejection.reason.contains("looks like other rows"), "{}", rejection.reason);
    let fine = format!("{header}7,A,Active,x,\"Lead,\nfirst of three,\nat home\"\n8,B,Active,x,y\n");
    assert_eq!(read_with(fine.as_bytes(), |_| {}).unwrap().ids, ["7", "8"]);
}

#[test]
fn a_value_without_an_end_ends_the_read_and_is_not_kept() {
    let text = "x".repeat(1_000);
    let rows: String = (0..20_000).map(|number| format!("{number},Active,{text}\n")).collect();
    for begin in ["1,Active,\"Finance\n", "1,Active,\"Finance \"\"or\"\" Tax\n"] {
        let told = read(&format!("Employee ID,Status,Department\n{begin}{rows}")).err().unwrap().to_string();
        assert!(told.contains("behind row 0") && told.contains("16 MiB"), "{told}");
    }
    let line = text.repeat(20_000);
    let told = read(&format!("Employee ID,Status,Department\n1,Active,{line}\n")).err().unwrap().to_string();
    assert!(told.contains("16 MiB"), "{told}");
    let quoted: String =
        (0..20_000).map(|number| format!("\"{number}\",\"Active\",\"{text}\ny\"\n")).collect();
    assert_eq!(read(&format!("Employee ID,Status,Department\n{quoted}")).unwrap().ids.len(), 20_000);
}

#[test]
fn a_file_with_the_mark_of_utf_8_is_not_read_as_windows_1252() {
    let text = "\u{feff}Employee ID,Status,Department\n7,Active,Büro\n";
    let told = read_with(text.as_bytes(), |options| options.encoding = Encoding::Windows1252).err().unwrap();
    assert!(told.to_string().contains("source.encoding"), "{told}");
    assert_eq!(read(text).unwrap().ids, ["7"]);
}

fn newest(pattern: &str) -> Result<Found, SourceError> {
    let pattern = pattern.to_owned();
    file::newest(&Disk, &CsvOptions { pattern, ..options(Path::new("")) }, None)
}

#[test]
fn a_file_that_looks_otherwise_than_a_moment_ago_is_not_read_yet() {
    let (folder, path) = many_rows();
    let options = options(folder.path());
    let looks = file::looks(&Disk, &options).unwrap();
    let again = |looks: &Looks| file::newest(&Disk, &options, Some(looks));
    assert_eq!(again(&looks).unwrap().path, path);
    std::fs::write(&path, "Employee ID,Status,Department\n1,Active,x\n").unwrap();
    let told = again(&looks).unwrap_err().to_string();
    assert!(told.contains("still being written") && told.contains("stable_seconds"), "{told}");
    let told = again(&Looks::new()).unwrap_err().to_string();
    assert!(told.contains("only just come"), "{told}");
}
