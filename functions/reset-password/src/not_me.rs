//! This module serves `POST /v1/password/not-me`: with "I am not this person", whoever gets a mail by mistake says so.

use rekey::domain::account::{Account, MailStatus};
use rekey::domain::event::{Action, Actor, Change, Event};
use rekey::domain::help::Cause;
use rekey::domain::not_me::NotMe;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::OutboxId;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::Token;
use rekey::store::accounts::Changed;
use rekey::store::not_me::Misaddressed;
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::ticket::parse_token;

/// The report that a mail has reached somebody else.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotMeRequest {
    /// The token from the fragment (`#not-me=`) of the link in the mail.
    #[schema(value_type = Token)]
    pub token: Secret,
}

/// The operation `POST /v1/password/not-me`.
pub struct ReportWrongPerson;

impl Operation for ReportWrongPerson {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::InvalidToken, ErrorCode::ExpiredToken, ErrorCode::RevokedToken]];
}

/// Says that a mail has reached somebody else
///
/// Every mail to an address that nobody has proven has a link for it. The links, codes and temporary passwords that were mailed
/// become void, the address is marked `wrong_person`, nothing more is mailed to it, and staff get a task. A password that was set
/// without the address stays, and so do its sessions. The token works once, within 30 days, and only as long as the account has the
/// address and nobody has proven it. A second call with the same token changes nothing and answers 204. The answer says nothing of
/// whom the mail was meant for.
#[utoipa::path(post, path = "/v1/password/not-me", impl_for = ReportWrongPerson, operation_id = "reportWrongPerson", tag = "recovery",
    request_body = NotMeRequest,
    responses(
        (status = 204, description = "Nothing more is mailed to the address")))]
pub async fn report_wrong_person(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: NotMeRequest = call.json()?;
    let token = parse_token(&asked.token)?;
    until_written("marking an address", || async {
        let Reported { not_me, accounts } = find(deps, &token).await?;
        if not_me.used_at.is_some() {
            return Ok(Some(Reply::empty()));
        }
        if not_me.valid_until <= deps.ambient.now() {
            return Err(Problem::new(ErrorCode::ExpiredToken));
        }
        let meant: Vec<Account> = accounts.into_iter().filter(|account| not_me.is_about(account)).collect();
        if meant.is_empty() {
            return Err(Problem::new(ErrorCode::RevokedToken));
        }
        let unmarked: Vec<&Account> =
            meant.iter().filter(|account| account.mail != MailStatus::WrongPerson).collect();
        if unmarked.is_empty() {
            return Ok(Some(Reply::empty()));
        }
        Ok(write(deps, call, &token, (&not_me, &unmarked)).await?.then(Reply::empty))
    })
    .await
}

/// The link of a mail, with the accounts that it speaks for.
struct Reported {
    not_me: NotMe,
    accounts: Vec<Account>,
}

/// The second read is one for the other accounts of a mailbox.
async fn find(deps: &Deps, token: &Token) -> Result<Reported, Problem> {
    let id = OutboxId::from(token.subject);
    let (not_me, first) =
        tokio::join!(deps.store.find_not_me(token.account, id), deps.store.find_account(token.account));
    let not_me = not_me?.filter(|not_me| not_me.digest == token.digest());
    let not_me = not_me.ok_or_else(|| Problem::new(ErrorCode::InvalidToken))?;
    let mut accounts: Vec<Account> = first?.into_iter().collect();
    let others: Vec<_> = not_me.accounts.iter().copied().filter(|id| *id != token.account).collect();
    if !others.is_empty() {
        accounts.extend(deps.store.find_accounts(&others).await?);
    }
    Ok(Reported { not_me, accounts })
}

/// Marks the accounts. Returns whether it was written.
async fn write(
    deps: &Deps,
    call: &Call,
    token: &Token,
    (not_me, accounts): (&NotMe, &[&Account]),
) -> Result<bool, Problem> {
    let marked: Vec<Account> = accounts.iter().map(|account| account.of_wrong_person()).collect();
    let mut misaddressed = Vec::with_capacity(accounts.len());
    for (old, new) in accounts.iter().zip(&marked) {
        let (practice, of) = (&old.practice, old.id);
        let kind = OutboxKind::Task { account: of, cause: Cause::WrongPerson };
        let task = OutboxItem::new(&deps.ambient, practice, kind, Some(call.address))?;
        let event = Event::new(&deps.ambient, practice, Action::WrongPersonReported, Actor::Anonymous)?;
        let (from, to) = (Some(old.mail.as_str().to_owned()), Some(new.mail.as_str().to_owned()));
        let change = Change { member: "mail".to_owned(), from, to };
        let event = event.of(of, old.portal).with_outbox(not_me.id).with_changes(vec![change]);
        let event = event.from_address(call.address);
        misaddressed.push(Misaddressed { changed: Changed { old, new }, event, task });
    }
    let link = (token.account, not_me);
    let outcome = deps.store.record_wrong_person(link, &misaddressed, deps.ambient.now()).await?;
    Ok(outcome.is_written())
}
