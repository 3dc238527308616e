//! A server that runs beside its caller until it is stopped or dropped.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The time that requests may still run after the server is told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// A running server. When it is dropped it stops too, without waiting.
#[derive(Debug)]
pub struct Server {
    url: String,
    /// The signal to stop, which is given by dropping this member.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves the routes of `router` on `address`. Port 0 stands for any free port.
    ///
    /// # Errors
    /// The port is in use.
    pub async fn serve(address: SocketAddr, router: Router) -> io::Result<Self> {
        Self::spawn(listen(address).await?, |listener, stopped| async move {
            // Serving fails only when the listener fails, and callers notice that by their own calls.
            let _: io::Result<()> =
                axum::serve(listener, router).with_graceful_shutdown(stopped.wait()).await;
        })
    }

    /// Serves `listener` in a task. `serve` gets the listener and a future that ends when the server must stop.
    pub(crate) fn spawn<S, F>(listener: TcpListener, serve: S) -> io::Result<Self>
    where
        S: FnOnce(TcpListener, Stopped) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, Stopped(stopped)));
        Ok(Self { url: format!("http://{address}"), stop, task })
    }

    /// The address of the server: `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server, and waits for requests that are still running.
    pub async fn stop(self) {
        drop(self.stop);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(GRACE, self.task).await.is_err() {
            abort.abort();
        }
    }
}

/// The signal that a [`Server`] must stop.
pub(crate) struct Stopped(oneshot::Receiver<()>);

impl Stopped {
    /// Ends when the server is stopped or dropped.
    pub(crate) async fn wait(self) {
        let _: Result<(), _> = self.0.await;
    }
}

/// Listens on `address`. Port 0 stands for any free port.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}
