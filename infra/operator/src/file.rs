//! Files that a command reads.

use std::path::Path;

use serde_json::Value;

use crate::invoke::Failure;

/// The text of a file: in UTF-8, or in UTF-16 with its byte-order mark, as spreadsheets write it.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let failure = |error: String| Failure::File { path: path.display().to_string(), error };
    let bytes = std::fs::read(path).map_err(|error| failure(error.to_string()))?;
    let pairs = |of: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect()
    };
    match bytes.get(..2) {
        Some([0xff, 0xfe]) => Ok(String::from_utf16_lossy(&pairs(u16::from_le_bytes))),
        Some([0xfe, 0xff]) => Ok(String::from_utf16_lossy(&pairs(u16::from_be_bytes))),
        _ => String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.split(|byte| *byte == b'\n').count();
            failure(format!("line {line}: is not in UTF-8; save the file in that encoding"))
        }),
    }
}

/// The JSON of a file.
pub(crate) fn json(path: &Path) -> Result<Value, Failure> {
    serde_json::from_str(&text(path)?)
        .map_err(|error| Failure::File { path: path.display().to_string(), error: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

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
