//! The link of a mail by which its reader says that they are somebody else.

use rekey::domain::account::Account;
use rekey::domain::identifier::Email;
use rekey::domain::not_me::{LIFE, MOST, NotMe};
use rekey::domain::practice::Carries;
use rekey::secrets::derivation::Derivation;
use rekey::secrets::token::Token;
use rekey::store::race::outrun;
use zeroize::Zeroizing;

use crate::Failure;
use crate::delivery::Delivery;

/// The address of the link for a mail to these accounts; `None` when nobody's address is to be doubted: each has been proven, or
/// the mail does not go to it.
pub(crate) async fn not_me_url(
    delivery: Delivery<'_>,
    to: &Email,
    accounts: &[&Account],
) -> Result<Option<Zeroizing<String>>, Failure> {
    let is_unproven =
        |account: &&&Account| account.email_proven_at.is_none() && account.email.as_ref() == Some(to);
    let unproven: Vec<&Account> = accounts.iter().filter(is_unproven).take(MOST).copied().collect();
    let Some(first) = unproven.first() else { return Ok(None) };
    let token = kept_token(delivery, to, &unproven).await?;
    Ok(Some(Zeroizing::new(delivery.link(first, Carries::NotMe, &token.expose()))))
}

/// The token of the mail's link: a new one, or the one that an earlier attempt at the mail has made. It is kept before the mail is
/// sent, so that it works when it arrives.
async fn kept_token(delivery: Delivery<'_>, to: &Email, accounts: &[&Account]) -> Result<Token, Failure> {
    let (store, item, first) = (&delivery.deps.store, delivery.item, accounts[0].id);
    let keys = delivery.deps.derivation.get().await?;
    let derivation = Derivation::with_current_key(keys, &item.nonce)?;
    let token = derivation.not_me_token(first, item.id);
    let not_me = NotMe {
        id: item.id,
        practice: item.practice.clone(),
        accounts: accounts.iter().map(|account| account.id).collect(),
        mailbox: to.mailbox_digest(),
        digest: token.digest(),
        derivation_key: derivation.key_id().to_owned(),
        valid_until: item.at + LIFE,
        used_at: None,
    };
    if store.create_not_me(first, &not_me).await? {
        return Ok(token);
    }
    // An item that was deleted meanwhile is put by the next attempt.
    let known = store.find_not_me(first, item.id).await?;
    let known = known.ok_or_else(|| outrun("keeping the link of a mail"))?;
    Ok(Derivation::with_key(keys, &known.derivation_key, &item.nonce)?.not_me_token(first, item.id))
}
