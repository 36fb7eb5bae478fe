//! `init`: asks, writes a first configuration, and checks it.

mod ask;
mod guess;
mod look;
mod text;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;

use self::ask::Question;
use self::guess::Meaning;
use self::look::{Found, look_at};
use self::text::Answers;
use super::terminal::{complain, say};
use super::{Exit, check};
use crate::config::Encoding;

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The address that Workiva shows for SCIM; asked for where it is missing.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The SCIM user's name; asked for where it is missing.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The file that holds, or will hold, the SCIM user's password; asked for where it is missing.
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,
    /// The HR export: a CSV file, or a pattern of which the newest match is read; asked for where it is missing.
    #[arg(long, value_name = "PATH")]
    hr: Option<String>,
    /// The time zone in which dates begin and end; asked for where it is missing.
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Only write the configuration; do not run `check` with it.
    #[arg(long)]
    no_check: bool,
}

/// Asks for what is missing, writes the file, and runs `check`.
pub async fn init(config: &Path, args: InitArgs) -> anyhow::Result<Exit> {
    if config.exists() {
        bail!("{} is there already; name another file with --config, or edit that one", config.display());
    }
    let no_check = args.no_check;
    let answers = match ask(args) {
        Ok(answers) => answers,
        Err(why) => {
            complain!("workiva-sync: {why}; nothing was written");
            return Ok(Exit::Usage);
        }
    };
    write(config, &answers.text())?;
    say!("written: {}", config.display());
    if !Path::new(&answers.password_file).exists() {
        say!("put the password into {}, readable by the daemon's user alone:", answers.password_file);
        say!("  install -D -m 600 /dev/stdin {}", answers.password_file);
        say!("then run `workiva-sync check`, and `workiva-sync plan`: neither changes anything in Workiva");
        return Ok(Exit::Done);
    }
    if no_check {
        return Ok(Exit::Done);
    }
    check::check(config, false).await
}

/// Everything that has to be known, each of it as a configuration can hold it.
fn ask(args: InitArgs) -> Result<Answers, String> {
    let mut answers = Answers::example();
    answers.base_url = Question {
        key: "workiva.base_url",
        words: "Workiva's SCIM address (Workiva shows it in its SCIM settings)",
        usual: None,
    }
    .answered(args.base_url, |text| {
        Answers { base_url: text.to_owned(), ..Answers::example() }.may_be("workiva.base_url")?;
        Ok(text.to_owned())
    })?;
    answers.username = Question { key: "workiva.username", words: "Name of the SCIM user", usual: None }
        .answered(args.username, |text| {
            Answers { username: text.to_owned(), ..Answers::example() }.may_be("workiva.username")?;
            Ok(text.to_owned())
        })?;
    answers.password_file = Question {
        key: "workiva.password_file",
        words: "File with its password",
        usual: Some("secrets/workiva_password"),
    }
    .answered(args.password_file, |text| Ok(text.to_owned()))?;
    (answers.hr, answers.found) = Question {
        key: "source.path",
        words: "HR export, a CSV file or a pattern of which the newest match is read",
        usual: None,
    }
    .answered(args.hr, |text| {
        let found = look_at(text).map_err(|why| format!("source.path: {why:#}"))?;
        Ok((text.to_owned(), found))
    })?;
    answers.timezone = Question {
        key: "schedule.timezone",
        words: "Time zone in which dates begin and end",
        usual: Some("UTC"),
    }
    .answered(args.timezone, |text| {
        Answers { timezone: text.to_owned(), ..Answers::example() }.may_be("schedule.timezone")?;
        Ok(text.to_owned())
    })?;
    tell(&answers.found);
    // Each was fit by itself; what is made of the file's columns and words is as well, or nothing is written.
    answers.may_be("")?;
    Ok(answers)
}

fn tell(found: &Found) {
    for (ours, theirs) in &found.columns {
        say!("  {ours}: column '{theirs}'");
    }
    for (meaning, name) in
        [(Meaning::Active, "active"), (Meaning::Leave, "leave"), (Meaning::Terminated, "terminated")]
    {
        let words: Vec<&str> = found.words_of(meaning).into_iter().map(String::as_str).collect();
        say!("  {name}: {}", if words.is_empty() { "none seen".to_owned() } else { words.join(", ") });
    }
    if found.encoding == Encoding::Windows1252 {
        say!("  encoding: windows-1252, since it is not UTF-8");
    }
    let unknown: Vec<&str> = found.words_of(Meaning::Unknown).into_iter().map(String::as_str).collect();
    if !unknown.is_empty() {
        say!("  NOT understood, put each into a list of [lifecycle]: {}", unknown.join(", "));
    }
}

fn write(config: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = config.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(config)
        .with_context(|| format!("{} cannot be written", config.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}
