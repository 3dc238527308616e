//! Programs in process groups of their own, so that ending a program also ends the programs that it has started.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// The time that a group may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A running program. When it is dropped, the group is asked to end.
#[derive(Debug)]
pub struct Group {
    child: Child,
    /// The id of the group, until its leader has ended.
    id: Option<Pid>,
}

impl Group {
    /// Starts a program in a group of its own, without input.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).stdin(Stdio::null()).spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, id })
    }

    /// Waits until the program ends. If the future is dropped before that, nothing is lost.
    ///
    /// # Errors
    /// The operating system does not report the end.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        // Programs that the leader has left behind end with it.
        self.signal(Signal::TERM);
        self.id = None;
        status
    }

    /// Asks the group to end, and kills it if it has not ended after five seconds.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            let _: io::Result<ExitStatus> = self.child.wait().await;
        }
        self.signal(Signal::KILL);
        self.id = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // An error means that the group is gone, which is the aim.
            let _: rustix::io::Result<()> = kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
    }
}

/// Runs a program to its end. Its output goes where the output of this program goes.
///
/// # Errors
/// A sentence: the program cannot be started, or it has failed.
pub async fn run(command: &mut Command) -> Result<(), String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let failed = |why: String| format!("{name} {why}");
    let mut group = Group::spawn(command).map_err(|error| failed(format!("cannot be started: {error}")))?;
    let status = group.wait().await.map_err(|error| failed(format!("is lost: {error}")))?;
    if status.success() { Ok(()) } else { Err(failed(format!("has failed ({status})"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    /// The program is a shell whose child holds its output open for as long as it lives.
    #[tokio::test]
    async fn stopping_ends_the_children_too() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo started; wait"]).stdout(Stdio::piped());
        let mut group = Group::spawn(&mut command).expect("started");
        let output = group.child.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(output).lines();
        assert_eq!(lines.next_line().await.expect("output").as_deref(), Some("started"));
        group.stop().await;
        let end = tokio::time::timeout(GRACE, lines.next_line()).await.expect("nobody holds the pipe");
        assert_eq!(end.expect("output"), None);
    }

    #[tokio::test]
    async fn a_program_that_fails_or_is_not_there_is_named() {
        assert_eq!(run(&mut Command::new("true")).await, Ok(()));
        let failed = run(&mut Command::new("false")).await.expect_err("it fails");
        assert!(failed.starts_with("false has failed"), "{failed}");
        let absent = run(&mut Command::new("no-such-program")).await.expect_err("it is not there");
        assert!(absent.starts_with("no-such-program cannot be started"), "{absent}");
    }
}
