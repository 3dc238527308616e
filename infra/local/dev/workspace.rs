//! The place of the workspace, and the functions that it has.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// The workspace that this program belongs to.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
}

/// Variables that `cargo run` sets for this program. They are not passed on: some build scripts would take them for a
/// change of everything, and `cargo dev` and `cargo test` would each compile again what the other has compiled.
const OF_CARGO_RUN: [&str; 6] = [
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
];

impl Workspace {
    /// Finds the workspace from the folder of this package if cargo runs it, or else from the current folder.
    ///
    /// # Errors
    /// A sentence: there is no workspace.
    pub fn find() -> Result<Self, String> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let start = package.or_else(|| std::env::current_dir().ok()).unwrap_or_default();
        let mut folders = start.ancestors();
        let root =
            folders.find(|folder| folder.join("Cargo.toml").is_file() && folder.join("functions").is_dir());
        let root =
            root.ok_or("this is not Rekey's workspace: no Cargo.toml beside a folder named functions")?;
        Ok(Self { root: root.to_owned() })
    }

    /// The names of the functions, which are the packages in `functions/`.
    ///
    /// # Errors
    /// A sentence: the folder cannot be read.
    pub fn functions(&self) -> Result<Vec<String>, String> {
        let folder = self.root.join("functions");
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let packages = entries.flatten().filter(|entry| entry.path().join("Cargo.toml").is_file());
        let mut names: Vec<String> =
            packages.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The folder of the tools that this program installs.
    pub fn tools(&self) -> PathBuf {
        self.root.join("target").join("tools")
    }

    /// The HTML reference of the API, which is there once `tests/contract/reference` has built it.
    pub fn reference(&self) -> PathBuf {
        self.root.join("target").join("reference").join("index.html")
    }

    /// A program that runs at the root of the workspace, as if the developer had started it there.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let of_package = name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_"));
            if of_package || OF_CARGO_RUN.iter().any(|own| name == *own) {
                command.env_remove(name);
            }
        }
        command
    }
}

/// The file that marks a folder as made by [`prepare_data`]. It is a `.gitignore` of everything, so that the folder
/// stays out of the repository, and `cargo lambda watch` does not take changes in it for changes of the code.
const MARK: &str = ".gitignore";
const MARK_TEXT: &str = "# State of `cargo dev`.\n*\n";

/// Creates the folder for `--data` if there is none.
///
/// # Errors
/// A sentence: the folder cannot be created, or it has files that this program has not made.
pub fn prepare_data(folder: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| mark(folder));
    made.map_err(|error| format!("--data {}: {error}", folder.display()))
}

fn mark(folder: &Path) -> io::Result<()> {
    let mark = folder.join(MARK);
    if std::fs::read_to_string(&mark).is_ok_and(|text| text == MARK_TEXT) {
        return Ok(());
    }
    if std::fs::read_dir(folder)?.next().is_some() {
        return Err(io::Error::other("the folder holds something else; name a new or an empty one"));
    }
    std::fs::write(mark, MARK_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_are_found() {
        let functions = Workspace::find().expect("a workspace").functions().expect("functions");
        for name in ["forgot-password", "mailer", "operator", "reset-password", "sessions"] {
            assert!(functions.iter().any(|function| function == name), "{name}");
        }
    }

    #[test]
    fn data_stays_out_of_the_repository() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("a/b");
        for _ in 0..2 {
            prepare_data(&data).expect("made");
        }
        let ignored = std::fs::read_to_string(data.join(".gitignore")).expect("a file");
        assert!(ignored.lines().any(|line| line == "*"));
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".gitignore"), "/target\n").expect("written");
        let error = prepare_data(folder.path()).expect_err("refused");
        assert!(error.contains("something else"), "{error}");
    }
}
