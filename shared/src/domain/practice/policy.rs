//! How recovery works in a practice: every member with its default and its bound.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RecoveryMethod, SecurityQuestion, SettingError, rule};

/// How recovery works in a practice. Durations are whole seconds. Each member has a default and a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Policy {
    /// What a person may ask for, the first being what they get when they ask for nothing: `link`, `code` or both.
    pub recovery_methods: Vec<RecoveryMethod>,
    /// How long a self-service link lives: 10 minutes to 48 hours, 24 hours by default.
    pub link_ttl: u32,
    /// How long a code lives: 5 to 15 minutes, 10 by default.
    pub code_ttl: u32,
    /// Digits of a code: 6 to 10, 8 by default.
    pub code_length: u32,
    /// How long an invitation lives: 1 hour to 30 days, 7 days by default.
    pub invitation_ttl: u32,
    /// How long a temporary password lives: 1 to 72 hours, 24 by default.
    pub temporary_password_ttl: u32,
    /// The latest expiry staff may give a link: 1 hour to 30 days, 7 days by default.
    pub admin_link_max: u32,
    /// Whether a recovery asks the security question.
    pub security_question: SecurityQuestion,
    /// Code points a new password needs: 8 to 64, 15 by default.
    pub password_min_length: u32,
    /// Whether `staff` see and help only their caseload.
    pub caseload_scoped: bool,
    /// Idle life of a session: 1 minute to 12 hours, 15 minutes by default.
    pub session_idle: u32,
    /// Whole life of a session: 5 minutes to 30 days, 12 hours by default.
    pub session_absolute: u32,
    /// Whether issuing a temporary password ends the current one at once.
    pub temporary_password_voids_current: bool,
}

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// The longest life that a practice may give a code, in seconds.
pub const LONGEST_CODE_LIFE: u32 = 15 * MINUTE;

impl Default for Policy {
    fn default() -> Self {
        Self {
            recovery_methods: vec![RecoveryMethod::Link, RecoveryMethod::Code],
            link_ttl: DAY,
            code_ttl: 10 * MINUTE,
            code_length: 8,
            invitation_ttl: 7 * DAY,
            temporary_password_ttl: DAY,
            admin_link_max: 7 * DAY,
            security_question: SecurityQuestion::Off,
            password_min_length: 15,
            caseload_scoped: false,
            session_idle: 15 * MINUTE,
            session_absolute: 12 * HOUR,
            temporary_password_voids_current: true,
        }
    }
}

impl Policy {
    pub(super) const MEMBERS: [&'static str; 13] = [
        "recovery_methods",
        "link_ttl",
        "code_ttl",
        "code_length",
        "invitation_ttl",
        "temporary_password_ttl",
        "admin_link_max",
        "security_question",
        "password_min_length",
        "caseload_scoped",
        "session_idle",
        "session_absolute",
        "temporary_password_voids_current",
    ];

    pub(super) fn check(&self) -> Result<(), SettingError> {
        let methods = &self.recovery_methods;
        let distinct =
            !methods.is_empty() && (methods.len() == 1 || methods.len() == 2 && methods[0] != methods[1]);
        rule(distinct, "policy.recovery_methods", "must be link, code or both, each once")?;
        for (member, value, low, high) in [
            ("link_ttl", self.link_ttl, 10 * MINUTE, 48 * HOUR),
            ("code_ttl", self.code_ttl, 5 * MINUTE, LONGEST_CODE_LIFE),
            ("code_length", self.code_length, 6, 10),
            ("invitation_ttl", self.invitation_ttl, HOUR, 30 * DAY),
            ("temporary_password_ttl", self.temporary_password_ttl, HOUR, 72 * HOUR),
            ("admin_link_max", self.admin_link_max, HOUR, 30 * DAY),
            ("password_min_length", self.password_min_length, 8, 64),
            ("session_idle", self.session_idle, MINUTE, 12 * HOUR),
            ("session_absolute", self.session_absolute, 5 * MINUTE, 30 * DAY),
        ] {
            let rule_text = || format!("must be {low} to {high}");
            if !(low..=high).contains(&value) {
                return Err(SettingError::new(format!("policy.{member}"), rule_text()));
            }
        }
        Ok(())
    }

    /// How long a self-service link lives.
    pub fn link_ttl(&self) -> Duration {
        Duration::from_secs(self.link_ttl.into())
    }

    /// How long a code can be entered.
    pub fn code_ttl(&self) -> Duration {
        Duration::from_secs(self.code_ttl.into())
    }

    /// How long a temporary password lives when its issuer does not say.
    pub fn temporary_password_ttl(&self) -> Duration {
        Duration::from_secs(self.temporary_password_ttl.into())
    }

    /// How long an invitation lives.
    pub fn invitation_ttl(&self) -> Duration {
        Duration::from_secs(self.invitation_ttl.into())
    }
}
