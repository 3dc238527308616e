//! Files that a command reads, and those that it writes.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::invoke::Failure;

/// The text of a file: in UTF-8, or in UTF-16 with its byte-order mark, as spreadsheets write it.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| failure(path, error))?;
    let pairs = |of: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect()
    };
    match bytes.get(..2) {
        Some([0xff, 0xfe]) => Ok(String::from_utf16_lossy(&pairs(u16::from_le_bytes))),
        Some([0xfe, 0xff]) => Ok(String::from_utf16_lossy(&pairs(u16::from_be_bytes))),
        _ => String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.split(|byte| *byte == b'\n').count();
            failure(path, format_args!("line {line}: is not in UTF-8; save the file in that encoding"))
        }),
    }
}

/// The JSON of a file.
pub(crate) fn json(path: &Path) -> Result<Value, Failure> {
    serde_json::from_str(&text(path)?).map_err(|error| failure(path, error))
}

/// A file of JSON objects, one a line. It is there when it is whole, and only its owner may read it.
pub(crate) struct Lines {
    file: NamedTempFile,
    path: PathBuf,
    number: u64,
}

impl Lines {
    /// Begins a file that does not exist yet.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let path = path.to_owned();
        if path.exists() {
            return Err(failure(&path, "exists already"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")));
        Ok(Self { file: file.map_err(|error| failure(&path, error))?, path, number: 0 })
    }

    /// Adds a line.
    pub(crate) fn write(&mut self, line: &Value) -> Result<(), Failure> {
        self.number += 1;
        writeln!(self.file, "{line}").map_err(|error| failure(&self.path, error))
    }

    /// Puts the file where it belongs. Returns the number of its lines.
    pub(crate) fn finish(self) -> Result<u64, Failure> {
        let kept = self.file.persist_noclobber(&self.path);
        kept.map(|_| self.number).map_err(|error| failure(&self.path, error.error))
    }
}

fn failure(path: &Path, error: impl fmt::Display) -> Failure {
    Failure::File { path: path.display().to_string(), error: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_lines_is_there_when_it_is_whole_and_replaces_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("export.jsonl");
        let mut lines = Lines::create(&path).expect("a file");
        lines.write(&serde_json::json!({"practice": 1})).expect("a line");
        assert!(!path.exists());
        let late = Lines::create(&path).expect("another");
        assert_eq!(lines.finish().expect("a file"), 1);
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "{\"practice\":1}\n");
        assert!(late.finish().is_err());
        assert!(Lines::create(&path).is_err());
    }

    fn read(bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("accounts.csv");
        std::fs::write(&path, bytes).expect("a file");
        text(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_read_in_the_encodings_of_spreadsheets() {
        let written = "username,display_name\r\njos\u{e9},Jos\u{e9}\r\n";
        let pairs: Vec<u16> = format!("\u{feff}{written}").encode_utf16().collect();
        let little: Vec<u8> = pairs.iter().flat_map(|pair| pair.to_le_bytes()).collect();
        let big: Vec<u8> = pairs.iter().flat_map(|pair| pair.to_be_bytes()).collect();
        for bytes in [written.as_bytes(), &little, &big] {
            assert_eq!(read(bytes).expect("text"), written);
        }
        assert_eq!(read(b"").expect("nothing"), "");
        let latin = read(b"username,display_name\njos\xe9,Jos\xe9\n").expect_err("Latin-1");
        assert!(latin.contains("line 2: is not in UTF-8"), "{latin}");
    }
}
