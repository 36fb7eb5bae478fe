//! The command line. Its words, exit codes and JSON are fixed: others' scripts hold on to them.

mod actions;
mod adopt;
mod alerts;
mod audit;
mod backup;
mod check;
mod configuration;
mod decide;
mod drift;
mod exit;
mod explain;
mod health;
mod init;
mod logging;
mod looked;
mod manual;
mod plan;
mod preview;
mod progress;
mod reach;
mod rules;
mod stand_in;
mod status;
mod sync;
mod table;
pub mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::compose::ComposeError;
use crate::core::plan::PlannedAction;
use crate::core::report::Counts;
use crate::core::value::canonical;
use crate::engine::EngineError;
use crate::engine::feed::FeedError;
use crate::store::StoreError;

use self::terminal::complain;

pub use exit::Exit;
pub use logging::Audience;

/// Keeps Workiva's users in step with an HR system.
#[derive(Debug, Parser)]
#[command(name = "workiva-sync", version, about, max_term_width = 100, after_long_help = exit::in_words())]
struct Cli {
    /// The configuration.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "WORKIVA_SYNC_CONFIG",
        default_value = "config/workiva-sync.toml"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The daemon: schedule, workers, HTTP.
    ///
    /// SIGTERM (or Ctrl-C) drains, a second one stops at once; SIGHUP reads the configuration again.
    Run,
    /// One cycle now: poll, plan, guard, push, and wait until every action has ended or been parked.
    ///
    /// It may work on one database beside the daemon: nothing is sent twice.
    Sync(JsonFlag),
    /// What a cycle would do. Writes nothing anywhere, except that --save keeps it for `apply`.
    Plan(PlanArgs),
    /// Carry out a saved plan exactly, or refuse it as stale.
    Apply(ApplyArgs),
    /// Release a held plan, if source and state are still what it was made from.
    ///
    /// The daemon sends it, or the next `sync`.
    Approve(DecideArgs),
    /// Drop a held plan.
    Reject(DecideArgs),
    /// Ask, write a first configuration, and check it.
    ///
    /// It looks at the columns and the status words of the HR file. Each answer can be given as an option.
    Init(init::InitArgs),
    /// Check configuration, HR source and the connection to Workiva.
    ///
    /// Of each source it tells what was reached, which of its fields nothing reads, a masked record, and what a run would reject.
    /// It changes nothing in Workiva, and nothing of HR's. It makes the database where there is none, and remembers there which
    /// configuration it saw and that the connection works.
    Check(JsonFlag),
    /// Look at what a source delivers.
    #[command(subcommand)]
    Source(preview::SourceCommand),
    /// Test your rules: who gets what by them, and why.
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Last runs, queue, held plan, parked actions.
    ///
    /// The last ten runs, the held plan, saved plans, the newest rejected records, the last comparison with Workiva.
    Status(JsonFlag),
    /// Link the users whom Workiva has already to employees. Workiva is only read.
    Adopt(adopt::AdoptArgs),
    /// Compare live Workiva with what was last confirmed: who was changed behind our back.
    Drift(drift::DriftArgs),
    /// The actions that wait for an operator.
    #[command(subcommand)]
    Actions(ActionsCommand),
    /// What is raised, and whether messages arrive.
    #[command(subcommand)]
    Alerts(alerts::AlertsCommand),
    /// One person: input, decision and rule, difference, requests and answers. Writes nothing.
    Explain(ExplainArgs),
    /// Look through the audit chain, or write it out.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Copy the database into a new file, also while the daemon works.
    Backup(backup::BackupArgs),
    /// A stand-in for Workiva on loopback, behaving as documented.
    Sandbox(stand_in::SandboxArgs),
    /// A stand-in Workiva and an HR file over three days, with the real engine between them.
    Demo(DemoArgs),
    /// Ask the running daemon whether it lives; for HEALTHCHECK in an image without a shell.
    Healthcheck,
    /// The configuration in effect, or its JSON schema.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// What makes a shell complete this command line.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// The manual page, in roff.
    Man,
}

#[derive(Debug, Args)]
struct JsonFlag {
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// Whom: the id as the HR system has it.
    #[arg(value_name = "EMPLOYEE_ID", value_parser = employee_id, allow_hyphen_values = true)]
    employee_id: String,
    /// Every action and audit record, not only the newest ten.
    #[arg(long)]
    all: bool,
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PlanArgs {
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// The plan on this day by its dates, such as 2027-01-31; everything else is as now.
    #[arg(long, value_name = "DATE", value_parser = plan::day, conflicts_with = "save")]
    as_of: Option<chrono::NaiveDate>,
    /// Show only what concerns this employee; may be repeated. Everybody is planned and guarded all the same.
    #[arg(long, value_name = "ID", value_parser = employee_id, allow_hyphen_values = true, conflicts_with = "save")]
    employee: Vec<String>,
    /// Keep the plan, so that `apply` can carry out exactly this.
    #[arg(long)]
    save: bool,
}

/// The longest name of whoever decides, in characters.
const LONGEST_NAME: usize = 200;

/// Who decides has a name, and one that a log and the audit can show.
fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(format!("has to be a name of 1 to {LONGEST_NAME} characters on one line"));
    }
    Ok(name.to_owned())
}

/// Why somebody decides, as the audit keeps it.
fn reason(text: &str) -> Result<String, String> {
    let reason = crate::core::audit::reason(text)?;
    reason.map(str::to_owned).ok_or_else(|| "is empty; leave it out, or say why".to_owned())
}

/// An employee id as sources read it.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn employee_id(text: &str) -> Result<String, String> {
    Ok(canonical(text).into_owned())
}

#[derive(Debug, Args)]
struct ApplyArgs {
    /// The plan, as `plan --save` names it.
    plan: String,
    /// Who applies it; by default the user of this process.
    #[arg(long, value_name = "NAME", value_parser = name)]
    by: Option<String>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct DecideArgs {
    /// The plan, as `status` names it.
    plan: String,
    #[command(flatten)]
    decider: DeciderArgs,
}

/// Who decides, and why.
#[derive(Debug, Args)]
struct DeciderArgs {
    /// Who decides; by default the user of this process.
    #[arg(long, value_name = "NAME", value_parser = name)]
    by: Option<String>,
    /// Why, for the audit; not for secrets or personal data.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ActionsCommand {
    /// List them, each with the reason.
    List(JsonFlag),
    /// Put them back into the queue, with fresh attempts; by its ID also one that was discarded.
    Retry(WhichActions),
    /// Leave these people as they are until HR or the configuration says something new.
    Discard(WhichActions),
}

#[derive(Debug, Args)]
struct WhichActions {
    /// The actions, as `actions list` and `explain` number them.
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<i64>,
    /// All parked actions.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    decider: DeciderArgs,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Keep the daemon, the stand-in and HTTP up afterwards, until Ctrl-C.
    #[arg(long)]
    stay: bool,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// The configuration in effect, as TOML, secrets redacted.
    Print,
    /// The JSON schema of the configuration.
    Schema,
}

/// The command line as data: what is made of it is the manual page, completions, and what tests hold against the documentation.
pub fn command_line() -> clap::Command {
    Cli::command()
}

/// Parses the command line and carries it out.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(Box::pin(dispatch(cli))),
        Err(error) => Err(anyhow::Error::from(error).context("the runtime could not be started")),
    };
    let exit = match result {
        Ok(exit) => exit,
        Err(error) => {
            tell(&error);
            exit_of(&error)
        }
    };
    terminal::finish(exit).into()
}

/// The faults of a configuration are laid out in lines; any other error is one line, whatever is quoted in it.
fn tell(error: &anyhow::Error) {
    let words = format!("workiva-sync: {}", words_of(error));
    if has_lines(error) {
        words.lines().for_each(|line| complain!("{line}"));
    } else {
        complain!("{words}");
    }
}

/// The error and its causes in one line. Most of our messages quote their cause; such a one is not said again.
fn words_of(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        if told.contains(&cause) { told } else { format!("{told}: {cause}") }
    })
}

fn has_lines(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<ComposeError>(), Some(ComposeError::Config(_)))
        || error.downcast_ref::<crate::config::ConfigErrors>().is_some()
}

async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let config = cli.config;
    match cli.command {
        Command::Run => {
            logging::init(Audience::Daemon);
            crate::daemon::run(&config).await
        }
        other => {
            logging::init(Audience::Operator);
            match other {
                Command::Run => unreachable!("matched above"),
                Command::Sync(flag) => sync::sync(&config, flag.json).await,
                Command::Plan(args) => plan::plan(&config, args).await,
                Command::Apply(args) => plan::apply(&config, args).await,
                Command::Approve(args) => decide::approve(&config, &args).await,
                Command::Reject(args) => decide::reject(&config, &args).await,
                Command::Init(args) => init::init(&config, args).await,
                Command::Check(flag) => check::check(&config, flag.json).await,
                Command::Source(command) => preview::source(&config, command).await,
                Command::Rules(command) => rules::rules(&config, command).await,
                Command::Status(flag) => status::status(&config, flag.json).await,
                Command::Adopt(args) => adopt::adopt(&config, &args).await,
                Command::Drift(args) => drift::drift(&config, &args).await,
                Command::Actions(command) => actions::actions(&config, command).await,
                Command::Alerts(command) => alerts::alerts(&config, command).await,
                Command::Explain(args) => {
                    explain::explain(&config, &args.employee_id, args.all, args.json).await
                }
                Command::Audit(command) => audit::audit(&config, command).await,
                Command::Backup(args) => backup::backup(&config, &args).await,
                Command::Sandbox(args) => stand_in::sandbox(args).await,
                Command::Demo(args) => crate::demo::demo(args.stay).await,
                Command::Healthcheck => health::healthcheck(&config),
                Command::Config(command) => configuration::config(&config, &command),
                Command::Completions { shell } => manual::completions(shell),
                Command::Man => manual::man(),
            }
        }
    }
}

/// Errors that have an exit code of their own.
fn exit_of(error: &anyhow::Error) -> Exit {
    let is_client = |error: &ComposeError| matches!(error, ComposeError::Client(_));
    if has_lines(error)
        || error.downcast_ref::<ComposeError>().is_some_and(is_client)
        || error.downcast_ref::<crate::notify::ChannelError>().is_some()
        || error.downcast_ref::<crate::otlp::OtlpError>().is_some()
    {
        return Exit::Usage;
    }
    match error.downcast_ref::<EngineError>() {
        Some(EngineError::Feed(FeedError::Source(_))) => Exit::Source,
        Some(EngineError::AnotherWorkiva { .. }) => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// Opens the database for a command that changes something in it.
async fn store_of(config: &std::path::Path) -> anyhow::Result<crate::store::Store> {
    let loaded = crate::compose::load_config(config)?;
    Ok(open(&loaded.rules.database).await?)
}

async fn open(path: &std::path::Path) -> Result<crate::store::Store, StoreError> {
    crate::store::Store::open(path).await
}

/// Prints a plan's actions as a readable table; of new users the names alone.
pub fn print_actions(actions: &[PlannedAction]) {
    table::actions(actions, actions.len(), table::Detail::Short).print();
}

/// Numbers of actions in one line: `3 create, 1 suspend`.
pub fn counts_line(counts: &Counts) -> String {
    counts.in_words().unwrap_or_else(|| "nothing".into())
}

fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    terminal::answer(&serde_json::to_string(value)?);
    Ok(())
}
