//! The kinds of mails: one for each folder of templates.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::notice::Telling;

/// The kind of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MailKind)]
pub enum Kind {
    /// A link to choose a new password.
    ResetLink,
    /// A code to choose a new password.
    VerificationCode,
    /// A password for one sign-in, in which another must be chosen.
    TemporaryPassword,
    /// A link to set up an account that has no password yet.
    Invitation,
    /// A code to read out to the practice, which wants to know who calls.
    CallerCheck,
    /// A notice that the password was changed.
    PasswordChanged,
    /// A notice to a former address: staff have given the account another one.
    AddressChanged,
    /// A notice to a former address: somebody asked for a recovery while the new one is on hold.
    RecoveryHeld,
    /// A notice that staff have handed a link over.
    LinkCopied,
    /// A notice to the practice: the owner of an account has reported that a change was not theirs.
    Frozen,
    /// A notice to an administrator: another one has changed where people are led.
    SettingsChanged,
    /// A notice to an administrator: another one has handed an account over without a proof of who called.
    ProofOverruled,
    /// A notice to an administrator: one has acted on the account of another.
    AdministratorActed,
}

impl Kind {
    /// The kind of the mail that tells the owner of an account what was done.
    pub const fn of(telling: Telling) -> Self {
        match telling {
            Telling::PasswordChanged => Self::PasswordChanged,
            Telling::AddressChanged => Self::AddressChanged,
            Telling::RecoveryHeld => Self::RecoveryHeld,
            Telling::LinkCopied => Self::LinkCopied,
        }
    }

    /// Whether the mail has a link to say that what it tells of was not the owner's doing.
    pub(super) fn has_freeze(self) -> bool {
        matches!(self, Self::PasswordChanged | Self::AddressChanged | Self::RecoveryHeld | Self::LinkCopied)
    }

    /// The folder of the kind's templates.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::ResetLink => "reset_link",
            Self::VerificationCode => "verification_code",
            Self::TemporaryPassword => "temporary_password",
            Self::Invitation => "invitation",
            Self::CallerCheck => "caller_check",
            Self::PasswordChanged => "password_changed",
            Self::AddressChanged => "address_changed",
            Self::RecoveryHeld => "recovery_held",
            Self::LinkCopied => "link_copied",
            Self::Frozen => "frozen",
            Self::SettingsChanged => "settings_changed",
            Self::ProofOverruled => "proof_overruled",
            Self::AdministratorActed => "administrator_acted",
        }
    }

    /// Whether the mail carries a code or password that a person types.
    pub(super) fn has_code(self) -> bool {
        matches!(self, Self::VerificationCode | Self::TemporaryPassword | Self::CallerCheck)
    }

    /// Whether the mail carries a secret that expires. Such a mail must say when.
    pub(super) fn has_end(self) -> bool {
        !self.has_freeze()
            && !matches!(
                self,
                Self::Frozen | Self::SettingsChanged | Self::ProofOverruled | Self::AdministratorActed
            )
    }
}
