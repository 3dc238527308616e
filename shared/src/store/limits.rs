//! Counters: each counts and decides in one conditional write, so that parallel callers cannot outrun it.
//!
//! **A window is one conditional write.** A counter of recoveries, codes or answers holds the times of the latest attempts, the
//! newest first: `t0`, `t1`, and so on. One update shifts them all by one place. Its condition looks at the time that must have
//! left the window. So the window slides, and the item stays small. This is why a limit is at most 100.
//!
//! **A sign-in is counted before it is compared.** Guesses that are sent at once would otherwise all be compared before the first
//! is counted. A success deletes the counter in its own transaction. The waits are the condition of the write that counts. The
//! counter of a name that nobody has is the same item, and ends at the same time (F1): it ends a week later for each failure.
//!
//! **A temporary password is not locked out.** Anybody can make a name wait. If the help of staff had to wait too, guessing would
//! keep the owner of the name out for as long as somebody goes on. So while the name waits, sign-in still compares the typed text
//! with the digest of a temporary password, and with no password that a person has chosen: 100 bits are not guessed.

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::domain::identifier::Email;
use crate::domain::limit::{NAMES_REFUSED, Subject, Window, mails, sign_in};
use crate::domain::practice::Slug;
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::AccountId;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::{Item, number_of};
use crate::store::keys::{self, Key};
use crate::store::transact::{Outcome, Refused, Store};
use crate::store::write::{Condition, Write, at_least, at_most, below, differs, equals, lacks};

/// Whether an attempt is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The attempt is allowed, and has been counted.
    Allowed,
    /// The attempt is refused, and has not been counted.
    Refused {
        /// The seconds until another attempt is allowed.
        retry_after: u64,
        /// The time of the request. `None` when only the counter of the source address is full.
        since: Option<Timestamp>,
    },
}

/// An attempt to sign in that was refused, and has not been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedSignIn {
    /// The seconds until another attempt is allowed.
    pub retry_after: u64,
    /// The time of the failed sign-in that began the wait.
    since: Timestamp,
    /// The number of failures in a row.
    failures: u64,
}

impl RefusedSignIn {
    /// The event as the one of an hour that records something of this wait. The time is rounded: when attempts are counted and
    /// taken back, that of the latest failure changes all the time, and each wait is to leave few events.
    #[must_use]
    pub fn once_an_hour(&self, name: &Subject, event: Event) -> Event {
        event.once_an_hour(&format!("{} {}", name.as_str(), self.failures), self.since.ten_minutes())
    }
}

/// An attempt to sign in that has been counted as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedSignIn {
    /// The number of failures in a row, with this one.
    pub failures: u64,
    mark: i64,
}

/// The outcome of counting an attempt to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInCount {
    /// It is counted, and may be compared.
    Counted(CountedSignIn),
    /// The name has to wait, or 50 failures have closed it.
    Refused(RefusedSignIn),
}

impl Store {
    /// Whether the name has just been refused, so that the table is not asked.
    pub(super) fn is_refused(&self, subject: &Subject, now: Timestamp) -> bool {
        self.refusals.recall(&keys::sign_in_limit(subject), now).is_some()
    }

    /// Counts a sign-in attempt as a failure, before any password is compared.
    ///
    /// One update by itself: the name's number of failures rises by one, the time of the latest becomes `now`, and the counter is
    /// kept for a week more. Condition: the wait after the latest failure is over, there are fewer than 50 ([`sign_in`]), and the
    /// latest mark is another.
    ///
    /// A refusal means that the name has to wait, or that 50 failures have closed it; nothing is counted. The mark is random and
    /// belongs to one attempt. When the reply to the update is lost, the update is sent again and fails; the mark on the counter then
    /// shows that this attempt has been counted already. Up to one round trip.
    pub async fn count_sign_in(&self, subject: &Subject, now: Timestamp) -> Result<SignInCount, StoreError> {
        let key = keys::sign_in_limit(subject);
        let refused = |old: Option<&Item>| {
            let number = |name| old.and_then(|item| number_of(item, name));
            let last = number("last").map_or(now, Timestamp::from_millis);
            let failures =
                number("failures").and_then(|number| u64::try_from(number).ok()).unwrap_or_default();
            let retry_after = sign_in::retry_after(failures, last, now);
            SignInCount::Refused(RefusedSignIn { retry_after, since: last, failures })
        };
        if let Some(old) = self.refusals.recall(&key, now) {
            return Ok(refused(Some(&old)));
        }
        let mark = i64::from_be_bytes(
            self.ambient.bytes().map_err(|error| StoreError::unavailable("counting", error))?,
        );
        let count = Write::update(&key)
            .add("failures", 1)
            .copy("before", "last")
            .set("last", now)
            .set("latest", mark)
            .add_from("expires_at", now.seconds(), remembered())
            .only_if(waited(now).and(lacks("latest").or(differs("latest", mark))));
        let updated = self.update_alone(count).await?;
        let is_written = updated.is_written();
        let item = updated.into_item();
        let is_counted = is_written || item.as_ref().and_then(|item| number_of(item, "latest")) == Some(mark);
        if !is_counted {
            self.refusals.note(&key, item.as_ref(), now);
            return Ok(refused(item.as_ref()));
        }
        let failures = item.and_then(|item| number_of(&item, "failures"));
        let failures = failures.and_then(|number| u64::try_from(number).ok()).unwrap_or(1);
        Ok(SignInCount::Counted(CountedSignIn { failures, mark }))
    }

    /// Takes a count back, because the attempt was not compared.
    ///
    /// One update by itself: the number falls by one, the time of the latest failure is the one before, and the week is taken back.
    /// Condition: no other attempt has been counted since. Else a second update leaves the time as it is. Condition: the number is
    /// not zero. Up to two round trips.
    pub async fn uncount_sign_in(
        &self,
        subject: &Subject,
        counted: &CountedSignIn,
    ) -> Result<(), StoreError> {
        let key = keys::sign_in_limit(subject);
        let uncount = || Write::update(&key).add("failures", -1).add("expires_at", -remembered());
        let last = uncount().copy("last", "before").set("latest", 0);
        if self.update_alone(last.only_if(equals("latest", counted.mark))).await?.is_written() {
            return Ok(());
        }
        self.update_alone(uncount().only_if(at_least("failures", 1_u64))).await.map(|_| ())
    }

    /// Forgets the failed sign-ins of a name.
    ///
    /// One transaction: the counter is deleted, without a condition. One round trip.
    pub async fn forget_sign_ins(&self, subject: &Subject) -> Result<(), StoreError> {
        self.transact(vec![forget_sign_ins(subject)]).await.map(|_| ())
    }
}

/// The outcome of what a mail is counted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuance {
    /// It is written.
    Written,
    /// The account, or the rights of whoever acts, have changed since they were read.
    Outrun,
    /// Too many mails were sent lately.
    Limited {
        /// The seconds until another one may be sent.
        retry_after: u64,
    },
}

/// A mail that somebody has asked for, and that counts for whoever has it sent, for its account and for its mailbox (L4).
#[derive(Clone, Copy)]
pub struct CountedMail<'a> {
    /// The member of staff who has it sent, if one does.
    pub by: Option<AccountId>,
    /// The account that it is for, which has an address.
    pub account: &'a Account,
    /// Whether it tells of something. Such mails have windows of their own, so that they never crowd out a mail that lets the owner
    /// in.
    pub is_notice: bool,
}

impl CountedMail<'_> {
    fn counters(&self) -> Vec<(Key, &'static [Window])> {
        let (account, notice) = (self.account, self.is_notice);
        let (of_account, of_mailbox) = if notice {
            (&mails::NOTICES[..], &mails::NOTICES[..])
        } else {
            (&mails::FOR_ACCOUNT[..], &mails::TO_MAILBOX[..])
        };
        let by = self.by.map(|by| (Subject::mails_by(by), mails::BY_STAFF.as_slice()));
        let to = account.email.as_ref().map(|to| Subject::mails_to(&account.practice, to, notice));
        let own = (Subject::mails_for(account.id, notice), of_account);
        let all = by.into_iter().chain([own]).chain(to.map(|to| (to, of_mailbox)));
        all.map(|(subject, windows)| (keys::mails(&subject), windows)).collect()
    }

    /// The writes that count it, if every window has room.
    pub(super) fn writes(&self, now: Timestamp) -> Vec<Write> {
        self.counters().iter().map(|(key, windows)| count_in_windows(key, windows, now)).collect()
    }

    /// The seconds until every window has room, if a transaction that began with these writes was refused by one of them.
    pub(super) fn wait(&self, refused: &Refused, now: Timestamp) -> Option<u64> {
        let counters = self.counters();
        let full = counters
            .iter()
            .enumerate()
            .filter_map(|(place, (_, windows))| Some((refused.old(place)?, windows)));
        full.map(|(old, windows)| retry_after(old, windows, now)).max()
    }
}

impl Store {
    /// Writes what begins with the writes that count a mail, if one is due.
    pub(super) async fn transact_counted(
        &self,
        staff: Option<&Account>,
        writes: Vec<Write>,
        mail: Option<CountedMail<'_>>,
        now: Timestamp,
    ) -> Result<Issuance, StoreError> {
        Ok(match self.transact_by(staff, writes).await? {
            Outcome::Written => Issuance::Written,
            Outcome::Refused(refused) => match mail.and_then(|mail| mail.wait(&refused, now)) {
                Some(retry_after) => Issuance::Limited { retry_after },
                None => Issuance::Outrun,
            },
        })
    }

    /// Counts a mail to a mailbox that a request of the time `at` leads to. Returns whether the mailbox's windows have room.
    ///
    /// One update by itself: the mailbox's counter takes the request. Condition: every window has room. A request that was counted
    /// before, when its record was delivered earlier, is not counted again. Up to two round trips.
    pub async fn count_mail_to(
        &self,
        practice: &Slug,
        to: &Email,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = keys::mails(&Subject::mails_to(practice, to, false));
        let known = self.get_item(&key).await?.unwrap_or_default();
        let kept = mails::TO_MAILBOX.iter().map(|window| window.count).max().unwrap_or_default();
        if (0..kept).any(|place| number_of(&known, &format!("t{place}")) == Some(at.millis())) {
            return Ok(true);
        }
        Ok(self.update_alone(count_in_windows(&key, &mails::TO_MAILBOX, at)).await?.is_written())
    }

    /// The seconds until a member of staff may ask for usernames again, if too many were refused to them. One round trip.
    pub async fn wait_for_names(&self, staff: AccountId, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let key = keys::refused_names(&Subject::names_refused_to(staff));
        let Some(known) = self.get_item(&key).await? else { return Ok(None) };
        Ok(blocked_until(&known, &NAMES_REFUSED, now).map(|until| until.seconds_from(now)))
    }

    /// Counts a username that was refused to a member of staff, because it is taken.
    ///
    /// One transaction: their counter takes it, and the event is put. Condition: every window has room, and the event does not
    /// exist. One round trip.
    pub async fn count_refused_name(&self, staff: AccountId, event: &Event) -> Result<Decision, StoreError> {
        let key = keys::refused_names(&Subject::names_refused_to(staff));
        let count = count_in_windows(&key, &NAMES_REFUSED, event.at);
        Ok(match self.transact(vec![count, put_event(event)]).await? {
            Outcome::Written => Decision::Allowed,
            Outcome::Refused(refused) => {
                let wait = refused.old(0).map_or(1, |old| retry_after(old, &NAMES_REFUSED, event.at));
                Decision::Refused { retry_after: wait, since: None }
            }
        })
    }
}

/// The seconds for which a failed sign-in is remembered.
fn remembered() -> i64 {
    i64::try_from(sign_in::REMEMBERED.as_secs()).unwrap_or(i64::MAX)
}

/// The write that deletes the counter of a name's failed sign-ins.
pub(super) fn forget_sign_ins(subject: &Subject) -> Write {
    Write::delete(&keys::sign_in_limit(subject))
}

/// The write that counts one more recovery, code or answer, if every window has room.
///
/// The item holds the times of the latest attempts, the newest first: `t0`, `t1`, and so on. The write shifts them all by one
/// place; the condition looks at the one that must have left its window.
pub(super) fn count_in_windows(counter: &Key, windows: &[Window], now: Timestamp) -> Write {
    let kept = windows.iter().map(|window| window.count).max().unwrap_or(1);
    let longest = windows.iter().map(|window| window.span).max().unwrap_or_default();
    let count = Write::update(counter).set("t0", now).set("expires_at", (now + longest + days(1)).seconds());
    let count =
        (1..kept).fold(count, |write, place| write.copy(&format!("t{place}"), &format!("t{}", place - 1)));
    let has_room = |window: &Window| {
        let oldest = format!("t{}", window.count - 1);
        lacks(&oldest).or(at_most(&oldest, now - window.span))
    };
    match windows.iter().map(has_room).reduce(Condition::and) {
        Some(condition) => count.only_if(condition),
        None => count,
    }
}

/// The waits of [`sign_in::wait_after`] as one condition: for each number of failures, how long ago the latest must be.
fn waited(now: Timestamp) -> Condition {
    let longest = sign_in::longest_from();
    let since = |failures: u64| at_most("last", now - sign_in::wait_after(failures));
    let free = lacks("failures").or(at_most("failures", sign_in::FREE));
    let growing = (sign_in::FREE + 1..longest)
        .fold(free, |waited, failures| waited.or(equals("failures", failures).and(since(failures))));
    let open = at_least("failures", longest).and(below("failures", sign_in::CLOSED));
    growing.or(open.and(since(longest)))
}

/// The seconds until every window of a refused subject has room again.
pub(super) fn retry_after(old: &Item, windows: &[Window], now: Timestamp) -> u64 {
    blocked_until(old, windows, now).map_or(1, |until| until.seconds_from(now))
}

/// The time until which a window has no room, if one has none.
fn blocked_until(counter: &Item, windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    let end = |window: &Window| {
        let oldest = Timestamp::from_millis(number_of(counter, &format!("t{}", window.count - 1))?);
        Some(oldest + window.span).filter(|until| *until > now)
    };
    windows.iter().filter_map(end).max()
}
