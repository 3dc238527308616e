//! `POST /v1/password/repudiate`: "this wasn't me".

use rekey::account::Account;
use rekey::event::{Action, Actor, Event};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::ids::OutboxId;
use rekey::notice::Notice;
use rekey::outbox::{Errand, Outbox};
use rekey::secret::Secret;
use rekey::store::notices::Repudiation;
use rekey::token::{Token, digest_of};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Deps, parse};

/// Rounds of losing to another change.
const ROUNDS: usize = 5;

/// What the owner of an account shows who did not change its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepudiateRequest {
    /// From the fragment of the confirmation's link.
    pub token: Secret,
}

/// Freezes an account whose password somebody else has changed: its sessions end, its tickets and its password are void, and
/// the practice is told. A new recovery opens it again. Done twice, it does nothing more.
#[utoipa::path(post, path = "/v1/password/repudiate", operation_id = "repudiatePassword", tag = "recovery", security(()),
    request_body = RepudiateRequest,
    responses(
        (status = 204, description = "The account is frozen"),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 404, description = "`invalid_token`", body = ProblemBody),
        (status = 410, description = "`expired_token`, `revoked_token`: the account has another address", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn repudiate(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: RepudiateRequest = call.json()?;
    let token = parse(&asked.token)?;
    for _ in 0..ROUNDS {
        let (notice, account) = find(deps, &token).await?;
        if notice.used_at.is_some() {
            return Ok(Answer::empty());
        }
        if notice.valid_until <= deps.ambient.now() {
            return Err(Problem::new(Code::ExpiredToken));
        }
        let mailbox = account.email.as_ref().map(|email| digest_of(&email.mailbox()));
        if mailbox != Some(notice.mailbox) {
            return Err(Problem::new(Code::RevokedToken));
        }
        if freeze(deps, call, &notice, &account).await? {
            return Ok(Answer::empty());
        }
    }
    Err(Problem::unavailable("freezing an account", "the account kept changing"))
}

async fn find(deps: &Deps, token: &Token) -> Result<(Notice, Account), Problem> {
    let id = OutboxId::from(token.subject);
    let (notice, account) =
        tokio::join!(deps.store.find_notice(token.account, id), deps.store.find_account(token.account));
    let notice = notice?.filter(|notice| notice.digest == token.digest());
    notice.zip(account?).ok_or_else(|| Problem::new(Code::InvalidToken))
}

/// The password goes, not only the sessions: whoever changed it knows it.
async fn freeze(deps: &Deps, call: &Call, notice: &Notice, old: &Account) -> Result<bool, Problem> {
    let now = deps.ambient.now();
    let new = Account {
        password: None,
        temporary: None,
        frozen_at: Some(now),
        credential_version: old.credential_version + 1,
        session_epoch: old.session_epoch + 1,
        revision: old.revision + 1,
        ..old.clone()
    };
    let errand = Errand::Repudiated { account: old.id };
    let alarm = Outbox::new(&deps.ambient, &old.practice, errand, Some(call.address))?;
    let event = Event::new(&deps.ambient, &old.practice, Action::AuthnPasswordRepudiated, Actor::Holder)?;
    let event = event.of(old.id, old.portal).with_outbox(alarm.id).from_address(call.address);
    let repudiation = Repudiation { notice, old, new: &new, now, event: &event, alarm: &alarm };
    Ok(deps.store.repudiate(&repudiation).await?.is_written())
}
