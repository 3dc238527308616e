//! A file of accounts as records: JSON Lines, one JSON document, or CSV with a header line.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::systems::{FirebaseHash, System};

/// How a file is written. Without one, it is seen from the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One account a line, with Rekey's own members.
    JsonLines,
    /// CSV whose header line has the names of Rekey's own members.
    Csv,
    /// Auth0's export: JSON Lines, or a JSON array.
    Auth0,
    /// The answer of Cognito's `ListUsers`, or CSV with the header of its user import.
    Cognito,
    /// A realm, or its users, as Keycloak exports it.
    Keycloak,
    /// The JSON of `firebase auth:export`.
    Firebase,
}

impl Format {
    const fn system(self) -> Option<System> {
        match self {
            Self::JsonLines | Self::Csv => None,
            Self::Auth0 => Some(System::Auth0),
            Self::Cognito => Some(System::Cognito),
            Self::Keycloak => Some(System::Keycloak),
            Self::Firebase => Some(System::Firebase),
        }
    }
}

/// One account of a file.
#[derive(Clone, Debug)]
pub struct Record {
    /// The number of the line on which the account begins. The first line is 1. In a JSON document it is the number of the
    /// account.
    pub line: usize,
    /// The account with Rekey's own members as JSON, or what is wrong with it.
    pub account: Result<String, String>,
}

/// Reads a file. A byte-order mark, blank lines and any line end are no part of it.
///
/// # Errors
/// What is wrong with the file as a whole.
pub fn records(
    text: &str,
    format: Option<Format>,
    firebase: Option<&FirebaseHash>,
) -> Result<Vec<Record>, String> {
    // Editors and exports put a byte-order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = text.trim_start().starts_with(['{', '[']);
    let is_csv = match format {
        Some(Format::Csv) => true,
        Some(Format::Cognito) | None => !is_json && looks_like_csv(text),
        Some(_) => false,
    };
    let asked = format.and_then(Format::system);
    let native = matches!(format, Some(Format::JsonLines | Format::Csv));
    let mapped = |record: Map<String, Value>, line, others| {
        let system = if native { None } else { asked.or_else(|| System::of(&record, others)) };
        let account = match system {
            Some(system) => system.account(&record, firebase),
            None => Ok(record),
        };
        Record { line, account: account.map(|account| Value::Object(account).to_string()) }
    };
    if is_csv {
        return csv_records(text, |record, line| mapped(record, line, None));
    }
    if format != Some(Format::JsonLines)
        && let Some(users) = document(text)
    {
        let others = users.iter().filter_map(Value::as_object).find_map(|user| System::of(user, None));
        let record = |(index, user)| match user {
            Value::Object(user) => mapped(user, index + 1, others),
            _ => Record { line: index + 1, account: Err("must be an object".to_owned()) },
        };
        return Ok(users.into_iter().enumerate().map(record).collect());
    }
    let returns_alone = text.contains('\r') && !text.contains('\n');
    let lines = text
        .split(if returns_alone { '\r' } else { '\n' })
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let record = |(index, line): (usize, &str)| match serde_json::from_str(line) {
        Ok(Value::Object(user)) if !native => match System::of(&user, None).or(asked) {
            Some(_) => mapped(user, index + 1, None),
            // The text itself, so that a message can name what is wrong in it.
            None => Record { line: index + 1, account: Ok(line.to_owned()) },
        },
        _ => Record { line: index + 1, account: Ok(line.to_owned()) },
    };
    Ok(lines.map(record).collect())
}

/// What stands between the cells: a comma, or what a spreadsheet writes where the comma is the decimal point.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// The first line, whatever ends it.
fn first_line(text: &str) -> &str {
    text.split(['\n', '\r']).find(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// A table without the line `sep=;`, by which a spreadsheet says what stands between the cells, and what that is.
fn delimited(text: &str) -> (&str, char) {
    let first = first_line(text);
    let said = first.trim().strip_prefix("sep=").and_then(|rest| rest.chars().next());
    if let Some(delimiter) = said.filter(char::is_ascii) {
        let rest = text.split_once(first).map_or("", |(_, rest)| rest);
        return (rest.trim_start_matches(['\r', '\n']), delimiter);
    }
    let count = |delimiter: &char| first.matches(*delimiter).count();
    // Of two that occur as often the first counts.
    let most = DELIMITERS.iter().rev().max_by_key(|delimiter| count(delimiter));
    (text, *most.unwrap_or(&','))
}

/// Whether the first line is a header: names with delimiters between them.
fn looks_like_csv(text: &str) -> bool {
    let (text, delimiter) = delimited(text);
    let first = first_line(text);
    let is_name = |cell: &str| {
        let cell = cell.trim().trim_matches('"');
        !cell.is_empty() && cell.chars().all(|c| c.is_ascii_alphanumeric() || "_.:- ".contains(c))
    };
    first.contains(delimiter) && first.split(delimiter).all(is_name)
}

/// The accounts of one JSON document: an array, or the `users` of an object.
fn document(text: &str) -> Option<Vec<Value>> {
    match serde_json::from_str(text).ok()? {
        Value::Array(users) => Some(users),
        Value::Object(mut object) => {
            ["users", "Users"].iter().find_map(|member| match object.remove(*member) {
                Some(Value::Array(users)) => Some(users),
                _ => None,
            })
        }
        _ => None,
    }
}

fn csv_records(
    text: &str,
    mapped: impl Fn(Map<String, Value>, usize) -> Record,
) -> Result<Vec<Record>, String> {
    let (table, delimiter) = delimited(text);
    let ahead = text.len() - table.len();
    let delimiter = u8::try_from(delimiter).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(table.as_bytes());
    let broken = |_| "the file is not valid CSV".to_owned();
    let header: Vec<String> =
        reader.headers().map_err(broken)?.iter().map(|name| name.trim().to_lowercase()).collect();
    if let Some(name) = header.iter().find(|name| header.iter().filter(|other| other == name).count() > 1) {
        return Err(format!("{name}: is twice in the header"));
    }
    let mut records = Vec::new();
    // The place and the number of the line on which the last row began.
    let (mut place, mut line) = (0, 1);
    for row in reader.records() {
        let row = row.map_err(broken)?;
        // The reader's own number is of the line where it began to look for the row.
        let found = row.position().and_then(|position| usize::try_from(position.byte()).ok());
        let found = found.map(|found| found + ahead);
        let rest = found.and_then(|found| text.get(found..)).unwrap_or_default();
        let begun = text.len() - rest.trim_start_matches(['\r', '\n']).len();
        line += ends(text.get(place..begun).unwrap_or_default());
        place = begun;
        if row.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        records.push(if row.len() > header.len() {
            Record { line, account: Err("line: must not have more cells than the header".to_owned()) }
        } else {
            match cells(header.iter().map(String::as_str).zip(row.iter())) {
                Ok(account) => mapped(account, line),
                Err(error) => Record { line, account: Err(error) },
            }
        });
    }
    Ok(records)
}

/// The number of line ends: of Unix, of Windows, and of old tables a return alone.
fn ends(text: &str) -> usize {
    text.matches('\n').count() + text.matches('\r').count() - text.matches("\r\n").count()
}

/// The members of a row. A blank cell is an absent member.
fn cells<'a>(cells: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Map<String, Value>, String> {
    let mut account = Map::new();
    for (name, cell) in cells {
        let cell = cell.trim();
        if cell.is_empty() {
            continue;
        }
        let value = match name {
            "active" | "representative" | "refused" | "invited" | "signs_in_by_email" => {
                match cell.to_lowercase().as_str() {
                    "true" | "t" | "yes" | "y" | "1" => Value::Bool(true),
                    "false" | "f" | "no" | "n" | "0" => Value::Bool(false),
                    _ => return Err(format!("{name}: must be true or false")),
                }
            }
            "caseload" => cell
                .split(';')
                .map(str::trim)
                .filter(|staff| !staff.is_empty())
                .map(|staff| serde_json::json!({"staff": staff}))
                .collect(),
            _ => Value::String(cell.to_owned()),
        };
        match name.split_once('.') {
            Some((outer, inner)) => {
                let outer = account.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(outer) = outer {
                    outer.insert(inner.to_owned(), value);
                }
            }
            None => drop(account.insert(name.to_owned(), value)),
        }
    }
    Ok(account)
}
