use serde_json::json;

use super::*;

type Walked = Result<(Vec<Value>, Found), WalkError<()>>;

fn walked(document: &str, records: &str, others: &[&str]) -> Walked {
    let path = |text: &str| StreamPath::parse(text).unwrap();
    let others: Vec<StreamPath> = others.iter().map(|text| path(text)).collect();
    let mut all = Vec::new();
    let others: Vec<&StreamPath> = others.iter().collect();
    let found = walk(document.as_bytes(), &path(records), &others, |record| {
        all.push(record.value);
        Ok(())
    })?;
    Ok((all, found))
}

#[test]
fn records_are_found_in_arrays_and_objects_and_values_beside_them_on_either_side() {
    let text = r#"{"meta":{"total":2,"x":[{}]},"d":{"results":[{"id":1},{"id":2}],"__next":"n"},"tail":[1,{"a":2}]}"#;
    let (records, found) = walked(text, "$.d.results[*]", &["$.d.__next", "$.meta.total", "$.none"]).unwrap();
    assert_eq!(records, [json!({"id": 1}), json!({"id": 2})]);
    assert_eq!(found.others, [Some(json!("n")), Some(json!(2)), None]);
    let text = r#"{"latest":"x","employees":{"17":{"id":"17"},"18":{"id":"18"}}}"#;
    assert_eq!(walked(text, "$.employees[*]", &[]).unwrap().0.len(), 2);
    assert_eq!(walked("[1,2,3]", "$[*]", &[]).unwrap().0, [json!(1), json!(2), json!(3)]);
    let (records, found) = walked(r#"{"id":7,"meta":{"next":"n"}}"#, "$", &["$.meta.next"]).unwrap();
    assert_eq!((records.len(), &found.others[0]), (1, &Some(json!("n"))));
    let nested = r#"{"groups":[{"people":[{"id":1}]},{"people":[]},{"people":[{"id":2},{"id":3}]}]}"#;
    assert_eq!(walked(nested, "$.groups[*].people[*]", &[]).unwrap().0.len(), 3);
}

/// One text that a system has cut in the middle of a character hides nobody.
#[test]
fn half_a_character_costs_no_record() {
    let text = r#"{"people":[{"id":1,"name":"Ana \ud83d"},{"id":2,"name":"\ud83d\ude00"}]}"#;
    let (records, _) = walked(text, "$.people[*]", &[]).unwrap();
    assert_eq!(records, [json!({"id": 1, "name": "Ana \u{fffd}"}), json!({"id": 2, "name": "\u{1f600}"})]);
    let record = Element::parse(br#"{"name":"Ana \ud83d"}"#).unwrap();
    assert_eq!(record.value, json!({"name": "Ana \u{fffd}"}));
}

#[test]
fn a_list_that_is_not_there_is_told_from_an_empty_one() {
    for (text, there) in [
        (r#"{"employees":[]}"#, true),
        (r#"{"employees":{}}"#, true),
        (r#"{"employees":null}"#, false),
        (r#"{"error":"no"}"#, false),
        (r#"{"employees":"none"}"#, false),
        ("[]", false),
        ("17", false),
    ] {
        let (records, found) = walked(text, "$.employees[*]", &[]).unwrap();
        assert_eq!((records.len(), found.has_records), (0, there), "{text}");
    }
    let holey = r#"{"groups":[{"people":[{"id":1}]},{"error":1}]}"#;
    assert!(matches!(walked(holey, "$.groups[*].people[*]", &[]), Err(WalkError::ListMissing)));
}

#[test]
fn a_document_cut_anywhere_is_not_whole() {
    let text = r#"{"a":{"b":[{"id":"1","x":[1.5e3,true,null]},{"id":"ü\u00fc"}],"n":"x"}, "z":1}"#;
    assert!(walked(text, "$.a.b[*]", &["$.a.n"]).is_ok());
    for cut in 0..text.len() {
        let path = StreamPath::parse("$.a.b[*]").unwrap();
        let cut = walk(&text.as_bytes()[..cut], &path, &[], |_| Ok::<_, ()>(()));
        assert!(matches!(cut, Err(WalkError::EndsEarly)), "{cut:?}");
    }
    assert!(matches!(walked("{}{}", "$[*]", &[]), Err(WalkError::NotJson { .. })), "something is behind it");
    assert!(matches!(walked("<!doctype html>", "$[*]", &[]), Err(WalkError::NotJson { .. })));
    let twice = r#"{"e":[{"id":1}],"e":[]}"#;
    assert!(matches!(walked(twice, "$.e[*]", &[]), Err(WalkError::Twice)));
}

#[test]
fn a_record_that_does_not_fit_is_refused_and_what_is_passed_over_may_be_of_any_size() {
    let long = "x".repeat(usize::try_from(LARGEST_RECORD_BYTES).unwrap() + 1);
    let held = format!(r#"{{"e":[{{"id":"{long}"}}]}}"#);
    assert!(matches!(walked(&held, "$.e[*]", &[]), Err(WalkError::TooLarge)));
    let passed_over = format!(r#"{{"other":["{long}","{long}"],"e":[{{"id":1}}]}}"#);
    assert_eq!(walked(&passed_over, "$.e[*]", &[]).unwrap().0.len(), 1);
}

#[test]
fn the_taker_can_stop_the_walk_and_a_stream_that_breaks_is_told() {
    let path = StreamPath::parse("$[*]").unwrap();
    let stopped =
        walk(&b"[1,2,3]"[..], &path, &[], |element| if element.value == 2 { Err("enough") } else { Ok(()) });
    assert!(matches!(stopped, Err(WalkError::Stopped("enough"))));
    struct Breaks;
    impl Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset"))
        }
    }
    let broken = walk(b"[1,".chain(Breaks), &path, &[], |_| Ok::<_, ()>(()));
    assert!(matches!(broken, Err(WalkError::Broken(_))), "{broken:?}");
}
