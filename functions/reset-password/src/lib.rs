//! Sets a password with a ticket: `POST /v1/password/reset/preview` and `POST /v1/password/reset`; and takes a change back that
//! was somebody else's: `POST /v1/password/repudiate`.
//!
//! Every check that can fail runs before the ticket is consumed (T5); consuming it is one transaction (T4). A reset signs
//! nobody in. Nothing here takes a token from a path or a query, and no other method than POST does anything (T1).

use std::sync::Arc;

use lambda_http::http::Method as Verb;
use lambda_http::{Body, Request, Response};
use rekey::account::Account;
use rekey::aws::Environment;
use rekey::clock::{Ambient, Timestamp};
use rekey::config::{ConfigError, Lookup};
use rekey::http::problem::{Code, Problem};
use rekey::http::{Answer, Call, respond};
use rekey::ids::TicketId;
use rekey::keyring::LazyKeyring;
use rekey::password::Hasher;
use rekey::practice::{Practice, Slug};
use rekey::secret::Secret;
use rekey::store::Store;
use rekey::store::practices::PracticeCache;
use rekey::ticket::{Standing, Ticket};
use rekey::token::Token;

pub mod preview;
pub mod repudiate;
pub mod reset;

/// What the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    practices: PracticeCache,
    peppers: LazyKeyring,
    limits_key: LazyKeyring,
    hasher: Hasher,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::read(lookup, aws, ambient.clone())?,
            ambient,
            practices: PracticeCache::default(),
            peppers: LazyKeyring::read(lookup, aws, "REKEY_PEPPER_SECRET")?,
            limits_key: LazyKeyring::read(lookup, aws, "REKEY_LIMITS_SECRET")?,
            hasher: Hasher::default(),
        })
    }

    async fn practice(&self, slug: &Slug, now: Timestamp) -> Result<Arc<Practice>, Problem> {
        let practice = self.practices.find(&self.store, slug, now).await?;
        practice.ok_or_else(|| Problem::internal("finding a ticket's practice", "it is gone"))
    }
}

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    // Boxed: the routes together make a large future.
    respond(request, async |call| Box::pin(route(deps, call)).await).await
}

async fn route(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    match call.segments().as_slice() {
        ["v1", "password", "reset", "preview"] => {
            call.method(&[Verb::POST])?;
            Box::pin(preview::preview(deps, call)).await
        }
        ["v1", "password", "repudiate"] => {
            call.method(&[Verb::POST])?;
            repudiate::repudiate(deps, call).await
        }
        ["v1", "password", "reset"] => {
            call.method(&[Verb::POST])?;
            reset::reset(deps, call).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    }
}

/// The ticket of a token and its account.
async fn find(deps: &Deps, token: &Secret) -> Result<(Ticket, Account), Problem> {
    let token = parse(token)?;
    let found = deps.store.find_ticket_with_account(token.account, TicketId::from(token.subject)).await?;
    settle(deps, &token, found).await
}

/// The same, and staff see from now on that it has been looked at.
async fn look(deps: &Deps, secret: &Secret) -> Result<(Ticket, Account), Problem> {
    let token = parse(secret)?;
    // Where there is none, a store may also not show what a condition has failed on: read it as it is.
    match deps.store.open_ticket(&token, deps.ambient.now()).await? {
        None => find(deps, secret).await,
        found => settle(deps, &token, found).await,
    }
}

fn parse(token: &Secret) -> Result<Token, Problem> {
    if token.expose().is_empty() {
        return Err(Problem::invalid("token", "must not be empty"));
    }
    Token::parse(token.expose()).ok_or_else(|| Problem::new(Code::InvalidToken))
}

/// The two are not read at one instant: what looks voided by a later password may be the ticket that has just set it, and is
/// read again.
async fn settle(deps: &Deps, token: &Token, found: Found) -> Result<(Ticket, Account), Problem> {
    let (ticket, account) = own(token, found)?;
    if ticket.standing(&account, deps.ambient.now()) != Standing::Revoked {
        return Ok((ticket, account));
    }
    let ticket = TicketId::from(token.subject);
    own(token, deps.store.find_ticket_with_account(token.account, ticket).await?)
}

type Found = Option<(Ticket, Account)>;

fn own(token: &Token, found: Found) -> Result<(Ticket, Account), Problem> {
    let good = found.filter(|(ticket, _)| ticket.digest == Some(token.digest()));
    good.ok_or_else(|| Problem::new(Code::InvalidToken))
}

/// What a holder is told of a ticket that is not open.
fn open(ticket: &Ticket, account: &Account, now: Timestamp) -> Result<(), Problem> {
    Err(Problem::new(match ticket.standing(account, now) {
        Standing::Open => return Ok(()),
        Standing::Expired => Code::ExpiredToken,
        Standing::Used => Code::UsedToken,
        Standing::Revoked => Code::RevokedToken,
    }))
}
