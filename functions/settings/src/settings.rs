//! This module serves `GET` and `PATCH /v1/admin/practice`: the settings of the caller's own practice.

use http::StatusCode;
use rekey::domain::account::Account;
use rekey::domain::event::{Action, Change};
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::permission::Staff;
use rekey::domain::practice::{Practice, SettingError};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::store::practices::{PracticeUpdate, Settings};
use rekey::store::race::until_written;
use serde_json::{Map, Value};

use crate::Deps;

/// The operation `GET /v1/admin/practice`.
pub struct GetSettings;

impl Operation for GetSettings {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[];
}

/// Shows the practice's settings
///
/// Every member of staff may read the settings of their own practice. The answer has the settings as they are now.
#[utoipa::path(get, path = "/v1/admin/practice", impl_for = GetSettings, operation_id = "getSettings", tag = "staff",
    responses(
        (status = 200, body = Practice)))]
pub async fn get_settings(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    // The settings are read anew, because a person who has just changed them wants to see the change.
    let settings = current(deps, &staff.practice).await?;
    Reply::json(StatusCode::OK, &settings.practice.settings())
}

/// The operation `PATCH /v1/admin/practice`.
pub struct UpdateSettings;

impl Operation for UpdateSettings {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::InvalidSetting, ErrorCode::ConfirmationRequired]];
}

/// Changes the practice's settings
///
/// Only an administrator may make this call. A value outside its bounds is refused, and `detail` names the member and the bound.
/// The `slug` never changes, and only the operator changes `domains` and `senders`. A change of the
/// addresses of the portals, the sender, the support contact or the colour needs a session that is confirmed, by the sign-in or since,
/// and the other administrators are mailed. The logo has calls of its own. Other calls follow the new settings within a minute.
#[utoipa::path(patch, path = "/v1/admin/practice", impl_for = UpdateSettings, operation_id = "updateSettings", tag = "staff",
    request_body(content = Object, description = "A JSON merge patch (RFC 7396) of the settings. Members that are left out stay as they are, and `null` removes an optional member. The name of a member that does not exist is refused, also with `null`"),
    responses(
        (status = 200, body = Practice)))]
pub async fn update_settings(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("changing settings", || async {
        let staff = deps.staff(call).await?;
        let patch: Map<String, Value> = call.json()?;
        staff.must_be_admin()?;
        let mut was = current(deps, &staff.practice).await?;
        was.practice = was.practice.bounded();
        let before = settings(&was.practice)?;
        let mut after = before.clone();
        merge(&mut after, &Value::Object(patch));
        let is_changed = |member: &str| part_of(&before, member) != part_of(&after, member);
        if let Some((member, rule)) = FIXED.into_iter().find(|(member, _)| is_changed(member)) {
            return Err(Problem::setting(&SettingError { member: member.to_owned(), rule: rule.to_owned() }));
        }
        let new = Practice::parse(&after, deps.portal_scheme).and_then(|new| new.at(deps.store.pages()));
        let new = new.map_err(|error| Problem::setting(&error))?;
        let changes = changes(&before, &settings(&new)?, "");
        let outcome = if changes.is_empty() {
            deps.store.rewrite_origins(&staff.account, &was).await?
        } else {
            let leading = leading(&changes);
            let mails = if leading.is_empty() {
                Vec::new()
            } else {
                staff.must_be_confirmed(deps.ambient.now())?;
                mails(deps, call, &staff, &leading).await?
            };
            let event = deps.event(&staff, call, Action::PracticeUpdated)?.with_changes(changes);
            let becomes = was.practice.with_settings(&new);
            let update = PracticeUpdate { was: &was, becomes: &becomes, event: &event, mails: &mails };
            deps.store.update_practice(Some(&staff.account), &update).await?
        };
        outcome.is_written().then(|| Reply::json(StatusCode::OK, &new)).transpose()
    })
    .await
}

pub(crate) async fn current(deps: &Deps, known: &Practice) -> Result<Settings, Problem> {
    let found = deps.store.find_settings(&known.slug).await?;
    found.ok_or_else(|| Problem::internal("finding an account's practice", "it is gone"))
}

fn settings(practice: &Practice) -> Result<Value, Problem> {
    serde_json::to_value(practice.settings()).map_err(|error| Problem::internal("writing settings", error))
}

/// Merges a patch into a value (RFC 7396). A member to remove that is not there becomes null, so that whoever reads the value can
/// refuse a name that no member has.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(target) = target.as_object_mut() else { return };
    for (member, value) in patch {
        if value.is_null() {
            if target.remove(member).is_none() {
                target.insert(member.clone(), Value::Null);
            }
        } else {
            merge(target.entry(member).or_insert(Value::Null), value);
        }
    }
}

/// A setting by its dotted path. One that is absent is null.
fn part_of<'a>(settings: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(settings, |part, member| &part[member])
}

/// The settings that this call does not change, and why.
const FIXED: [(&str, &str); 4] = [
    ("slug", "cannot be changed"),
    ("domains", "can be changed by the operator only"),
    ("senders", "can be changed by the operator only"),
    ("brand.logo", "is changed by PUT and DELETE of /v1/admin/practice/logo"),
];
/// The settings that say where people are led, whom they turn to, what they know their practice by, and what keeps others out of
/// their accounts.
const LEADING: [&str; 7] = [
    "portals.",
    "brand.",
    "sender",
    "support.",
    "policy.caller_proof",
    "policy.address_hold",
    "policy.security_question",
];

/// The names of the settings that have changed and say where people are led.
fn leading(changes: &[Change]) -> Vec<String> {
    let leads = |change: &&Change| LEADING.iter().any(|part| change.member.starts_with(part));
    changes.iter().filter(leads).map(|change| change.member.clone()).collect()
}

/// The mails that tell the other administrators of a change of where people are led, so that one who was taken over does not go
/// unnoticed (A6).
pub(crate) async fn mails(
    deps: &Deps,
    call: &Call,
    staff: &Staff,
    members: &[String],
) -> Result<Vec<OutboxItem>, Problem> {
    let mut others = deps.store.find_administrators(&staff.practice.slug).await?;
    others.retain(|account| account.id != staff.account.id);
    let mail = |account: &Account| {
        let kind = OutboxKind::SettingsChanged { account: account.id, members: members.to_vec() };
        Ok(OutboxItem::new(&deps.ambient, &staff.practice.slug, kind, Some(call.address))?)
    };
    others.iter().map(mail).collect()
}

/// The members that differ, by dotted path, with their values: they are nobody's personal data, and an auditor must see where people
/// were led.
fn changes(before: &Value, after: &Value, path: &str) -> Vec<Change> {
    if before == after {
        return Vec::new();
    }
    // What is left out has no members, so that a setting that comes or goes as a whole is told by the names of its members too.
    let members_of = |value: &Value| match value {
        Value::Object(members) => Some(members.clone()),
        Value::Null => Some(Map::new()),
        _ => None,
    };
    if let (Some(before), Some(after)) = (members_of(before), members_of(after)) {
        let mut members: Vec<&String> = before.keys().chain(after.keys()).collect();
        members.sort();
        members.dedup();
        let inner = |member: &String| {
            let path = if path.is_empty() { member.clone() } else { format!("{path}.{member}") };
            let of = |object: &Map<String, Value>| object.get(member).cloned().unwrap_or_default();
            changes(&of(&before), &of(&after), &path)
        };
        return members.into_iter().flat_map(inner).collect();
    }
    let shown = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    vec![Change { member: path.to_owned(), from: shown(before), to: shown(after) }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_is_merged_as_rfc_7396_says() {
        for (target, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d", "c": null}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {"ccc": null}}})),
        ] {
            let mut target = target;
            merge(&mut target, &patch);
            assert_eq!(target, merged, "{patch}");
        }
    }
}
