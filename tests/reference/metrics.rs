use std::collections::{BTreeMap, BTreeSet};

use super::common::{Daemon, World, people, until};
use super::{cell, check, title};

/// Labels of which all values are known beforehand, and told.
const TOLD: [&str; 4] = ["alert", "kind", "outcome", "state"];

/// One metric, as `/metrics` tells of it.
#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    unit: String,
    help: String,
    labels: BTreeMap<String, BTreeSet<String>>,
    samples: usize,
}

#[test]
fn the_page_on_metrics_says_what_a_daemon_serves() {
    let (_world, daemon) = daemon_with_everything();
    let families = families(&daemon.get("/metrics").body);
    let mut page = title("Metrics", "`/metrics`");
    page.push_str(
        "How they are had and read is in [health, metrics and logs](../monitoring.md#metrics).\n\n\
         | Metric | Type, unit | Meaning |\n|---|---|---|\n",
    );
    for family in &families {
        assert!(family.samples > 0, "{} has no sample here, so nobody knows its labels", family.name);
        page.push_str(&row(family));
    }
    assert!(families.len() > 25, "metrics were found");
    check("metrics.md", &page);
}

/// A daemon that has something to tell by each metric: two sources, a held plan, a comparison with Workiva, a channel of alerts.
fn daemon_with_everything() -> (World, Daemon) {
    let mut world = World::new();
    world.several(&[("staff", &[]), ("agency", &[])]);
    world.set(
        "alerts.slack",
        toml::Table::from_iter([("url".to_owned(), "http://127.0.0.1:1/nobody".into())]),
    );
    let staff = people(4);
    world.hr_of("staff", &staff);
    world.hr_of("agency", &[]);
    world.set("guard.max_deprovision_count", 1);
    for source in 0..2 {
        world.config["sources"][source].as_table_mut().unwrap().insert("min_records".into(), 0.into());
    }
    world.write_config();
    let daemon = Daemon::start(&world);
    until("everybody has an account", || daemon.metric("accounts_active") == Some(4.0));
    assert_eq!(world.run(&["drift"]).exit, 0);
    let gone: Vec<_> = staff.iter().map(|row| row.left()).collect();
    world.hr_of("staff", &gone);
    let held = world.sync();
    assert_eq!(held.exit, 3, "{held:?}");
    until("it is known as held", || daemon.metric("plan_held") == Some(1.0));
    (world, daemon)
}

fn families(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(help)) => {
                families.push(Family { name: name.into(), help: help.into(), ..Family::default() })
            }
            (Some("#"), Some("TYPE"), _, Some(kind)) => families.last_mut().unwrap().kind = kind.into(),
            (Some("#"), Some("UNIT"), _, Some(unit)) => families.last_mut().unwrap().unit = unit.into(),
            (Some("#"), ..) => {}
            _ => sample(families.last_mut().unwrap(), line),
        }
    }
    families
}

fn sample(family: &mut Family, line: &str) {
    assert!(line.starts_with(&family.name), "{line} is not of {}", family.name);
    family.samples += 1;
    let Some((_, rest)) = line.split_once('{') else { return };
    let (labels, _) = rest.rsplit_once('}').unwrap();
    for pair in labels.split("\",") {
        let (name, value) = pair.split_once("=\"").unwrap();
        let value = value.trim_end_matches('"').to_owned();
        family.labels.entry(name.to_owned()).or_default().insert(value);
    }
}

fn row(family: &Family) -> String {
    let ending = if family.kind == "counter" { "_total" } else { "" };
    let labels: Vec<&str> = family.labels.keys().map(String::as_str).filter(|name| *name != "le").collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let unit = if family.unit.is_empty() { String::new() } else { format!(", {}", family.unit) };
    let help = family.help.trim_end_matches('.');
    let parts = if family.kind == "histogram" { " (`_bucket`, `_sum`, `_count`)" } else { "" };
    let values =
        family.labels.iter().filter(|(name, _)| TOLD.contains(&name.as_str())).map(|(name, values)| {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            format!(" `{name}`: {}.", values.join(", "))
        });
    let values: String = values.collect();
    format!(
        "| `{}{ending}{labels}` | {}{unit} | {}{parts}.{values} |\n",
        family.name,
        family.kind,
        cell(help)
    )
}
