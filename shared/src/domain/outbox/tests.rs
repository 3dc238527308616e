use super::*;
use crate::domain::help::Cause;
use crate::domain::identifier::{Email, Identifier};
use crate::domain::practice::Portal;

#[test]
fn a_kind_is_called_as_it_is_stored() {
    let (portal, account) = (Portal::Client, AccountId::from_bytes([0; 16]));
    let identifier = Identifier::parse("jane").expect("an identifier");
    let to = Email::parse("jane@agency.test").expect("an address");
    for kind in [
        OutboxKind::Recovery { portal, identifier: identifier.clone(), challenge: None },
        OutboxKind::LimitHit { portal, identifier },
        OutboxKind::Help { request: OutboxId::from_bytes([0; 16]), reach: Reach::Call },
        OutboxKind::Link { account, by: None },
        OutboxKind::TemporaryPassword { account },
        OutboxKind::CallerCheck {
            account,
            by: account,
            credential_version: None,
            challenge: Challenge::new(6, Timestamp::from_millis(0)),
        },
        OutboxKind::PasswordChanged { account },
        OutboxKind::Task { account, cause: Cause::OnHold },
        OutboxKind::Notice { account, about: Telling::LinkCopied, to: to.clone(), masked: None },
        OutboxKind::MailRestored { account },
        OutboxKind::SettingsChanged { account, members: Vec::new() },
        OutboxKind::ProofOverruled { account, to: to.clone() },
        OutboxKind::AdministratorActed { account, to },
        OutboxKind::StaffClosed { account, by: account, keeps_mailed: true },
        OutboxKind::Frozen { account },
    ] {
        assert_eq!(serde_json::to_value(&kind).expect("JSON")["kind"], kind.name());
    }
}

#[test]
fn an_item_waits_longer_each_time_unless_everybody_waits() {
    let ambient = Ambient::system();
    let slug = Slug::parse("agency").expect("a slug");
    let kind = OutboxKind::Frozen { account: AccountId::from_bytes([0; 16]) };
    let mut item = OutboxItem::new(&ambient, &slug, kind, None).expect("an item");
    let now = Timestamp::from_millis(0);
    let mut minutes = Vec::new();
    for _ in 0..40 {
        assert_eq!(item.delayed(now, "paused", true).due_at, Some(now + FIRST_DELAY));
        item = item.delayed(now, "unverified", false);
        minutes.push(item.due_at.expect("a time").seconds() / 60);
    }
    assert_eq!(minutes[..6], [1, 2, 4, 8, 15, 15]);
    assert_eq!((minutes[39], item.attempts), (15, 40));
}
