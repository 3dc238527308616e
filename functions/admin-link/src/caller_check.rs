//! This module serves `POST /v1/admin/accounts/{id}/caller-check` and `…/{check_id}`: a code goes to the account's address, the caller
//! reads it out, and the member of staff enters it.

use http::StatusCode;
use rekey::domain::challenge::Challenge;
use rekey::domain::event::{Action, Event, Reason};
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::proof::{CODE_LIFE, LENGTH, PROOF_LIFE, ProofMethod};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Member, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::{AccountId, OutboxId};
use rekey::secrets::code::Code;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::Digest;
use rekey::store::accounts::Changed;
use rekey::store::codes::{Check, CodeCount};
use rekey::store::race::until_written;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::issue::{Helped, MailWarning};

/// The caller check that was begun.
#[derive(Serialize, ToSchema)]
pub struct NewCheck {
    /// The id of the check, with which the code is entered.
    pub check_id: OutboxId,
    /// The address to which the code goes, masked.
    pub sent_to: String,
    /// The time from which the code no longer works (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// A warning that the mail will probably not arrive. It is left out when no problem of the address is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warning: Option<MailWarning>,
}

/// The code that a caller has read out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOut {
    /// The code: six digits. Spaces and dashes do not count.
    #[schema(value_type = String)]
    pub code: Secret,
}

/// A caller check that was passed.
#[derive(Serialize, ToSchema)]
pub struct Passed {
    /// The proof, to be sent with what is done for the caller.
    pub proof: MailedCodeProof,
    /// The time from which it no longer counts (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// The proof that a caller has the account's mailbox.
#[derive(Serialize, ToSchema)]
pub struct MailedCodeProof {
    /// It is `mailed_code`.
    pub method: ProofMethod,
    /// The check.
    pub check_id: OutboxId,
}

/// The operation `POST /v1/admin/accounts/{id}/caller-check`.
pub struct CheckCaller;

impl Operation for CheckCaller {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[
        ErrorCode::NotFound,
        ErrorCode::AccountClosed,
        ErrorCode::NoAddress,
        ErrorCode::ProofRequired,
        ErrorCode::TooManyRequests,
    ]];
}

/// Mails a code that a caller is to read out
///
/// The code goes to the account's present address. Whoever reads it out has that mailbox. It has six digits, ends after ten minutes,
/// and opens nothing. Only the member of staff who has asked for it can enter it. It counts as a mail that staff have sent.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/caller-check", impl_for = CheckCaller, operation_id = "checkCaller", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account")),
    responses(
        (status = 202, body = NewCheck)))]
pub async fn check_caller(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("beginning a caller check", || async {
        let staff = deps.staff(call).await?;
        let Helped { staff, account, .. } = Helped::find(deps, call, staff).await?;
        let to = account.mailed_at().ok_or_else(|| Problem::new(ErrorCode::NoAddress))?;
        let now = deps.ambient.now();
        // It may be the caller's own doing that their address is the account's.
        if !account.proves_by_mail(now) {
            return Err(Problem::new(ErrorCode::ProofRequired));
        }
        let until = now + CODE_LIFE;
        let challenge = Challenge::new(LENGTH, until);
        let (by, version) = (staff.account.id, Some(account.credential_version));
        let kind =
            OutboxKind::CallerCheck { account: account.id, by, credential_version: version, challenge };
        let item = OutboxItem::new(&deps.ambient, &account.practice, kind, Some(call.address))?;
        let event = deps.event(&staff, call, Action::CallerCheckCreated)?;
        let event = event.of(account.id, account.portal).with_outbox(item.id);
        let issuance = deps.store.create_check(&staff.account, &account, &item, &event).await?;
        if !deps.is_written(issuance, &event, &account).await? {
            return Ok(None);
        }
        let (sent_to, expires_at) = (to.masked(), until.to_string());
        let begun = NewCheck { check_id: item.id, sent_to, expires_at, warning: MailWarning::of(&account) };
        Reply::json(StatusCode::ACCEPTED, &begun).map(Some)
    })
    .await
}

/// The operation `POST /v1/admin/accounts/{id}/caller-check/{check_id}`.
pub struct EnterCheck;

impl Operation for EnterCheck {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[
        JSON_BODY,
        &[ErrorCode::NotFound, ErrorCode::AccountClosed, ErrorCode::InvalidCode, ErrorCode::CodeExpired],
    ];
}

/// Enters the code that a caller has read out
///
/// The answer has the proof, which counts for 15 minutes for what this member of staff does for this account. At most five codes are
/// compared. After the fifth, after the right one, and after the code has ended, every code gets the answer 410, and so does the check
/// of another account or of a colleague.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/caller-check/{check_id}", impl_for = EnterCheck, operation_id = "enterCallerCheck", tag = "staff",
    params(
        ("id" = AccountId, Path, description = "The id of the account"),
        ("check_id" = OutboxId, Path, description = "The id of the check")),
    request_body = ReadOut,
    responses(
        (status = 200, body = Passed)))]
pub async fn enter_check(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let asked: ReadOut = call.json()?;
    let Helped { staff, account, .. } = Helped::find(deps, call, staff).await?;
    let id: OutboxId = call.parameter("check_id").parse().map_err(|_| Problem::new(ErrorCode::NotFound))?;
    let code = Code::parse(asked.code.expose());
    let code = code.ok_or_else(|| Problem::invalid("code", "must have six digits"))?;
    // The keys come first, because a failure to get them must not cost an attempt.
    let keys = deps.codes.get().await?;
    let check = Check { id, staff: &staff.account, account: account.id };
    let mark = Digest::from(deps.ambient.bytes()?);
    let item = match deps.store.count_check(&check, code.length(), mark).await? {
        CodeCount::Counted(item) => item,
        CodeCount::OtherLength { attempts_left } => {
            return Err(Problem::new(ErrorCode::InvalidCode).with(Member::AttemptsLeft, attempts_left));
        }
        CodeCount::Closed => return Err(Problem::new(ErrorCode::CodeExpired)),
    };
    let challenge = item.challenge().ok_or_else(|| Problem::new(ErrorCode::CodeExpired))?;
    let event = |action| -> Result<Event, Problem> {
        let event = deps.event(&staff, call, action)?;
        Ok(event.of(account.id, account.portal).with_outbox(id))
    };
    let opened = challenge.opened_by(id, &code, keys);
    let opened = opened.map_err(|error| Problem::internal("comparing a code", error))?;
    if opened.is_none() {
        let left = challenge.attempts_left();
        let reason = if left == 0 { Reason::LastWrongCode } else { Reason::WrongCode };
        deps.store.record_event(&event(Action::AuthnCodeFail)?.because(reason)).await?;
        return Err(Problem::new(ErrorCode::InvalidCode).with(Member::AttemptsLeft, left));
    }
    let entered = event(Action::AuthnCodeSuccess)?;
    // The caller has read what was mailed to the account's present address: another one would have raised the version.
    let is_present = matches!(item.kind, OutboxKind::CallerCheck { credential_version, .. }
        if credential_version == Some(account.credential_version) && account.proves_by_mail(entered.at));
    let proven = account.with_email_proven(entered.at);
    let proven = Some(Changed { old: &account, new: &proven }).filter(|_| is_present && proven != account);
    let mut written = deps.store.enter_check(&check, proven, &entered).await?.is_written();
    if !written && proven.is_some() {
        // The account has changed meanwhile. The caller had the mail all the same.
        written = deps.store.enter_check(&check, None, &entered).await?.is_written();
    }
    if !written {
        return Err(Problem::new(ErrorCode::CodeExpired));
    }
    let proof = MailedCodeProof { method: ProofMethod::MailedCode, check_id: id };
    Reply::json(StatusCode::OK, &Passed { proof, expires_at: (entered.at + PROOF_LIFE).to_string() })
}
