//! A new password before it is kept: what every way of setting one checks.

use crate::account::Account;
use crate::clock::Ambient;
use crate::http::problem::{Code, Problem};
use crate::keyring::Keyring;
use crate::password::{HashError, Hasher, Password, PasswordHash, Verdict, Weakness, weaknesses};
use crate::practice::Practice;
use crate::secret::Secret;
use crate::temporary::TemporaryPassword;

/// A password that somebody wants to have.
pub struct NewPassword {
    password: Password,
    temporary: Option<TemporaryPassword>,
}

impl NewPassword {
    /// Reads the member `new_password`.
    ///
    /// # Errors
    /// 400 when it has no or more than 256 characters.
    pub fn parse(typed: &Secret) -> Result<Self, Problem> {
        let password = Password::parse(typed.expose());
        let password =
            password.ok_or_else(|| Problem::invalid("new_password", "must have 1 to 256 characters"))?;
        Ok(Self { password, temporary: TemporaryPassword::parse(typed.expose()) })
    }

    /// As it was typed, in NFC.
    pub const fn password(&self) -> &Password {
        &self.password
    }

    /// Is not the current one, as typed in the same request, nor the account's temporary one.
    ///
    /// # Errors
    /// 422.
    pub fn must_differ(&self, current: &Secret, account: &Account) -> Result<(), Problem> {
        let same = Password::parse(current.expose()).is_some_and(|current| current == self.password);
        if same || self.is_temporary(account) { Err(weak(&[Weakness::same_as_current()])) } else { Ok(()) }
    }

    fn is_temporary(&self, account: &Account) -> bool {
        let known = account.temporary.as_ref().zip(self.temporary.as_ref());
        known.is_some_and(|(temporary, typed)| temporary.is(account.id, typed))
    }

    /// Length, blocklist, context words.
    ///
    /// # Errors
    /// 422 with the reasons.
    pub fn judge(&self, practice: &Practice, account: &Account) -> Result<(), Problem> {
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
        if reasons.is_empty() { Ok(()) } else { Err(weak(&reasons)) }
    }

    /// As it will be kept, unless it is the one that the account has, the temporary one included (T9).
    ///
    /// # Errors
    /// 422, or 503 when it cannot be hashed.
    pub fn keep(
        &self,
        hasher: &Hasher,
        peppers: &Keyring,
        ambient: &Ambient,
        account: &Account,
    ) -> Result<PasswordHash, Problem> {
        if self.is_temporary(account) {
            return Err(weak(&[Weakness::same_as_current()]));
        }
        if let Some(current) = &account.password {
            match hasher.verify(peppers, &self.password, Some(current)) {
                Ok(Verdict::Wrong) => {}
                Ok(_) => return Err(weak(&[Weakness::same_as_current()])),
                // Whoever lost their password must not be kept out by a hash that nobody can verify any more.
                Err(HashError::Key(_) | HashError::Broken) => tracing::warn!(event = "unverifiable_hash"),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(hasher.hash(peppers, ambient, &self.password)?)
    }
}

fn weak(reasons: &[Weakness]) -> Problem {
    Problem::new(Code::WeakPassword).with("reasons", reasons)
}
