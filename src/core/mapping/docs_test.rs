//! Runs every example of `docs/mapping.md`, so that the guide cannot say what is not so.

use std::collections::BTreeMap;

use super::template::vocabulary;
use super::test_support::Record;
use super::{Mapping, Tables};

const GUIDE: &str = include_str!("../../../docs/mapping.md");

#[test]
fn each_example_of_the_guide_gives_its_result() {
    let record = sample_record();
    let tables = sample_tables();
    let examples = rows("| Spreadsheet | Here | Result |");
    assert!(examples.len() > 50, "found only {} examples", examples.len());
    let mut wrong = Vec::new();
    for example in &examples {
        let [_, template, expected] = example.as_slice() else { panic!("three cells in {example:?}") };
        let template = code(template).expect("the template stands between backticks");
        let expected = code(expected).unwrap_or_default();
        let attributes = BTreeMap::from([("x".to_owned(), template.clone())]);
        let rendered = Mapping::compile(&attributes, &record.names, &tables)
            .map_err(|errors| format!("{errors:?}"))
            .and_then(|mapping| mapping.render(&record).map_err(|error| error.to_string()))
            .map(|mut values| values.remove("x").unwrap_or_default());
        if rendered.as_ref() != Ok(&expected) {
            wrong.push(format!("{template} gives {rendered:?} and not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_guide_names_every_function_and_filter() {
    let known = vocabulary();
    let missing: Vec<_> = known
        .functions
        .iter()
        .chain(&known.filters)
        .filter(|name| {
            ["`NAME`", "`NAME(", " NAME(", "| NAME ", "(NAME("]
                .iter()
                .all(|form| !GUIDE.contains(&form.replace("NAME", name)))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_transliteration_table_of_the_guide_is_what_slug_does() {
    let rules = rows("| Letters | Become |");
    assert!(rules.len() >= 5, "{rules:?}");
    let names = ["letter".to_owned()];
    let attributes = BTreeMap::from([("x".to_owned(), "{{ letter | slug }}".to_owned())]);
    let mapping = Mapping::compile(&attributes, &names, &Tables::new()).unwrap();
    for rule in rules {
        let results: Vec<_> = rule[1].split(' ').map(|cell| code(cell).unwrap()).collect();
        for (letter, expected) in rule[0].split(' ').zip(results) {
            let record = Record::new(&[("letter", &code(letter).unwrap())]);
            assert_eq!(mapping.render(&record).unwrap()["x"], expected, "{letter}");
        }
    }
}

fn sample_record() -> Record {
    let cells = rows("| Field | Value |");
    let values: Vec<_> = cells
        .iter()
        .map(|row| (code(&row[0]).expect("a field's name"), code(&row[1]).unwrap_or_default()))
        .collect();
    let borrowed: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Record::new(&borrowed)
}

fn sample_tables() -> Tables {
    #[derive(serde::Deserialize)]
    struct Sample {
        tables: Tables,
    }
    let start = GUIDE.find("[tables.division]").expect("the guide has a lookup table");
    let end = GUIDE[start..].find("```").expect("the block ends") + start;
    toml::from_str::<Sample>(&GUIDE[start..end]).expect("the block is TOML").tables
}

/// The cells of each row of the table that has this head.
fn rows(head: &str) -> Vec<Vec<String>> {
    let mut lines = GUIDE.lines().map(str::trim).skip_while(|line| *line != head);
    assert_eq!(lines.next(), Some(head));
    lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// Cells are divided by bars; a bar within a cell has a backslash before it.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim_matches('|').replace("\\|", "\u{1}");
    inner.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// The text between the cell's backticks, if it has them.
fn code(cell: &str) -> Option<String> {
    let start = cell.find('`')? + 1;
    let end = cell[start..].find('`')? + start;
    Some(cell[start..end].to_owned())
}
