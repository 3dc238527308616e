use super::*;
use crate::platform::clock::Timestamp;

fn key(key: &Key) -> String {
    format!("{} / {}", key.pk, key.sk)
}

#[test]
fn keys_are_what_the_table_says() {
    let slug = Slug::parse("agency").expect("a slug");
    assert_eq!(key(&logo(&slug)), "LOGO#agency / LOGO");
    let id = AccountId::from_bytes([0; 16]);
    let zero = "00000000000000000000000000";
    let identifier = |text: &str| Identifier::parse(text).expect("an identifier");
    assert_eq!(key(&practice(&slug)), "PRACTICE#agency / PRACTICE");
    let at = Origin::parse("https://portal.agency.test:8443").expect("an origin");
    let owned = PortalOrigin { portal: Portal::Staff, origin: at };
    assert_eq!(key(&origin(&slug, &owned)), "ORIGIN#https://portal.agency.test:8443 / agency#staff");
    assert_eq!(key(&account(id)), format!("ACCOUNT#{zero} / ACCOUNT"));
    assert_eq!(key(&login(&slug, Portal::Client, &identifier("Jane"))), "LOGIN#agency#client#jane / LOGIN");
    assert_eq!(
        key(&login(&slug, Portal::Staff, &identifier("J@X.org"))),
        "LOGIN#agency#staff#j@x.org / LOGIN"
    );
    assert_eq!(recipients(&slug, Portal::Staff, &identifier("J@X.org")), "EMAIL#agency#staff#j@x.org");
    assert_eq!(key(&ticket(id, TicketId::from_bytes([0; 16]))), format!("TICKET#{zero} / {zero}"));
    assert_eq!(key(&ticket_guard(id)), format!("TICKET#{zero} / #GUARD"));
    assert_eq!(key(&session(id, SessionId::from_bytes([0; 16]))), format!("SESSION#{zero} / {zero}"));
    assert_eq!(key(&request(OutboxId::from_bytes([0; 16]))), format!("REQUEST#{zero} / REQUEST"));
    assert_eq!(kind("ACCOUNT#x"), "ACCOUNT");
}

#[test]
fn of_ten_thousand_events_at_one_practice_no_partition_of_an_index_gets_five_hundred() {
    let slug = Slug::parse("agency").expect("a slug");
    let ambient = crate::platform::clock::Ambient::system();
    let mut writes: HashMap<String, u32> = HashMap::new();
    for n in 0..10_000 {
        let event = Event::new(&ambient, &slug, Action::AuthnLoginFail, Actor::Operator);
        let event = event.expect("an event");
        // Half of them have an id of their hour, which is a hash.
        let event =
            if n % 2 == 0 { event.once_an_hour(&n.to_string(), Timestamp::from_millis(0)) } else { event };
        for place in logs(&event) {
            *writes.entry(place.partition).or_default() += 1;
        }
    }
    let most = writes.values().max().copied().unwrap_or_default();
    assert!(writes.len() == 96 && most < 500, "{} partitions, {most} writes to one", writes.len());
}

#[test]
fn a_username_cannot_reach_into_another_practice() {
    let slug = |text: &str| Slug::parse(text).expect("a slug");
    let username = Identifier::parse("b#client#jane").expect("a username");
    assert_ne!(
        key(&login(&slug("aa"), Portal::Client, &username)),
        key(&login(&slug("bb"), Portal::Client, &username))
    );
    assert!(Slug::parse("a#b").is_none());
}
