//! The real binary as a process.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The real binary; dropped, it is killed.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// The daemon by this configuration, with these keys otherwise; and where its HTTP listens.
    pub fn daemon(file: &Path, otherwise: &[(&str, &str)]) -> (Self, String) {
        let mut daemon = Self::start(&["--config", file.to_str().unwrap(), "run"], otherwise);
        let address = daemon.told("started", |line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            (entry["message"] == "started").then(|| entry["listen"].as_str().unwrap().to_owned())
        });
        (daemon, address)
    }

    /// A stand-in for Workiva, and its base address.
    pub fn sandbox(arguments: &[&str]) -> (Self, String) {
        let mut sandbox = Self::start(&[&["sandbox", "--listen", "127.0.0.1:0"], arguments].concat(), &[]);
        let base_url = sandbox.told("http://", |line| {
            let from = line.find("http://")?;
            line[from..].split_whitespace().next().map(|url| url.trim_end_matches(['"', ',']).to_owned())
        });
        (sandbox, base_url)
    }

    fn start(arguments: &[&str], otherwise: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workiva-sync"));
        command.envs(otherwise.iter().map(|(key, value)| (format!("WORKIVA_SYNC__{key}"), value)));
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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

    /// The memory that it has resident.
    pub fn kibibytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Asks it to stop, and waits until it has.
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

/// Sends on what is read, line by line; a pipe that nobody empties would stop who writes into it.
fn forward(from: impl Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).for_each(|line| drop(to.send(line)));
    });
}
