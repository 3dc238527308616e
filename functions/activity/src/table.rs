//! The change log as a table for auditors.

use rekey::domain::permission::Staff;
use rekey::http::call::Call;
use rekey::http::problem::Problem;
use rekey::http::reply::Reply;
use rekey::platform::ids::AccountId;

use crate::Deps;
use crate::change_log::{facts, usernames};
use crate::page::Found;

/// U+FEFF, at the beginning of the table.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Answers with a table in CSV (RFC 4180). The address of the next page is in a `Link` header (RFC 8288), because a table has no
/// place for it.
pub(crate) async fn table_reply(
    deps: &Deps,
    call: &Call,
    staff: &Staff,
    found: Found,
) -> Result<Reply, Problem> {
    let usernames = usernames(deps, staff, &found.events).await?;
    let mut writer = csv::WriterBuilder::new();
    writer.terminator(csv::Terminator::CRLF).quote_style(csv::QuoteStyle::Always);
    let mut writer = writer.from_writer(Vec::new());
    let failed = |error: csv::Error| Problem::internal("writing a table", error);
    let header = [
        "at",
        "action",
        "description",
        "actor",
        "by",
        "account",
        "username",
        "note",
        "ip",
        "id",
        "proof",
        "proof_note",
    ];
    writer.write_record(header).map_err(failed)?;
    for event in found.events {
        let by = event.by.and_then(|id| usernames.get(&id)).cloned().unwrap_or_default();
        let event = facts(event, &usernames);
        let (proof, note) = (event.proof.as_ref(), event.proof.as_ref().and_then(|proof| proof.note.clone()));
        let text = |id: Option<AccountId>| id.map(|id| id.to_string()).unwrap_or_default();
        let cells = [
            event.at,
            event.action.name(),
            event.description,
            event.actor.as_str().to_owned(),
            by,
            text(event.account),
            event.username.unwrap_or_default(),
            event.note.unwrap_or_default(),
            event.ip.unwrap_or_default(),
            event.id.to_string(),
            proof.map(|proof| proof.method.name()).unwrap_or_default(),
            note.unwrap_or_default(),
        ];
        writer.write_record(cells.map(harmless)).map_err(failed)?;
    }
    let bytes =
        writer.into_inner().map_err(|error| Problem::internal("writing a table", error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| Problem::internal("writing a table", error))?;
    // Excel takes a table without this mark for another encoding, and breaks every accent.
    let reply = Reply::text("text/csv; charset=utf-8", format!("{BYTE_ORDER_MARK}{text}"));
    Ok(match found.next_cursor {
        Some(cursor) => reply.with_link(&call.with_query("cursor", &cursor.to_string()), "next"),
        None => reply,
    })
}

/// Puts an apostrophe before a cell that a spreadsheet would take for a formula, because people choose usernames and notes
/// freely.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        format!("'{cell}")
    } else {
        cell
    }
}
