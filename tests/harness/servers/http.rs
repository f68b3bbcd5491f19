//! The laboratory's own HTTP server: hyper, connections kept alive, any content that a function gives.
//!
//! Below `/chunked/` the same content comes in the chunked transfer coding, everywhere else with a Content-Length.

use crate::{Context, Result};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// The running server.
pub struct HttpServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    paths: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a path holds: its media type and octets.
type Resource = Option<(&'static str, Vec<u8>)>;

impl HttpServer {
    /// Serves what `content` gives for a path, and 404 where it gives nothing.
    pub fn start(listener: TcpListener, content: impl Fn(&str) -> Resource + Send + Sync + 'static) -> Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let paths = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the HTTP server's runtime")?;
        let (accepted, asked) = (Arc::clone(&connections), Arc::clone(&paths));
        let thread = thread::spawn(move || {
            runtime.spawn(accept(listener, Arc::new(content), accepted, asked));
            // An error means that the guard has gone, which is what is waited for.
            let _ = runtime.block_on(stopped);
        });
        Ok(Self {
            address,
            connections,
            paths,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The paths asked for, in order.
    pub fn paths(&self) -> Vec<String> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say at its end.
            let _ = thread.join();
        }
    }
}

async fn accept<F: Fn(&str) -> Resource + Send + Sync + 'static>(
    listener: TcpListener,
    content: Arc<F>,
    connections: Arc<AtomicUsize>,
    paths: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // Without it the last segment of a response may wait for an acknowledgement that the client delays.
        stream.set_nodelay(true)?;
        connections.fetch_add(1, Ordering::Relaxed);
        let (content, paths) = (Arc::clone(&content), Arc::clone(&paths));
        let service = service_fn(move |request| {
            let response = respond(&request, &*content, &paths);
            async { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn respond(
    request: &Request<Incoming>,
    content: &impl Fn(&str) -> Resource,
    paths: &Mutex<Vec<String>>,
) -> Response<Octets> {
    let path = request.uri().path();
    paths
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(path.to_owned());
    let (chunked, path) = match path.strip_prefix("/chunked/") {
        Some(_) => (true, &path["/chunked".len()..]),
        None => (false, path),
    };
    let (status, media_type, octets) = match content(path) {
        _ if request.method() != Method::GET => (StatusCode::METHOD_NOT_ALLOWED, TEXT, b"only GET\n".to_vec()),
        None => (StatusCode::NOT_FOUND, TEXT, b"nothing stands here\n".to_vec()),
        Some((media_type, octets)) => (StatusCode::OK, media_type, octets),
    };
    let mut response = Response::new(Octets {
        length: (!chunked).then_some(octets.len() as u64),
        frames: octets.chunks(FRAME).map(Bytes::copy_from_slice).collect(),
    });
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A body in pieces, which may or may not say how long it is; hyper chooses the transfer coding by that.
struct Octets {
    frames: VecDeque<Bytes>,
    length: Option<u64>,
}

impl Body for Octets {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.frames.pop_front().map(|octets| Ok(Frame::data(octets))))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

const TEXT: &str = "text/plain";

/// Prime, so that chunks end where no segment of the network does.
const FRAME: usize = 1499;
