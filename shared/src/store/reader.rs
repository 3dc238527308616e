//! How items are read: what was issued before a restore has ended with it.
//!
//! A restored table is the table of an earlier moment. It has links, codes, temporary passwords and sessions that were used,
//! revoked or ended since, and mails that were sent since. `REKEY_VOID_BEFORE` names a moment, and whatever was issued before it
//! ends at that moment. Nothing is rewritten: each value has its end earlier as soon as it is read. Every value of the table is
//! read here, so no function can forget it. Nothing else changes: what has ended is refused, listed and cleaned up as anything
//! that has.
//!
//! Passwords, answers and accounts stand. So do "this wasn't me", which opens nothing: it closes an account, and "I am not this
//! person", which stops mail.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::domain::account::{Account, Ending, Login, Recipient};
use crate::domain::challenge::Challenge;
use crate::domain::event::Event;
use crate::domain::help::HelpRequest;
use crate::domain::issued::IssuedTicket;
use crate::domain::not_me::NotMe;
use crate::domain::notice::Notice;
use crate::domain::outbox::{OutboxItem, OutboxKind};
use crate::domain::practice::{Pages, Practice, SettingError};
use crate::domain::session::Session;
use crate::domain::ticket::Ticket;
use crate::platform::clock::Timestamp;
use crate::platform::config::{ConfigError, Lookup};
use crate::secrets::temporary::Temporary;
use crate::store::error::StoreError;
use crate::store::items::Item;

/// The most by which the clock of whoever set the variable may be ahead. A later moment would let live until then what is to be
/// void now.
const AHEAD: Duration = Duration::from_mins(5);

/// A reader of items.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    void_before: Option<Timestamp>,
    pages: Pages,
}

impl Reader {
    /// Reads `REKEY_VOID_BEFORE` and `REKEY_PAGES_URL`.
    ///
    /// # Errors
    /// [`ConfigError::Unusable`] when the variable has no time, or one that is still to come; and the errors of [`Pages::read`].
    pub(super) fn read(lookup: &Lookup<'_>, now: Timestamp) -> Result<Self, ConfigError> {
        let unusable = |rule| ConfigError::Unusable { name: "REKEY_VOID_BEFORE", rule };
        let pages = Pages::read(lookup)?;
        let Some(text) = lookup("REKEY_VOID_BEFORE") else { return Ok(Self { void_before: None, pages }) };
        let before = Timestamp::parse(&text).ok_or_else(|| unusable("must be a time of RFC 3339"))?;
        if before > now + AHEAD {
            return Err(unusable("must not be a time to come"));
        }
        Ok(Self { void_before: Some(before), pages })
    }

    /// The deployment's own pages.
    pub(super) const fn pages(&self) -> &Pages {
        &self.pages
    }

    /// Reads a value from an item.
    pub(super) fn value<T: Stored>(&self, pk: &str, item: Item) -> Result<T, StoreError> {
        let value: T = serde_dynamo::from_item(item).map_err(|error| StoreError::broken(pk, error))?;
        let value = value.at(&self.pages).map_err(|error| StoreError::broken(pk, error))?;
        Ok(match self.void_before {
            Some(before) => value.void_before(before),
            None => value,
        })
    }
}

/// A value of the table.
pub(super) trait Stored: DeserializeOwned {
    /// The value when everything that was issued before a moment has ended at that moment. What opens nothing stays as it is.
    #[must_use]
    fn void_before(self, _moment: Timestamp) -> Self {
        self
    }

    /// The value in a deployment with these pages.
    fn at(self, _pages: &Pages) -> Result<Self, SettingError> {
        Ok(self)
    }
}

impl Stored for Ticket {
    fn void_before(self, moment: Timestamp) -> Self {
        if self.issued_at >= moment {
            return self;
        }
        Self { valid_until: self.valid_until.min(moment), ..self }
    }
}

impl Stored for Session {
    fn void_before(self, moment: Timestamp) -> Self {
        if self.created_at >= moment {
            return self;
        }
        Self { valid_until: self.valid_until.min(moment), ..self }
    }
}

impl Stored for Account {
    fn void_before(self, moment: Timestamp) -> Self {
        Self { temporary: self.temporary.map(|temporary| temporary_before(temporary, moment)), ..self }
    }
}

impl Stored for Login {
    fn void_before(self, moment: Timestamp) -> Self {
        Self { temporary: self.temporary.map(|temporary| temporary_before(temporary, moment)), ..self }
    }
}

/// A temporary password is as old as its ticket, whose id says when that was made.
fn temporary_before(temporary: Temporary, moment: Timestamp) -> Temporary {
    if temporary.ticket.made_at() >= moment {
        return temporary;
    }
    Temporary { valid_until: temporary.valid_until.min(moment), ..temporary }
}

impl Stored for OutboxItem {
    fn void_before(self, moment: Timestamp) -> Self {
        if self.at >= moment {
            return self;
        }
        let kind = match self.kind {
            OutboxKind::Recovery { portal, identifier, challenge: Some(challenge) } => {
                let valid_until = challenge.valid_until.min(moment);
                let challenge = Some(Challenge { valid_until, ..challenge });
                OutboxKind::Recovery { portal, identifier, challenge }
            }
            kind => kind,
        };
        Self { kind, void_from: Some(moment), ..self }
    }
}

impl Stored for Recipient {}
impl Stored for Ending {}
impl Stored for Practice {
    fn at(self, pages: &Pages) -> Result<Self, SettingError> {
        Self::at(self, pages)
    }
}
impl Stored for Notice {}
impl Stored for NotMe {}
impl Stored for HelpRequest {}
impl Stored for IssuedTicket {}
impl Stored for Event {}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_286_130_000);

    fn read(text: &str) -> Result<Option<Timestamp>, ConfigError> {
        Reader::read(&|name| (name == "REKEY_VOID_BEFORE").then(|| text.to_owned()), NOW)
            .map(|reader| reader.void_before)
    }

    #[test]
    fn a_moment_is_read_and_one_to_come_is_refused() {
        assert_eq!(Reader::read(&|_| None, NOW).map(|reader| reader.void_before), Ok(None));
        assert_eq!(read("2026-11-21T18:35:30Z"), Ok(Some(NOW)));
        assert_eq!(read("2026-11-21T13:35:30-05:00"), Ok(Some(NOW)));
        assert_eq!(read("2026-11-21T18:40:30Z"), Ok(Some(NOW + AHEAD)), "clocks differ");
        for text in ["2026-11-21T18:40:31Z", "2027-11-21T18:35:30Z", "2026-11-21", "yesterday", "0"] {
            let refused = read(text).expect_err(text).to_string();
            assert!(refused.starts_with("REKEY_VOID_BEFORE must "), "{text}: {refused}");
        }
    }
}
