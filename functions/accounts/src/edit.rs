//! `GET` and `PATCH /v1/admin/accounts/{id}`.

use lambda_http::http::StatusCode;
use rekey::account::{Account, MailStatus, Role, check_locale, check_name, check_role};
use rekey::event::{Action, Change};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::identifier::Email;
use rekey::staff::Staff;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::Deps;
use crate::facts::{AdminAccount, answer, etag};

/// Shows an account.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}", operation_id = "getAdminAccount", tag = "staff",
    params(("id" = String, Path, description = "As listed")),
    responses(
        (status = 200, body = AdminAccount, headers(("ETag" = String))),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn get_account(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    answer(StatusCode::OK, &staff.find(&deps.store, id).await?)
}

/// What is to be changed; what is left out stays. `null` takes an optional member away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountPatch {
    /// Another address voids every link and code that was mailed.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<Email>>,
    /// The address in the clinical record.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub record_email: Option<Option<Email>>,
    /// 1 to 100 characters.
    #[serde(deserialize_with = "given")]
    pub display_name: Option<String>,
    /// `false` ends every session, link and code.
    #[serde(deserialize_with = "given")]
    pub active: Option<bool>,
    /// `true` does the same.
    #[serde(deserialize_with = "given")]
    pub refused: Option<bool>,
    /// Acts for a client.
    #[serde(deserialize_with = "given")]
    pub representative: Option<bool>,
    /// Of staff accounts only.
    #[serde(deserialize_with = "given")]
    pub role: Option<Role>,
    /// `en` or `es`.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub locale: Option<Option<String>>,
}

/// Tells a member that is `null` from one that is left out, and refuses it where `null` means nothing.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Changes an account, if it still is what `If-Match` says.
#[utoipa::path(patch, path = "/v1/admin/accounts/{id}", operation_id = "updateAccount", tag = "staff",
    params(("id" = String, Path, description = "As listed"), ("If-Match" = String, Header, description = "The account's ETag")),
    request_body = AccountPatch,
    responses(
        (status = 200, body = AdminAccount, headers(("ETag" = String))),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 412, description = "`precondition_failed`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 428, description = "`precondition_required`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn edit_account(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let patch: AccountPatch = call.json()?;
    let tag = call.if_match()?;
    let old = staff.find(&deps.store, id).await?;
    may_edit(&staff, &old, &patch)?;
    check(&old, &patch)?;
    if tag != etag(&old) {
        return Err(Problem::new(Code::PreconditionFailed));
    }
    let (new, changes) = apply(&old, patch);
    if changes.is_empty() {
        return answer(StatusCode::OK, &old);
    }
    let event =
        staff.event(&deps.ambient, call, Action::UserUpdated)?.of(new.id, new.portal).with_changes(changes);
    if deps.store.update_accounts(&staff.account, &[(&old, &new)], &event).await?.is_written() {
        return answer(StatusCode::OK, &new);
    }
    Err(Problem::new(Code::PreconditionFailed))
}

/// Nobody changes their own standing: an administrator who could would lock the practice out, or be locked out. Nor their own
/// address: whoever finds a browser signed in must not be able to keep the account.
fn may_edit(staff: &Staff, account: &Account, patch: &AccountPatch) -> Result<(), Problem> {
    staff.must_manage(account.portal)?;
    let standing = patch.role.is_some() || patch.active.is_some() || patch.refused.is_some();
    let standing = standing || patch.email.is_some();
    if account.id == staff.account.id && standing { Err(Problem::new(Code::Forbidden)) } else { Ok(()) }
}

fn check(account: &Account, patch: &AccountPatch) -> Result<(), Problem> {
    if let Some(name) = &patch.display_name {
        check_name(name).map_err(|rule| Problem::invalid("display_name", rule))?;
    }
    if let Some(locale) = &patch.locale {
        check_locale(locale.as_deref()).map_err(|rule| Problem::invalid("locale", rule))?;
    }
    let role = patch.role.or(account.role);
    check_role(account.portal, role).map_err(|rule| Problem::invalid("role", rule))
}

/// The account after the change, and what there is to record of it.
fn apply(old: &Account, patch: AccountPatch) -> (Account, Vec<Change>) {
    let new = Account {
        email: patch.email.unwrap_or_else(|| old.email.clone()),
        record_email: patch.record_email.unwrap_or_else(|| old.record_email.clone()),
        display_name: patch.display_name.unwrap_or_else(|| old.display_name.clone()),
        active: patch.active.unwrap_or(old.active),
        refused: patch.refused.unwrap_or(old.refused),
        representative: patch.representative.unwrap_or(old.representative),
        role: patch.role.or(old.role),
        locale: patch.locale.unwrap_or_else(|| old.locale.clone()),
        ..old.clone()
    };
    let changes = changes(old, &new);
    // A ticket was mailed to the old address; a session was opened while the account was open.
    let moved = old.email != new.email;
    let closed = old.is_open() && !new.is_open();
    let voids = moved || closed;
    let new = Account {
        mail: if moved { MailStatus::Ok } else { old.mail },
        temporary: old.temporary.clone().filter(|_| !voids),
        credential_version: old.credential_version + u64::from(voids),
        session_epoch: old.session_epoch + u64::from(closed),
        revision: old.revision + u64::from(!changes.is_empty()),
        ..new
    };
    (new, changes)
}

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
    if old.role != new.role {
        changes.push(change("role", role(old.role), role(new.role)));
    }
    if old.locale != new.locale {
        changes.push(change("locale", old.locale.clone(), new.locale.clone()));
    }
    changes
}
