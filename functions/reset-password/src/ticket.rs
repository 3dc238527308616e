//! The ticket to which a token leads, and the error when that ticket is not open.

use rekey::domain::ticket::Standing;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::TicketId;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::Token;
use rekey::store::tickets::TicketOfAccount;

use crate::Deps;

/// Reads the token that a caller sent.
pub(crate) fn parse_token(token: &Secret) -> Result<Token, Problem> {
    if token.expose().is_empty() {
        return Err(Problem::invalid("token", "must not be empty"));
    }
    Token::parse(token.expose()).ok_or_else(|| Problem::new(ErrorCode::InvalidToken))
}

/// Finds the ticket of a token and its account.
pub(crate) async fn find_ticket(deps: &Deps, token: &Token) -> Result<TicketOfAccount, Problem> {
    let found = read_ticket(deps, token).await?;
    read_again_if_void(deps, token, found).await
}

/// Finds the same, and records that the ticket was opened, so that staff see it.
pub(crate) async fn open_ticket(deps: &Deps, token: &Token) -> Result<TicketOfAccount, Problem> {
    // `None` does not say why nothing was written, because a store may leave out the item on which a condition has failed. So the
    // ticket is read as it is.
    match deps.store.open_ticket(token, deps.ambient.now()).await? {
        None => find_ticket(deps, token).await,
        found => read_again_if_void(deps, token, found).await,
    }
}

async fn read_ticket(deps: &Deps, token: &Token) -> Result<Option<TicketOfAccount>, Problem> {
    Ok(deps.store.find_ticket_with_account(token.account, TicketId::from(token.subject)).await?)
}

/// Reads a ticket again when it looks void. The ticket and the account are not read at the same instant, so a ticket that seems
/// to be voided by a later password may be the one that has just set that password.
async fn read_again_if_void(
    deps: &Deps,
    token: &Token,
    found: Option<TicketOfAccount>,
) -> Result<TicketOfAccount, Problem> {
    let found = opened_by(deps, token, found).await?;
    if found.ticket.standing(&found.account, deps.ambient.now()) != Standing::Revoked {
        return Ok(found);
    }
    opened_by(deps, token, read_ticket(deps, token).await?).await
}

/// The ticket that the token opens. A link that a colleague handed over ends with their account.
async fn opened_by(
    deps: &Deps,
    token: &Token,
    found: Option<TicketOfAccount>,
) -> Result<TicketOfAccount, Problem> {
    let good = found.filter(|found| found.ticket.digest == Some(token.digest()));
    let good = good.ok_or_else(|| Problem::new(ErrorCode::InvalidToken))?;
    Ok(deps.store.without_who_left(good).await?)
}

/// Refuses a ticket that is not open, with the reason for its holder.
pub(crate) fn must_be_open(found: &TicketOfAccount, now: Timestamp) -> Result<(), Problem> {
    Err(Problem::new(match found.ticket.standing(&found.account, now) {
        Standing::Open => return Ok(()),
        Standing::Expired => ErrorCode::ExpiredToken,
        Standing::Used => ErrorCode::UsedToken,
        Standing::Revoked => ErrorCode::RevokedToken,
    }))
}
