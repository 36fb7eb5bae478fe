//! What a hostile network, a careless machine and a curious reader get: nothing. By the real binary and real sockets.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test tells what it measured and ends by a panic"
)]

#[path = "../common/mod.rs"]
mod common;
mod http;
mod server;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use common::{Authority, Daemon, Output, Row, World, people, until};
use rustix::process::Signal;
use server::{Line, Server, list_of_nobody};

/// The most memory that a daemon may take while a server sends what it likes: what it takes in peace, and some answers of the
/// largest size that is read, several at a time, of which the allocator gives nothing back at once. The servers send without end.
const MOST_KILOBYTES: u64 = 256 * 1024;

fn check(world: &mut World, base_url: String) -> Output {
    world.set("workiva.base_url", base_url);
    world.run(&["check"])
}

/// What happens by a certificate that `make` makes, with the authority's in `workiva.ca_file`.
fn check_by(make: impl FnOnce(&Authority) -> Arc<rustls::ServerConfig>) -> (Output, usize) {
    let authority = Authority::new();
    let server = Server::tls(make(&authority), |line: &mut Line| line.say(&list_of_nobody()));
    let mut world = World::new();
    world.hr(&people(1));
    std::fs::write(world.path("ca.pem"), authority.pem()).unwrap();
    world.set("workiva.ca_file", world.path("ca.pem").to_str().unwrap());
    let told = check(&mut world, format!("https://localhost:{}/scim", server.port()));
    (told, server.requests().len())
}

#[test]
fn a_certificate_of_the_companys_own_authority_is_accepted() {
    let (told, requests) = check_by(|authority| authority.issue("localhost", 2020, 2090));
    assert_eq!(told.exit, 0, "{told:?}");
    assert!(requests > 0);
}

#[test]
fn certificates_that_prove_nothing_are_refused_with_the_reason_and_get_no_credentials() {
    let stranger = Authority::new();
    type Make<'a> = &'a dyn Fn(&Authority) -> Arc<rustls::ServerConfig>;
    let refusals: [(&str, Make<'_>); 4] = [
        ("unknown authority", &|_| stranger.issue("localhost", 2020, 2090)),
        ("unknown authority", &|_| Authority::self_signed("localhost")),
        ("other name", &|authority| authority.issue("elsewhere.example", 2020, 2090)),
        ("expired", &|authority| authority.issue("localhost", 2020, 2021)),
    ];
    for (reason, make) in refusals {
        let (told, requests) = check_by(make);
        assert_eq!((told.exit, requests), (6, 0), "{reason}: {told:?}");
        assert!(told.stdout.contains("certificate") && told.stdout.contains(reason), "{reason}: {told:?}");
    }
}

#[test]
fn a_redirect_takes_the_credentials_nowhere_neither_to_another_port_nor_from_https_to_http() {
    let elsewhere = Server::plain(|line: &mut Line| line.say(&list_of_nobody()));
    let authority = Authority::new();
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let target = format!("http://localhost:{}/scim/Users", elsewhere.port());
        let answer = format!(
            "HTTP/1.1 {status}\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let redirect = move |line: &mut Line| line.say(&answer);
        let encrypted = Server::tls(authority.issue("localhost", 2020, 2090), redirect.clone());
        let plain = Server::plain(redirect);
        for from in [format!("https://localhost:{}", encrypted.port()), plain.base_url()] {
            let mut world = World::new();
            world.hr(&people(1));
            std::fs::write(world.path("ca.pem"), authority.pem()).unwrap();
            world.set("workiva.ca_file", world.path("ca.pem").to_str().unwrap());
            let told = check(&mut world, from);
            assert_eq!(told.exit, 6, "{status}: {told:?}");
            assert!(told.stdout.contains("is redirected to 'http://localhost:"), "{status}: {told:?}");
            assert!(told.stdout.contains("nothing was sent there"), "{status}: {told:?}");
            assert!(!told.stdout.contains("new place"), "nobody is told to go there: {told:?}");
        }
        assert!(encrypted.requests().len() + plain.requests().len() >= 2);
    }
    assert_eq!((elsewhere.requests(), elsewhere.connections()), (Vec::new(), 0));
}

#[test]
fn no_proxy_is_used_whatever_the_environment_says() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let world = World::new();
    world.hr(&people(1));
    let mut check = world.command(&["check"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        check.env(name, &address);
    }
    assert_eq!(check.output().unwrap().status.code(), Some(0));
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody asked the proxy");
}

/// A server that does this to every request; what `check` says of it, and the most memory that a daemon takes over it.
fn suffer(what: &str, hostile: impl Fn(&mut Line) + Clone + Send + 'static, said: &str) {
    let server = Server::plain(hostile);
    let mut world = World::new();
    world.hr(&people(1));
    world.set("workiva.timeout_seconds", 2);
    world.set("retry.base_seconds", 0.01);
    let told = check(&mut world, server.base_url());
    assert_eq!(told.exit, 6, "{what}: {told:?}");
    assert!(told.stdout.contains(said), "{what}: {told:?}");
    let before = server.connections();
    let mut daemon = Daemon::start(&world);
    // Run and pool try three times each; by then the first of them have been through with it.
    until("the daemon has asked as well", || server.connections() > before + 3);
    let most = daemon.most_kilobytes();
    eprintln!("{what}: {most} kB at most");
    assert!(most < MOST_KILOBYTES, "{what}: {most} kB");
    assert_eq!(daemon.stop(), 0, "{what}");
}

#[test]
fn a_body_without_end_is_not_read_on() {
    suffer(
        "a body without end",
        |line| {
            line.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            while line.try_say(chunk.as_bytes()) {}
        },
        "larger than",
    );
}

#[test]
fn a_small_compressed_body_that_becomes_a_huge_one_is_not_read_on() {
    let bomb = server::gzip_of_zeros(1024 * 1024 * 1024);
    suffer(
        "a gzip bomb",
        move |line| {
            line.say(&format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                bomb.len()
            ));
            line.try_say(&bomb);
        },
        "larger than",
    );
}

#[test]
fn headers_without_end_are_not_read_on() {
    suffer(
        "a flood of headers",
        |line| {
            line.say("HTTP/1.1 200 OK\r\n");
            let mut number = 0_u64;
            while line.try_say(format!("X-{number}: {}\r\n", "x".repeat(1000)).as_bytes()) {
                number += 1;
            }
        },
        "before the answer",
    );
}

fn drip(line: &mut Line) {
    while line.try_say(b" ") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_header_that_comes_byte_by_byte_ends_with_the_time_out() {
    suffer(
        "a header byte by byte",
        |line| {
            line.say("HTTP/1.1 200 OK\r\nX:");
            drip(line);
        },
        "nothing came within workiva.timeout_seconds",
    );
}

#[test]
fn a_body_that_comes_byte_by_byte_ends_with_the_time_out() {
    suffer(
        "a body byte by byte",
        |line| {
            line.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
            drip(line);
        },
        "nothing came within workiva.timeout_seconds",
    );
}

#[test]
fn whatever_the_umask_files_are_for_their_owner_alone_and_so_are_folders_that_we_make() {
    let mut world = World::new();
    world.set("store.url", format!("sqlite://{}", world.path("made/by/us/state.db").display()));
    world.set("schedule.cron", "* * * * * *");
    world.hr(&[Row::new("1", "Ana", "Ruiz")]);
    std::fs::set_permissions(world.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut daemon = Daemon::start_by_shell(&world, "umask 000");
    until("the write-ahead log is there", || world.path("made/by/us/state.db-shm").exists());
    until("the lock is there", || {
        names(&world.path("made/by/us")).iter().any(|name| name.contains("-owner-"))
    });
    assert_private(&world.path("made"));
    assert_eq!(daemon.stop(), 0);
    let adopted = world.path("made/adopt.csv");
    let mut shell = world.shell("umask 000", &["adopt", "--csv", adopted.to_str().unwrap()]);
    assert!(shell.output().unwrap().status.success());
    assert_private(&world.path("made"));
    assert!(adopted.exists());
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The folder and everything in it.
fn assert_private(folder: &Path) {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700, "{}", folder.display());
    for name in names(folder) {
        let path = folder.join(name);
        if path.is_dir() {
            assert_private(&path);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn check_warns_of_a_secret_that_everybody_on_the_machine_can_read() {
    let mut world = World::new();
    world.hr(&people(1));
    let secret = world.path("secret");
    std::fs::write(&secret, "sandbox-password\n").unwrap();
    world.unset("workiva", "password");
    world.set("workiva.password_file", secret.to_str().unwrap());
    for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true)] {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
        let told = world.run(&["check"]);
        assert_eq!((told.exit, told.stdout.contains("chmod")), (0, warned), "{mode:o}: {told:?}");
    }
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    for (key, name) in
        [("trigger.token_file", "call"), ("trigger.secret_file", "sign"), ("source.push.token_file", "push")]
    {
        std::fs::write(world.path(name), "a-secret-that-is-long-enough-for-all\n").unwrap();
        world.set(key, world.path(name).to_str().unwrap());
    }
    world.set("trigger.signature_header", "X-Signature");
    world.set("source.kind", "push");
    for key in ["path", "delimiter"] {
        world.config["source"].as_table_mut().unwrap().remove(key);
    }
    world.write_config();
    let told = world.run(&["check"]);
    for name in ["call", "sign", "push"] {
        let mend = format!("chmod 600 {}", world.path(name).display());
        assert!(told.stdout.contains(&mend), "{mend}: {told:?}");
    }
    assert!(!told.stdout.contains(secret.to_str().unwrap()));
}

#[test]
fn a_crash_leaves_no_core_with_the_secrets_in_it() {
    let world = World::new();
    world.hr(&people(1));
    let mut daemon = Daemon::start_by_shell(&world, "ulimit -c unlimited");
    daemon.signal(Signal::ABORT);
    assert_ne!(daemon.wait(), 0);
    let left: Vec<String> = names(&world.path("")).into_iter().filter(|name| name.contains("core")).collect();
    assert_eq!(left, Vec::<String>::new());
}
