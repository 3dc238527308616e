//! The writes of an account's change.

use serde_json::{Map, Value, json};

use super::*;

fn account(members: &Value) -> Account {
    let mut all = json!({"id": "01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "practice": "agency", "portal": "client", "username": "jane",
        "signs_in_by_email": true, "email": "jane@agency.test", "display_name": "Jane", "active": true, "representative": false, "refused": false,
        "setup": "signed_up", "password": "old", "credential_version": 1, "session_epoch": 1, "mail": "ok",
        "revision": 1, "created_at": 0});
    for (name, value) in members.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    serde_json::from_value(all).expect("an account")
}

/// Every member that an account can have, each with another value than [`account`] gives it.
fn others() -> Map<String, Value> {
    let ulid = "01JD7Z3M5V8Q2X4Y6W0N1R9T3M";
    let all = json!({"username": "j", "signs_in_by_email": false, "email": "j@agency.test", "display_name": "Janet", "record_email": "j@clinic.test", "locale": "es",
        "active": false, "representative": true, "refused": true, "role": "staff", "setup": "invited", "password": "new",
        "temporary": {"ticket": ulid, "valid_until": 1}, "frozen_at": 1, "credential_version": 2, "session_epoch": 2,
        "question": {"question": "Pet?", "answer": "hash"}, "mail": "bounced", "mail_failed_at": 1, "email_proven_at": 1, "closed_reason": "left",
        "caseload": [{"staff": ulid, "assigned_at": 1}],
        "associations": [{"account": ulid, "relationship": "parent", "acts": true}], "revision": 2,
        "former_mailbox": "p@agency.test"});
    all.as_object().expect("members").clone()
}

/// The kinds of keys that a change writes, in order.
fn kinds(old: &Account, new: &Account) -> Vec<String> {
    let writes = account_writes(Changed { old, new }, Guard::Unchanged);
    let items = writes.into_iter().map(|write| write.into_item("table").expect("a write"));
    let key = |item: aws_sdk_dynamodb::types::TransactWriteItem| {
        let of_put = item.put().map(|put| put.item().clone());
        let of_update = item.update().map(|update| update.key().clone());
        let of_delete = item.delete().map(|delete| delete.key().clone());
        let key = of_put.or(of_update).or(of_delete).expect("a key");
        keys::kind(key["pk"].as_s().expect("a text")).to_owned()
    };
    items.map(key).collect()
}

#[test]
fn every_member_of_an_account_is_written_when_it_differs() {
    let old = account(&json!({}));
    let Value::Object(known) = serde_json::to_value(account(&Value::Object(others()))).expect("JSON") else {
        panic!("an object")
    };
    let fixed = ["id", "practice", "portal", "created_at"];
    for member in known.keys().filter(|member| !fixed.contains(&member.as_str())) {
        let other = others().get(member).cloned();
        let other = other.unwrap_or_else(|| panic!("{member} is new: give it another value above"));
        let new = account(&json!({ member: other }));
        let written = Write::difference(&keys::account(new.id), &old, &new).members();
        assert_eq!(written, [member.as_str()]);
    }
}

#[test]
fn a_change_writes_what_follows_from_it_and_nothing_else() {
    let old = account(&json!({}));
    for (members, written) in [
        (json!({"display_name": "Jane", "revision": 2}), vec!["ACCOUNT"]),
        (json!({"password": "new"}), vec!["ACCOUNT", "LOGIN", "LOGIN"]),
        (json!({"session_epoch": 2}), vec!["ACCOUNT", "LOGIN", "LOGIN"]),
        (json!({"active": false}), vec!["ACCOUNT", "LOGIN", "LOGIN", "EMAIL"]),
        (json!({"signs_in_by_email": false}), vec!["ACCOUNT", "LOGIN"]),
        (json!({"signs_in_by_email": false, "password": "new"}), vec!["ACCOUNT", "LOGIN", "LOGIN"]),
        (json!({"username": "jd"}), vec!["ACCOUNT", "LOGIN", "LOGIN", "FIND"]),
        (json!({"display_name": "Janet"}), vec!["ACCOUNT", "FIND", "FIND", "FIND"]),
        (
            json!({"email": "j@agency.test"}),
            vec!["ACCOUNT", "LOGIN", "LOGIN", "EMAIL", "EMAIL", "FIND", "FIND", "FIND"],
        ),
        (json!({"caseload": [{"staff": old.id, "assigned_at": 1}]}), vec!["ACCOUNT", "CASELOAD"]),
        (
            json!({"associations": [{"account": old.id, "relationship": "x", "acts": true, "until": 9}]}),
            vec!["ACCOUNT", "ENDING"],
        ),
        (
            json!({"associations": [{"account": old.id, "relationship": "x", "acts": false, "until": 9}]}),
            vec!["ACCOUNT"],
        ),
        (json!({}), vec!["ACCOUNT"]),
    ] {
        assert_eq!(kinds(&old, &account(&members)), written, "{members}");
    }
}
