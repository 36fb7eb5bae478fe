//! Logs: on stderr, as text on a terminal and as JSON otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Who reads the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever watches a daemon: everything that happens.
    Daemon,
    /// Whoever typed a command and reads its answer: what went wrong.
    Operator,
}

/// Starts logging. `WORKIVA_SYNC_LOG` takes a filter such as `debug` or `workiva_sync=debug`.
pub fn init(audience: Audience) {
    let default = match audience {
        Audience::Daemon => "info",
        Audience::Operator => "error",
    };
    let filter = std::env::var("WORKIVA_SYNC_LOG").ok().and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second initialisation, as in tests, leaves the first one standing.
    let _ = if std::io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_ansi(false).try_init()
    };
}
