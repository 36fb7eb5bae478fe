//! A full file that is read again, with the deltas behind it.

use super::*;

#[test]
fn a_full_file_is_believed_again_only_with_the_deltas_that_were_read_behind_it_or_if_it_is_newer() {
    let mut hr = Hr::new();
    hr.put("delta-1.csv", "1,,,D\n", 110);
    hr.read().unwrap();
    assert_eq!(read_again(&mut hr), Ok(()));
    std::fs::remove_file(hr.folder.path().join("delta-1.csv")).unwrap();
    hr.put("delta-2.csv", "2,,,D\n", 120);
    let error = read_again(&mut hr).unwrap_err();
    assert!(error.contains("older than deltas") && error.contains("(delta-1.csv)"), "{error}");
    hr.put("full-0.csv", "1,Active,x\n", 130);
    assert_eq!(read_again(&mut hr), Ok(()));
    std::fs::remove_file(hr.folder.path().join("full-0.csv")).unwrap();
    hr.put("delta-3.csv", "2,,,D\n", 140);
    let error = read_again(&mut hr).unwrap_err();
    assert!(error.contains("older than full-0.csv"), "{error}");
}

#[test]
fn each_delta_that_was_read_behind_a_full_file_is_needed_with_it_not_the_last_one_alone() {
    for numbered in [false, true] {
        let mut hr = Hr::new();
        hr.delta().numbered = numbered;
        hr.read().unwrap();
        // One that looks older than the full file, and came behind it, is not in it.
        hr.put("delta-1.csv", "1,,,D\n", 90);
        hr.read().unwrap();
        hr.assert_people(&[("2", "x"), ("3", "x")]);
        let error = read_again(&mut hr).unwrap_err();
        assert!(error.contains("(delta-1.csv)"), "{error}");
        let mut hr = Hr::new();
        hr.delta().numbered = numbered;
        for (at, name) in (0..).zip(["delta-1.csv", "delta-2.csv", "delta-3.csv"]) {
            hr.put(name, ["1,,,D\n", "2,Active,y,U\n", "3,Active,y,U\n"][at], 110 + at as u64);
        }
        hr.read().unwrap();
        assert_eq!(read_again(&mut hr), Ok(()));
        hr.assert_people(&[("2", "y"), ("3", "y")]);
        // A retention job takes the oldest away.
        std::fs::remove_file(hr.folder.path().join("delta-1.csv")).unwrap();
        let error = read_again(&mut hr).unwrap_err();
        assert!(error.contains("(delta-1.csv)") && error.contains("put a newer full file there"), "{error}");
    }
}

#[test]
fn a_cursor_of_earlier_versions_is_gone_on_from_and_what_was_read_up_to_it_is_needed() {
    let mut hr = Hr::new();
    hr.put("delta-1.csv", "1,,,D\n", 110);
    hr.put("delta-2.csv", "2,Active,y,U\n", 120);
    hr.read().unwrap();
    let end = hr.end.as_mut().unwrap();
    let cursor = r#"{"full":{"name":"full-1.csv","changed_ms":100000,"bytes":63,"ends_line":true},
        "delta":{"number":0,"name":"delta-2.csv"},"newest_ms":120000,"delta_ends_line":true}"#;
    end.cursor = Some(cursor.to_owned());
    assert_eq!(hr.read().unwrap(), Extent::Delta);
    assert_eq!(hr.told(), "");
    hr.assert_people(&[("2", "y"), ("3", "x")]);
    std::fs::remove_file(hr.folder.path().join("delta-1.csv")).unwrap();
    let error = read_again(&mut hr).unwrap_err();
    assert!(error.contains("(delta-1.csv)"), "{error}");
}

#[test]
fn what_a_newer_full_file_holds_is_not_read_again_where_a_copy_has_given_it_another_time() {
    let mut hr = Hr::new();
    hr.read().unwrap();
    hr.put("delta-1.csv", "2,Active,y,U\n", 110);
    hr.put("delta-2.csv", "1,,,D\n", 120);
    hr.read().unwrap();
    hr.put("full-2.csv", "1,Active,back\n2,Active,y\n3,Active,x\n", 130);
    hr.put("delta-1.csv", "2,Active,y,U\n", 140);
    for extent in [Extent::Snapshot, Extent::Delta, Extent::Delta] {
        assert_eq!(hr.read().unwrap(), extent);
        hr.assert_people(&[("1", "back"), ("2", "y"), ("3", "x")]);
        assert!(hr.told().contains("delta-1.csv came or was changed behind its turn"), "{}", hr.told());
    }
    assert_eq!(read_again(&mut hr), Ok(()));
    hr.assert_people(&[("1", "back"), ("2", "y"), ("3", "x")]);
    hr.put("delta-2.csv", "1,,,D\n", 140);
    let error = read_again(&mut hr).unwrap_err();
    assert!(error.contains("which a full file held already, was changed since"), "{error}");
}

#[test]
fn behind_many_bytes_the_rest_of_the_deltas_waits_and_a_read_of_everybody_takes_them_all() {
    let mut hr = Hr::new();
    hr.read().unwrap();
    let many = format!("1,Active,{},U\n", "x".repeat(40 * 1024)).repeat(3);
    hr.put("delta-1.csv", &many, 110);
    hr.put("delta-2.csv", "2,,,D\n", 120);
    hr.read().unwrap();
    assert!(hr.told().contains("1 delta files wait") && hr.people.len() == 3, "{}", hr.told());
    hr.read().unwrap();
    assert_eq!((hr.told(), hr.people.len()), ("", 2));
    assert_eq!(read_again(&mut hr), Ok(()));
    assert_eq!((hr.told(), hr.people.len()), ("", 2));
}
