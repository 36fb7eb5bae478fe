//! Passwords, by either of the two ways in which servers ask for them. OpenSSH takes a password from PAM or the machine's own
//! accounts only, which a test does not touch: another server lets in here, before OpenSSH's own `sftp-server`.

use std::process::Stdio;
use std::sync::Arc;

use russh::keys::{HashAlg, load_secret_key};
use russh::server::{Auth, Config, Handler, Msg, Response, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet};

use super::common::{World, kinds, people};
use super::server::{program, sshd};

const PASSWORD: &str = "correct horse";

struct Guard {
    by_questions: bool,
    channel: Option<Channel<Msg>>,
}

impl Guard {
    fn judge(&self, given: &str) -> Auth {
        let methods = if self.by_questions { MethodKind::KeyboardInteractive } else { MethodKind::Password };
        match given == PASSWORD {
            true => Auth::Accept,
            false => {
                let methods = MethodSet::from([methods].as_slice());
                Auth::Reject { proceed_with_methods: Some(methods), partial_success: false }
            }
        }
    }
}

impl Handler for Guard {
    type Error = russh::Error;

    async fn auth_password(&mut self, _user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(self.judge(if self.by_questions { "" } else { password }))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(mut answers) = response else {
            let prompts = vec![("Password: ".into(), false)].into();
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts });
        };
        let answer = answers.next().unwrap();
        Ok(self.judge(std::str::from_utf8(&answer).unwrap()))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        let mut stream = self.channel.take().unwrap().into_stream();
        let mut command = tokio::process::Command::new(program("sftp-server").unwrap());
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        tokio::spawn(async move {
            // The whole of it, or it would be killed here.
            let mut child = child;
            let mut pipes = tokio::io::join(child.stdout.take().unwrap(), child.stdin.take().unwrap());
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut pipes).await;
        });
        Ok(())
    }
}

#[test]
fn a_password_lets_in_also_where_the_server_asks_a_question_and_a_wrong_one_does_not() {
    // Of it the keys are used alone.
    let Some(keys) = sshd("") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for by_questions in [false, true] {
        let key = load_secret_key(keys.file("host"), None).unwrap();
        let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = Arc::new(Config {
            keys: vec![key],
            auth_rejection_time: std::time::Duration::ZERO,
            ..Config::default()
        });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let guard = Guard { by_questions, channel: None };
                tokio::spawn(russh::server::run_stream(Arc::clone(&config), stream, guard));
            }
        });
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
