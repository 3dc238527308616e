//! This module serves `GET` and `PATCH /v1/admin/accounts/{id}`, which show and change an account.

use http::StatusCode;
use rekey::domain::account::{Account, AccountPatch, Role, check_role};
use rekey::domain::event::{Action, Change};
use rekey::domain::identifier::Email;
use rekey::domain::notice::Telling;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::permission::Staff;
use rekey::domain::practice::{Portal, check_locale};
use rekey::domain::proof::RecordedProof;
use rekey::domain::text::check_name;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::AccountId;
use rekey::store::accounts::Changed;
use rekey::store::edits::Edit;
use rekey::store::limits::CountedMail;
use rekey::store::race::until_written;
use rekey::store::told::Told;

use crate::Deps;
use crate::closing::Closing;
use crate::create::{may_name, may_share, no_username, username_taken};
use crate::facts::{AdminAccount, account_reply, closing_reply, etag};
use crate::shared_address::must_be_meant;

/// The operation `GET /v1/admin/accounts/{id}`.
pub struct GetAdminAccount;

impl Operation for GetAdminAccount {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::NotFound]];
}

/// Shows an account
///
/// Administrators see every account of their practice. Other staff see their own account, and all clients or, if the practice
/// scopes by caseload, only the clients of their caseload. For any other account the answer is 404. A change of the account needs
/// the `ETag` of this answer.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}", impl_for = GetAdminAccount, operation_id = "getAdminAccount", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account")),
    responses(
        (status = 200, body = AdminAccount, headers(("ETag" = String, description = "The version of the account, for `If-Match`.")))))]
pub async fn get_account(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    account_reply(StatusCode::OK, &deps.find_account(&staff, call.parameter("id")).await?, deps.ambient.now())
}

/// The operation `PATCH /v1/admin/accounts/{id}`.
pub struct UpdateAccount;

impl Operation for UpdateAccount {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[
        JSON_BODY,
        &[
            ErrorCode::NotFound,
            ErrorCode::PreconditionFailed,
            ErrorCode::PreconditionRequired,
            ErrorCode::UsernameTaken,
            ErrorCode::AddressProven,
            ErrorCode::ConfirmationRequired,
            ErrorCode::ProofRequired,
            ErrorCode::TooManyRequests,
        ],
    ];
}

/// Changes an account
///
/// `If-Match` must be the `ETag` of the account as it was read. The answer is 412 when the account has changed since, and 428
/// without the header. Another email address or username voids links, codes and a temporary password. Closing the account (`active`
/// false or `refused` true) does the same and ends every session; `closed_reason` says why. After `deceased` nothing is mailed, and
/// nobody acts for the owner any more. Closing a member of staff revokes what they have issued and nobody has used, unless
/// `revoke_issued` is false; a link that they have copied or printed ends in any case. An address that another account has proven is
/// refused without `shares_address`. Nobody may change their own `role`, `username`, `email`, `active` or `refused`. By the practice's
/// `caller_proof`, another address needs a `proof`. Another `role`, or another `email` of a member of staff, or opening their account
/// again, needs a session that is confirmed, by the sign-in or since. All administrators are mailed when one changes the account of
/// another, or makes one.
///
/// The former address is told of another `email`, with a link to say that it was not its owner's doing. By the practice's
/// `address_hold`, a recovery by self-service mails nothing to the new address for a while, but becomes a task of staff, and the former
/// address is told; there is no hold after a `proof` by `mailed_code`, `identity_document` or `in_person`.
#[utoipa::path(patch, path = "/v1/admin/accounts/{id}", impl_for = UpdateAccount, operation_id = "updateAccount", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account"), ("If-Match" = String, Header, description = "The `ETag` of the account as it was read")),
    request_body = AccountPatch,
    responses(
        (status = 200, body = AdminAccount, headers(("ETag" = String, description = "The version of the account, for `If-Match`.")))))]
pub async fn update_account(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    Box::pin(until_written("changing an account", || async {
        let staff = deps.staff(call).await?;
        let patch: AccountPatch = call.json()?;
        let tag = call.if_match()?;
        let old = deps.find_account(&staff, call.parameter("id")).await?;
        must_edit(&staff, &old, &patch)?;
        if takes_over(&old, &patch) {
            staff.must_be_confirmed(deps.ambient.now())?;
        }
        check(&old, &patch)?;
        let closing = Closing::of(&old, &patch)?;
        if tag != etag(&old) {
            return Err(Problem::new(ErrorCode::PreconditionFailed));
        }
        let is_addressed = patch.email.is_some() || patch.username.is_some();
        let (given, is_meant) = (patch.proof.clone(), patch.shares_address == Some(true));
        let new = old.patched(patch).map_err(|error| no_username(&error))?;
        let new = if is_addressed { with_names(deps, call, &staff, &old, new).await? } else { new };
        let is_readdressed = old.email != new.email;
        let now = deps.ambient.now();
        // Nobody acts any more for somebody who has died.
        let new = if new.is_of_deceased() { new.with_guardians_until(now) } else { new };
        let mut changes = changes(&old, &new);
        // What was kept is taken back later, by a change of its own.
        let new = if changes.is_empty() && closing.is_some() {
            changes.push(Change {
                member: "revoke_issued".to_owned(),
                from: None,
                to: Some("true".to_owned()),
            });
            Account { revision: old.revision + 1, ..new }
        } else {
            new
        };
        if changes.is_empty() {
            return account_reply(StatusCode::OK, &old, now).map(Some);
        }
        if new.address() != old.address() {
            Box::pin(must_be_meant(deps, &staff, &new, is_meant)).await?;
        }
        let proof = if is_readdressed || given.is_some() {
            deps.proof(&staff, &old, given.as_ref(), is_readdressed).await?
        } else {
            None
        };
        let event = deps.event(&staff, call, Action::UserUpdated)?.of(new.id, new.portal);
        // Whoever makes an administrator is told of too.
        let on = if old.role == Some(Role::Admin) { &old } else { &new };
        let mut mails = deps.mails_of_act(call, &staff, on, proof.as_ref()).await?;
        let is_strong = proof.as_ref().is_some_and(RecordedProof::is_strong);
        let notices =
            if is_readdressed { former_addresses(deps, call, (&old, &new), is_strong)? } else { Vec::new() };
        let new = if is_readdressed { held(deps, &staff, (&old, new), is_strong) } else { new };
        let counted = (!notices.is_empty()).then_some(CountedMail {
            by: Some(staff.account.id),
            account: &old,
            is_notice: true,
        });
        // Room is made for what must not be left out first.
        mails.splice(0..0, notices);
        if let Some(closing) = closing {
            mails.insert(0, closing.item(deps, &staff, &new)?);
        }
        let event = event.with_changes(changes).with_proof(proof);
        let (edited, told) = (Changed { old: &old, new: &new }, Told { event: &event, mails: &mails });
        let edit = Edit { edited, told, mail: counted };
        let issuance = deps.store.edit_account(&staff.account, edit).await?;
        if !deps.is_written(issuance, &event, &old).await? {
            return Ok(None);
        }
        match closing {
            Some(closing) => {
                closing_reply(&new, deps.ambient.now(), closing.end(deps, call, &staff, &new).await).map(Some)
            }
            None => account_reply(StatusCode::OK, &new, deps.ambient.now()).map(Some),
        }
    }))
    .await
}

/// The account with its new address, on hold by the practice's policy unless somebody has seen the owner, or a code that went to the
/// former address was read out.
fn held(deps: &Deps, staff: &Staff, (old, new): (&Account, Account), is_proven: bool) -> Account {
    let now = deps.ambient.now();
    new.holding_address(old, now, staff.practice.policy.held_until(now).filter(|_| !is_proven))
}

/// The outbox items of the mails that tell the owner of another address: at the one that it takes the place of, and at the last one
/// that was not on hold. Whoever has been seen, or has objected, did not have the one that is put right: to whoever has it nothing is
/// given by which they could lock the owner out.
fn former_addresses(
    deps: &Deps,
    call: &Call,
    (old, new): (&Account, &Account),
    is_strong: bool,
) -> Result<Vec<OutboxItem>, Problem> {
    let hold = old.on_hold(deps.ambient.now());
    let is_doubted = old.needs_proof || is_strong && hold.is_some();
    let before = hold.and_then(|hold| hold.former.clone());
    let present = old.mailed_at().filter(|_| !is_doubted).cloned();
    let mut told: Vec<Email> = before.into_iter().chain(present).collect();
    told.dedup();
    told.retain(|to| Some(to) != new.email.as_ref());
    let masked = new.email.as_ref().map(Email::masked);
    let item = |to| {
        let (account, about, masked) = (old.id, Telling::AddressChanged, masked.clone());
        let kind = OutboxKind::Notice { account, about, to, masked };
        Ok(OutboxItem::new(&deps.ambient, &old.practice, kind, Some(call.address))?)
    };
    told.into_iter().map(item).collect()
}

/// The account with its new names, if they are free. An address that others share becomes no name for sign-in.
async fn with_names(
    deps: &Deps,
    call: &Call,
    staff: &Staff,
    old: &Account,
    new: Account,
) -> Result<Account, Problem> {
    let is_moved = new.address() != old.address();
    if new.username != old.username || is_moved {
        may_name(deps, staff).await?;
    }
    if is_moved {
        may_share(deps, call, staff, &new).await?;
    }
    let same = old.signs_in_by_email && !is_moved;
    let alone = same || !deps.store.shares_address(&new).await?;
    let named = new.signing_in_by_email(alone);
    let renamed = named.sign_in_names() != old.sign_in_names();
    // Whoever writes to the account meanwhile knows its former names alone, and must lose.
    let named = Account {
        revision: named.revision + u64::from(renamed && named.revision == old.revision),
        credential_version: named.credential_version
            + u64::from(renamed && named.credential_version == old.credential_version),
        ..named
    };
    if deps.store.is_taken(old, &named).await? {
        return Err(username_taken(deps, call, staff).await?);
    }
    Ok(named)
}

/// Nobody changes their own role, `active` or `refused`, because an administrator could lock themselves and the practice out.
/// Nobody changes their own address, because a person who finds a browser signed in must not be able to take the account over.
fn must_edit(staff: &Staff, account: &Account, patch: &AccountPatch) -> Result<(), Problem> {
    staff.must_manage(account.portal)?;
    let standing = patch.role.is_some() || patch.active.is_some() || patch.refused.is_some();
    let standing = standing || patch.email.is_some() || patch.username.is_some();
    if account.id == staff.account.id && standing { Err(Problem::new(ErrorCode::Forbidden)) } else { Ok(()) }
}

/// Whether the change gives a role, leads the mail of a colleague elsewhere, to which a link can then be mailed, or lets one in who has
/// left and still knows a password.
fn takes_over(old: &Account, patch: &AccountPatch) -> bool {
    let is_promoted = patch.role.is_some_and(|role| old.role != Some(role));
    let is_readdressed = patch.email.as_ref().is_some_and(|email| *email != old.email);
    let opens = patch.active.unwrap_or(old.active) && !patch.refused.unwrap_or(old.refused);
    let is_opened = opens && !old.is_open();
    is_promoted || old.portal == Portal::Staff && (is_readdressed || is_opened)
}

fn check(account: &Account, patch: &AccountPatch) -> Result<(), Problem> {
    let opens = patch.active.unwrap_or(account.active) && !patch.refused.unwrap_or(account.refused);
    if opens && patch.closed_reason.is_some() {
        return Err(Problem::invalid("closed_reason", "an account that is open has none"));
    }
    if let Some(name) = &patch.display_name {
        check_name(name).map_err(|rule| Problem::invalid("display_name", rule))?;
    }
    if let Some(locale) = &patch.locale {
        check_locale(locale.as_deref()).map_err(|rule| Problem::invalid("locale", rule))?;
    }
    let role = patch.role.or(account.role);
    check_role(account.portal, role).map_err(|rule| Problem::invalid("role", rule))
}

/// The changes of an edit, as they are recorded. Addresses are masked, and names are left out.
fn changes(old: &Account, new: &Account) -> Vec<Change> {
    let change = |member: &str, from: Option<String>, to: Option<String>| Change {
        member: member.to_owned(),
        from,
        to,
    };
    let masked = |email: &Option<Email>| email.as_ref().map(Email::masked);
    let word = |value: bool| Some(value.to_string());
    let role = |role: Option<Role>| role.map(|role| role.as_str().to_owned());
    let mut changes = Vec::new();
    if old.email != new.email {
        changes.push(change("email", masked(&old.email), masked(&new.email)));
    }
    if old.record_email != new.record_email {
        changes.push(change("record_email", masked(&old.record_email), masked(&new.record_email)));
    }
    if old.username != new.username {
        changes.push(change("username", None, None));
    }
    if old.signs_in_by_email != new.signs_in_by_email {
        changes.push(change("signs_in_by_email", word(old.signs_in_by_email), word(new.signs_in_by_email)));
    }
    if old.display_name != new.display_name {
        changes.push(change("display_name", None, None));
    }
    for (member, from, to) in [
        ("active", old.active, new.active),
        ("refused", old.refused, new.refused),
        ("representative", old.representative, new.representative),
    ] {
        if from != to {
            changes.push(change(member, word(from), word(to)));
        }
    }
    if old.closed_reason != new.closed_reason {
        let reason = |account: &Account| account.closed_reason.map(|reason| reason.as_str().to_owned());
        changes.push(change("closed_reason", reason(old), reason(new)));
    }
    if old.role != new.role {
        changes.push(change("role", role(old.role), role(new.role)));
    }
    if old.locale != new.locale {
        changes.push(change("locale", old.locale.clone(), new.locale.clone()));
    }
    changes
}
