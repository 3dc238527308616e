//! This module serves `POST /v1/password/repudiate`: with "this wasn't me", an account's owner freezes the account.

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::identifier::Email;
use rekey::domain::notice::Notice;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::OutboxId;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::Token;
use rekey::store::accounts::Changed;
use rekey::store::notices::Freeze;
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::ticket::parse_token;

/// The report of an account's owner that something was not their doing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepudiateRequest {
    /// The token from the fragment (`#repudiate=`) of the link in the mail that told them.
    #[schema(value_type = Token)]
    pub token: Secret,
}

/// The operation `POST /v1/password/repudiate`.
pub struct RepudiatePassword;

impl Operation for RepudiatePassword {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::InvalidToken, ErrorCode::ExpiredToken, ErrorCode::RevokedToken]];
}

/// Freezes an account to which somebody else has done something
///
/// The link is in the mails that tell of a changed password, of another address and of a link that staff have copied. The password
/// becomes void, every session ends, and links, codes and a temporary password no longer work. The practice's support address is
/// mailed, if it has one. A new recovery, or a link or temporary password from staff, opens the account again. The token works once,
/// within 30 days, and only as long as the account has the address to which it was mailed. One that was mailed to a former address
/// works all the same: then a recovery no longer opens the account, but staff alone, with a proof of who called. A second call with
/// the same token changes nothing and answers 204.
#[utoipa::path(post, path = "/v1/password/repudiate", impl_for = RepudiatePassword, operation_id = "repudiatePassword", tag = "recovery",
    request_body = RepudiateRequest,
    responses(
        (status = 204, description = "The account is frozen")))]
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
        let mailbox = noticed.account.email.as_ref().map(Email::mailbox_digest);
        let from_former = mailbox != Some(noticed.notice.mailbox);
        if from_former && !noticed.notice.about.is_to_former() {
            return Err(Problem::new(ErrorCode::RevokedToken));
        }
        Ok(write(deps, call, &noticed, from_former).await?.then(Reply::empty))
    })
    .await
}

/// A notice, with the account to whose owner it was mailed.
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

/// Freezes the account. Returns whether the change was written.
async fn write(deps: &Deps, call: &Call, noticed: &Noticed, from_former: bool) -> Result<bool, Problem> {
    let (now, old) = (deps.ambient.now(), &noticed.account);
    let kind = OutboxKind::Frozen { account: old.id };
    let alarm = OutboxItem::new(&deps.ambient, &old.practice, kind, Some(call.address))?;
    let event = Event::new(&deps.ambient, &old.practice, Action::AuthnPasswordRepudiated, Actor::Holder)?;
    let event = event.of(old.id, old.portal).with_outbox(alarm.id).from_address(call.address);
    let event = event.telling(Some(noticed.notice.about));
    let changed = Changed { old, new: &old.frozen(now, from_former) };
    let freeze = Freeze { notice: &noticed.notice, changed, now, event: &event, alarm: &alarm };
    Ok(deps.store.freeze(&freeze).await?.is_written())
}
