use super::common::{command, run};
use super::{check, title};

/// Where more stands about a command.
const MORE: [(&str, &str, &str); 24] = [
    ("run", "Operations", "../operations.md"),
    ("sync", "JSON for programs", "../json.md"),
    ("plan", "Testing your rules", "../testing-rules.md#what-the-next-run-does-about-some-people"),
    ("apply", "Saved plans", "../saved-plans.md"),
    ("approve", "A plan is held", "../operations.md#a-plan-is-held"),
    ("reject", "A plan is held", "../operations.md#a-plan-is-held"),
    ("init", "Getting started", "../getting-started.md#a-first-configuration"),
    ("check", "Looking at a source", "../sources/README.md#looking-at-a-source"),
    ("source", "Looking at a source", "../sources/README.md#looking-at-a-source"),
    ("rules", "Testing your rules", "../testing-rules.md"),
    ("status", "Operations", "../operations.md"),
    ("adopt", "Users who are there already", "../adopt.md"),
    ("drift", "Changes by hand", "../drift.md"),
    ("actions", "An action is parked", "../operations.md#an-action-is-parked"),
    ("alerts", "Alerts", "../alerts.md"),
    ("explain", "Explain", "../explain.md"),
    ("audit", "Audit", "../audit.md"),
    ("backup", "What to back up", "../deployment.md#what-to-back-up"),
    ("sandbox", "The sandbox", "../sandbox.md"),
    ("demo", "README", "../../README.md#two-commands"),
    ("healthcheck", "Health", "../monitoring.md#health"),
    ("config", "The configuration", "../configuration.md"),
    ("completions", "Putting it into production", "../deployment.md"),
    ("man", "Putting it into production", "../deployment.md"),
];

#[test]
fn the_page_on_commands_says_what_help_says_of_each() {
    let mut page = title("Commands", "the `--help` of each command");
    page.push_str("How a command ends is told by its [exit code](exit-codes.md).\n\n");
    page.push_str(help(&[]).split("\n\nExit codes:").next().unwrap());
    page.push_str("\n```\n");
    let whole = workiva_sync::cli::command_line();
    for one in whole.get_subcommands() {
        let name = one.get_name();
        let (_, title, link) = MORE.iter().find(|(of, _, _)| *of == name).unwrap();
        page.push_str(&format!("\n## {name}\n\nMore: [{title}]({link}).\n\n{}\n```\n", help(&[name])));
        for nested in one.get_subcommands() {
            let nested = nested.get_name();
            page.push_str(&format!("\n### {name} {nested}\n\n{}\n```\n", help(&[name, nested])));
        }
    }
    assert_eq!(page.matches("\n## ").count(), MORE.len());
    check("commands.md", &page);
}

/// What the binary says, in a block that is still open.
fn help(words: &[&str]) -> String {
    let said = run(&mut command(&[words, &["--help"]].concat()));
    assert_eq!(said.exit, 0, "{said:?}");
    let lines: Vec<&str> = said.stdout.trim_end().lines().map(str::trim_end).collect();
    format!("```text\n{}", lines.join("\n"))
}
