//! A password as a person types it: which texts can be one, and the checks that every way of setting a password makes
//! before it is stored.

use crate::domain::account::Account;
use crate::domain::practice::Practice;
use crate::domain::text::InvalidMember;
use crate::platform::clock::Ambient;
use crate::secrets::password::{
    HashError, Hasher, Password, PasswordHash, Peppers, Verdict, Weakness, weaknesses,
};
use crate::secrets::secret::Secret;
use crate::secrets::temporary::TemporaryPassword;

/// The reason why a password is not set.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRefused {
    /// The password is easy to guess, or is the one that it would replace.
    #[error("the password is refused for {} reasons", .0.len())]
    Weak(Vec<Weakness>),
    /// The password cannot be compared or hashed now.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// A text that a person typed as a password.
pub struct TypedPassword {
    password: Password,
    temporary: Option<TemporaryPassword>,
}

impl TypedPassword {
    /// Reads a member of a request.
    ///
    /// # Errors
    /// [`InvalidMember`] when the member is empty or has more than 256 characters.
    pub fn parse(member: &str, typed: &Secret) -> Result<Self, InvalidMember> {
        let password = Password::parse(typed.expose());
        let password = password.ok_or_else(|| InvalidMember::new(member, "must have 1 to 256 characters"))?;
        Ok(Self { password, temporary: TemporaryPassword::parse(typed.expose()) })
    }

    /// The password, in Unicode form NFC.
    pub const fn password(&self) -> &Password {
        &self.password
    }

    /// The text as a temporary password, if it has the shape of one.
    pub const fn temporary(&self) -> Option<&TemporaryPassword> {
        self.temporary.as_ref()
    }

    /// Whether the text is the account's temporary password.
    pub fn is_temporary(&self, account: &Account) -> bool {
        let known = account.temporary.as_ref().zip(self.temporary());
        known.is_some_and(|(temporary, typed)| temporary.is(account.id, typed))
    }

    /// Refuses a new password that is the current one, as typed in the same request, or the account's temporary one.
    ///
    /// # Errors
    /// [`PasswordRefused::Weak`].
    pub fn must_differ(&self, current: &Self, account: &Account) -> Result<(), PasswordRefused> {
        let same = current.password == self.password || self.is_temporary(account);
        if same { Err(same_as_current()) } else { Ok(()) }
    }

    /// Checks the length, the blocklist, and the words of the context such as the username and the practice's name.
    ///
    /// # Errors
    /// [`PasswordRefused::Weak`] with the reasons.
    pub fn must_be_strong(&self, practice: &Practice, account: &Account) -> Result<(), PasswordRefused> {
        let email = account.email.as_ref().map_or("", |email| email.as_str());
        let context = [
            practice.slug.as_str(),
            &practice.name,
            account.username.as_str(),
            &account.display_name,
            email,
            "rekey",
        ];
        let reasons = weaknesses(&self.password, practice.policy.password_min_length, &context);
        if reasons.is_empty() { Ok(()) } else { Err(PasswordRefused::Weak(reasons)) }
    }

    /// Hashes the password for the store, unless it is the account's current password or its temporary one (T9).
    ///
    /// # Errors
    /// [`PasswordRefused::Weak`] for the account's own password, and [`PasswordRefused::Hash`] when hashing fails.
    pub fn hash_unless_current(
        &self,
        hasher: &Hasher,
        peppers: Peppers<'_>,
        ambient: &Ambient,
        account: &Account,
    ) -> Result<PasswordHash, PasswordRefused> {
        if self.is_temporary(account) {
            return Err(same_as_current());
        }
        if let Some(current) = &account.password {
            match hasher.verify(peppers, &self.password, Some(current)) {
                // Only the beginning was compared, so it may be another password, and a person must be able to leave the old hash.
                Ok(Verdict::Wrong | Verdict::RightInPart) => {}
                Ok(_) => return Err(same_as_current()),
                // A hash that can no longer be verified must not keep out a person who has lost their password.
                Err(HashError::Key(_) | HashError::Broken) => tracing::warn!(event = "unverifiable_hash"),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(hasher.hash(peppers, ambient, &self.password)?)
    }
}

fn same_as_current() -> PasswordRefused {
    PasswordRefused::Weak(vec![Weakness::same_as_current()])
}
