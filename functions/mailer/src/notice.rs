//! The mails after a change. One tells the account's owner, with a link to say that it was somebody else. Another tells the practice
//! when the owner has said so.

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::identifier::Email;
use rekey::domain::notice::{self, Notice, Telling};
use rekey::domain::practice::{Carries, Portal};
use rekey::mail::compose::{Kind, Language, Letter, Link};
use rekey::mail::tags::Addressed;
use rekey::secrets::derivation::Derivation;
use rekey::secrets::token::Token;
use rekey::store::race::outrun;
use zeroize::Zeroizing;

use crate::Failure;
use crate::delivery::Delivery;
use crate::refusal::{not_sent, unmailed};

/// Mails the confirmation of a changed password.
pub(crate) async fn confirm_change(
    delivery: Delivery<'_>,
    accounts: &[Account],
) -> Result<Vec<Event>, Failure> {
    let Some(to) = accounts.first().and_then(Account::mailed_at) else { return Ok(Vec::new()) };
    tell_owner(delivery, accounts, (to, Telling::PasswordChanged), None).await
}

/// Tells an account's owner what was done, with a link to say that it was somebody else. `masked` is the account's new address.
pub(crate) async fn tell_owner(
    delivery: Delivery<'_>,
    accounts: &[Account],
    (to, about): (&Email, Telling),
    masked: Option<&str>,
) -> Result<Vec<Event>, Failure> {
    let Some(account) = accounts.first() else { return Ok(Vec::new()) };
    if is_stopped(account, to) {
        return Ok(vec![not_sent(delivery.deps, delivery.item, account, unmailed(account))?]);
    }
    let token = noticed_token(delivery, account, (to, about)).await?;
    let freeze_url = Zeroizing::new(delivery.link(account, Carries::Repudiate, &token.expose()));
    let links = [Link { username: account.username.as_str(), url: delivery.portal_url(account) }];
    let letter = delivery.letter(Kind::of(about), account, &links);
    let letter = Letter { freeze_url: Some(&freeze_url), masked, ..letter };
    delivery.send(to, &letter, &[account], vec![Addressed { account: account.id, ticket: None }]).await?;
    Ok(vec![delivery.sent(account)?])
}

/// The token of the notice's link: the one that an earlier delivery of the record has made, or a new one.
async fn noticed_token(
    delivery: Delivery<'_>,
    account: &Account,
    (to, about): (&Email, Telling),
) -> Result<Token, Failure> {
    let (store, item) = (&delivery.deps.store, delivery.item);
    let keys = delivery.deps.derivation.get().await?;
    if let Some(known) = store.find_notice(account.id, item.id).await? {
        let derivation = Derivation::with_key(keys, &known.derivation_key, &item.nonce)?;
        return Ok(derivation.notice_token(account.id, item.id));
    }
    let derivation = Derivation::with_current_key(keys, &item.nonce)?;
    let token = derivation.notice_token(account.id, item.id);
    let notice = Notice {
        id: item.id,
        account: account.id,
        about,
        practice: account.practice.clone(),
        portal: account.portal,
        mailbox: to.mailbox_digest(),
        digest: token.digest(),
        derivation_key: derivation.key_id().to_owned(),
        valid_until: item.at + notice::LIFE,
        used_at: None,
    };
    // When another run of the mailer came first, or the reply was lost, this fails, and the record is delivered again and finds its
    // notice.
    if store.create_notice(&notice).await? { Ok(token) } else { Err(outrun("keeping a notice").into()) }
}

/// Tells the practice's support that an account's owner has frozen the account.
pub(crate) async fn tell_practice(
    delivery: Delivery<'_>,
    accounts: &[Account],
) -> Result<Vec<Event>, Failure> {
    let Some(account) = accounts.first() else { return Ok(Vec::new()) };
    // The event belongs to the practice and not to the account, because the mail does not go to the account's owner.
    let event = delivery.event(Action::MailSent, Actor::System)?;
    let practice = delivery.practice;
    let Some(to) = &practice.support.email else {
        let event = Event { action: Action::MailNotSent, ..event };
        return Ok(vec![event.because(Reason::NoAddress)]);
    };
    let links = [Link { username: account.username.as_str(), url: &practice.urls(Portal::Staff).url }];
    let letter = delivery.letter(Kind::Frozen, account, &links);
    // The mail is in the practice's own language, because staff read it.
    let language = Language::nearest([practice.locale.as_str()]);
    let letter = Letter { language, needs_proof: account.needs_proof, ..letter };
    delivery.send(to, &letter, &[], Vec::new()).await?;
    Ok(vec![event])
}

/// Tells an administrator that another one has changed where people are led.
pub(crate) async fn tell_administrator(
    delivery: Delivery<'_>,
    accounts: &[Account],
    members: &[String],
) -> Result<Vec<Event>, Failure> {
    let open = accounts.first().filter(|account| account.is_open());
    let Some(addressed) = open.and_then(|account| Some((account, account.mailed_at()?))) else {
        return Ok(Vec::new());
    };
    let settings: Vec<&str> = members.iter().map(String::as_str).collect();
    tell(delivery, addressed, Kind::SettingsChanged, &settings).await
}

/// Tells an administrator what another one has done: they have acted on an administrator's account, or gone without a proof. The mail
/// goes where it would have gone before. Whoever was closed by it is told too: they know best whether it was meant.
pub(crate) async fn tell_of_administrator(
    delivery: Delivery<'_>,
    accounts: &[Account],
    to: &Email,
    kind: Kind,
) -> Result<Vec<Event>, Failure> {
    let Some(account) = accounts.first().filter(|account| !is_stopped(account, to)) else {
        return Ok(Vec::new());
    };
    tell(delivery, (account, to), kind, &[]).await
}

/// Whether nothing goes to an address that an account has, or had: its owner has died, or somebody else has the address by now.
fn is_stopped(account: &Account, to: &Email) -> bool {
    let is_here = account.email.as_ref() == Some(to);
    account.is_of_deceased()
        || is_here && account.mailed_at().is_none()
        || account.is_of_former_guardian(Some(to))
}

/// Mails an administrator.
async fn tell(
    delivery: Delivery<'_>,
    (account, to): (&Account, &Email),
    kind: Kind,
    settings: &[&str],
) -> Result<Vec<Event>, Failure> {
    let links = [Link { username: account.username.as_str(), url: delivery.portal_url(account) }];
    let letter = Letter { settings, ..delivery.letter(kind, account, &links) };
    delivery.send(to, &letter, &[account], vec![Addressed { account: account.id, ticket: None }]).await?;
    Ok(vec![delivery.sent(account)?])
}
