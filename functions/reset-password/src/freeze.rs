//! `POST /v1/password/repudiate`: "this wasn't me" freezes the account.

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::notice::Notice;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, JSON_BODY, Operation};
use rekey::platform::ids::OutboxId;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::{Token, digest_of};
use rekey::store::accounts::Changed;
use rekey::store::notices::Freeze;
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::ticket::parse_token;

/// What the owner of an account shows who did not change its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepudiateRequest {
    /// From the fragment of the confirmation's link.
    pub token: Secret,
}

/// `POST /v1/password/repudiate`.
pub struct RepudiatePassword;

impl Operation for RepudiatePassword {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::InvalidToken, ErrorCode::ExpiredToken, ErrorCode::RevokedToken]];
}

/// Freezes an account whose password somebody else has changed: its sessions end, its tickets and its password are void, and
/// the practice is told. A new recovery opens it again. Done twice, it does nothing more.
#[utoipa::path(post, path = "/v1/password/repudiate", impl_for = RepudiatePassword, operation_id = "repudiatePassword", tag = "recovery", security(()),
    request_body = RepudiateRequest,
    responses(
        (status = 204, description = "The account is frozen"), ErrorsOf<RepudiatePassword>))]
pub async fn freeze(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: RepudiateRequest = call.json()?;
    let token = parse_token(&asked.token)?;
    until_written("freezing an account", || async {
        let noticed = find_notice(deps, &token).await?;
        if noticed.notice.used_at.is_some() {
            return Ok(Some(Reply::empty()));
        }
        if noticed.notice.valid_until <= deps.ambient.now() {
            return Err(Problem::new(ErrorCode::ExpiredToken));
        }
        let mailbox = noticed.account.email.as_ref().map(|email| digest_of(&email.mailbox()));
        if mailbox != Some(noticed.notice.mailbox) {
            return Err(Problem::new(ErrorCode::RevokedToken));
        }
        Ok(write(deps, call, &noticed).await?.then(Reply::empty))
    })
    .await
}

/// A notice, and the account whose owner it was mailed to.
struct Noticed {
    notice: Notice,
    account: Account,
}

async fn find_notice(deps: &Deps, token: &Token) -> Result<Noticed, Problem> {
    let id = OutboxId::from(token.subject);
    let (notice, account) =
        tokio::join!(deps.store.find_notice(token.account, id), deps.store.find_account(token.account));
    let notice = notice?.filter(|notice| notice.digest == token.digest());
    let noticed = notice.zip(account?).map(|(notice, account)| Noticed { notice, account });
    noticed.ok_or_else(|| Problem::new(ErrorCode::InvalidToken))
}

/// Whether it was written.
async fn write(deps: &Deps, call: &Call, noticed: &Noticed) -> Result<bool, Problem> {
    let (now, old) = (deps.ambient.now(), &noticed.account);
    let kind = OutboxKind::Frozen { account: old.id };
    let alarm = OutboxItem::new(&deps.ambient, &old.practice, kind, Some(call.address))?;
    let event = Event::new(&deps.ambient, &old.practice, Action::AuthnPasswordRepudiated, Actor::Holder)?;
    let event = event.of(old.id, old.portal).with_outbox(alarm.id).from_address(call.address);
    let changed = Changed { old, new: &old.frozen(now) };
    let freeze = Freeze { notice: &noticed.notice, changed, now, event: &event, alarm: &alarm };
    Ok(deps.store.freeze(&freeze).await?.is_written())
}
