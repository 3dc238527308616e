//! The ticket of a token, and what its holder is told when it is not open.

use rekey::domain::ticket::Standing;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::TicketId;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::Token;
use rekey::store::tickets::TicketOfAccount;

use crate::Deps;

/// The token that a caller sent.
pub(crate) fn parse_token(token: &Secret) -> Result<Token, Problem> {
    if token.expose().is_empty() {
        return Err(Problem::invalid("token", "must not be empty"));
    }
    Token::parse(token.expose()).ok_or_else(|| Problem::new(ErrorCode::InvalidToken))
}

/// The ticket of a token and its account.
pub(crate) async fn find_ticket(deps: &Deps, token: &Token) -> Result<TicketOfAccount, Problem> {
    let found = read_ticket(deps, token).await?;
    read_again_if_void(deps, token, found).await
}

/// The same, and staff see from now on that it has been looked at.
pub(crate) async fn open_ticket(deps: &Deps, token: &Token) -> Result<TicketOfAccount, Problem> {
    // Where there is none, a store may also not show what a condition has failed on: read it as it is.
    match deps.store.open_ticket(token, deps.ambient.now()).await? {
        None => find_ticket(deps, token).await,
        found => read_again_if_void(deps, token, found).await,
    }
}

async fn read_ticket(deps: &Deps, token: &Token) -> Result<Option<TicketOfAccount>, Problem> {
    Ok(deps.store.find_ticket_with_account(token.account, TicketId::from(token.subject)).await?)
}

/// The two are not read at one instant: what looks voided by a later password may be the ticket that has just set it, and is
/// read again.
async fn read_again_if_void(
    deps: &Deps,
    token: &Token,
    found: Option<TicketOfAccount>,
) -> Result<TicketOfAccount, Problem> {
    let found = opened_by(token, found)?;
    if found.ticket.standing(&found.account, deps.ambient.now()) != Standing::Revoked {
        return Ok(found);
    }
    opened_by(token, read_ticket(deps, token).await?)
}

fn opened_by(token: &Token, found: Option<TicketOfAccount>) -> Result<TicketOfAccount, Problem> {
    let good = found.filter(|found| found.ticket.digest == Some(token.digest()));
    good.ok_or_else(|| Problem::new(ErrorCode::InvalidToken))
}

/// What a holder is told of a ticket that is not open.
pub(crate) fn must_be_open(found: &TicketOfAccount, now: Timestamp) -> Result<(), Problem> {
    Err(Problem::new(match found.ticket.standing(&found.account, now) {
        Standing::Open => return Ok(()),
        Standing::Expired => ErrorCode::ExpiredToken,
        Standing::Used => ErrorCode::UsedToken,
        Standing::Revoked => ErrorCode::RevokedToken,
    }))
}
