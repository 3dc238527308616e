//! The mails in a file, so that they outlive the process: JSON Lines, oldest first.
//!
//! Each mail is one write at the end of the file. If the process is killed in the middle of it, the half line is cut
//! off at the next start, so that at most the last mail is lost. This module never changes a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Message;

#[derive(Debug)]
pub(super) struct MailFile {
    file: File,
    /// The length of the whole lines.
    end: u64,
}

/// A file with the mails that were in it, oldest first.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: MailFile,
    pub(super) messages: Vec<Message>,
}

impl MailFile {
    /// Opens the file, or creates it for its owner alone, since mails have links and codes.
    pub(super) fn open(path: &Path) -> io::Result<Opened> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let messages = lines.enumerate().map(|(index, line)| read(line, index + 1));
        let messages = messages.collect::<io::Result<_>>()?;
        Ok(Opened { file: Self { file, end: whole as u64 }, messages })
    }

    /// Adds a mail. If that fails, the file is as it was before for whoever reads it.
    pub(super) fn append(&mut self, message: &Message) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        // A write that was interrupted or that failed may have left half a line behind.
        self.file.set_len(self.end)?;
        self.file.write_all(&line)?;
        self.end += line.len() as u64;
        Ok(())
    }

    /// Deletes all mails.
    pub(super) fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.end = 0;
        Ok(())
    }
}

fn read(line: &[u8], number: usize) -> io::Result<Message> {
    serde_json::from_slice(line)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use axum::body::Bytes;
    use axum::extract::State;
    use axum::http::StatusCode;

    use super::super::{Mailbox, Tracking, page, ses};
    use super::*;
    use crate::ambient;

    fn mail(subject: &str) -> Message {
        Message {
            id: "1".to_owned(),
            to: vec!["jane@agency.test".to_owned()],
            from: "no-reply@rekey.test".to_owned(),
            subject: subject.to_owned(),
            text: Some("two\nlines".to_owned()),
            html: None,
            headers: BTreeMap::from([("Auto-Submitted".to_owned(), "auto-generated".to_owned())]),
            tags: BTreeMap::new(),
            tracking: Tracking { open: Some(false), click: None },
            received_at: ambient::now(),
        }
    }

    #[test]
    fn mails_are_there_after_a_restart_and_for_their_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mailbox.jsonl");
        let mails = [mail("first"), mail("second")];
        let mut file = MailFile::open(&path).expect("a new file").file;
        for mail in &mails {
            file.append(mail).expect("written");
        }
        assert_eq!(MailFile::open(&path).expect("the file").messages, mails);
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        file.empty().expect("emptied");
        assert!(MailFile::open(&path).expect("the file").messages.is_empty());
    }

    #[test]
    fn a_kill_in_the_middle_of_a_write_loses_that_mail_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mailbox.jsonl");
        let mut file = MailFile::open(&path).expect("a new file").file;
        file.append(&mail("first")).expect("written");
        let whole = fs::read(&path).expect("text");
        file.append(&mail("second")).expect("written");
        let both = fs::read(&path).expect("text");
        for length in whole.len()..both.len() {
            fs::write(&path, &both[..length]).expect("cut");
            let mut opened = MailFile::open(&path).expect("the file");
            assert_eq!(opened.messages.len(), 1, "{length}");
            opened.file.append(&mail("third")).expect("written");
            let subjects = MailFile::open(&path).expect("the file").messages;
            assert_eq!(
                subjects.iter().map(|mail| mail.subject.as_str()).collect::<Vec<_>>(),
                ["first", "third"]
            );
        }
    }

    #[test]
    fn a_file_of_something_else_is_named_by_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mailbox.jsonl");
        let mut file = MailFile::open(&path).expect("a new file").file;
        file.append(&mail("first")).expect("written");
        let mut text = fs::read(&path).expect("text");
        text.extend(b"{}\n");
        fs::write(&path, text).expect("written");
        let error = MailFile::open(&path).expect_err("no mail").to_string();
        assert!(error.starts_with("line 2: "), "{error}");
    }

    /// A mailbox of one mail whose file can only be read.
    fn stuck(folder: &Path) -> Mailbox {
        let path = folder.join("mailbox.jsonl");
        let mailbox = Mailbox::open(&path).expect("a new file");
        mailbox.receive(mail("first")).expect("received");
        let end = fs::metadata(&path).expect("a file").len();
        let file = MailFile { file: File::open(&path).expect("for reading alone"), end };
        mailbox.lock().file = Some(file);
        mailbox
    }

    #[tokio::test]
    async fn a_mail_that_cannot_be_kept_is_not_received_and_ses_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let mailbox = stuck(folder.path());
        mailbox.take_events();
        let body = br#"{"FromEmailAddress": "no-reply@rekey.test", "ConfigurationSetName": "rekey",
            "Destination": {"ToAddresses": ["jane@agency.test"]},
            "Content": {"Simple": {"Subject": {"Data": "second"}, "Body": {"Text": {"Data": "Hello"}}}}}"#;
        let answer = ses::send_email(State(mailbox.clone()), Bytes::from_static(body)).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["x-amzn-errortype"], "InternalServiceErrorException");
        assert_eq!((mailbox.messages().len(), mailbox.take_events().len()), (1, 0));
        let kept = Mailbox::open(&folder.path().join("mailbox.jsonl")).expect("the file");
        assert_eq!(kept.messages(), mailbox.messages());
    }

    #[tokio::test]
    async fn a_mailbox_that_cannot_be_emptied_says_so_and_loses_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mailbox = stuck(folder.path());
        let answer = page::clear(State(mailbox.clone())).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(mailbox.messages().len(), 1);
    }
}
