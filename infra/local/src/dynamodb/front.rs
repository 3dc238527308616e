//! A front of a DynamoDB that tells of writes.
//!
//! It passes bytes on as they are, and reads no more of a request than its head. When the engine answers a request that
//! may have changed something, everybody who waits for [`Front::writes`] wakes up. Who writes to the engine itself is
//! not noticed.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::server::{Server, listen};

/// The number of bytes that are read at once.
const CHUNK: usize = 64 * 1024;
/// The number of bytes of a request that are looked at. A longer head counts as a write.
const LARGEST_HEAD: usize = 16 * 1024;
/// The time that a write whose client has hung up may take.
const LONGEST_WRITE: Duration = Duration::from_mins(1);
/// The time until the next connection is accepted after the system could not accept one.
const PATIENCE: Duration = Duration::from_secs(1);
/// The beginnings of the names of all operations that change nothing. An operation that is not known here counts as a
/// write: to wake up in vain costs little, and to miss a write costs a mail.
const READS: [&str; 7] = ["BatchGet", "Describe", "Get", "List", "Query", "Scan", "TransactGet"];

/// A running front. When it is dropped it stops too, without waiting.
#[derive(Debug)]
pub struct Front {
    server: Server,
    writes: watch::Sender<()>,
}

impl Front {
    /// Starts a front on `address` for the DynamoDB at `engine`, `http://ADDRESS:PORT`. Port 0 stands for any free port.
    ///
    /// # Errors
    /// The port is in use.
    pub async fn start(address: SocketAddr, engine: &str) -> io::Result<Self> {
        let engine = engine.strip_prefix("http://").unwrap_or(engine).to_owned();
        let writes = watch::Sender::new(());
        let told = writes.clone();
        let server = Server::spawn(listen(address).await?, |listener, stopped| async move {
            tokio::select! {
                () = stopped.wait() => {}
                () = accept(&listener, &engine, &told) => {}
            }
        })?;
        Ok(Self { server, writes })
    }

    /// The address of the front: `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Changes after each write that was answered from now on.
    pub fn writes(&self) -> watch::Receiver<()> {
        self.writes.subscribe()
    }

    /// Stops the front and closes its connections.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// Accepts connections without end. When this is dropped they are closed.
async fn accept(listener: &TcpListener, engine: &str, writes: &watch::Sender<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let (engine, writes) = (engine.to_owned(), writes.clone());
                    connections.spawn(async move { connect(client, &engine, &writes).await });
                }
                Err(_) => tokio::time::sleep(PATIENCE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Passes everything on between a client and the engine, until one of them closes the connection. A client that hangs up
/// does not undo a write that the engine has begun, so its answer is waited for.
async fn connect(mut client: TcpStream, engine: &str, writes: &watch::Sender<()>) -> io::Result<()> {
    let mut engine = TcpStream::connect(engine).await?;
    client.set_nodelay(true)?;
    engine.set_nodelay(true)?;
    let ((from_client, to_client), (from_engine, to_engine)) = (client.split(), engine.split());
    let (asked, mut unanswered) = watch::channel(Vec::new());
    let mut asking = pin!(ask(from_client, to_engine, &asked));
    let mut answering = pin!(answer(from_engine, to_client, &asked, writes));
    tokio::select! {
        _ = &mut answering => {}
        _ = &mut asking => tokio::select! {
            _ = &mut answering => {}
            // It fails only without a sender.
            _ = unanswered.wait_for(|request| !is_write(request)) => {}
            // The request was cut off, and the engine waits for the rest.
            () = tokio::time::sleep(LONGEST_WRITE) => {}
        },
    }
    if is_write(&asked.borrow()) {
        writes.send_replace(());
    }
    Ok(())
}

/// Passes requests on. `asked` is the beginning of the one that has no answer yet. A client of DynamoDB sends its next
/// request when it has the answer.
async fn ask(
    mut client: ReadHalf<'_>,
    mut engine: WriteHalf<'_>,
    asked: &watch::Sender<Vec<u8>>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match client.read(&mut chunk).await? {
            0 => return Ok(()),
            length => &chunk[..length],
        };
        asked.send_modify(|head| {
            let room = LARGEST_HEAD.saturating_sub(head.len());
            head.extend(read.iter().take(room));
        });
        engine.write_all(read).await?;
    }
}

/// Passes answers on, and tells of those to a write. They go on being read when the client is gone.
async fn answer(
    mut engine: ReadHalf<'_>,
    mut client: WriteHalf<'_>,
    asked: &watch::Sender<Vec<u8>>,
    writes: &watch::Sender<()>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match engine.read(&mut chunk).await? {
            0 => return Ok(()),
            length => &chunk[..length],
        };
        if !after_continue(read).is_empty() && is_write(&asked.send_replace(Vec::new())) {
            writes.send_replace(());
        }
        client.write_all(read).await?;
    }
}

/// What an answer has beside `100 Continue`, by which the engine only asks for the rest of a request.
fn after_continue(answer: &[u8]) -> &[u8] {
    if !answer.starts_with(b"HTTP/1.1 100") {
        return answer;
    }
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    end.map_or(&[], |end| &answer[end + 4..])
}

/// Whether a request may change something. DynamoDB names the operation in a header, `DynamoDB_20120810.PutItem`.
fn is_write(request: &[u8]) -> bool {
    let request = String::from_utf8_lossy(request);
    let Some((head, _)) = request.split_once("\r\n\r\n") else { return request.len() >= LARGEST_HEAD };
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut targets = headers.filter(|(name, _)| name.eq_ignore_ascii_case("x-amz-target"));
    let operation = targets.next().and_then(|(_, target)| target.split_once('.'));
    operation.is_some_and(|(_, operation)| !READS.iter().any(|read| operation.starts_with(read)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_come_with_the_question_for_the_rest() {
        let (more, answer) = ("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n{}");
        for (read, left) in [
            (more.to_owned(), ""),
            ("HTTP/1.1 100 Continue\r\ndate: now\r\n\r\n".to_owned(), ""),
            ("HTTP/1.1 100 Con".to_owned(), ""),
            (answer.to_owned(), answer),
            (format!("{more}{answer}"), answer),
        ] {
            assert_eq!(after_continue(read.as_bytes()), left.as_bytes(), "{read}");
        }
    }

    #[test]
    fn only_known_reads_wake_nobody() {
        let is_write_named = |operation: &str| {
            ["x-amz-target", "X-Amz-Target"].map(|name| {
                let head = format!("POST / HTTP/1.1\r\nhost: here\r\n{name}: DynamoDB_20120810.{operation}");
                is_write(format!("{head}\r\n\r\n{{}}").as_bytes())
            })
        };
        for read in [
            "BatchGetItem",
            "DescribeStream",
            "DescribeTable",
            "GetItem",
            "GetRecords",
            "GetShardIterator",
            "ListTables",
            "Query",
            "Scan",
            "TransactGetItems",
        ] {
            assert_eq!(is_write_named(read), [false; 2], "{read}");
        }
        for write in [
            "BatchExecuteStatement",
            "BatchWriteItem",
            "CreateTable",
            "DeleteItem",
            "ExecuteStatement",
            "ExecuteTransaction",
            "PutItem",
            "SomethingNew",
            "TransactWriteItems",
            "UpdateItem",
            "UpdateTable",
        ] {
            assert_eq!(is_write_named(write), [true; 2], "{write}");
        }
        let said_in_the_body = "POST / HTTP/1.1\r\nhost: here\r\n\r\nx-amz-target: DynamoDB_20120810.PutItem";
        for nothing in
            ["", "POST / HTTP/1.1\r\nx-amz-target: D.PutI", "GET / HTTP/1.1\r\n\r\n", said_in_the_body]
        {
            assert!(!is_write(nothing.as_bytes()), "{nothing}");
        }
        assert!(is_write(&[b'x'; LARGEST_HEAD]), "a head without an end");
    }
}
