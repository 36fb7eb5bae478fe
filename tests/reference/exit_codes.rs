use super::common::{command, run};
use super::{cell, check, title};

#[test]
fn the_page_on_exit_codes_says_what_help_says() {
    let help = run(&mut command(&["--help"])).stdout;
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let (codes, besides) = codes.split_once("\n\n").unwrap();
    let mut page = title("Exit codes", "`workiva-sync --help`") + "| Code | Meaning |\n|---|---|\n";
    for line in codes.lines() {
        let indented = line.strip_prefix("  ").unwrap();
        match indented.split_once("  ").unwrap() {
            (code, meaning) if !code.is_empty() => {
                page.push_str(if page.ends_with("|\n") { "" } else { " |\n" });
                page.push_str(&format!("| {code} | {}", cell(meaning)));
            }
            (_, of_command) => {
                let (command, meaning) = of_command.trim().split_once(": ").unwrap();
                let names: Vec<String> = command.split(", ").map(|name| format!("`{name}`")).collect();
                page.push_str(&format!("; from {}: {}", names.join(", "), cell(meaning)));
            }
        }
    }
    page.push_str(&format!(" |\n\n{}\n", besides.trim_end()));
    assert_eq!(page.matches("\n| ").count(), 8, "a header and seven codes: {page}");
    check("exit-codes.md", &page);
}
