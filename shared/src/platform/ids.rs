//! Typed ids. An id names a thing. It is never a secret and never proves anything.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;
use utoipa::ToSchema;

use crate::platform::clock::Timestamp;

/// The text is not a ULID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ULID")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident as $schema:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
        #[schema(as = $schema, value_type = String, pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
        pub struct $name(Ulid);

        impl $name {
            /// The sixteen bytes of the id.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }

            /// The id of sixteen bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Ulid::from_bytes(bytes))
            }

            /// When the id was made, to the millisecond.
            pub fn made_at(self) -> Timestamp {
                Timestamp::from_millis(i64::try_from(self.0.timestamp_ms()).unwrap_or_default())
            }
        }

        impl From<Ulid> for $name {
            fn from(ulid: Ulid) -> Self {
                Self(ulid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.to_string())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Ulid::from_string(text).map(Self).map_err(|_| NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// The id of an account.
    AccountId as AccountId
);
id!(
    /// The id of a ticket. For a ticket that a request leads to, it follows from the id of the request, so that issuing it again
    /// makes no second ticket.
    TicketId as TicketId
);
id!(
    /// The id of an item that asks for a mail: a public request, or the outbox item of a change.
    OutboxId as RequestId
);
id!(
    /// The id of a help request. It follows from the id of the request for a recovery, so that a person can ask once, and does not
    /// tell it.
    HelpId as HelpRequestId
);
id!(
    /// The id of a session.
    SessionId as SessionId
);
id!(
    /// The id of an event.
    EventId as EventId
);

impl EventId {
    /// An id that comes before every other.
    pub const FIRST: Self = Self(Ulid(0));
    /// An id that comes after every other.
    pub const LAST: Self = Self(Ulid(u128::MAX));

    /// The first id that an event of this moment can have.
    pub fn first_at(at: Timestamp) -> Self {
        Self(Ulid::from_parts(u64::try_from(at.millis()).unwrap_or_default(), 0))
    }

    /// The part of the id that is not its time.
    pub fn random(self) -> u128 {
        self.0.random()
    }

    /// The next id.
    #[must_use]
    pub const fn after(self) -> Self {
        Self(Ulid(self.0.0.saturating_add(1)))
    }

    /// The id before this one.
    #[must_use]
    pub const fn before(self) -> Self {
        Self(Ulid(self.0.0.saturating_sub(1)))
    }
}

impl OutboxId {
    /// The part of the id that is not its time.
    pub fn random(self) -> u128 {
        self.0.random()
    }

    /// The id of the ticket that the item leads to when it is put back at `at`. The ticket that it led to first is over then.
    pub fn ticket_at(self, at: Timestamp) -> TicketId {
        let millis = u64::try_from(at.millis()).unwrap_or_default();
        TicketId(Ulid::from_parts(millis, self.random()))
    }
}

impl TicketId {
    /// Whether the ticket is one that the outbox item leads to.
    pub fn is_of(self, item: OutboxId) -> bool {
        self.0.random() == item.random()
    }
}

impl AccountId {
    /// The part of the id that is not its time.
    pub fn random(self) -> u128 {
        self.0.random()
    }
}

impl HelpId {
    /// The part of the id that is not its time.
    pub fn random(self) -> u128 {
        self.0.random()
    }
}

impl From<OutboxId> for HelpId {
    fn from(id: OutboxId) -> Self {
        Self(id.0)
    }
}

impl From<HelpId> for OutboxId {
    fn from(id: HelpId) -> Self {
        Self(id.0)
    }
}

impl From<OutboxId> for TicketId {
    fn from(id: OutboxId) -> Self {
        Self(id.0)
    }
}

impl From<TicketId> for OutboxId {
    fn from(id: TicketId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_after_text_and_bytes() {
        let id: AccountId = "01JD7Z3M5V8Q2X4Y6W0N1R9T3K".parse().expect("a ULID");
        assert_eq!(id.to_string(), "01JD7Z3M5V8Q2X4Y6W0N1R9T3K");
        assert_eq!(AccountId::from_bytes(id.to_bytes()), id);
        assert_eq!("short".parse::<AccountId>(), Err(NotAnId));
    }
}
