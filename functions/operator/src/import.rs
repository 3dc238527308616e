//! This module imports accounts. Each account is imported by itself, and an import can be repeated without harm: an account whose
//! username the portal already has is left as it is.

use std::collections::{HashMap, HashSet};
use std::pin::pin;

use futures::stream::{self, StreamExt as _};
use rekey::domain::account::Account;
use rekey::domain::event::{Action, Event};
use rekey::domain::identifier::Identifier;
use rekey::domain::practice::{Portal, Practice, Slug};
use rekey::platform::clock::NoRandomness;
use rekey::secrets::password::ImportedWork;
use rekey::store::accounts::{Created, Creation};
use rekey::store::error::StoreError;
use rekey::store::names::{Records, Registered, Twins};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Deps, OperatorError, find_practice, hashes};

mod line;
pub mod read;
mod systems;

use line::Line;
use read::{Format, Record};
pub use systems::FirebaseHash;

/// The number of accounts that are written together, in as few transactions as have room for them. One has room for nine
/// of a usual export.
const GROUP: usize = 27;
/// The number of such groups at the same time.
const AT_ONCE: usize = 4;

/// The accounts to be imported.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportAccounts {
    practice: Slug,
    /// The text of a file of accounts.
    lines: String,
    /// How the file is written. Without it, that is seen from the file.
    format: Option<Format>,
    /// The hash parameters of the Firebase project that the accounts come from.
    firebase: Option<FirebaseHash>,
    /// Whether everything is checked and nothing is written.
    #[serde(default)]
    dry_run: bool,
    /// The number of the last line that an earlier import has done. It and the lines before it are passed over.
    #[serde(default)]
    after: usize,
}

/// The outcome of an import.
#[derive(Debug, Default, Serialize)]
pub struct Imported {
    /// Whether nothing was written. The other members then say what an import would do.
    pub dry_run: bool,
    /// The number of accounts that were created.
    pub created: usize,
    /// The number of lines whose username the portal already has. Those accounts were left as they are.
    pub existing: usize,
    /// The number of lines that could not be imported.
    pub failed: usize,
    /// The outcome of each account, in the order of the file.
    pub results: Vec<LineResult>,
}

/// The outcome of a line.
#[derive(Debug, Serialize)]
pub struct LineResult {
    /// The number of the line on which the account begins. The first line is 1. In a JSON document it is the number of the account.
    pub line: usize,
    /// The username in the line, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The status of the line.
    pub status: Status,
    /// What is to be corrected, when the line failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What staff should know of an account that was created: its username looks like another, or its address belongs to somebody
    /// else's sign-in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<&'static str>,
}

/// The username goes beyond ASCII or meets one that does, and the two look alike (UTS 39).
const TWIN: &str = "the username looks like another one";
/// The address is on several accounts.
const SHARED: &str = "the email is shared, so the owner signs in by username";

/// Only the first line of a username is imported.
const REPEATED: &str = "an earlier line has the username";

const ADDRESS_TAKEN: &str = "username: is the address by which another account signs in";

/// The status of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An account was created.
    Created,
    /// The portal already has an account with the username.
    Existing,
    /// No account could be created.
    Failed,
}

/// Imports every account that can be imported.
pub(crate) async fn import_accounts(deps: &Deps, asked: ImportAccounts) -> Result<Imported, OperatorError> {
    let practice = find_practice(deps, &asked.practice).await?;
    let records = read::records(&asked.lines, asked.format, asked.firebase.as_ref());
    let records = records.map_err(|rule| OperatorError::Invalid(format!("lines: {rule}")))?;
    let mut imported = Imported { dry_run: asked.dry_run, ..Imported::default() };
    let mut lines = Vec::new();
    for Record { line, account } in records.into_iter().filter(|record| record.line > asked.after) {
        match account.and_then(|text| read_line(&text)) {
            Ok(account) => lines.push((line, account)),
            Err(error) => imported.add(LineResult::failed(line, None, error)),
        }
    }
    let mut work = ImportedWork::default();
    lines.iter().filter_map(|(_, line)| line.imported_work()).for_each(|hash| work.include(hash));
    if !asked.dry_run {
        hashes::include(deps, &practice.slug, &work).await?;
    }
    let shared = shared_addresses(lines.iter().map(|(_, line)| line));
    let import = Import { deps, practice: &practice, shared, dry_run: asked.dry_run };
    let waves = waves(lines);
    let repeated: HashSet<usize> = waves[2].iter().map(|(number, _)| *number).collect();
    // A caseload names members of staff who may be in the file. Of two lines with one name, the first counts.
    for wave in waves {
        let groups = stream::iter(wave).chunks(GROUP).map(|group| import.group(group));
        let mut done = pin!(groups.buffer_unordered(AT_ONCE));
        while let Some(results) = done.next().await {
            for result in results {
                let is_repeated = repeated.contains(&result.line);
                imported.add(if is_repeated { result.repeated() } else { result });
            }
        }
    }
    if !asked.dry_run {
        // A review that went on meanwhile may have passed these accounts over.
        hashes::include(deps, &practice.slug, &work).await?;
    }
    imported.results.sort_by_key(|result| result.line);
    Ok(imported)
}

impl Imported {
    fn add(&mut self, result: LineResult) {
        *match result.status {
            Status::Created => &mut self.created,
            Status::Existing => &mut self.existing,
            Status::Failed => &mut self.failed,
        } += 1;
        self.results.push(result);
    }
}

impl LineResult {
    /// The outcome of a line whose username an earlier line has. A dry run, which has not written that one, finds the name free.
    fn repeated(self) -> Self {
        match self.status {
            Status::Failed => self,
            _ => Self { status: Status::Existing, notes: vec![REPEATED], ..self },
        }
    }

    const fn failed(line: usize, username: Option<String>, error: String) -> Self {
        Self { line, username, status: Status::Failed, error: Some(error), notes: Vec::new() }
    }
}

/// Reads the members of an account. The message never quotes a value, because a password hash must not come back in an answer.
fn read_line(text: &str) -> Result<Line, String> {
    let read = |text: &str| rekey::http::call::read_line(text);
    let line = read(text).or_else(|problem| match without_blanks(text) {
        Some(rest) => read(&rest),
        None => Err(problem),
    });
    line.map_err(|problem| {
        let detail = problem.detail().unwrap_or("the line is not valid JSON");
        match detail.strip_prefix("body: missing field `").and_then(|rest| rest.strip_suffix('`')) {
            Some(member) => format!("{member}: must be given"),
            None => detail.to_owned(),
        }
    })
}

/// The members that are no text. Exports write those too as `""` or `null` when there is none.
const NO_TEXTS: [&str; 7] =
    ["active", "representative", "refused", "invited", "signs_in_by_email", "caseload", "security_question"];

/// The account without blank members, if it has any.
fn without_blanks(text: &str) -> Option<String> {
    let mut account: Map<String, Value> = serde_json::from_str(text).ok()?;
    let is_blank =
        |value: &Value| value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
    let all = account.len();
    account.retain(|member, value| !NO_TEXTS.contains(&member.as_str()) || !is_blank(value));
    (account.len() < all).then(|| Value::Object(account).to_string())
}

/// The addresses that several lines have. None of them was anybody's own name for sign-in.
fn shared_addresses<'a>(lines: impl Iterator<Item = &'a Line>) -> HashSet<(Portal, Identifier)> {
    let mut counted: HashMap<(Portal, Identifier), usize> = HashMap::new();
    for key in lines.filter_map(|line| Some((line.portal(), line.address()?))) {
        *counted.entry(key).or_default() += 1;
    }
    counted.into_iter().filter(|(_, number)| *number > 1).map(|(key, _)| key).collect()
}

/// The lines in the order in which they are imported: those that stand alone, those that name members of staff, and those whose
/// username an earlier line has.
fn waves(lines: Vec<(usize, Line)>) -> [Vec<(usize, Line)>; 3] {
    let (mut first, mut naming, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (number, line) in lines {
        let wave = if !seen.insert((line.portal(), line.name())) {
            &mut again
        } else if line.has_caseload() {
            &mut naming
        } else {
            &mut first
        };
        wave.push((number, line));
    }
    [first, naming, again]
}

/// An import that goes on.
struct Import<'a> {
    deps: &'a Deps,
    practice: &'a Practice,
    shared: HashSet<(Portal, Identifier)>,
    dry_run: bool,
}

impl Import<'_> {
    /// Imports a group of lines. Their accounts are written together; where one of them cannot be, each by itself.
    async fn group(&self, group: Vec<(usize, Line)>) -> Vec<LineResult> {
        let mut results = Vec::with_capacity(group.len());
        let mut new = Vec::with_capacity(group.len());
        for (number, line) in group {
            let username = line.username().to_owned();
            match self.prepare(line).await {
                Ok(creation) => new.push(New { number, username, creation }),
                Err(error) => results.push(LineResult::failed(number, Some(username), error)),
            }
        }
        while !new.is_empty() {
            // What fails here is met again by each of them, and then told.
            let created = if self.dry_run { None } else { self.together(&new).await.ok() };
            let number = created.as_ref().map_or(new.len(), |created| created.number);
            let is_written = created.is_some_and(|created| created.outcome.is_written());
            for one in new.drain(..number) {
                results.push(if is_written { one.created(false) } else { self.alone(one).await });
            }
        }
        results
    }

    async fn together(&self, new: &[New]) -> Result<Created, StoreError> {
        self.deps.store.create_accounts(new.iter().map(|new| &new.creation)).await
    }

    /// The account of a line. Its address becomes a name for sign-in, if no other account and no other line has it.
    async fn prepare(&self, line: Line) -> Result<Creation, String> {
        let shared = |address| self.shared.contains(&(line.portal(), address));
        let own = line.signs_in_by_email() && !line.address().is_some_and(shared);
        let account = line.into_account(self.deps, self.practice).await?.signing_in_by_email(own);
        // A dry run looks for itself.
        let is_shared = !self.dry_run && account.signs_in_by_email && self.shares(&account).await?;
        let account = if is_shared { account.signing_in_by_email(false) } else { account };
        let event = self.event(&account).map_err(|error| error.to_string())?;
        Ok(Creation { account, event })
    }

    async fn shares(&self, account: &Account) -> Result<bool, String> {
        self.deps.store.shares_address(account).await.map_err(|error| error.to_string())
    }

    async fn alone(&self, mut new: New) -> LineResult {
        let Creation { account, event } = &new.creation;
        let (store, account) = (&self.deps.store, account.clone());
        let registered = if self.dry_run {
            store.would_register(account).await
        } else {
            store
                .register(account, Records { event, invitation: None, mails: &[], staff: None }, Twins::Kept)
                .await
        };
        match registered {
            Ok(Registered::Created { account, twin }) => {
                new.creation.account = *account;
                new.created(twin)
            }
            Ok(Registered::Taken | Registered::Disallowed | Registered::Limited { .. }) => {
                new.result(Status::Existing)
            }
            Ok(Registered::AddressTaken) => {
                LineResult::failed(new.number, Some(new.username), ADDRESS_TAKEN.to_owned())
            }
            Err(error) => LineResult::failed(new.number, Some(new.username), error.to_string()),
        }
    }

    fn event(&self, account: &Account) -> Result<Event, NoRandomness> {
        Ok(self.deps.event(&self.practice.slug, Action::UserCreated)?.of(account.id, account.portal))
    }
}

/// An account that is not written yet.
struct New {
    number: usize,
    username: String,
    creation: Creation,
}

impl New {
    fn result(self, status: Status) -> LineResult {
        LineResult {
            line: self.number,
            username: Some(self.username),
            status,
            error: None,
            notes: Vec::new(),
        }
    }

    fn created(self, twin: bool) -> LineResult {
        let account = &self.creation.account;
        let is_shared = account.email.is_some() && !account.signs_in_by_email;
        let notes = [(twin, TWIN), (is_shared, SHARED)].into_iter();
        let notes = notes.filter_map(|(holds, note)| holds.then_some(note)).collect();
        LineResult { notes, ..self.result(Status::Created) }
    }
}
