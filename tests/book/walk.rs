//! Pages that lead through something, done as they say, with the output that they show.
//!
//! A block `console` has commands behind `$ ` and what they print; `…` stands for what differs each time, and alone on a line for any
//! number of lines. A block with the name of a file is written there. PLAN is the plan that was named last.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::pages::read;

/// Where the pages have the sandbox, and the daemon's HTTP.
const SANDBOX: &str = "127.0.0.1:8181";

#[test]
fn getting_started_goes_as_the_page_says() {
    assert!(walk("docs/getting-started.md") > 20);
}

#[test]
fn going_live_goes_as_the_page_says() {
    assert!(walk("docs/going-live.md") > 15);
}

/// Goes through a page; returns how many commands there were.
fn walk(path: &str) -> usize {
    let page = read(Path::new(path));
    let mut walk = Walk::begin();
    for block in &page.blocks {
        let place = format!("{path}:{}", block.line);
        match (block.language(), block.file()) {
            ("console", None) => steps(&block.text).into_iter().for_each(|step| walk.carry_out(&place, step)),
            ("json", Some("users")) => walk.put_users(&block.text),
            (_, Some(name)) => walk.write(name, &block.text),
            _ => {}
        }
    }
    walk.commands
}

/// A command, and the lines that it prints.
struct Step {
    command: String,
    output: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut document: Option<String> = None;
    for line in text.lines() {
        if let Some(end) = &document {
            let command = &mut steps.last_mut().unwrap().command;
            command.push('\n');
            command.push_str(line);
            if line == end {
                document = None;
            }
        } else if let Some(command) = line.strip_prefix("$ ") {
            document = command
                .split_once("<<'")
                .and_then(|(_, rest)| rest.split_once('\''))
                .map(|(end, _)| end.into());
            steps.push(Step { command: command.to_owned(), output: Vec::new() });
        } else {
            steps.last_mut().unwrap().output.push(line.to_owned());
        }
    }
    steps
}

/// A folder in which a page is followed.
struct Walk {
    folder: TempDir,
    /// Where the sandbox is, once it has been started.
    sandbox: Option<String>,
    http: String,
    plan: String,
    background: Vec<Child>,
    commands: usize,
}

impl Walk {
    fn begin() -> Self {
        // Free a moment ago; nobody else is told to take it.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = listener.local_addr().unwrap().to_string();
        let folder = tempfile::tempdir().unwrap();
        Self { folder, sandbox: None, http, plan: "PLAN".into(), background: Vec::new(), commands: 0 }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.as_it_is(text)).unwrap();
    }

    /// With the sandbox where it really is.
    fn as_it_is(&self, text: &str) -> String {
        self.sandbox.as_ref().map_or_else(|| text.to_owned(), |address| text.replace(SANDBOX, address))
    }

    /// With the sandbox where the page has it.
    fn as_shown(&self, text: &str) -> String {
        self.sandbox.as_ref().map_or_else(|| text.to_owned(), |address| text.replace(address, SANDBOX))
    }

    /// Where a page begins with a Workiva that has users, the sandbox is there before.
    fn put_users(&mut self, text: &str) {
        self.start("workiva-sync sandbox", &[String::from("a stand-in for Workiva listens at …")]);
        let address = self.sandbox.clone().unwrap();
        // What was written before has the address of the page.
        let config = self.folder.path().join("config/workiva-sync.toml");
        std::fs::write(&config, self.as_it_is(&std::fs::read_to_string(&config).unwrap())).unwrap();
        let credentials = base64::prelude::BASE64_STANDARD.encode("scim-user:sandbox-password");
        let users: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
        for user in users.iter().map(ToString::to_string) {
            let mut stream = TcpStream::connect(&address).unwrap();
            let length = user.len();
            write!(
                stream,
                "POST /_sandbox/users HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Basic {credentials}\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{user}"
            )
            .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        }
    }

    fn carry_out(&mut self, place: &str, step: Step) {
        self.commands += 1;
        if let Some(command) = step.command.strip_suffix(" &") {
            return self.start(command, &step.output);
        }
        let command = self.as_it_is(&step.command).replace("PLAN", &self.plan);
        let output = self.shell(&format!("{{ {command}\n}} 2>&1")).output().unwrap();
        let said = self.as_shown(&String::from_utf8_lossy(&output.stdout));
        self.remember_plan(&said);
        let lines: Vec<&str> = said.lines().map(str::trim_end).collect();
        let expected: Vec<&str> = step.output.iter().map(String::as_str).collect();
        assert!(
            fits(&expected, &lines),
            "{place}: {}\n--- the page says\n{}\n--- it said\n{said}",
            step.command,
            expected.join("\n")
        );
    }

    /// Starts what goes on in the background, and waits until it has said what the page shows.
    fn start(&mut self, command: &str, expected: &[String]) {
        let command = command.replace("workiva-sync sandbox", "workiva-sync sandbox --listen 127.0.0.1:0");
        let mut child = self.shell(&format!("exec {command}")).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        self.background.push(child);
        for expected in expected {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            if let Some(address) = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()) {
                self.sandbox = Some(address.to_owned());
            }
            let said = self.as_shown(line.trim_end());
            assert!(fits(&[expected], &[&said]), "{command}: {said}");
        }
    }

    fn remember_plan(&mut self, said: &str) {
        let is_plan = |word: &&str| {
            let parts: Vec<&str> = word.split(['T', '-']).collect();
            word.len() == 24
                && matches!(parts[..], [day, time, mark] if (day.len(), time.len(), mark.len()) == (8, 6, 8))
        };
        let mut words = said.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        if let Some(plan) = words.rfind(is_plan) {
            self.plan = plan.to_owned();
        }
    }

    fn shell(&self, script: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_workiva-sync")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("bash");
        shell.args(["-c", script]).current_dir(self.folder.path()).stdin(Stdio::null()).process_group(0);
        shell
            .env_clear()
            .env("PATH", path)
            .env("WORKIVA_SYNC__HTTP__LISTEN", &self.http)
            .env("LC_ALL", "C.UTF-8");
        shell
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        for child in &mut self.background {
            let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            // It may have ended already.
            let _ = kill_process_group(group, Signal::KILL);
            let _ = child.wait();
        }
    }
}

/// Whether these lines are the expected ones.
fn fits(expected: &[&str], lines: &[&str]) -> bool {
    match expected {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|at| fits(rest, &lines[at..])),
        [first, rest @ ..] => {
            lines.first().is_some_and(|line| is_like(first, line)) && fits(rest, &lines[1..])
        }
    }
}

/// Whether a line is the expected one, but for what stands at each `…`.
fn is_like(expected: &str, line: &str) -> bool {
    let mut parts: VecDeque<&str> = expected.split('…').collect();
    let (first, last) = (parts.pop_front().unwrap_or_default(), parts.pop_back());
    let Some(last) = last else { return expected == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_page_that_says_something_else_is_noticed() {
    assert!(fits(&["a … c", "…", "z"], &["a b c", "d", "e", "z"]) && fits(&["…"], &[]));
    for (expected, lines) in
        [(&["a … c"][..], &["a b d"][..]), (&["a"], &["a", "b"]), (&["a", "b"], &["a"]), (&["a…"], &["b"])]
    {
        assert!(!fits(expected, lines), "{expected:?} {lines:?}");
    }
}
