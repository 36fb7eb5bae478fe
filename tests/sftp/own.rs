//! An SSH server of the test's own, for what OpenSSH's cannot be had to do.

use std::sync::Arc;

use russh::keys::load_secret_key;
use russh::server::{Auth, Config, Handler, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelStream, MethodKind, MethodSet};
use tokio::runtime::Runtime;

use super::server::Sshd;

/// Who is let in.
#[derive(Clone, Copy, Debug)]
pub enum LetsIn {
    /// Whoever has a key.
    Keys,
    /// Whoever knows this.
    Password {
        /// It.
        is: &'static str,
        /// Whether it is asked for by a question.
        by_questions: bool,
    },
}

/// What is done with a stream that is to speak SFTP.
type Serve = dyn Fn(ChannelStream<Msg>) + Send + Sync;

/// One connection.
struct Connection {
    lets_in: LetsIn,
    serve: Arc<Serve>,
    channel: Option<Channel<Msg>>,
}

impl Connection {
    fn judge(&self, given: &str, answers_questions: bool) -> Auth {
        let LetsIn::Password { is, by_questions } = self.lets_in else { return Auth::reject() };
        if given == is && answers_questions == by_questions {
            return Auth::Accept;
        }
        let method = if by_questions { MethodKind::KeyboardInteractive } else { MethodKind::Password };
        let methods = MethodSet::from([method].as_slice());
        Auth::Reject { proceed_with_methods: Some(methods), partial_success: false }
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _user: &str,
        _key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(if matches!(self.lets_in, LetsIn::Keys) { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_password(&mut self, _user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(self.judge(password, false))
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
        Ok(self.judge(std::str::from_utf8(&answer).unwrap(), true))
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
        (self.serve)(self.channel.take().unwrap().into_stream());
        Ok(())
    }
}

/// The port of one with the host key of that server, for as long as the runtime lives.
pub fn listen(
    runtime: &Runtime,
    keys: &Sshd,
    lets_in: LetsIn,
    serve: impl Fn(ChannelStream<Msg>) + Send + Sync + 'static,
) -> u16 {
    let key = load_secret_key(keys.file("host"), None).unwrap();
    let auth_rejection_time = std::time::Duration::ZERO;
    let config = Arc::new(Config { keys: vec![key], auth_rejection_time, ..Config::default() });
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve: Arc<Serve> = Arc::new(serve);
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = Connection { lets_in, serve: Arc::clone(&serve), channel: None };
            tokio::spawn(russh::server::run_stream(Arc::clone(&config), stream, connection));
        }
    });
    port
}
