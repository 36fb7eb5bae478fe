//! A listener whose connections can be broken by the handler that answers on them, and are all broken when the
//! sandbox stops.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
};

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const RESET: u8 = 2;

/// A handler's hold on its connection.
#[derive(Clone)]
pub(super) struct Line(Arc<AtomicU8>);

impl Line {
    /// From now on nothing is written; the connection closes instead of answering.
    pub(super) fn close(&self) {
        self.0.store(CLOSED, Ordering::Release);
    }

    /// Like `close`, but the client sees a reset (RST) instead of an end.
    pub(super) fn reset(&self) {
        self.0.store(RESET, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().line.clone()
    }
}

/// The listener.
pub(super) struct Lines {
    pub(super) listener: TcpListener,
    /// Becomes true, or is dropped, when the sandbox stops.
    pub(super) stopped: watch::Receiver<bool>,
}

impl Listener for Lines {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        // The listener of axum waits and tries again where accepting fails.
        let (inner, address) = Listener::accept(&mut self.listener).await;
        // A failure only means that small answers may be delayed.
        let _ = inner.set_nodelay(true);
        let mut stopped = self.stopped.clone();
        let stopped = Box::pin(async move {
            // An error says that the sandbox was dropped, which stops it too.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
        (Stream { inner, line: Line(Arc::new(AtomicU8::new(OPEN))), stopped }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(super) struct Stream {
    inner: TcpStream,
    line: Line,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream {
    fn check_line(&self) -> io::Result<()> {
        match self.line.0.load(Ordering::Acquire) {
            OPEN => Ok(()),
            state => {
                if state == RESET {
                    // Where this fails the client sees an end instead of a reset, which is as broken.
                    let _ = self.inner.set_zero_linger();
                }
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The server always has a read pending, so this is what wakes an idle connection to end it.
        if self.stopped.as_mut().poll(context).is_ready() {
            self.line.close();
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_line()?;
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_line()?;
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
