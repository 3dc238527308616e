//! The code that staff have mailed to learn whether a caller is the account's owner: who has the mailbox reads it out.

use rekey::domain::account::Account;
use rekey::domain::challenge::Challenge;
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::mail::compose::{Kind, Letter, Link};
use rekey::mail::tags::Addressed;

use crate::Failure;
use crate::code::remembered_code;
use crate::delivery::Delivery;
use crate::recovery::Mailbox;
use crate::refusal::unmailed;

/// Mails the code to the account's address, unless its time is over. It opens nothing: it is worth something only to the member of
/// staff who asked for it.
pub(crate) async fn send_check(
    delivery: Delivery<'_>,
    challenge: &Challenge,
    accounts: &[Account],
) -> Result<Vec<Event>, Failure> {
    let Some(account) = accounts.first() else { return Ok(Vec::new()) };
    let not_sent = |reason| -> Result<_, Failure> {
        let event = delivery.event(Action::MailNotSent, Actor::System)?;
        Ok(vec![event.of(account.id, account.portal).because(reason)])
    };
    let Some(to) = account.mailed_at() else { return not_sent(unmailed(account)) };
    if challenge.valid_until <= delivery.deps.ambient.now() {
        return not_sent(Reason::Expired);
    }
    let mailbox = Mailbox { to: to.clone(), accounts: vec![account] };
    let code = remembered_code(delivery, &mut challenge.clone(), &mailbox, &[]).await?.grouped();
    let links = [Link { username: account.username.as_str(), url: delivery.portal_url(account) }];
    let letter = delivery.letter(Kind::CallerCheck, account, &links);
    let valid_until = Some(challenge.valid_until.to_jiff());
    let letter = Letter { code: Some(&code), valid_until, ..letter };
    delivery.send(to, &letter, &[account], vec![Addressed { account: account.id, ticket: None }]).await?;
    Ok(vec![delivery.sent(account)?])
}
