//! This module imports accounts from JSON Lines. Each line is imported by itself, and an import can be repeated without harm.

use std::fmt;

use rekey::domain::account::{Account, Assignment, NewAccount, Role, Setup, check_role};
use rekey::domain::event::Action;
use rekey::domain::identifier::{Email, Identifier, Username};
use rekey::domain::practice::check_locale;
use rekey::domain::practice::{Portal, Practice, Slug};
use rekey::domain::question::NewQuestion;
use rekey::domain::question::Question;
use rekey::domain::text::{check_name, is_line};
use rekey::secrets::password::PasswordHash;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Deps, OperatorError, find_practice};

/// One account, as another system exports it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of an exported record")]
struct Line {
    #[serde(default)]
    portal: Portal,
    username: Username,
    #[serde(default, deserialize_with = "blank_is_absent")]
    email: Option<Email>,
    display_name: String,
    #[serde(default, deserialize_with = "blank_is_absent")]
    record_email: Option<Email>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    locale: Option<String>,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default)]
    representative: bool,
    #[serde(default)]
    refused: bool,
    role: Option<Role>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    password_hash: Option<String>,
    #[serde(default)]
    invited: bool,
    security_question: Option<NewQuestion>,
    /// The members of staff who look after a client. They must exist, or their lines must come before this one.
    #[serde(default)]
    caseload: Vec<OnCaseload>,
}

/// Reads a member that exports write as `""` when there is none. Blanks and line ends around a text are none of it.
fn blank_is_absent<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String>,
    T::Error: fmt::Display,
{
    let text = Option::<String>::deserialize(deserializer)?;
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    text.map(T::try_from).transpose().map_err(D::Error::custom)
}

/// A member of staff who looks after the client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnCaseload {
    /// The username of the member of staff.
    staff: Username,
    role: Option<String>,
}

/// The largest number of members of staff for one client.
const MOST_STAFF: usize = 20;

const fn yes() -> bool {
    true
}

/// The outcome of an import.
#[derive(Debug, Default, Serialize)]
pub struct Imported {
    /// The number of accounts that were created.
    pub created: usize,
    /// The number of lines whose username the portal already has. Those accounts were left as they are.
    pub existing: usize,
    /// The number of lines that could not be imported.
    pub failed: usize,
    /// The outcome of each line that is not empty.
    pub results: Vec<LineResult>,
}

/// The outcome of a line.
#[derive(Debug, Serialize)]
pub struct LineResult {
    /// The number of the line. The first line is 1.
    pub line: usize,
    /// The username in the line, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The status of the line.
    pub status: Status,
    /// What is to be corrected, when the line failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

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

/// Imports every line that can be imported. Empty lines are skipped, but they count in the line numbers.
pub(crate) async fn import_accounts(
    deps: &Deps,
    slug: &Slug,
    lines: &str,
) -> Result<Imported, OperatorError> {
    let practice = find_practice(deps, slug).await?;
    let mut imported = Imported::default();
    // Editors and exports put a byte-order mark in front.
    let lines = lines.strip_prefix('\u{feff}').unwrap_or(lines);
    for (index, text) in lines.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let Outcome { username, status } = import_line(deps, &practice, text).await;
        let (status, error) = match status {
            Ok(status) => (status, None),
            Err(error) => (Status::Failed, Some(error)),
        };
        *match status {
            Status::Created => &mut imported.created,
            Status::Existing => &mut imported.existing,
            Status::Failed => &mut imported.failed,
        } += 1;
        imported.results.push(LineResult { line: index + 1, username, status, error });
    }
    Ok(imported)
}

/// The outcome of one line of the file.
struct Outcome {
    /// The username in the line, if it could be read.
    username: Option<String>,
    status: Result<Status, String>,
}

async fn import_line(deps: &Deps, practice: &Practice, text: &str) -> Outcome {
    // The message never quotes the value, because a password hash must not come back in an answer.
    let line: Line = match rekey::http::call::read_line(text) {
        Ok(line) => line,
        Err(problem) => {
            let why = problem.detail().unwrap_or("the line is not valid JSON").to_owned();
            return Outcome { username: None, status: Err(why) };
        }
    };
    let username = Some(line.username.as_str().to_owned());
    Outcome { username, status: create(deps, practice, line).await }
}

async fn create(deps: &Deps, practice: &Practice, line: Line) -> Result<Status, String> {
    let account = account(deps, practice, line).await?;
    let describe = |error: &dyn std::error::Error| error.to_string();
    let event = deps.event(&practice.slug, Action::UserCreated).map_err(|error| describe(&error))?;
    let event = event.of(account.id, account.portal);
    let outcome =
        deps.store.create_account(&account, &event, None).await.map_err(|error| describe(&error))?;
    Ok(if outcome.is_written() { Status::Created } else { Status::Existing })
}

async fn account(deps: &Deps, practice: &Practice, line: Line) -> Result<Account, String> {
    check_locale(line.locale.as_deref()).map_err(|rule| format!("locale: {rule}"))?;
    check_role(line.portal, line.role).map_err(|rule| format!("role: {rule}"))?;
    check_name(&line.display_name).map_err(|rule| format!("display_name: {rule}"))?;
    let password = line.password_hash.as_deref().map(PasswordHash::import).transpose();
    let password = password.map_err(|rule| format!("password_hash: {rule}"))?;
    let question = match line.security_question {
        Some(asked) => Some(hash_answer(deps, asked).await?),
        None => None,
    };
    let caseload = caseload(deps, practice, line.portal, line.caseload).await?;
    let setup = match (&password, line.invited) {
        (Some(_), _) => Setup::SignedUp,
        (None, true) => Setup::Invited,
        (None, false) => Setup::NotInvited,
    };
    let new = NewAccount {
        practice: practice.slug.clone(),
        portal: line.portal,
        username: line.username,
        display_name: line.display_name,
    };
    let account = Account::new(&deps.ambient, new).map_err(|error| error.to_string())?;
    Ok(Account {
        email: line.email,
        record_email: line.record_email,
        locale: line.locale,
        active: line.active,
        representative: line.representative,
        refused: line.refused,
        role: line.role,
        setup,
        password,
        question,
        caseload,
        ..account
    })
}

async fn caseload(
    deps: &Deps,
    practice: &Practice,
    portal: Portal,
    asked: Vec<OnCaseload>,
) -> Result<Vec<Assignment>, String> {
    if (portal == Portal::Staff && !asked.is_empty()) || asked.len() > MOST_STAFF {
        return Err(format!(
            "caseload: a client has at most {MOST_STAFF} members of staff, and staff have none"
        ));
    }
    let mut caseload: Vec<Assignment> = Vec::with_capacity(asked.len());
    for OnCaseload { staff, role } in asked {
        if role.as_deref().is_some_and(|role| !is_line(role, 60)) {
            return Err("caseload: a role has 1 to 60 characters and no control characters".to_owned());
        }
        let username = Identifier::parse(staff.as_str()).map_err(|error| error.to_string())?;
        let found = deps.store.find_logins(&practice.slug, Portal::Staff, &username).await;
        let found = found.map_err(|error| error.to_string())?;
        let Some(login) = found.first() else {
            return Err(format!("caseload: no member of staff is called {}", staff.as_str()));
        };
        if caseload.iter().all(|entry| entry.staff != login.account) {
            caseload.push(Assignment { staff: login.account, role, assigned_at: deps.ambient.now() });
        }
    }
    Ok(caseload)
}

async fn hash_answer(deps: &Deps, asked: NewQuestion) -> Result<Question, String> {
    let chosen = asked.check().map_err(|error| error.within("security_question").to_string())?;
    let peppers = deps.peppers.get().await.map_err(|error| error.to_string())?;
    chosen.hash(&deps.hasher, peppers, &deps.ambient).map_err(|error| error.to_string())
}
