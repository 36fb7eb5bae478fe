//! A real OpenSSH server of this test alone: on loopback, as the user who runs the test, with keys of its own.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Set where a skipped test is a failed one.
const REQUIRED: &str = "WORKIVA_SYNC_REQUIRE_SSHD";

/// The server, which ends with this.
pub struct Sshd {
    /// Where it listens.
    pub port: u16,
    folder: TempDir,
    child: Child,
    further: String,
}

/// A server with these further lines of configuration; `None`, and a loud word, where this machine has no OpenSSH.
pub fn sshd(further: &str) -> Option<Sshd> {
    let Some(program) = program("sshd") else {
        if std::env::var_os(REQUIRED).is_some() {
            panic!("{REQUIRED} is set and there is no sshd: install openssh-server");
        }
        // Not by a macro: what those print is kept back where a test passes.
        let word =
            "\n!!! SKIPPED: SFTP is not tested, there is no sshd on this machine; install openssh-server\n";
        std::io::stderr().write_all(word.as_bytes()).unwrap();
        return None;
    };
    // The privileged part of sshd wants it.
    let _ = std::fs::create_dir_all("/run/sshd");
    let mut folder = tempfile::tempdir().unwrap();
    for name in ["host", "user", "stranger"] {
        new_key(&folder.path().join(name), &["-t", "ed25519"]);
    }
    new_key(&folder.path().join("host_ecdsa"), &["-t", "ecdsa"]);
    std::fs::copy(folder.path().join("user.pub"), folder.path().join("authorized")).unwrap();
    // Somebody may take a free port in between.
    for _ in 0..10 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = start(&program, folder.path(), port, further);
        let mut server = Sshd { port, folder, child, further: further.to_owned() };
        if server.listens() {
            return Some(server);
        }
        folder = std::mem::replace(&mut server.folder, tempfile::tempdir().unwrap());
    }
    panic!("sshd does not start");
}

fn start(program: &Path, folder: &Path, port: u16, further: &str) -> Child {
    let shown = folder.display();
    let subsystem = if further.contains("Subsystem") { "" } else { "Subsystem sftp internal-sftp" };
    let configuration = format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {shown}/host\nHostKey {shown}/host_ecdsa\n\
         AuthorizedKeysFile {shown}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPermitRootLogin yes\nPidFile none\nMaxStartups 100\nLogLevel QUIET\n\
         {subsystem}\n{further}\n"
    );
    let file = folder.join("sshd_config");
    std::fs::write(&file, configuration).unwrap();
    let mut command = Command::new(program);
    command.arg("-D").arg("-f").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

impl Sshd {
    /// The process that listens.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts it anew on the same port, with the same keys, once it has been killed.
    pub fn start_again(&mut self) {
        self.child.wait().unwrap();
        self.child = start(&program("sshd").unwrap(), self.folder.path(), self.port, &self.further);
        assert!(self.listens(), "sshd does not start again");
    }

    fn listens(&mut self) -> bool {
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        false
    }

    /// A file of the server's keys: `user` is let in, `stranger` is not, `host` and `host_ecdsa` are its own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The public half of one of them, without its comment.
    pub fn public(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.file(&format!("{name}.pub"))).unwrap();
        text.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// The fingerprint of one of them, as OpenSSH writes it.
    pub fn fingerprint(&self, name: &str) -> String {
        let output = Command::new("ssh-keygen").arg("-lf").arg(self.file(name)).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split(' ').find(|word| word.starts_with("SHA256:")).unwrap().to_owned()
    }

    /// Lets a further key in, made as `ssh-keygen` is told to.
    pub fn let_in(&self, name: &str, how: &[&str]) {
        new_key(&self.file(name), how);
        let mut authorized = std::fs::read_to_string(self.file("authorized")).unwrap();
        authorized += &std::fs::read_to_string(self.file(&format!("{name}.pub"))).unwrap();
        std::fs::write(self.file("authorized"), authorized).unwrap();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a server and the processes that serve its connections, at once.
pub fn kill(pid: u32) {
    for pid in with_children(pid) {
        let pid = Pid::from_raw(pid.cast_signed()).unwrap();
        // One that has ended by itself is as good.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// A process, and all that it began, by what the system says of each one's parent.
fn with_children(pid: u32) -> Vec<u32> {
    let mut parents: Vec<(u32, u32)> = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(child) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        // The name of the program stands in brackets and may hold anything; behind it come the state and the parent.
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
        parents.extend(
            behind.split_whitespace().nth(1).and_then(|parent| Some((child, parent.parse::<u32>().ok()?))),
        );
    }
    let mut all = vec![pid];
    let mut at = 0;
    while at < all.len() {
        let parent: u32 = all[at];
        all.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        at += 1;
    }
    all
}

/// A new pair of keys, without a passphrase unless one is given.
pub fn new_key(file: &Path, how: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(how).arg("-q").arg("-f").arg(file);
    if !how.contains(&"-N") {
        command.args(["-N", ""]);
    }
    assert!(command.status().unwrap().success());
}

/// A program of OpenSSH, wherever this machine keeps it.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(
        ["/usr/sbin", "/usr/local/sbin", "/usr/lib/openssh", "/usr/libexec", "/usr/lib/ssh"]
            .map(PathBuf::from),
    );
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The account that a test logs in with: the one that it runs as.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
