//! The code of a mailbox: it is derived, stored as a digest with its request, and mailed.

use rekey::domain::challenge::{Challenge, Holder, Mailed, label_of};
use rekey::mail::compose::{Kind, Letter, Link};
use rekey::secrets::code::Code;
use rekey::secrets::derivation::Derivation;
use rekey::store::race::outrun;

use crate::Failure;
use crate::delivery::Delivery;
use crate::recovery::{Mailbox, Ticketed, addressed, owners};

/// Mails one code that serves every account of a mailbox. Its digest is stored before it is mailed, so that it works when it
/// arrives.
pub(crate) async fn send_code(
    delivery: Delivery<'_>,
    challenge: &mut Challenge,
    mailbox: &Mailbox<'_>,
    ticketed: &[Ticketed<'_>],
) -> Result<(), Failure> {
    let Some(first) = ticketed.first() else { return Ok(()) };
    let code = remembered_code(delivery, challenge, mailbox, ticketed).await?.grouped();
    let url = delivery.portal_url(first.account);
    let links: Vec<Link<'_>> =
        ticketed.iter().map(|ticketed| Link { username: ticketed.account.username.as_str(), url }).collect();
    let letter = delivery.letter(Kind::VerificationCode, first.account, &links);
    let label = label_of(delivery.item.id);
    let until = Some(challenge.valid_until.to_jiff());
    let letter = Letter { code: Some(&code), label: Some(&label), valid_until: until, ..letter };
    delivery.send(&mailbox.to, &letter, &owners(ticketed), addressed(ticketed)).await
}

/// The code of a mailbox: the one that an earlier delivery of the record has made, or a new one. When another run of the mailer
/// has stored one meanwhile, this fails, and the record is delivered again and finds it.
pub(crate) async fn remembered_code(
    delivery: Delivery<'_>,
    challenge: &mut Challenge,
    mailbox: &Mailbox<'_>,
    ticketed: &[Ticketed<'_>],
) -> Result<Code, Failure> {
    if let Some(code) = code_among(delivery, challenge, mailbox).await? {
        return Ok(code);
    }
    let NewCode { code, mailed } = new_code(delivery, mailbox, ticketed, challenge.length).await?;
    if !delivery.deps.store.record_mailed(delivery.item, &challenge.mailed, &mailed).await? {
        return Err(outrun("remembering a code").into());
    }
    challenge.mailed.push(mailed);
    Ok(code)
}

/// The code of the mailbox, if it is among those that were stored.
async fn code_among(
    delivery: Delivery<'_>,
    challenge: &Challenge,
    mailbox: &Mailbox<'_>,
) -> Result<Option<Code>, Failure> {
    let (derivation, keys) = (delivery.deps.derivation.get().await?, delivery.deps.codes.get().await?);
    let item = delivery.item;
    for mailed in &challenge.mailed {
        let derivation = Derivation::with_key(derivation, &mailed.derivation_key, &item.nonce)?;
        let code = derivation.code(item.id, mailbox.to.as_str(), challenge.length);
        if code.digest(keys.get(&mailed.key)?, item.id) == mailed.digest {
            return Ok(Some(code));
        }
    }
    Ok(None)
}

/// A new code, and what is stored of it.
struct NewCode {
    code: Code,
    mailed: Mailed,
}

async fn new_code(
    delivery: Delivery<'_>,
    mailbox: &Mailbox<'_>,
    ticketed: &[Ticketed<'_>],
    length: u32,
) -> Result<NewCode, Failure> {
    let (derivation, keys) = (delivery.deps.derivation.get().await?, delivery.deps.codes.get().await?);
    let item = delivery.item;
    let derivation = Derivation::with_current_key(derivation, &item.nonce)?;
    let code = derivation.code(item.id, mailbox.to.as_str(), length);
    let mailed = Mailed {
        digest: code.digest(keys.current()?, item.id),
        key: keys.current_id().to_owned(),
        derivation_key: derivation.key_id().to_owned(),
        holders: ticketed.iter().map(|ticketed| holder(delivery, ticketed)).collect(),
    };
    Ok(NewCode { code, mailed })
}

fn holder(delivery: Delivery<'_>, Ticketed { account, ticket }: &Ticketed<'_>) -> Holder {
    let asked = account.asked_question(&delivery.practice.policy, ticket.owner_was_seen());
    Holder {
        account: account.id,
        ticket: ticket.id,
        credential_version: account.credential_version,
        username: account.username.as_str().to_owned(),
        question: asked.map(|question| question.question.clone()),
    }
}
