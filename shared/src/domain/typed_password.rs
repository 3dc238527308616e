//! A password as somebody types it: what it can be, and what every way of setting one checks before it is kept.

use crate::domain::account::Account;
use crate::domain::practice::Practice;
use crate::domain::text::InvalidMember;
use crate::platform::clock::Ambient;
use crate::secrets::keyring::Keyring;
use crate::secrets::password::{HashError, Hasher, Password, PasswordHash, Verdict, Weakness, weaknesses};
use crate::secrets::secret::Secret;
use crate::secrets::temporary::TemporaryPassword;

/// Why a password is not set.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRefused {
    /// Somebody could guess it, or it is the one that is to be replaced.
    #[error("the password is refused for {} reasons", .0.len())]
    Weak(Vec<Weakness>),
    /// It cannot be compared or hashed now.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// What somebody typed as a password.
pub struct TypedPassword {
    password: Password,
    temporary: Option<TemporaryPassword>,
}

impl TypedPassword {
    /// Reads a member of a request.
    ///
    /// # Errors
    /// [`InvalidMember`] when it has no or more than 256 characters.
    pub fn parse(member: &str, typed: &Secret) -> Result<Self, InvalidMember> {
        let password = Password::parse(typed.expose());
        let password = password.ok_or_else(|| InvalidMember::new(member, "must have 1 to 256 characters"))?;
        Ok(Self { password, temporary: TemporaryPassword::parse(typed.expose()) })
    }

    /// The password, in NFC.
    pub const fn password(&self) -> &Password {
        &self.password
    }

    /// The temporary password that it can be, if it has the shape of one.
    pub const fn temporary(&self) -> Option<&TemporaryPassword> {
        self.temporary.as_ref()
    }

    /// Whether it is the account's temporary one.
    pub fn is_temporary(&self, account: &Account) -> bool {
        let known = account.temporary.as_ref().zip(self.temporary());
        known.is_some_and(|(temporary, typed)| temporary.is(account.id, typed))
    }

    /// Refuses the current password, as typed in the same request, and the account's temporary one.
    ///
    /// # Errors
    /// [`PasswordRefused::Weak`].
    pub fn must_differ(&self, current: &Self, account: &Account) -> Result<(), PasswordRefused> {
        let same = current.password == self.password || self.is_temporary(account);
        if same { Err(same_as_current()) } else { Ok(()) }
    }

    /// Checks length, blocklist and context words.
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

    /// The hash to be stored, unless it is the password that the account has, the temporary one included (T9).
    ///
    /// # Errors
    /// [`PasswordRefused`].
    pub fn hash_unless_current(
        &self,
        hasher: &Hasher,
        peppers: &Keyring,
        ambient: &Ambient,
        account: &Account,
    ) -> Result<PasswordHash, PasswordRefused> {
        if self.is_temporary(account) {
            return Err(same_as_current());
        }
        if let Some(current) = &account.password {
            match hasher.verify(peppers, &self.password, Some(current)) {
                Ok(Verdict::Wrong) => {}
                Ok(_) => return Err(same_as_current()),
                // Whoever lost their password must not be kept out by a hash that nobody can verify any more.
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
