//! `rules coverage`: how far one's rules reach among the people whom the HR source has now.

use std::path::Path;

use chrono::NaiveDate;
use clap::Args;
use serde::Serialize;

use super::table::Grid;
use super::terminal::{complain, say};
use super::{Exit, looked, plan, print_json};
use crate::compose::{Surroundings, engine, load_config};
use crate::core::access::Provision;
use crate::core::lifecycle::Moment;
use crate::core::reach::{Reach, RoleReach};
use crate::engine::look::Looks;
use crate::store::Store;

#[derive(Debug, Args)]
pub struct CoverageArgs {
    /// The coverage on this day by people's dates, such as 2027-01-31; by default now.
    #[arg(long, value_name = "DATE", value_parser = plan::day)]
    as_of: Option<NaiveDate>,
    /// How many are named of those who are employed and in no role.
    #[arg(long, value_name = "PEOPLE", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    limit: u32,
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
}

/// What came of it. All keys are always there.
#[derive(Serialize)]
struct CoverageReport {
    ok: bool,
    message: String,
    as_of: Option<NaiveDate>,
    rows: u64,
    usable: u64,
    rejected: u64,
    /// `None`: a source failed.
    coverage: Option<Reach>,
    warnings: Vec<String>,
}

/// Counts, and tells. Writes nothing.
pub async fn coverage(config: &Path, args: &CoverageArgs) -> anyhow::Result<Exit> {
    let loaded = load_config(config)?;
    let store = Store::open_for_reading(&loaded.rules.database).await?;
    let engine = engine(loaded, store, &Surroundings::real(), false).await?;
    let moment = args.as_of.map_or_else(|| Moment::At(engine.clock.now()), Moment::On);
    let (looks, reach) = engine.reach(moment, usize::try_from(args.limit).unwrap_or(usize::MAX)).await?;
    let report = CoverageReport::of(&looks, args.as_of, reach, engine.settings.access.provision);
    match (&report.coverage, args.json) {
        (_, true) => print_json(&report)?,
        (Some(reach), false) => report.print(reach),
        (None, false) => complain!("workiva-sync: {}", report.message),
    }
    Ok(if report.ok { Exit::Done } else { Exit::Source })
}

impl CoverageReport {
    fn of(looks: &Looks, as_of: Option<NaiveDate>, coverage: Option<Reach>, provision: Provision) -> Self {
        let count = looks.together.as_ref().or(looks.sources.first().map(|look| &look.count));
        let number = |of: fn(&crate::core::tally::Count) -> u64| {
            if coverage.is_some() { count.map_or(0, of) } else { 0 }
        };
        Self {
            ok: coverage.is_some(),
            message: looked::summary(looks),
            as_of,
            rows: number(|count| count.rows),
            usable: number(|count| count.usable),
            rejected: number(|count| count.rejected),
            warnings: coverage.iter().flat_map(|reach| warnings(reach, provision)).collect(),
            coverage,
        }
    }

    fn print(&self, reach: &Reach) {
        say!("{}", self.message);
        if let Some(day) = self.as_of {
            say!("as of {day}, by dates alone");
        }
        say!("access: {} people; no access: {}", reach.access, reach.no_access);
        let mut decided = Grid::new(&["decided by", "access", "people"]);
        for one in &reach.decided_by {
            let access = if one.access { "yes" } else { "no" };
            decided.row([one.rests_on, access, &one.people.to_string()]);
        }
        decided.print();
        if !reach.roles.is_empty() {
            let mut roles = Grid::new(&["role", "people", "by it alone", "grants"]);
            for role in &reach.roles {
                let (people, alone) = (role.people.to_string(), role.by_it_alone.to_string());
                roles.row([role.role.as_str(), &people, &alone, &role.grants.join("; ")]);
            }
            roles.print();
        }
        if !reach.grants.is_empty() {
            let mut grants = Grid::new(&["group", "granted to"]);
            reach.grants.iter().for_each(|one| grants.row([one.group.as_str(), &one.people.to_string()]));
            grants.print();
        }
        print_no_role(reach);
        self.warnings.iter().for_each(|warning| say!("warning: {warning}"));
    }
}

fn print_no_role(reach: &Reach) {
    let (people, ids) = (reach.in_no_role.people, &reach.in_no_role.employee_ids);
    let more = people - ids.len() as u64;
    let named = match (&ids[..], more) {
        ([], _) => String::new(),
        (_, 0) => format!(": employee {}", ids.join(", ")),
        (_, more) => format!(": employee {} and {more} more (--limit)", ids.join(", ")),
    };
    say!("employed and in no role: {people}{named}");
}

fn warnings(reach: &Reach, provision: Provision) -> Vec<String> {
    let nobody = |role: &&RoleReach| role.people == 0;
    let of_role = |role: &RoleReach| match (provision, &role.grants[..]) {
        (Provision::All, []) => format!(
            "role '{}' decides nothing: access.provision is \"all\", and the role grants nothing",
            role.role
        ),
        _ => format!("role '{}' matches nobody", role.role),
    };
    let roles = reach.roles.iter().filter(nobody).map(of_role);
    let values = reach.never_seen.iter();
    let values =
        values.map(|one| format!("{} names '{}', which nobody has in {}", one.key, one.value, one.column));
    roles.chain(values).collect()
}
