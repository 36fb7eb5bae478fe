//! Passwords, by either of the two ways in which servers ask for them. OpenSSH takes a password from PAM or the machine's own
//! accounts only, which a test does not touch: another server lets in here, before OpenSSH's own `sftp-server`.

use std::process::Stdio;

use russh::ChannelStream;
use russh::keys::{HashAlg, load_secret_key};
use russh::server::Msg;

use super::common::{World, kinds, people};
use super::own::{LetsIn, listen};
use super::server::{program, sshd};

const PASSWORD: &str = "correct horse";

/// OpenSSH's own server, over these pipes.
fn lend(mut stream: ChannelStream<Msg>) {
    let mut command = tokio::process::Command::new(program("sftp-server").unwrap());
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    tokio::spawn(async move {
        // The whole of it, or it would be killed here.
        let mut child = child;
        let mut pipes = tokio::io::join(child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut pipes).await;
    });
}

#[test]
fn a_password_lets_in_also_where_the_server_asks_a_question_and_a_wrong_one_does_not() {
    // Of it the keys are used alone.
    let Some(keys) = sshd("") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for by_questions in [false, true] {
        let key = load_secret_key(keys.file("host"), None).unwrap();
        let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
        let port = listen(&runtime, &keys, LetsIn::Password { is: PASSWORD, by_questions }, lend);
        let mut world = World::new();
        world.set("source.sftp.host", "127.0.0.1");
        world.set("source.sftp.port", i64::from(port));
        world.set("source.sftp.username", "hr-export");
        world.set("source.sftp.host_key", fingerprint);
        std::fs::write(world.path("password"), "wrong\n").unwrap();
        world.set("source.sftp.password_file", world.path("password").display().to_string());
        world.hr(&people(2));
        let refused = world.run(&["sync"]);
        assert_eq!(refused.exit, 5, "{refused:?}");
        assert!(refused.stdout.contains("refused the password of user hr-export"), "{refused:?}");
        assert!(!format!("{refused:?}").contains("wrong"), "{refused:?}");
        std::fs::write(world.path("password"), format!("{PASSWORD}\n")).unwrap();
        let synced = world.sync();
        assert_eq!(synced.applied(), kinds([("create", 2)]), "{synced:?}");
    }
}
