//! The logos of practices. Each is an item of its own, so that nobody who needs the settings reads it with them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::domain::account::Account;
use crate::domain::practice::{Logo, Slug};
use crate::store::error::StoreError;
use crate::store::keys;
use crate::store::practices::PracticeUpdate;
use crate::store::reader::Stored;
use crate::store::told::Told;
use crate::store::transact::{Outcome, Store};
use crate::store::write::Write;

/// A logo. It is text, so that whatever lists or copies items needs to know nothing of bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLogo {
    /// The digest that the practice's settings have too.
    pub digest: String,
    /// The bytes of the PNG, in base64.
    png: String,
}

impl Stored for StoredLogo {}

impl StoredLogo {
    /// The logo with these bytes.
    pub fn new(known: &Logo, png: &[u8]) -> Self {
        Self { digest: known.digest.clone(), png: STANDARD.encode(png) }
    }

    /// The bytes of the PNG.
    ///
    /// # Errors
    /// [`StoreError`] when the item has anything else.
    pub fn png(&self) -> Result<Vec<u8>, StoreError> {
        STANDARD.decode(&self.png).map_err(|error| StoreError::broken("LOGO", error))
    }
}

impl Store {
    /// Finds the logo of a practice. One round trip.
    pub async fn find_logo(&self, practice: &Slug) -> Result<Option<StoredLogo>, StoreError> {
        self.get(&keys::logo(practice)).await
    }

    /// Gives a practice another logo, or none.
    ///
    /// One transaction:
    ///
    /// - The practice is put whole, with the next revision. Condition: it exists, and its revision is the one that was read,
    ///   or it has none.
    /// - The logo is put or deleted. It has no condition, since the practice's tells that no other logo has come.
    /// - The event is put, and the outbox items of the mails about it. Condition: none exists.
    /// - The account of the member of staff is checked. Condition: it is open, and its role and its session epoch are as read.
    ///
    /// A refusal means that the settings have been replaced since they were read, or that the member of staff has been closed,
    /// signed out or given another role; nothing is written. One round trip.
    pub async fn set_logo(
        &self,
        staff: &Account,
        update: &PracticeUpdate<'_>,
        logo: Option<&StoredLogo>,
    ) -> Result<Outcome, StoreError> {
        let PracticeUpdate { was, becomes, event, mails } = *update;
        let key = keys::logo(&becomes.slug);
        let logo = logo.map_or_else(|| Write::delete(&key), |logo| Write::put(&key, logo, None));
        let mut writes = vec![was.replaced_by(becomes, was.revision + 1), logo];
        Told { event, mails }.add_to(&mut writes);
        self.transact_by(Some(staff), writes).await
    }
}
