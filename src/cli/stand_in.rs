//! `sandbox`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

use super::Exit;
use super::terminal::say;
use crate::sandbox::{Behaviour, Faults, SandboxOptions, start};

/// How the stand-in is started.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// A loopback address and port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8181")]
    listen: SocketAddr,
    /// The Basic user name.
    #[arg(long, value_name = "U", default_value = "scim-user")]
    user: String,
    /// The Basic password. It guards nothing but made-up people.
    #[arg(long, value_name = "P", default_value = "sandbox-password")]
    password: String,
    /// A Bearer token that is accepted as well.
    #[arg(long, value_name = "T")]
    token: Option<String>,
    /// The share of requests that meet a fault, 0 to 1.
    #[arg(long, value_name = "R", default_value_t = 0.0)]
    fault_rate: f64,
    /// Milliseconds added to every request.
    #[arg(long, value_name = "N", default_value_t = 0)]
    latency_ms: u64,
    /// Where faults and ids begin: the same seed and order of requests give the same ones.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Above this rate the answer is 429 with Retry-After.
    #[arg(long, value_name = "N")]
    requests_per_second: Option<u32>,
    /// Seconds for which a request is held before it fails that gives somebody what needs a workspace which they are not in.
    #[arg(long, value_name = "N", default_value_t = 30)]
    hold_seconds: u64,
    /// A server without Groups.
    #[arg(long)]
    no_groups: bool,
}

/// What the stand-in has beside users: two workspaces, something inside of one, and an organization role.
const GROUPS: [(&str, &str); 4] = [
    ("workspace:Q1", "Finance"),
    ("workspace:Q1:group:G7", "Finance Editors"),
    ("workspace:Q2", "Legal"),
    ("role:org-viewer", "Organization Viewer"),
];

/// Serves until Ctrl-C or SIGTERM.
pub async fn sandbox(args: SandboxArgs) -> anyhow::Result<Exit> {
    let faults =
        Faults { rate: args.fault_rate, latency_ms: args.latency_ms, seed: args.seed, ..Faults::default() };
    let options = SandboxOptions {
        listen: args.listen,
        username: args.user.clone(),
        password: SecretString::from(args.password),
        bearer: args.token.map(SecretString::from),
        requests_per_second: args.requests_per_second,
        faults,
        hold: Duration::from_secs(args.hold_seconds),
        behaviour: Behaviour { groups: !args.no_groups, ..Behaviour::default() },
    };
    let running = start(options).await?;
    for (id, name) in GROUPS {
        running.seed_group(id, name)?;
    }
    say!("a stand-in for Workiva listens at {}, Basic user {}", running.base_url(), args.user);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    running.stop().await;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = include_str!("../../docs/sandbox.md");

    #[test]
    fn the_guide_names_every_option_with_its_default() {
        let command = SandboxArgs::augment_args(clap::Command::new("sandbox"));
        let mut options = 0;
        for option in command.get_arguments() {
            let Some(name) = option.get_long() else { continue };
            options += 1;
            let row = GUIDE.lines().find(|line| line.starts_with(&format!("| `--{name}")));
            let row = row.unwrap_or_else(|| panic!("--{name} is missing"));
            for default in option.get_default_values() {
                let default = default.to_str().unwrap();
                assert!(row.contains(&format!("| `{default}` |")), "--{name} is {default} by default: {row}");
            }
        }
        assert_eq!(GUIDE.lines().filter(|line| line.starts_with("| `--")).count(), options);
    }
}
