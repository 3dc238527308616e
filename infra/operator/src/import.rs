//! The import of a file, in parts that an invocation takes, with its progress.

use std::collections::{HashMap, HashSet};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use operator::import::FirebaseHash;
use operator::import::read::{self, Format, Record};
use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::invoke::{Failure, Target};
use crate::{file, say};

/// The most accounts of one invocation: a few seconds of work, or minutes where each has a question's answer to be hashed.
const PART: usize = 1000;
/// The most characters of one invocation. Lambda takes 6 MB, and JSON in a text is longer than it is by itself.
const LARGEST: usize = 2_000_000;

/// Import accounts from a file.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file
    file: PathBuf,
    /// The practice to which the accounts are to belong
    #[arg(long)]
    practice: String,
    /// How the file is written: json-lines, csv, auth0, cognito, keycloak or firebase. Without it, that is seen from the file
    #[arg(long, value_parser = format)]
    format: Option<Format>,
    /// A JSON file with the project's hash parameters, as the console shows them: `base64_signer_key`,
    /// `base64_salt_separator`, `rounds`, `mem_cost`
    #[arg(long, value_name = "FILE")]
    firebase: Option<PathBuf>,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Begin with the first line again, although an earlier import has come further
    #[arg(long)]
    restart: bool,
}

/// Reads the name of a format, which the function's own invocation has too.
fn format(name: &str) -> Result<Format, serde::de::value::Error> {
    Format::deserialize(name.replace('-', "_").into_deserializer())
}

/// How far an import of a file has come. It is kept beside the file until the import is done.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Progress {
    practice: String,
    /// The SHA-256 of the file and of how it is read, in base64.
    digest: String,
    /// The number of accounts that are done, in the order in which they are sent.
    done: usize,
}

/// What became of the accounts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    created: u64,
    existing: u64,
    failed: u64,
}

impl Import {
    pub(crate) async fn run(self, target: &Target) -> Result<ExitCode, Failure> {
        let text = file::text(&self.file)?;
        let firebase: Option<FirebaseHash> = match &self.firebase {
            Some(path) => {
                let parameters = serde_json::from_value(file::json(path)?);
                Some(parameters.map_err(|error| Failure::Argument(format!("{}: {error}", path.display())))?)
            }
            None => None,
        };
        let records = read::records(&text, self.format, firebase.as_ref());
        let records = in_order(records.map_err(Failure::Argument)?);
        let kept = kept_beside(&self.file);
        let digest = format!("{:?} {:?} {text}", self.format, self.firebase);
        let digest = STANDARD.encode(Sha256::digest(digest.as_bytes()));
        let mut progress = Progress { practice: self.practice.clone(), digest, done: 0 };
        if !self.dry_run && !self.restart {
            progress.done = earlier(&kept, &progress);
            if progress.done > 0 {
                say(&format!("goes on after {} accounts that are done", progress.done));
            }
        }
        let bar = bar(records.len());
        bar.set_position(progress.done.try_into().unwrap_or(u64::MAX));
        let mut counts = Counts::default();
        while progress.done < records.len() {
            let part = part(&records[progress.done..]);
            self.send(target, part, &mut counts, &bar).await?;
            progress.done += part.len();
            if !self.dry_run {
                let text = json!(progress).to_string();
                std::fs::write(&kept, text).map_err(|error| unwritable(&kept, &error))?;
            }
            bar.set_position(progress.done.try_into().unwrap_or(u64::MAX));
        }
        bar.finish_and_clear();
        if !self.dry_run && kept.exists() {
            std::fs::remove_file(&kept).map_err(|error| unwritable(&kept, &error))?;
        }
        let would = if self.dry_run { "would be " } else { "" };
        say(&format!(
            "{would}created {}, existing {}, failed {}",
            counts.created, counts.existing, counts.failed
        ));
        Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Sends a part, and says what is to be corrected or known of its accounts.
    async fn send(
        &self,
        target: &Target,
        part: &[Record],
        counts: &mut Counts,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        let (mut lines, mut numbers) = (Vec::new(), Vec::new());
        for record in part {
            match &record.account {
                Ok(account) => {
                    lines.push(account.as_str());
                    numbers.push(record.line);
                }
                Err(error) => {
                    counts.failed += 1;
                    bar.suspend(|| say(&format!("line {}: {error}", record.line)));
                }
            }
        }
        let payload = json!({"action": "import_accounts", "practice": self.practice, "format": "json_lines",
            "dry_run": self.dry_run, "lines": lines.join("\n")});
        let answer = target.invoke("operator", &payload).await?;
        let number = |member: &str| answer.get(member).and_then(Value::as_u64).unwrap_or_default();
        let done = number("created") + number("existing") + number("failed");
        if usize::try_from(done) != Ok(lines.len()) {
            let text = format!("the function answered for {done} of {} accounts", lines.len());
            return Err(Failure::Unreachable(text));
        }
        counts.created += number("created");
        counts.existing += number("existing");
        counts.failed += number("failed");
        for result in answer.get("results").and_then(Value::as_array).into_iter().flatten() {
            let sent = result.get("line").and_then(Value::as_u64).and_then(|line| usize::try_from(line).ok());
            let line = sent.and_then(|line| numbers.get(line.checked_sub(1)?)).copied().unwrap_or_default();
            let error = result.get("error").and_then(Value::as_str);
            let notes = result.get("notes").and_then(Value::as_array).into_iter().flatten();
            for text in error.into_iter().chain(notes.filter_map(Value::as_str)) {
                bar.suspend(|| say(&format!("line {line}: {text}")));
            }
        }
        Ok(())
    }
}

/// The accounts in the order in which they are sent: those that name members of staff come last, because they may be in the file
/// too. An address on several lines is nobody's own name for sign-in, also where the lines are of different parts.
fn in_order(records: Vec<Record>) -> Vec<Record> {
    let value = |record: &Record| {
        record.account.as_ref().ok().and_then(|text| serde_json::from_str::<Value>(text).ok())
    };
    let address = |account: &Value| {
        let portal = account.get("portal").and_then(Value::as_str).unwrap_or("client").to_owned();
        let email = account.get("email")?.as_str()?.trim().to_lowercase();
        (!email.is_empty()).then_some((portal, email))
    };
    let mut counted: HashMap<(String, String), usize> = HashMap::new();
    for key in records.iter().filter_map(|record| address(&value(record)?)) {
        *counted.entry(key).or_default() += 1;
    }
    let shared: HashSet<_> =
        counted.into_iter().filter(|(_, number)| *number > 1).map(|(key, _)| key).collect();
    let mut ordered: Vec<(bool, Record)> = Vec::with_capacity(records.len());
    for mut record in records {
        let mut account = value(&record);
        let is_shared = account.as_ref().and_then(address).is_some_and(|key| shared.contains(&key));
        if let Some(Value::Object(account)) = account.as_mut().filter(|_| is_shared) {
            account.entry("signs_in_by_email").or_insert(Value::Bool(false));
            record.account = Ok(Value::Object(account.clone()).to_string());
        }
        let names_staff = account.is_some_and(|account| account.get("caseload").is_some());
        ordered.push((names_staff, record));
    }
    ordered.sort_by_key(|(names_staff, _)| *names_staff);
    ordered.into_iter().map(|(_, record)| record).collect()
}

/// The next part: as many accounts as one invocation takes, and at least one.
fn part(records: &[Record]) -> &[Record] {
    let mut size = 0;
    let fits = records.iter().take(PART).take_while(|record| {
        size += record.account.as_ref().map_or(0, String::len);
        size <= LARGEST
    });
    &records[..fits.count().max(1)]
}

/// The file that keeps how far the import of a file has come.
fn kept_beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".progress");
    PathBuf::from(name)
}

/// The number of accounts that an earlier import of the same file has done.
fn earlier(kept: &Path, now: &Progress) -> usize {
    let text = std::fs::read_to_string(kept).unwrap_or_default();
    let earlier = serde_json::from_str::<Progress>(&text).ok();
    earlier
        .filter(|earlier| earlier.practice == now.practice && earlier.digest == now.digest)
        .map_or(0, |earlier| earlier.done)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::File { path: path.display().to_string(), error: error.to_string() }
}

/// A bar, where there is a terminal.
fn bar(accounts: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} accounts, {per_sec}, {eta} left");
    let bar = ProgressBar::new(accounts.try_into().unwrap_or(u64::MAX));
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests;
