//! The end of guardians: what it takes from the client's account, and what it leaves.

use super::*;

const GUARDIAN: AccountId = AccountId::from_bytes([2; 16]);

/// The account after the end of a guardian who has its mailbox.
fn apart_from(account: &Account) -> Account {
    let mailbox = account.email.as_ref().expect("an address");
    account.without_guardian(GUARDIAN, Some((mailbox, Timestamp::from_millis(7))))
}

/// The changes with which guardians end.
pub(super) fn rows() -> Vec<Row> {
    let edit = |value: Value| move |old: &Account| old.patched(patch(value.clone())).expect("a patch");
    vec![
        row(
            "a guardian ends",
            full(),
            |a| a.without_guardian(GUARDIAN, None),
            ([1, 1, 1], &["associations", "temporary"]),
        ),
        row(
            "a guardian who shares the mailbox ends",
            Account { question: Some(question("Pet?")), ..full() },
            apart_from,
            ([1, 1, 1], &["associations", "former_mailbox", "frozen_at", "mail", "password", "temporary"]),
        ),
        row(
            "a client goes",
            full(),
            |a| a.without_client(AccountId::from_bytes([2; 16])),
            ([0, 0, 1], &["associations"]),
        ),
        row(
            "every guardian ends by a date",
            full(),
            |a| a.with_guardians_until(Timestamp::from_millis(3)),
            ([0, 0, 0], &["associations"]),
        ),
        row(
            "another address of a client whose guardian shared the former one",
            apart_from(&full()),
            edit(json!({"email": "j@agency.test"})),
            ([1, 0, 1], &["email", "mail"]),
        ),
        row(
            "the mark of a shared mailbox lifted",
            apart_from(&full()),
            Account::with_mail_restored,
            ([0, 0, 0], &["former_mailbox", "mail"]),
        ),
    ]
}

/// Whoever enters a former guardian's address again, in whatever spelling, hands no mail back.
#[test]
fn the_mailbox_of_a_former_guardian_stays_one() {
    let edit = |old: &Account, value: Value| old.patched(patch(value)).expect("a patch");
    let ended = apart_from(&full());
    assert_eq!((ended.mail, ended.mailed_at()), (MailStatus::SharedMailbox, None));
    let own = edit(&ended, json!({"email": "j@agency.test"}));
    assert_eq!(own.mail, MailStatus::Ok);
    for back in ["jane@agency.test", "Jane@AGENCY.test"] {
        assert_eq!(edit(&own, json!({"email": back})).mail, MailStatus::SharedMailbox, "{back}");
        let respelled = edit(&ended, json!({"email": back}));
        assert_eq!(respelled.mail, MailStatus::SharedMailbox, "{back}");
        let none = edit(&ended, json!({"email": null}));
        assert_eq!(edit(&none, json!({"email": back})).mail, MailStatus::SharedMailbox, "{back}");
    }
    let lifted = ended.with_mail_restored();
    assert_eq!((lifted.mail, lifted.former_mailbox), (MailStatus::Ok, None));
    let bounced = Account { mail: MailStatus::Bounced, ..own.clone() }.with_mail_restored();
    assert_eq!(bounced.former_mailbox, ended.former_mailbox, "a bounce of the new one says nothing of it");
    let duplicate = Account { id: AccountId::from_bytes([7; 16]), ..full() };
    assert_eq!(duplicate.merged_with(&ended).mail, MailStatus::SharedMailbox, "nor does a duplicate");
    assert_eq!(Account { email: own.email, ..duplicate }.merged_with(&ended).mail, MailStatus::Bounced);
    let apart = full().without_guardian(GUARDIAN, None);
    assert_eq!((apart.mail, apart.former_mailbox), (MailStatus::Bounced, None));
}

/// Of two associations with one guardian the one that gives less is kept, and somebody who has died gets none.
#[test]
fn a_duplicate_gives_a_guardian_nothing_more() {
    let at = Timestamp::from_millis;
    let of = |role, until: Option<i64>| Association {
        account: GUARDIAN,
        relationship: "parent".to_owned(),
        acts: true,
        role,
        until: until.map(at),
    };
    let with = |entry| Account { associations: vec![entry], ..full() };
    let duplicate = |entry| Account { id: AccountId::from_bytes([7; 16]), ..with(entry) };
    let (acts, views) = (GuardianRole::Acts, GuardianRole::Views);
    for (one, other) in [(of(acts, None), of(views, Some(5))), (of(views, Some(5)), of(acts, Some(9)))] {
        let merged = with(one).merged_with(&duplicate(other));
        assert_eq!(merged.associations, [of(views, Some(5))]);
    }
    let dead = Account { closed_reason: Some(ClosedReason::Deceased), associations: Vec::new(), ..full() };
    assert!(dead.merged_with(&duplicate(of(acts, None))).associations.is_empty());
}

/// An association of an earlier release has neither a role nor an end.
#[test]
fn an_association_ends_at_its_time_and_not_before() {
    let stored = json!({"account": "01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "relationship": "parent", "acts": true});
    let mut entry: Association = serde_json::from_value(stored).expect("an association");
    assert_eq!((entry.role, entry.until), (GuardianRole::Acts, None));
    let at = Timestamp::from_millis;
    assert!(!entry.has_ended(at(i64::MAX)));
    entry.until = Some(at(5));
    assert_eq!([4, 5, 6].map(|now| entry.has_ended(at(now))), [false, true, true]);
    let of = |id: u8, acts, until: Option<i64>| Association {
        account: AccountId::from_bytes([id; 16]),
        acts,
        until: until.map(at),
        ..entry.clone()
    };
    let entries = vec![of(3, false, Some(1)), of(4, true, Some(9)), of(5, true, None), of(6, true, Some(7))];
    let account = Account { associations: entries, ..full() };
    assert_eq!(account.next_ending(), Some(at(7)), "of the guardians, and not of the clients");
    assert_eq!(account.overdue_guardian(at(6)), None);
    assert_eq!(account.overdue_guardian(at(7)), Some(AccountId::from_bytes([6; 16])));
}
