//! A table of every change of an account: which counters the change raises, what it voids, and which other members it
//! touches.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{Assignment, Association, GuardianRole};
use super::*;
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, TicketId};

mod guardians;

fn hash(text: &str) -> PasswordHash {
    serde_json::from_value(json!(text)).expect("a hash")
}

fn question(text: &str) -> Question {
    Question { question: text.to_owned(), answer: hash("answer") }
}

fn temporary(n: u8) -> Temporary {
    Temporary {
        ticket: TicketId::from_bytes([n; 16]),
        valid_until: Timestamp::from_millis(9),
        owner_seen: false,
        digest: None,
    }
}

/// An account with every member that a change can remove.
fn full() -> Account {
    let assignment = Assignment {
        staff: AccountId::from_bytes([1; 16]),
        role: None,
        assigned_at: Timestamp::from_millis(1),
    };
    let association = Association {
        account: AccountId::from_bytes([2; 16]),
        relationship: "parent".to_owned(),
        acts: true,
        role: GuardianRole::Acts,
        until: None,
    };
    let account = json!({"id": "01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "practice": "agency", "portal": "client", "username": "jane",
        "email": "jane@agency.test", "display_name": "Jane", "record_email": "jane@clinic.test", "locale": "en",
        "active": true, "representative": false, "refused": false, "setup": "signed_up", "credential_version": 10,
        "session_epoch": 20, "revision": 30, "created_at": 0, "mail": "bounced"});
    let account: Account = serde_json::from_value(account).expect("an account");
    Account {
        password: Some(hash("old")),
        temporary: Some(temporary(1)),
        question: Some(question("Pet?")),
        caseload: vec![assignment],
        associations: vec![association],
        ..account
    }
}

/// The names of the members that differ.
fn touched(old: &Account, new: &Account) -> BTreeSet<String> {
    let members = |account: &Account| match serde_json::to_value(account).expect("JSON") {
        Value::Object(members) => members,
        other => panic!("no object: {other}"),
    };
    let (old, new) = (members(old), members(new));
    old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).cloned().collect()
}

/// One change: its name, the account before and after, by how much it raises the version, the epoch and the revision,
/// and the other members that it touches.
struct Row {
    change: &'static str,
    old: Account,
    new: Account,
    raises: [u64; 3],
    touches: &'static [&'static str],
}

fn row(
    change: &'static str,
    old: Account,
    change_of: impl Fn(&Account) -> Account,
    rest: ([u64; 3], &'static [&'static str]),
) -> Row {
    Row { change, new: change_of(&old), old, raises: rest.0, touches: rest.1 }
}

fn patch(value: Value) -> AccountPatch {
    serde_json::from_value(value).expect("a patch")
}

fn table() -> Vec<Row> {
    credentials().into_iter().chain(edits()).chain(addresses_and_ends()).chain(guardians::rows()).collect()
}

/// The changes that affect how the owner signs in.
fn credentials() -> Vec<Row> {
    let frozen =
        || Account { frozen_at: Some(Timestamp::from_millis(1)), password: None, temporary: None, ..full() };
    let new = || Account { setup: Setup::NotInvited, password: None, temporary: None, ..full() };
    let now = Timestamp::from_millis(5);
    vec![
        row(
            "password by self-service",
            full(),
            |a| a.with_password(hash("new"), None, false),
            ([1, 1, 0], &["password", "temporary"]),
        ),
        row(
            "password by the help of staff who saw the owner",
            full(),
            |a| a.with_password(hash("new"), None, true),
            ([1, 1, 0], &["password", "temporary"]),
        ),
        row(
            "password with a question",
            new(),
            |a| a.with_password(hash("new"), Some(question("Dish?")), false),
            ([1, 1, 0], &["password", "question", "setup"]),
        ),
        row(
            "password thaws, unseen",
            frozen(),
            |a| a.with_password(hash("new"), None, false),
            ([1, 1, 0], &["frozen_at", "password"]),
        ),
        row(
            "password thaws, by the help of staff who saw the owner",
            frozen(),
            |a| a.with_password(hash("new"), None, true),
            ([1, 1, 0], &["frozen_at", "password", "question"]),
        ),
        row("rehash", full(), |a| a.rehashed(hash("new")), ([0, 0, 0], &["password"])),
        row("question", full(), |a| a.with_question(question("Dish?")), ([0, 0, 0], &["question"])),
        row(
            "temporary password",
            full(),
            |a| a.with_temporary(temporary(2), true),
            ([0, 1, 1], &["password", "temporary"]),
        ),
        row(
            "temporary password beside the current one",
            full(),
            |a| a.with_temporary(temporary(2), false),
            ([0, 0, 1], &["temporary"]),
        ),
        row(
            "temporary password as the first",
            new(),
            |a| a.with_temporary(temporary(2), true),
            ([0, 1, 1], &["setup", "temporary"]),
        ),
        row(
            "temporary password mailed",
            full(),
            |a| a.with_temporary_digest(Digest::from([7; 32])),
            ([0, 0, 0], &["temporary"]),
        ),
        row("invited", new(), Account::invited, ([0, 0, 1], &["setup"])),
        row("helped again", full(), Account::invited, ([0, 0, 1], &[])),
        row("started", new(), |a| a.started().expect("it was not"), ([0, 0, 0], &["setup"])),
        row("signed out", full(), Account::signed_out, ([0, 1, 0], &[])),
        row(
            "password voided",
            full(),
            |a| a.with_password_voided(None),
            ([1, 1, 1], &["password", "temporary"]),
        ),
        row("frozen", full(), |a| a.frozen(now, false), ([1, 1, 1], &["frozen_at", "password", "temporary"])),
    ]
}

/// The changes that staff make, and those that the system records.
fn edits() -> Vec<Row> {
    let edit = |value: Value| move |old: &Account| old.patched(patch(value.clone())).expect("a patch");
    vec![
        row(
            "nothing edited",
            full(),
            edit(json!({"display_name": "Jane", "active": true})),
            ([0, 0, 0], &[]),
        ),
        row(
            "another name",
            full(),
            edit(json!({"display_name": "Janet", "representative": true})),
            ([0, 0, 1], &["display_name", "representative"]),
        ),
        row(
            "another record email",
            full(),
            edit(json!({"record_email": null, "locale": "es"})),
            ([0, 0, 1], &["locale", "record_email"]),
        ),
        row(
            "another address",
            full(),
            edit(json!({"email": "j@agency.test"})),
            ([1, 0, 1], &["email", "mail", "temporary"]),
        ),
        row(
            "another username",
            full(),
            edit(json!({"username": "jane.doe"})),
            ([1, 0, 1], &["temporary", "username"]),
        ),
        row(
            "an address that is the username",
            Account { username: Username::from(&full().email.expect("an address")), ..full() },
            edit(json!({"email": "j@agency.test"})),
            ([1, 0, 1], &["email", "mail", "temporary", "username"]),
        ),
        row("no address", full(), edit(json!({"email": null})), ([1, 0, 1], &["email", "mail", "temporary"])),
        row("another role", full(), edit(json!({"role": "admin"})), ([0, 0, 1], &["role"])),
        row("caseload", full(), |a| a.with_caseload(Vec::new()), ([0, 0, 1], &["caseload"])),
        row(
            "handed over",
            full(),
            |a| {
                let [from, to] = [1, 3].map(|n| AccountId::from_bytes([n; 16]));
                a.handed_over(from, to, Timestamp::from_millis(9)).expect("a place")
            },
            ([0, 0, 1], &["caseload"]),
        ),
        row("associations", full(), |a| a.with_associations(Vec::new()), ([0, 0, 1], &["associations"])),
        row("held", full(), |a| a.held(Some(Timestamp::from_millis(3))), ([0, 0, 1], &["held_at"])),
        row(
            "a colleague leaves",
            full(),
            |a| a.relinked(AccountId::from_bytes([1; 16]), None).expect("a place"),
            ([0, 0, 1], &["caseload"]),
        ),
        row(
            "a guardian's duplicate goes",
            full(),
            |a| {
                a.relinked(AccountId::from_bytes([2; 16]), Some(AccountId::from_bytes([3; 16])))
                    .expect("a place")
            },
            ([0, 0, 1], &["associations"]),
        ),
        row(
            "a duplicate's places",
            Account { caseload: Vec::new(), ..full() },
            |a| a.merged_with(&full()),
            ([0, 0, 1], &["caseload"]),
        ),
        row(
            "mail",
            full(),
            |a| a.with_failed_mail(MailStatus::Complained, Timestamp::from_millis(7)),
            ([0, 0, 0], &["mail", "mail_failed_at"]),
        ),
    ]
}

/// What becomes of addresses, and of accounts that are closed.
fn addresses_and_ends() -> Vec<Row> {
    let edit = |value: Value| move |old: &Account| old.patched(patch(value.clone())).expect("a patch");
    vec![
        row(
            "closed",
            full(),
            edit(json!({"active": false})),
            ([1, 1, 1], &["active", "closed_reason", "temporary"]),
        ),
        row(
            "refused",
            full(),
            edit(json!({"refused": true})),
            ([1, 1, 1], &["closed_reason", "refused", "temporary"]),
        ),
        row(
            "closed for somebody who has died",
            full(),
            edit(json!({"active": false, "closed_reason": "deceased"})),
            ([1, 1, 1], &["active", "closed_reason", "temporary"]),
        ),
        row(
            "opened again",
            Account { active: false, closed_reason: Some(ClosedReason::Left), ..full() },
            edit(json!({"active": true})),
            ([0, 0, 1], &["active", "closed_reason"]),
        ),
        row(
            "another address than the proven one",
            full().with_email_proven(Timestamp::from_millis(3)),
            edit(json!({"email": "j@agency.test"})),
            ([1, 0, 1], &["email", "email_proven_at", "mail", "temporary"]),
        ),
        row(
            "proven",
            full(),
            |a| a.with_email_proven(Timestamp::from_millis(3)),
            ([0, 0, 0], &["email_proven_at"]),
        ),
        row(
            "proven again",
            full().with_email_proven(Timestamp::from_millis(3)),
            |a| a.with_email_proven(Timestamp::from_millis(4)),
            ([0, 0, 0], &[]),
        ),
        row("the wrong person", full(), Account::of_wrong_person, ([1, 0, 1], &["mail", "temporary"])),
    ]
}

#[test]
fn each_change_raises_voids_and_keeps_what_the_table_says() {
    for Row { change, old, new, raises, touches } in table() {
        let raised = [
            new.credential_version - old.credential_version,
            new.session_epoch - old.session_epoch,
            new.revision - old.revision,
        ];
        assert_eq!(raised, raises, "{change}: version, epoch, revision");
        let counters = ["credential_version", "session_epoch", "revision"];
        let others: Vec<String> =
            touched(&old, &new).into_iter().filter(|name| !counters.contains(&name.as_str())).collect();
        assert_eq!(others, touches, "{change}: members");
    }
}

#[test]
fn whoever_takes_a_place_has_it_once() {
    let [own, other, third] = [1, 2, 3].map(|n| AccountId::from_bytes([n; 16]));
    let entry = |account, relationship: &str| Association {
        account,
        relationship: relationship.to_owned(),
        acts: true,
        role: GuardianRole::Views,
        until: Some(Timestamp::from_millis(4)),
    };
    let account = Account {
        associations: vec![entry(other, "parent"), entry(third, "guardian")],
        ..Account { id: own, ..full() }
    };
    let merged = account.relinked(other, Some(third)).expect("a place");
    assert_eq!(merged.associations, [entry(third, "guardian")]);
    // The account itself is not associated with itself.
    assert_eq!(account.relinked(other, Some(own)).expect("a place").associations.len(), 1);
    assert!(account.relinked(AccountId::from_bytes([9; 16]), None).is_none());
    let duplicate =
        Account { id: other, associations: vec![entry(own, "child"), entry(third, "x")], ..full() };
    assert_eq!(account.merged_with(&duplicate).associations, [entry(third, "guardian")]);
}

#[test]
fn a_set_up_that_has_begun_does_not_begin_again() {
    assert!(full().started().is_none());
    assert!(Account { setup: Setup::Started, ..full() }.started().is_none());
}

/// A counter tells everybody who signs in, recovers or edits that the account has changed. Only the changes in this
/// list need not be told.
#[test]
fn only_changes_that_open_and_close_nothing_raise_nothing() {
    let silent: Vec<&str> =
        table().iter().filter(|row| row.raises == [0, 0, 0]).map(|row| row.change).collect();
    assert_eq!(
        silent,
        [
            "rehash",
            "question",
            "temporary password mailed",
            "started",
            "nothing edited",
            "mail",
            "proven",
            "proven again",
            "every guardian ends by a date",
            "the mark of a shared mailbox lifted"
        ]
    );
}
