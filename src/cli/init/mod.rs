//! `init`: asks, writes a first configuration, and checks it.

mod guess;
mod text;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use self::guess::{Meaning, NEEDED};
use self::text::Answers;
use super::terminal::{complain, say};
use super::{Exit, check};

/// How many rows are looked at for status words.
const MOST_ROWS: usize = 100_000;
/// How many different status words a status column may have; one with more is another column.
const MOST_WORDS: usize = 50;

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
    let base_url =
        ask(args.base_url, "Workiva's SCIM address (Workiva shows it in its SCIM settings)", None)?;
    let username = ask(args.username, "Name of the SCIM user", None)?;
    let password_file = ask(args.password_file, "File with its password", Some("secrets/workiva_password"))?;
    let hr = ask(args.hr, "HR export, a CSV file or a pattern of which the newest match is read", None)?;
    let timezone = ask(args.timezone, "Time zone in which dates begin and end", Some("UTC"))?;
    let found = look_at(&hr)?;
    tell(&found);
    let answers = Answers { base_url, username, password_file, hr, timezone, found };
    write(config, &answers.text())?;
    say!("written: {}", config.display());
    if !Path::new(&answers.password_file).exists() {
        say!("put the password into {}, readable by the daemon's user alone:", answers.password_file);
        say!("  install -D -m 600 /dev/stdin {}", answers.password_file);
        say!("then run `workiva-sync check`, and `workiva-sync plan`: neither changes anything in Workiva");
        return Ok(Exit::Done);
    }
    if args.no_check {
        return Ok(Exit::Done);
    }
    check::check(config, false).await
}

/// What is given, or what somebody answers.
fn ask(given: Option<String>, question: &str, usual: Option<&str>) -> anyhow::Result<String> {
    if let Some(given) = given {
        return Ok(given);
    }
    let hint = usual.map(|usual| format!(" [{usual}]")).unwrap_or_default();
    complain!("{question}{hint}:");
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        bail!(
            "there was no answer to '{question}'; answer it, or give all of them as options: see `init --help`"
        );
    }
    match (line.trim(), usual) {
        ("", Some(usual)) => Ok(usual.to_owned()),
        ("", None) => bail!("'{question}' needs an answer"),
        (answer, _) => Ok(answer.to_owned()),
    }
}

/// What was found in the HR file.
struct Found {
    columns: Vec<(&'static str, String)>,
    delimiter: char,
    words: BTreeSet<String>,
}

impl Found {
    fn words_of(&self, wanted: Meaning) -> Vec<&String> {
        self.words.iter().filter(|word| guess::meaning(word) == wanted).collect()
    }
}

fn look_at(hr: &str) -> anyhow::Result<Found> {
    let matches = glob::glob(hr).with_context(|| format!("'{hr}' is no pattern"))?;
    let newest = matches
        .filter_map(Result::ok)
        .filter(|path| path.is_file())
        .max_by_key(|path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).ok());
    let Some(path) = newest else {
        bail!("there is no file {hr} yet; put one export there, its columns are looked at");
    };
    let first = std::fs::File::open(&path).map(std::io::BufReader::new).and_then(|mut file| {
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line).map(|_| String::from_utf8_lossy(&line).into_owned())
    });
    let first = first.with_context(|| format!("{} cannot be read", path.display()))?;
    let count = |delimiter: &char| first.matches(*delimiter).count();
    let delimiter = [',', ';', '\t', '|'].into_iter().max_by_key(count).unwrap_or(',');
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter as u8).flexible(true).from_path(&path)?;
    let header: Vec<String> = reader
        .byte_headers()?
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned())
        .collect();
    let columns = guess::columns(&header);
    let missing: Vec<&str> =
        NEEDED.into_iter().filter(|name| !columns.iter().any(|(ours, _)| ours == name)).collect();
    if !missing.is_empty() {
        bail!(
            "no column of {} was recognised as {}; copy config/workiva-sync.example.toml and name them in [source.columns]. Its columns \
             are: {}",
            path.display(),
            missing.join(", "),
            header.join(", ")
        );
    }
    let status = columns.iter().find(|(ours, _)| *ours == "status").map(|(_, theirs)| theirs.as_str());
    let at = header.iter().position(|name| Some(name.as_str()) == status).unwrap_or_default();
    let mut words = BTreeSet::new();
    for row in reader.byte_records().take(MOST_ROWS) {
        let word = row?.get(at).map(|word| String::from_utf8_lossy(word).trim().to_owned());
        words.extend(word.filter(|word| !word.is_empty()));
        if words.len() > MOST_WORDS {
            bail!(
                "the column '{}' has more than {MOST_WORDS} different words; it can be no status",
                header[at]
            );
        }
    }
    Ok(Found { columns, delimiter, words })
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
