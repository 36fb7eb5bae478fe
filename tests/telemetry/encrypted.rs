//! A collector elsewhere, which is one behind TLS; and the token for it, which nobody else gets to see.

use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::ServerConfig;

use crate::collector::Collector;
use crate::common::{Authority, Daemon, Synced, World, kinds, people, run, until};

const TOKEN: &str = "c0llector-t0ken-xyzzy";

/// A world whose spans go to this collector, whose certificate this authority vouches for.
fn world(collector: &Collector, authority: &Authority) -> World {
    let mut world = World::new();
    std::fs::write(world.path("ca.pem"), authority.pem()).unwrap();
    world.set("telemetry.otlp_endpoint", collector.url());
    world.set("telemetry.ca_file", world.path("ca.pem").to_str().unwrap());
    world.set("telemetry.token", TOKEN);
    world
}

/// `sync --json`, which logs what this filter lets through.
fn sync(world: &World, filter: &str) -> Synced {
    let mut command: Command = world.command(&["sync", "--json"]);
    command.env("WORKIVA_SYNC_LOG", filter);
    Synced::of(run(&mut command))
}

#[test]
fn spans_and_token_go_to_a_collector_that_the_companys_own_authority_vouches_for() {
    let authority = Authority::new();
    let collector = Collector::start_tls(authority.issue("localhost", 2020, 2090));
    let world = world(&collector, &authority);
    world.hr(&people(1));
    let synced = sync(&world, "info");
    assert_eq!(synced.applied(), kinds([("create", 1)]), "{synced:?}");
    assert!(!synced.stderr.contains("dropped"), "{}", synced.stderr);
    let head = collector.exports()[0].head.to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nauthorization: bearer {TOKEN}\r\n")), "{head}");
    assert_eq!(collector.called("run").len(), 1);
    assert_eq!(collector.called("action create").len(), 1);
    assert!(!world.run(&["check"]).stdout.contains("spans would not arrive"));
}

#[test]
fn a_collector_whose_certificate_proves_nothing_gets_neither_spans_nor_token_and_runs_go_on() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let certificates: [(&str, Arc<ServerConfig>); 4] = [
        ("of an authority that nobody knows", stranger.issue("localhost", 2020, 2090)),
        ("of nobody but itself", Authority::self_signed("localhost")),
        ("of another name", authority.issue("elsewhere.example", 2020, 2090)),
        ("of another time", authority.issue("localhost", 2020, 2021)),
    ];
    for (what, certificate) in certificates {
        let collector = Collector::start_tls(certificate);
        let world = world(&collector, &authority);
        world.hr(&people(1));
        let synced = sync(&world, "info");
        assert_eq!((synced.exit, synced.outcome()), (0, "applied"), "{what}: {synced:?}");
        let told: Vec<&str> = synced.stderr.lines().filter(|line| line.contains("are dropped")).collect();
        let reasons = ["certificate is not believed", "could not be sent in time"];
        // A machine that is too busy may have come to no answer by the end.
        let is_told = |one: &str| reasons.iter().any(|reason| one.contains(reason));
        assert!(matches!(&told[..], [one] if is_told(one)), "{what}: {}", synced.stderr);
        let checked = world.run(&["check"]);
        assert_eq!(checked.exit, 0, "{what}: {checked:?}");
        assert!(checked.stdout.contains("telemetry.ca_file"), "{what}: {checked:?}");
        assert!(collector.connections() > 0 && collector.exports().is_empty(), "{what}");
        world.assert_agrees(&people(1));
    }
}

#[test]
fn a_daemon_whose_collector_shows_a_certificate_of_nobody_goes_on_and_says_so_once() {
    let authority = Authority::new();
    let collector = Collector::start_tls(Authority::self_signed("localhost"));
    let mut world = world(&collector, &authority);
    world.set("schedule.cron", "* * * * * *");
    world.hr(&people(1));
    let mut daemon = world.daemon();
    let said = daemon.wait_for_log("spans are dropped");
    assert!(said.contains("certificate is not believed") && said.contains("telemetry.ca_file"), "{said}");
    until("spans are counted as dropped", || {
        daemon.metric("trace_spans_dropped_total").is_some_and(|dropped| dropped > 0.0)
    });
    let tried = collector.connections();
    until("another export was tried", || collector.connections() > tried);
    world.hr(&people(3));
    until("who came meanwhile has a user", || world.agrees(&people(3)));
    assert_eq!(daemon.get("/readyz").status, 200, "nothing else is affected");
    assert_eq!(daemon.stop(), 0);
    assert_eq!(daemon.log().matches("spans are dropped").count(), 1, "{}", daemon.log());
    assert!(collector.exports().is_empty());
}

#[test]
fn the_token_for_the_collector_is_in_no_log_at_its_most_talkative_whatever_the_collector_says() {
    let authority = Authority::new();
    let collector = Collector::start_tls(authority.issue("localhost", 2020, 2090));
    let refusing = Collector::start_tls(authority.issue("localhost", 2020, 2090));
    refusing.answers(401);
    let stranger = Collector::start_tls(Authority::self_signed("localhost"));
    let plain = Collector::start();
    let ways = [(&collector, None), (&refusing, None), (&stranger, None), (&plain, None)];
    for (to, header) in ways.into_iter().chain([(&refusing, Some("x-api-key"))]) {
        let mut world = world(to, &authority);
        if let Some(header) = header {
            world.set("telemetry.token_header", header);
        }
        world.hr(&people(1));
        let synced = sync(&world, "trace");
        let checked = run(world.command(&["check"]).env("WORKIVA_SYNC_LOG", "trace"));
        let mut daemon = Daemon::start_logging(&world, "trace");
        until("the daemon has run", || daemon.log().contains("run planned"));
        assert_eq!(daemon.stop(), 0);
        let told = [synced.stderr, checked.stdout, checked.stderr, daemon.log()].concat();
        assert!(told.contains("\"level\":\"TRACE\""), "at its most talkative");
        for form in [TOKEN.to_owned(), BASE64.encode(TOKEN)] {
            assert!(!told.contains(&form), "{form} in {told}");
        }
    }
    // Otherwise there was nothing to be logged.
    for reached in [&collector, &refusing, &plain] {
        let heads: Vec<String> = reached.exports().into_iter().map(|export| export.head).collect();
        assert!(heads.iter().any(|head| head.contains(TOKEN)), "{heads:#?}");
    }
}
