//! Running the binary, and waiting for conditions.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No process and no condition takes this long, however busy the machine; it only ends tests that hang.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How the binary ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; -1 after a signal.
    pub exit: i32,
    /// What it answered.
    pub stdout: String,
    /// What it logged.
    pub stderr: String,
}

impl Output {
    /// Asserts the exit code, and that each of these words stands on stdout.
    pub fn assert_says(&self, exit: i32, words: &[&str]) {
        assert_eq!(self.exit, exit, "{self:?}");
        for word in words {
            assert!(self.stdout.contains(word), "'{word}' is not in {self:?}");
        }
    }
}

/// A command of the real binary, without this process's environment.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workiva-sync"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let exit = wait(&mut child);
    Output { exit, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

/// Waits for the end of a process.
pub fn wait(child: &mut Child) -> i32 {
    let mut ended = None;
    until("the process has ended", || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    ended.unwrap().code().unwrap_or(-1)
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits until a condition holds.
#[expect(clippy::disallowed_methods, reason = "a test that hangs has to end; nothing is asserted about time")]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}
