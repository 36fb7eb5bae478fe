//! The daemon as a process: its log, its HTTP, its signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::World;
use super::process::{until, wait};

/// A running daemon; dropped, it is killed.
pub struct Daemon {
    child: Child,
    address: String,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// What the daemon's HTTP answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and headers.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Asserts the status; the body as JSON.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }
}

impl Daemon {
    /// Starts one and waits until it listens.
    pub fn start(world: &World) -> Self {
        Self::start_logging(world, "info")
    }

    /// The same with another log filter.
    pub fn start_logging(world: &World, filter: &str) -> Self {
        let mut command = world.command(&["run"]);
        command.env("WORKIVA_SYNC_LOG", filter);
        Self::spawn(command)
    }

    /// The same from a shell, behind this command of it.
    pub fn start_by_shell(world: &World, prelude: &str) -> Self {
        Self::spawn(world.shell(prelude, &["run"]))
    }

    fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let lines = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in stderr.lines() {
                lines.lock().unwrap().push(line.unwrap());
            }
        });
        let mut daemon = Self { child, address: String::new(), log, reader: Some(reader) };
        until("the daemon has started", || {
            if let Some(exit) = daemon.child.try_wait().unwrap() {
                panic!("the daemon ended ({exit}): {}", daemon.log());
            }
            let started = daemon.entries().into_iter().find(|entry| entry["message"] == "started");
            daemon.address =
                started.map(|entry| entry["listen"].as_str().unwrap().to_owned()).unwrap_or_default();
            !daemon.address.is_empty()
        });
        daemon
    }

    /// Where its HTTP listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Everything that was logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// The log's entries.
    pub fn entries(&self) -> Vec<Value> {
        let lines = self.log.lock().unwrap();
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until a message is logged that contains these words; returns it.
    pub fn wait_for_log(&self, words: &str) -> String {
        let mut found = None;
        until(words, || {
            found = self
                .entries()
                .iter()
                .filter_map(|entry| entry["message"].as_str())
                .find(|message| message.contains(words))
                .map(str::to_owned);
            found.is_some()
        });
        found.unwrap()
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, "")
    }

    /// The value of one sample of the metrics, by its name behind `workiva_sync_` and its labels. Compared as a whole: a line that
    /// explains a metric begins with the metric's name too.
    pub fn metric(&self, sample: &str) -> Option<f64> {
        let text = self.get("/metrics").body;
        let wanted = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            (name.strip_prefix("workiva_sync_")? == sample).then(|| value.parse().unwrap())
        };
        text.lines().find_map(wanted)
    }

    /// GET with a bearer token.
    pub fn get_as(&self, path: &str, token: &str) -> Answer {
        self.get_with(path, &format!("Authorization: Bearer {token}\r\n"))
    }

    /// GET with a cookie.
    pub fn get_in(&self, path: &str, cookie: &str) -> Answer {
        self.get_with(path, &format!("Cookie: {cookie}\r\n"))
    }

    fn get_with(&self, path: &str, header: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\n{header}"), b"")
    }

    /// POST with these headers.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        self.ask(&format!("POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n{headers}"), body)
    }

    /// A request of this head, which ends with a line feed, and body.
    pub fn ask(&self, head: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        write!(stream, "{head}Host: localhost\r\nConnection: close\r\n\r\n").unwrap();
        // Who is refused by the head alone is not listened to any more.
        let _ = stream.write_all(body);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A connection to its HTTP.
    pub fn connect(&self) -> TcpStream {
        let port = self.address.rsplit_once(':').unwrap().1;
        TcpStream::connect(format!("127.0.0.1:{port}")).unwrap()
    }

    /// `/readyz`.
    pub fn readiness(&self) -> (u16, Value) {
        let answer = self.get("/readyz");
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    /// A file of the system's about this process.
    pub fn proc(&self, name: &str) -> String {
        let bytes = std::fs::read(format!("/proc/{}/{name}", self.child.id())).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The most memory that it has held so far, in kB.
    pub fn most_kilobytes(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; returns the exit code.
    pub fn wait(&mut self) -> i32 {
        let exit = wait(&mut self.child);
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        exit
    }

    /// Asks it to stop and waits for that; returns the exit code.
    pub fn stop(&mut self) -> i32 {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
