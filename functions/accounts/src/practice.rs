//! `GET` and `PATCH /v1/admin/practice`: the settings of the caller's own practice.

use lambda_http::http::StatusCode;
use rekey::event::{Action, Change};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::practice::{Practice, SettingError};
use serde_json::{Map, Value};

use crate::Deps;

/// Rounds of losing to another change.
const ROUNDS: usize = 5;

/// Shows the practice's settings.
#[utoipa::path(get, path = "/v1/admin/practice", operation_id = "getSettings", tag = "staff",
    responses(
        (status = 200, body = Practice),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn get_settings(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    // Not the remembered ones: whoever has just changed them wants to see it.
    let (practice, _) = current(deps, &staff.practice).await?;
    Answer::json(StatusCode::OK, &practice)
}

/// Changes the practice's settings within their bounds. The other functions follow within a minute.
#[utoipa::path(patch, path = "/v1/admin/practice", operation_id = "updateSettings", tag = "staff",
    request_body(content = Object, description = "A JSON merge patch (RFC 7396) of the settings: members that are left out stay, `null` takes an optional one away"),
    responses(
        (status = 200, body = Practice),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_setting`: `detail` names the member and its bound", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn change_settings(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let patch: Map<String, Value> = call.json()?;
    if !staff.is_admin() {
        return Err(Problem::new(Code::Forbidden));
    }
    for _ in 0..ROUNDS {
        let (old, revision) = current(deps, &staff.practice).await?;
        let before = settings(&old)?;
        let mut after = before.clone();
        merge(&mut after, &Value::Object(patch.clone()));
        let new = Practice::parse(&after).map_err(|error| Problem::setting(&error))?;
        if new.slug != old.slug {
            return Err(Problem::setting(&SettingError {
                member: "slug".to_owned(),
                rule: "never changes".to_owned(),
            }));
        }
        let changes = changes(&before, &settings(&new)?, "");
        if changes.is_empty() {
            return Answer::json(StatusCode::OK, &old);
        }
        let event = staff.event(&deps.ambient, call, Action::PracticeUpdated)?.with_changes(changes);
        if deps.store.update_practice(&new, revision, &event).await?.is_written() {
            return Answer::json(StatusCode::OK, &new);
        }
    }
    Err(Problem::unavailable("changing settings", "they kept changing"))
}

async fn current(deps: &Deps, known: &Practice) -> Result<(Practice, i64), Problem> {
    let found = deps.store.find_settings(&known.slug).await?;
    found.ok_or_else(|| Problem::internal("finding an account's practice", "it is gone"))
}

fn settings(practice: &Practice) -> Result<Value, Problem> {
    serde_json::to_value(practice).map_err(|error| Problem::internal("writing settings", error))
}

/// RFC 7396.
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
            target.remove(member);
        } else {
            merge(target.entry(member).or_insert(Value::Null), value);
        }
    }
}

/// What differs, by dotted path; with values where they are policy, which is nobody's personal data.
fn changes(before: &Value, after: &Value, path: &str) -> Vec<Change> {
    if before == after {
        return Vec::new();
    }
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        let mut members: Vec<&String> = before.keys().chain(after.keys()).collect();
        members.sort();
        members.dedup();
        let inner = |member: &String| {
            let path = if path.is_empty() { member.clone() } else { format!("{path}.{member}") };
            let of = |object: &Map<String, Value>| object.get(member).cloned().unwrap_or_default();
            changes(&of(before), &of(after), &path)
        };
        return members.into_iter().flat_map(inner).collect();
    }
    let shown = |value: &Value| path.starts_with("policy.").then(|| value.to_string());
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
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut target = target;
            merge(&mut target, &patch);
            assert_eq!(target, merged, "{patch}");
        }
    }
}
