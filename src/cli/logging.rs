//! Logs: on stderr, as text on a terminal and as JSON otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::debug_fn;

use super::terminal::Visible;

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
    // A log that cannot be written must not end the daemon: the library would tell of it on stderr, and panic there.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    // A second initialisation, as in tests, leaves the first one standing.
    let _ = if std::io::stderr().is_terminal() {
        builder.with_target(false).fmt_fields(visible_fields()).try_init()
    } else {
        builder.json().flatten_event(true).with_ansi(false).try_init()
    };
}

/// The message and then the fields, for people. The library escapes what begins a terminal's sequences, and neither line
/// feeds nor directions; and only in a message.
fn visible_fields() -> impl for<'writer> FormatFields<'writer> + Send + Sync + 'static {
    debug_fn(|writer, field, value| match field.name() {
        "message" => write!(writer, "{}", Visible(value)),
        name => write!(writer, "{name}={}", Visible(value)),
    })
    .delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_readable_line_whatever_is_quoted_in_it() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .fmt_fields(visible_fields())
            .with_writer(move || writer.clone());
        let said = "no\n INFO all is well\u{202e}\u{1b}[2J";
        tracing::subscriber::with_default(log.finish(), || {
            tracing::warn!(run = 7, error = %said, name = said, "told: {said}");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let shown = r"no\n INFO all is well\u{202e}\u{1b}[2J";
        assert_eq!(text, format!(" WARN told: {shown} run=7 error={shown} name=\"{shown}\"\n"));
    }
}
