//! The real binary as a process: its stand-in and its daemon.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::now;

/// The stand-in's own, as RFC 7617 has it.
const CREDENTIALS: &str = "c2NpbS11c2VyOnNhbmRib3gtcGFzc3dvcmQ=";
/// How long what is under way may take to end.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// The real binary; dropped, it is killed.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// The stand-in for Workiva, and where it listens.
    pub fn sandbox(arguments: &[&str]) -> (Self, String) {
        let mut command = command();
        command.args(["sandbox", "--listen", "127.0.0.1:0"]).args(arguments);
        let mut sandbox = Self::start(&mut command);
        let base_url = sandbox.told("http://", |line| {
            let from = line.find("http://")?;
            line[from..].split_whitespace().next().map(|url| url.trim_end_matches(['"', ',']).to_owned())
        });
        (sandbox, base_url)
    }

    /// The daemon with this configuration, of which these keys are other ones, and where it listens.
    pub fn daemon(file: &Path, otherwise: &[(&str, &str)]) -> (Self, String) {
        let mut command = command();
        command.arg("--config").arg(file).arg("run").env("WORKIVA_SYNC__HTTP__LISTEN", "127.0.0.1:0");
        command.envs(otherwise.iter().map(|(key, value)| (format!("WORKIVA_SYNC__{key}"), value)));
        let mut daemon = Self::start(&mut command);
        let address = daemon.told("started", |line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            (entry["message"] == "started").then(|| entry["listen"].as_str().unwrap().to_owned())
        });
        (daemon, address)
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        forward(child.stdout.take().unwrap(), sender.clone());
        forward(child.stderr.take().unwrap(), sender);
        Self { child, lines }
    }

    /// What it says in the first line from which something can be read.
    fn told<T>(&mut self, what: &str, read: impl Fn(&str) -> Option<T>) -> T {
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv() {
            if let Some(read) = read(&line) {
                // What it says from now on nobody keeps.
                self.lines = channel().1;
                return read;
            }
            said.push(line);
        }
        panic!("it never said {what}: {said:?}")
    }

    /// What it holds in memory.
    pub fn kibibytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// The processor time that it has taken, in hundredths of a second.
    pub fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, behind_name) = stat.rsplit_once(") ").unwrap();
        behind_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let exit = self.child.wait().unwrap();
        assert!(exit.success(), "{exit}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_workiva-sync"))
}

/// Sends on what is read, line by line; a pipe that nobody empties would stop who writes into it.
fn forward(from: impl Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).for_each(|line| drop(to.send(line)));
    });
}

/// The sum of all samples of a page of metrics that begin so.
pub fn sum(metrics: &str, beginning: &str) -> u64 {
    let samples = metrics.lines().filter(|line| line.starts_with(beginning));
    samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>() as u64
}

/// What the daemon answers, or the stand-in: that asks for a name and a password, and the daemon minds none.
pub fn page(address: &str, path: &str) -> String {
    let headers = format!("Host: localhost\r\nAuthorization: Basic {CREDENTIALS}\r\nConnection: close");
    answer(address, &format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n"))
}

/// What it answers to this.
pub fn answer(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Waits until something holds.
pub fn until(mut holds: impl FnMut() -> bool) {
    let begun = now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it never came to it");
        std::thread::sleep(Duration::from_millis(200));
    }
}
