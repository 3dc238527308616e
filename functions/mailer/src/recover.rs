//! A recovery or an invitation: who gets which mail.

use rekey::account::Account;
use rekey::clock::Timestamp;
use rekey::code::{Challenge, Code, Holder, Mailed};
use rekey::event::{Action, Actor, Event, Reason};
use rekey::identifier::Email;
use rekey::mail::compose::{Kind as Mail, Letter, Link};
use rekey::mail::tags::Addressed;
use rekey::outbox::Outbox;
use rekey::practice::Practice;
use rekey::ticket::{Issuer, Purpose, Ticket};
use zeroize::Zeroizing;

use crate::issue::{self, Wanted};
use crate::{Deps, Failure, letter, send};

/// The accounts of one mailbox, each with its ticket.
type Ticketed<'a> = Vec<(&'a Account, Ticket)>;

/// One mail that serves every account that shares the mailbox (F5), to the address on the accounts (F3): a link for each, or
/// one code.
pub(crate) async fn recover(
    deps: &Deps,
    outbox: &Outbox,
    practice: &Practice,
    accounts: &[Account],
    issuer: Issuer,
) -> Result<Vec<Event>, Failure> {
    let (mut events, mut able) = (Vec::new(), Vec::new());
    let mut challenge = outbox.challenge().cloned();
    for account in accounts {
        match obstacle(account, challenge.as_ref(), deps.ambient.now()) {
            Some(reason) => {
                let event = deps.event(outbox, Action::RecoveryRefused, issue::actor_of(issuer))?;
                let mut event = event.of(account.id, account.portal).because(reason);
                event.by = issue::by(outbox);
                events.push(event);
            }
            None => able.push(account),
        }
    }
    // Spellings of an address that lead to the same accounts may still be different mailboxes.
    while let Some(to) = able.first().and_then(|account| account.email.clone()) {
        let (same, others) =
            able.into_iter().partition::<Vec<_>, _>(|account| account.email.as_ref() == Some(&to));
        able = others;
        let ticketed = match &mut challenge {
            Some(challenge) if !all_new(&same) => {
                send_code(deps, outbox, challenge, practice, &to, &same).await?
            }
            _ => send_links(deps, outbox, practice, &to, &same, issuer).await?,
        };
        for (account, ticket) in &ticketed {
            let event = deps.event(outbox, Action::MailSent, Actor::System)?;
            let event = event.of(account.id, account.portal).with_ticket(ticket.id);
            deps.store.record_sent(ticket, &event).await?;
        }
    }
    Ok(events)
}

/// Whoever has nothing to recover yet is invited again, by link, however they asked (F6).
fn all_new(accounts: &[&Account]) -> bool {
    accounts.iter().all(|account| Purpose::of(account) == Purpose::Invitation)
}

/// Why an account gets no mail. Nobody outside is told.
fn obstacle(account: &Account, challenge: Option<&Challenge>, now: Timestamp) -> Option<Reason> {
    if !account.is_open() {
        return Some(Reason::AccountClosed);
    }
    if account.email.is_none() {
        return Some(Reason::NoAddress);
    }
    // A code's life begins with its request, for known and unknown identifiers alike: a mail that comes after it is no help.
    let late = challenge.is_some_and(|challenge| challenge.valid_until <= now);
    (late && Purpose::of(account) == Purpose::Reset).then_some(Reason::Expired)
}

/// A ticket for each account that can get one.
async fn tickets_for<'a>(
    deps: &Deps,
    outbox: &Outbox,
    accounts: &[&'a Account],
    wanted: impl Fn(&Account) -> Wanted,
) -> Result<Ticketed<'a>, Failure> {
    let mut ticketed = Vec::with_capacity(accounts.len());
    for account in accounts {
        let ticket = issue::ticket_for(deps, outbox, account, wanted(account)).await?;
        ticketed.extend(ticket.map(|ticket| (*account, ticket)));
    }
    Ok(ticketed)
}

async fn send_links<'a>(
    deps: &Deps,
    outbox: &Outbox,
    practice: &Practice,
    to: &Email,
    accounts: &[&'a Account],
    issuer: Issuer,
) -> Result<Ticketed<'a>, Failure> {
    let now = deps.ambient.now();
    let wanted = |account: &Account| Wanted::link(practice, account, issuer, now);
    let ticketed = tickets_for(deps, outbox, accounts, wanted).await?;
    let Some((first, _)) = ticketed.first() else { return Ok(ticketed) };
    let derivation = deps.derivation.get().await?;
    let mut urls = Vec::with_capacity(ticketed.len());
    for (account, ticket) in &ticketed {
        urls.push(Zeroizing::new(practice.link(account.portal, &ticket.token(derivation)?.expose())));
    }
    let links: Vec<Link<'_>> = ticketed
        .iter()
        .zip(&urls)
        .map(|((account, _), url)| Link { username: account.username.as_str(), url: url.as_str() })
        .collect();
    let kind = if all_new(accounts) { Mail::Invitation } else { Mail::ResetLink };
    let valid_until = ticketed.iter().map(|(_, ticket)| ticket.valid_until.to_jiff()).min();
    let letter = Letter { valid_until, ..letter(kind, outbox, practice, first, &links) };
    send(deps, outbox, practice, to, &letter, addressed(&ticketed)).await?;
    Ok(ticketed)
}

fn addressed(ticketed: &Ticketed<'_>) -> Vec<Addressed> {
    ticketed.iter().map(|(account, ticket)| (account.id, Some(ticket.id))).collect()
}

/// The code is remembered before it is mailed, so that it works when it arrives.
async fn send_code<'a>(
    deps: &Deps,
    outbox: &Outbox,
    challenge: &mut Challenge,
    practice: &Practice,
    to: &Email,
    accounts: &[&'a Account],
) -> Result<Ticketed<'a>, Failure> {
    let until = challenge.valid_until;
    let ticketed = tickets_for(deps, outbox, accounts, |_| Wanted::code(until)).await?;
    let Some((first, _)) = ticketed.first() else { return Ok(ticketed) };
    let code = remember(deps, outbox, challenge, practice, to, &ticketed).await?.grouped();
    let url = practice.portals.of(first.portal).url.as_str();
    let links: Vec<Link<'_>> =
        ticketed.iter().map(|(account, _)| Link { username: account.username.as_str(), url }).collect();
    let letter = letter(Mail::VerificationCode, outbox, practice, first, &links);
    let letter = Letter { code: Some(&code), valid_until: Some(until.to_jiff()), ..letter };
    send(deps, outbox, practice, to, &letter, addressed(&ticketed)).await?;
    Ok(ticketed)
}

/// The code of a mailbox: the one that an earlier delivery of the record has made, or a new one.
async fn remember(
    deps: &Deps,
    outbox: &Outbox,
    challenge: &mut Challenge,
    practice: &Practice,
    to: &Email,
    ticketed: &Ticketed<'_>,
) -> Result<Code, Failure> {
    let (derivation, keys) = (deps.derivation.get().await?, deps.codes.get().await?);
    let length = challenge.length;
    let derive =
        |key_id: &str| Code::derive(derivation, key_id, (outbox.id, &outbox.nonce), to.as_str(), length);
    for mailed in &challenge.mailed {
        let code = derive(&mailed.derivation_key)?;
        if code.digest(keys.get(&mailed.key)?, outbox.id) == mailed.digest {
            return Ok(code);
        }
    }
    let code = derive(derivation.current_id())?;
    let holder = |(account, ticket): &(&Account, Ticket)| Holder {
        account: account.id,
        ticket: ticket.id,
        credential_version: account.credential_version,
        username: account.username.as_str().to_owned(),
        question: account
            .asked_question(&practice.policy, ticket.issuer)
            .map(|question| question.question.clone()),
    };
    let mailed = Mailed {
        digest: code.digest(keys.current()?, outbox.id),
        key: keys.current_id().to_owned(),
        derivation_key: derivation.current_id().to_owned(),
        holders: ticketed.iter().map(holder).collect(),
    };
    if !deps.store.record_mailed(outbox, &challenge.mailed, &mailed).await? {
        return Err(Failure::Contended);
    }
    challenge.mailed.push(mailed);
    Ok(code)
}
