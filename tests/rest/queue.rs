//! Changes that wait in a queue, message by message: ADP's events.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use workiva_sync::compose;
use workiva_sync::source::{Extent, HrSource, SourceEnd, SourceError};

use super::common::{Daemon, World, until};
use super::presets::{adp, adp_account};
use super::server::{Reply, Request, Server};
use super::{configured, read, read_since};

const EVENTS: &str = "/core/v1/event-notification-messages";

/// What ADP holds: its workers, and the messages with their names.
#[derive(Default)]
struct Adp {
    workers: Vec<Value>,
    queue: VecDeque<(String, Value)>,
    /// How a DELETE is answered instead of being obeyed.
    refuses: Option<u16>,
}

impl Adp {
    /// A message about the worker of this number.
    fn say(&mut self, name: &str, number: &str) {
        let event = json!({"eventNameCode": {"codeValue": "worker.work-assignment.modify"},
            "data": {"eventContext": {"worker": {"associateOID": format!("G{number}")}}}});
        self.queue.push_back((name.to_owned(), json!({"events": [event]})));
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let path = request.path.as_str();
        if path == "/auth/oauth/v2/token" {
            return Reply::json(json!({"access_token": "t", "token_type": "Bearer", "expires_in": 3600}));
        }
        if let Some(name) = path.strip_prefix(&format!("{EVENTS}/")) {
            assert_eq!(request.method, "DELETE");
            if let Some(status) = self.refuses {
                return Reply::status(status);
            }
            if self.queue.front().is_none_or(|(first, _)| first != name) {
                return Reply::status(404);
            }
            self.queue.pop_front();
            return Reply::status(200);
        }
        if path == EVENTS {
            let Some((name, message)) = self.queue.front() else { return Reply::status(204) };
            let reply = Reply::json(message);
            return if name.is_empty() { reply } else { reply.with("adp-msg-msgid", name) };
        }
        if let Some(id) = path.strip_prefix("/hr/v2/workers/") {
            let worker = self.workers.iter().find(|worker| worker["associateOID"] == id);
            return worker.map_or(Reply::status(404), |worker| Reply::json(json!({"workers": [worker]})));
        }
        match request.parameter("$skip") {
            "0" => Reply::json(json!({"workers": self.workers})),
            _ => Reply::status(204),
        }
    }
}

fn serve(workers: &[&str]) -> (Arc<Mutex<Adp>>, Server) {
    let adp = Adp { workers: workers.iter().map(|number| adp(number)).collect::<Vec<_>>(), ..Adp::default() };
    let adp = Arc::new(Mutex::new(adp));
    let answering = Arc::clone(&adp);
    (adp, Server::plain(move |request, _| answering.lock().unwrap().answer(request)))
}

/// The lines by which the docs switch the queue on.
fn documented() -> &'static str {
    let page = include_str!("../../docs/sources/adp.md");
    let block = page.split("```toml\n").find(|block| block.starts_with("[source.rest.delta]")).unwrap();
    block.split("```").next().unwrap()
}

fn lines(server: &Server, folder: &std::path::Path) -> String {
    format!(
        "kind = \"adp\"\nfull_cron = \"0 30 2 * * *\"\n[source.account]\n{}\n[source.rest]\nurl = \"{url}\"\nretry_base_seconds = 0.01\nmax_attempts = 2\n\
         requests_per_minute = 0\n[source.rest.auth]\ntoken_url = \"{url}/auth/oauth/v2/token\"\n{}",
        adp_account(folder),
        documented(),
        url = server.url,
    )
}

/// Tells the source that a read is stored, as the engine does.
fn stored(lines: &str, end: &SourceEnd) -> Result<(), SourceError> {
    let source = compose::source(&configured(lines).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(source.stored(end))
}

fn deleted(server: &Server) -> Vec<String> {
    server.asked().into_iter().filter(|asked| asked.starts_with("DELETE")).collect()
}

#[test]
fn a_message_leads_to_its_worker_and_is_deleted_only_once_that_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (adp, server) = serve(&["000123", "000124"]);
    let lines = lines(&server, folder.path());
    let full = read(&lines).unwrap();
    assert_eq!((full.ids().len(), full.end.extent, &full.end.message), (2, Extent::Snapshot, &None));
    let cursor = full.end.cursor.unwrap();
    let next = || read_since(&lines, Some(&cursor)).unwrap();

    let nothing = next();
    assert_eq!((nothing.records.len(), nothing.end.extent, &nothing.end.message), (0, Extent::Delta, &None));
    stored(&lines, &nothing.end).unwrap();

    adp.lock().unwrap().say("0x_1/a", "000124");
    adp.lock().unwrap().say("0x_2", "000999");
    for again in ["first", "killed before the message was deleted"] {
        let one = next();
        assert_eq!((one.ids(), one.end.extent), (vec!["000124"], Extent::Delta), "{again}");
        assert_eq!((one.end.message.as_deref(), one.gone.len()), (Some("0x_1/a"), 0));
    }
    assert_eq!(deleted(&server), [""; 0], "a read deletes nothing");
    stored(&lines, &next().end).unwrap();
    assert_eq!(deleted(&server), [format!("DELETE {EVENTS}/0x_1%2Fa")]);

    // Who is hidden from us, or gone, is rejected by name, and keeps what they have; the queue goes on behind them.
    adp.lock().unwrap().queue.pop_front();
    let hidden = next();
    assert_eq!((hidden.records.len(), hidden.gone.len(), hidden.end.extent), (0, 0, Extent::Delta));
    assert_eq!(
        (hidden.rejections[0].employee_id.as_deref(), hidden.rejections[0].kind.name()),
        (None, "not_found")
    );
    assert!(hidden.rejections[0].reason.contains("'G000999'"), "{}", hidden.rejections[0].reason);
    stored(&lines, &hidden.end).unwrap();
    assert!(adp.lock().unwrap().queue.is_empty());
    stored(&lines, &hidden.end).unwrap();
}

#[test]
fn a_message_that_cannot_be_deleted_is_told_and_one_without_a_name_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (adp, server) = serve(&["000123"]);
    let lines = lines(&server, folder.path());
    let cursor = read(&lines).unwrap().end.cursor.unwrap();
    adp.lock().unwrap().say("0x_1", "000123");
    let one = read_since(&lines, Some(&cursor)).unwrap();
    adp.lock().unwrap().refuses = Some(500);
    let refused = stored(&lines, &one.end).unwrap_err().to_string();
    assert!(refused.contains("status 500"), "{refused}");
    // By such a name the whole queue would be deleted.
    for name in [".", ".."] {
        let end = SourceEnd { message: Some(name.to_owned()), ..one.end.clone() };
        let asked = server.requests().len();
        let refused = stored(&lines, &end).unwrap_err().to_string();
        assert!(refused.contains(&format!("'{name}' cannot be asked for")), "{refused}");
        assert_eq!(server.requests().len(), asked, "{name}");
    }
    adp.lock().unwrap().queue[0].0.clear();
    let refused = read_since(&lines, Some(&cursor)).unwrap_err().to_string();
    assert!(refused.contains("has no header adp-msg-msgid"), "{refused}");
}

#[test]
fn the_daemon_works_through_the_queue_and_what_it_could_not_delete_does_no_harm_again() {
    let (adp, server) = serve(&["000123", "000124", "000125"]);
    let mut world = World::new();
    let source = format!("[source]\nabsence = \"deprovision\"\n{}", lines(&server, &world.path("")));
    let source: toml::Table = toml::from_str(&source).unwrap();
    world.config.remove("lifecycle");
    world.config.insert("source".into(), source["source"].clone());
    for (at, worker) in adp.lock().unwrap().workers.iter_mut().enumerate() {
        worker["businessCommunication"]["emails"][0]["emailUri"] = json!(format!("ana{at}@x.test"));
        worker["workerDates"]["originalHireDate"] = json!("2020-02-03");
        worker["workAssignments"][1]["homeOrganizationalUnits"][1]["nameCode"]["codeValue"] =
            json!("Finance");
    }
    world.set("schedule.cron", "* * * * * *");
    world.set("schedule.run_on_start", true);
    world.set("http.listen", "127.0.0.1:0");
    let users = || world.sandbox.users().into_iter().filter(|user| user["active"] == true).count();
    let daemon = Daemon::start(&world);
    until("everybody is there", || users() == 3);

    // What the daemon cannot delete comes again, and again leads to nothing new.
    adp.lock().unwrap().refuses = Some(503);
    let leave = |number: usize| {
        let mut adp = adp.lock().unwrap();
        adp.workers[number]["workerStatus"]["statusCode"]["codeValue"] = json!("Terminated");
        let id = adp.workers[number]["workerID"]["idValue"].as_str().unwrap().to_owned();
        adp.say(&format!("0x_{number}"), &id);
    };
    leave(0);
    until("the first has left", || users() == 2);
    until("the message was to be deleted twice", || deleted(&server).len() >= 4);
    let metrics = daemon.get("/metrics").body;
    let counted =
        metrics.lines().find(|line| line.starts_with("workiva_sync_source_not_cleared_total")).unwrap();
    assert!(!counted.ends_with(" 0"), "{counted}");
    let runs = world.status()["runs"].to_string();
    assert!(runs.contains("not cleared away"), "{runs}");
    drop(daemon);
    adp.lock().unwrap().refuses = None;
    leave(1);
    let sent = world.sandbox.statistics().by_method.get("PATCH").copied();
    let daemon = Daemon::start(&world);
    until("the queue is empty", || adp.lock().unwrap().queue.is_empty());
    until("the second has left", || users() == 1);
    leave(2);
    adp.lock().unwrap().say("0x_9", "000123");
    until("the queue is empty", || adp.lock().unwrap().queue.is_empty());
    until("the third has left", || users() == 0);
    drop(daemon);
    let behind = world.sandbox.statistics().by_method.get("PATCH").copied();
    assert_eq!((sent, behind), (Some(1), Some(3)), "nobody is suspended twice");
    let causes: Vec<Value> =
        world.status()["runs"].as_array().unwrap().iter().map(|run| run["cause"].clone()).collect();
    assert!(causes.contains(&json!("queue")), "what waits behind a message is read at once: {causes:?}");
}
