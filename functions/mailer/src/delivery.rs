//! The handling of one outbox item: what all its mails have in common.

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::identifier::Email;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::practice::{Carries, Practice};
use rekey::mail::compose::{Brand, Kind, Language, Letter, Link, Support, compose};
use rekey::mail::postbox::SentBy;
use rekey::mail::tags::{Addressed, Tags};
use rekey::platform::clock::NoRandomness;

use crate::wrong_person::not_me_url;
use crate::{Deps, Failure};

/// An outbox item, with its practice.
#[derive(Clone, Copy)]
pub(crate) struct Delivery<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) item: &'a OutboxItem,
    pub(crate) practice: &'a Practice,
}

impl Delivery<'_> {
    /// An event that the item leads to.
    pub(crate) fn event(&self, action: Action, actor: Actor) -> Result<Event, NoRandomness> {
        item_event(self.deps, self.item, action, actor)
    }

    /// The event that SES has accepted a mail to an account.
    pub(crate) fn sent(&self, account: &Account) -> Result<Event, NoRandomness> {
        let event = self.event(Action::MailSent, Actor::System)?.of(account.id, account.portal);
        Ok(event.telling(self.item.telling()))
    }

    /// A letter in the account's language and in the practice's name.
    pub(crate) fn letter<'a>(
        &'a self,
        kind: Kind,
        account: &'a Account,
        links: &'a [Link<'a>],
    ) -> Letter<'a> {
        let practice = self.practice;
        Letter {
            kind,
            language: Language::nearest(
                account.locale.as_deref().into_iter().chain([practice.locale.as_str()]),
            ),
            practice_name: &practice.name,
            support: Support::from(&practice.support),
            brand: Brand::of(practice, self.deps.store.pages()),
            portal_url: self.portal_url(account),
            time_zone: &practice.time_zone,
            links,
            code: None,
            label: None,
            freeze_url: None,
            masked: None,
            needs_proof: false,
            not_me_url: None,
            settings: &[],
            valid_until: None,
            at: self.item.at.to_jiff(),
        }
    }

    /// The address of a link to the portal of an account, for its owner.
    pub(crate) fn link(&self, account: &Account, carries: Carries, token: &str) -> String {
        self.practice.link(account.portal, account.locale.as_deref(), carries, token)
    }

    /// The address at which an account's owner signs in.
    pub(crate) fn portal_url(&self, account: &Account) -> &str {
        &self.practice.urls(account.portal).url
    }

    /// Hands a letter to SES. `accounts` are those whose owner it is for: with one whose address is not proven, it says how to tell
    /// that it has reached somebody else.
    pub(crate) async fn send(
        &self,
        to: &Email,
        letter: &Letter<'_>,
        accounts: &[&Account],
        addressed: Vec<Addressed>,
    ) -> Result<(), Failure> {
        // The future is boxed, because those of the mails are deep already.
        let not_me_url = Box::pin(not_me_url(*self, to, accounts)).await?;
        let letter = Letter { not_me_url: not_me_url.as_ref().map(|url| url.as_str()), ..*letter };
        let tags = Tags { practice: self.practice.slug.clone(), outbox: self.item.id, addressed };
        let by = SentBy { sender: self.practice.sender.as_ref(), tenant: self.practice.tenant.as_ref() };
        if let Err(cause) = self.deps.postbox.send(to, by, &compose(&letter)?, &tags).await {
            return Err(Failure::NotTaken { to: to.clone(), addressed: tags.addressed, cause });
        }
        let (outbox, kind, delay) = facts(self.deps, self.item);
        tracing::info!(event = "mail_sent", outbox, fate = "sent", kind, delay);
        Ok(())
    }
}

/// What a line about an item's mail says of it: its id, its kind, and the milliseconds since it was asked for.
pub(crate) fn facts(deps: &Deps, item: &OutboxItem) -> (String, &'static str, u64) {
    (item.id.to_string(), item.kind.name(), deps.ambient.now().millis_since(item.at))
}

/// An event that an outbox item leads to.
pub(crate) fn item_event(
    deps: &Deps,
    item: &OutboxItem,
    action: Action,
    actor: Actor,
) -> Result<Event, NoRandomness> {
    let event = Event::new(&deps.ambient, &item.practice, action, actor)?.with_outbox(item.id);
    // The network address of a member of staff is in the event of their own action, and not in the events that follow from it.
    let by_staff = matches!(
        item.kind,
        OutboxKind::Link { by: Some(_), .. }
            | OutboxKind::TemporaryPassword { .. }
            | OutboxKind::CallerCheck { .. }
            | OutboxKind::StaffClosed { .. }
    );
    Ok(match &item.ip {
        Some(ip) if !by_staff => event.from_address(ip),
        _ => event,
    })
}
