//! Every command line in the documentation is one that the program takes.

use workiva_sync::cli::command_line;

use super::pages::all;

/// What stands for something that the reader puts there, and something of that kind.
const PLACEHOLDERS: [(&str, &str); 9] = [
    ("DATE", "2027-01-31"),
    ("T", "2027-01-31"),
    ("ADDR", "127.0.0.1:0"),
    ("R", "0.1"),
    ("N", "1"),
    ("ROWS", "1"),
    ("PEOPLE", "1"),
    ("SHELL", "bash"),
    ("SEQ:HASH", ANCHOR),
];
const ANCHOR: &str = "12:0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn every_command_line_is_one_that_the_program_takes() {
    let (mut faults, mut parsed) = (Vec::new(), 0);
    for page in all() {
        let blocks =
            page.blocks.iter().filter(|block| matches!(block.language(), "" | "sh" | "console" | "bash"));
        let lines = blocks.flat_map(|block| lines_of(&block.text)).chain(page.codes.iter().cloned());
        for line in lines {
            for words in invocations(&line) {
                parsed += 1;
                if let Err(error) = command_line().try_get_matches_from(&words) {
                    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
                    if !matches!(error.kind(), DisplayHelp | DisplayVersion) {
                        faults.push(format!("{}: {line}: {error}", page.path.display()));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(parsed > 60, "command lines were found: {parsed}");
}

/// In a sentence a command goes without the program's name, and often without what it has to be given.
#[test]
fn every_command_in_a_sentence_has_a_name_and_options_that_there_are() {
    use clap::error::ErrorKind::{InvalidSubcommand, UnknownArgument};
    let mut found = 0;
    for page in all() {
        for code in page.codes.iter().filter(|code| code.contains(" --")) {
            let words: Vec<&str> = code.split(' ').collect();
            if command_line().find_subcommand(words[0]).is_none() {
                continue;
            }
            found += 1;
            let arguments: Vec<String> = words.into_iter().map(str::to_owned).collect();
            let words = [vec!["workiva-sync".to_owned()], with_values(&arguments)].concat();
            if let Err(error) = command_line().try_get_matches_from(&words) {
                let is_wrong = matches!(error.kind(), InvalidSubcommand | UnknownArgument);
                assert!(!is_wrong, "{}: `{code}`: {error}", page.path.display());
            }
        }
    }
    assert!(found > 30, "commands were found: {found}");
}

/// The lines of a shell's block, those that a backslash continues in one, without what a shell hands on as a text.
fn lines_of(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut document: Option<String> = None;
    let joined = text.replace("\\\n", " ");
    for line in joined.lines() {
        match &document {
            Some(end) if line == end => document = None,
            Some(_) => {}
            None => {
                let end = line.split_once("<<'").and_then(|(_, rest)| rest.split_once('\''));
                document = end.map(|(end, _)| end.to_owned());
                lines.push(line.strip_prefix("$ ").unwrap_or(line).to_owned());
            }
        }
    }
    lines
}

/// How the program is called in a line, word by word.
fn invocations(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for part in parts(line) {
        let Some(at) = part.iter().rposition(|word| is_program(word)) else { continue };
        let before = part[..at].iter();
        let is_run = before.clone().all(|word| word.contains('=') || word == "until" || word == "env")
            || part[0] == "sudo"
            || before.clone().any(|word| word == "exec" || word == "run");
        // `systemctl enable --now workiva-sync` and the like are about the service.
        let arguments = &part[at + 1..];
        let is_command = arguments.first().is_some_and(|first| {
            first.starts_with("--") || command_line().find_subcommand(first).is_some() || part.len() == at + 1
        });
        if is_run && (is_command || part[0] == "workiva-sync") && !arguments.is_empty() {
            found.push([vec!["workiva-sync".to_owned()], with_values(arguments)].concat());
        }
    }
    found
}

fn is_program(word: &str) -> bool {
    word == "workiva-sync" || word == "/workiva-sync"
}

fn with_values(arguments: &[String]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for argument in arguments {
        let plain = argument.trim_matches(|c| matches!(c, '[' | ']' | '…' | '`' | ',' | ';'));
        let value = PLACEHOLDERS.iter().find(|(name, _)| *name == plain).map(|(_, value)| *value);
        // Actions have numbers, people have ids of any kind.
        let value = if plain == "ID" && words.first().is_some_and(|first| first == "actions") {
            Some("1")
        } else {
            value
        };
        let value = if plain == "NUMBER:HASH" { Some(ANCHOR) } else { value };
        words.push(value.unwrap_or(plain).to_owned());
    }
    words.retain(|word| !word.is_empty());
    // A synopsis shows choices.
    if let Some(at) = words.iter().position(|word| word == "|") {
        words.truncate(at);
    }
    words
}

/// A line by what a shell would run: words, without pipes, redirections and comments.
fn parts(line: &str) -> Vec<Vec<String>> {
    let (mut parts, mut words, mut word) = (vec![], vec![], String::new());
    let mut quote: Option<char> = None;
    let mut chars = line.chars().peekable();
    let mut is_word = false;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => word.push(c),
            (None, '\'' | '"') => (quote, is_word) = (Some(c), true),
            (None, '#') if word.is_empty() => break,
            (None, '|' | '&' | ';' | '(' | ')' | '>' | '<') => {
                // `2>` is no argument.
                if c == '>' && word == "2" {
                    word.clear();
                }
                if !word.is_empty() || is_word {
                    words.push(std::mem::take(&mut word));
                }
                if matches!(c, '>' | '<') {
                    skip_target(&mut chars);
                } else {
                    parts.push(std::mem::take(&mut words));
                }
                is_word = false;
            }
            (None, ' ') => {
                if !word.is_empty() || is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            (None, _) => word.push(c),
        }
    }
    if !word.is_empty() || is_word {
        words.push(word);
    }
    parts.push(words);
    parts.retain(|words| !words.is_empty());
    parts
}

fn skip_target(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.next_if(|c| " >&".contains(*c)).is_some() {}
    while chars.next_if(|c| !" |;)".contains(*c)).is_some() {}
}
