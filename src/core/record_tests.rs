use super::*;

/// A record for other modules' tests.
pub(crate) fn record(fields: &[(&str, &str)]) -> Record {
    let columns = Columns::new(fields.iter().map(|(name, _)| *name));
    let mut batch = RecordBatch::new(Arc::clone(&columns), 7);
    let values = columns
        .names()
        .iter()
        .map(|name| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| *value));
    batch.push(1, values);
    batch.record(0)
}

#[test]
fn a_fingerprint_depends_on_where_a_value_ends_and_on_the_configuration() {
    let columns = Columns::new(["a", "b"]);
    let fingerprint = |seed, values: [&'static str; 3]| {
        let mut batch = RecordBatch::new(Arc::clone(&columns), seed);
        batch.push(1, values.into_iter());
        batch.head(0).2
    };
    let one = fingerprint(1, ["7", "ab", "c"]);
    assert_ne!(one, fingerprint(1, ["7", "a", "bc"]));
    assert_ne!(one, fingerprint(2, ["7", "ab", "c"]));
    assert_eq!(one, fingerprint(1, ["7", "ab", "c"]));
    assert_eq!(Fingerprint::from_hex(&one.to_hex()), one);
}

#[test]
fn the_first_rows_of_a_batch_are_those_that_stood_first_good_or_not() {
    let rejection = |row| Rejection {
        employee_id: None,
        row: Some(row),
        kind: RejectionKind::NoEmployeeId,
        reason: String::new(),
    };
    let batch = |most| {
        let mut batch = RecordBatch::new(Columns::new([]), 0);
        [1, 3, 5].into_iter().for_each(|row| batch.push(row, [row.to_string().as_str()].into_iter()));
        batch.rejections = vec![rejection(2), rejection(4)];
        let batch = batch.first(most);
        (batch.len(), batch.rejections.len())
    };
    assert_eq!((batch(1), batch(3), batch(4), batch(9)), ((1, 0), (2, 1), (2, 2), (3, 2)));
}

#[test]
fn a_batch_is_full_by_its_rows_or_by_their_text_so_that_no_value_makes_it_large() {
    let pushes = |value: &str| {
        let mut batch = RecordBatch::new(Columns::new(["notes"]), 0);
        while !batch.is_full() {
            batch.push(1, ["7", value].into_iter());
        }
        batch.len()
    };
    assert_eq!(pushes("short"), BATCH);
    assert_eq!(pushes(&"x".repeat(MAX_VALUE_BYTES)), 16);
    assert_eq!(pushes(&"x".repeat(16 * 1024 * 1024)), 1);
}

#[test]
fn a_batch_gives_back_what_was_put_in() {
    let columns = Columns::new(["status", "department"]);
    let mut batch = RecordBatch::new(columns, 0);
    batch.push(4, ["0017", "Finance", "Active"].into_iter());
    batch.push(5, ["0018", "", "Terminated"].into_iter());
    assert_eq!(batch.head(1).0, "0018");
    let record = batch.record(1);
    assert_eq!((record.get("status"), record.get("department"), record.row), (Some("Terminated"), None, 5));
    assert!(!format!("{record:?}").contains("Terminated"));
}
