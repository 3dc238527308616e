//! Telling an account's owner that the password was changed, with a way to say that it was somebody else; and telling the
//! practice when they say so.

use rekey::account::Account;
use rekey::event::{Action, Actor, Event, Reason};
use rekey::identifier::Email;
use rekey::mail::compose::{Kind as Mail, Language, Letter, Link};
use rekey::notice::{self, Notice};
use rekey::outbox::Outbox;
use rekey::practice::Practice;
use rekey::token::{Token, digest_of};

use crate::{Deps, Failure, letter, send};

/// Mails the confirmation of a changed password.
pub(crate) async fn confirm(
    deps: &Deps,
    outbox: &Outbox,
    practice: &Practice,
    accounts: &[Account],
) -> Result<Vec<Event>, Failure> {
    let Some((account, to)) = accounts.first().and_then(|account| Some((account, account.email.as_ref()?)))
    else {
        return Ok(Vec::new());
    };
    let token = token_for(deps, outbox, account, to).await?;
    let repudiate = zeroize::Zeroizing::new(practice.repudiation_link(account.portal, &token.expose()));
    let url = practice.portals.of(account.portal).url.as_str();
    let links = [Link { username: account.username.as_str(), url }];
    let letter = letter(Mail::PasswordChanged, outbox, practice, account, &links);
    let letter = Letter { repudiate_url: Some(&repudiate), ..letter };
    send(deps, outbox, practice, to, &letter, vec![(account.id, None)]).await?;
    Ok(vec![deps.event(outbox, Action::MailSent, Actor::System)?.of(account.id, account.portal)])
}

/// The token of the confirmation's link: the one that an earlier delivery of the record has made, or a new one.
async fn token_for(deps: &Deps, outbox: &Outbox, account: &Account, to: &Email) -> Result<Token, Failure> {
    let derivation = deps.derivation.get().await?;
    let derive = |key: &str| notice::derive(derivation, key, &outbox.nonce, account.id, outbox.id);
    if let Some(known) = deps.store.find_notice(account.id, outbox.id).await? {
        return Ok(derive(&known.derivation_key)?);
    }
    let key = derivation.current_id();
    let token = derive(key)?;
    let notice = Notice {
        id: outbox.id,
        account: account.id,
        practice: account.practice.clone(),
        portal: account.portal,
        mailbox: digest_of(&to.mailbox()),
        digest: token.digest(),
        derivation_key: key.to_owned(),
        valid_until: outbox.at + notice::LIFE,
        used_at: None,
    };
    // Another mailer came first: the record comes again and finds its notice.
    if deps.store.create_notice(&notice).await?.is_written() { Ok(token) } else { Err(Failure::Contended) }
}

/// Tells the practice's support that an account's owner has frozen it.
pub(crate) async fn alarm(
    deps: &Deps,
    outbox: &Outbox,
    practice: &Practice,
    accounts: &[Account],
) -> Result<Vec<Event>, Failure> {
    let Some(account) = accounts.first() else { return Ok(Vec::new()) };
    // Of the practice, not of the account: it is no mail to its owner.
    let event = deps.event(outbox, Action::MailSent, Actor::System)?;
    let Some(to) = &practice.support.email else {
        let event = Event { action: Action::MailNotSent, ..event };
        return Ok(vec![event.because(Reason::NoAddress)]);
    };
    let links = [Link { username: account.username.as_str(), url: &practice.portals.staff.url }];
    let letter = letter(Mail::Repudiated, outbox, practice, account, &links);
    // The practice's own language: it is staff who read it.
    let letter = Letter { language: Language::from_locale(&practice.locale), ..letter };
    send(deps, outbox, practice, to, &letter, Vec::new()).await?;
    Ok(vec![event])
}
