//! A practice's policy: its rules of recovery. Each member has a default, and most have bounds.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RecoveryMethod, SecurityQuestion, SettingError, rule};
use crate::domain::proof::CallerProof;
use crate::platform::clock::Timestamp;
use crate::platform::wire::whole_number;

/// A practice's rules of recovery. Durations are in whole seconds. A member that is left out has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Policy {
    /// The ways to recover that the practice offers: `link`, `code` or both, each at most once. The first one is used
    /// when a request names none. The default is both, with `link` first.
    #[schema(min_items = 1, max_items = 2)]
    pub recovery_methods: Vec<RecoveryMethod>,
    /// The life of a link that a person has asked for, in seconds: 10 minutes to 48 hours, 24 hours by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 600, maximum = 172_800)]
    pub link_ttl: u32,
    /// The life of a verification code, in seconds: 5 to 60 minutes, 10 minutes by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 300, maximum = 3_600)]
    pub code_ttl: u32,
    /// The number of digits of a verification code: 6 to 10, 8 by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 6, maximum = 10)]
    pub code_length: u32,
    /// The life of an invitation, in seconds: 1 hour to 30 days, 7 days by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 3_600, maximum = 2_592_000)]
    pub invitation_ttl: u32,
    /// The life of a temporary password if staff choose no time, in seconds: 1 to 72 hours, 24 hours by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 3_600, maximum = 259_200)]
    pub temporary_password_ttl: u32,
    /// The longest life that staff may give a link, in seconds: 1 hour to 30 days, 7 days by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 3_600, maximum = 2_592_000)]
    pub admin_link_max: u32,
    /// Whether a recovery asks the security question: `off` by default.
    pub security_question: SecurityQuestion,
    /// The smallest number of characters (Unicode code points) of a new password: 8 to 64, 15 by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 8, maximum = 64)]
    pub password_min_length: u32,
    /// Whether staff who are not administrators see and help only the clients on their caseload: `false` by default.
    pub caseload_scoped: bool,
    /// The life of a session that is not used, in seconds: 1 minute to 12 hours, 15 minutes by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 60, maximum = 43_200)]
    pub session_idle: u32,
    /// The longest life of a session, in seconds: 5 minutes to 30 days, 12 hours by default.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 300, maximum = 2_592_000)]
    pub session_absolute: u32,
    /// Whether issuing a temporary password ends the current password and all sessions at once: `true` by default.
    pub temporary_password_voids_current: bool,
    /// Whether staff must say how they know a caller: `recorded` by default, which records it, and that it was not said.
    pub caller_proof: CallerProof,
    /// The time for which a recovery by self-service is not mailed to an address that staff have changed, in seconds: 0 to 72 hours, 24
    /// hours by default. There is none when they have seen the owner, or the owner has read out a code that was mailed to the address
    /// before.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 0, maximum = 259_200)]
    pub address_hold: u32,
    /// Whether a person whose mail does not come can ask staff for help: `true` by default.
    pub help_requests: bool,
}

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// The longest life that a practice may give a code, in seconds: grey-listing can hold a mail back for most of an hour.
const LONGEST_CODE_LIFE: u32 = HOUR;

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
            caller_proof: CallerProof::Recorded,
            address_hold: DAY,
            help_requests: true,
        }
    }
}

impl Policy {
    pub(super) const MEMBERS: [&'static str; 16] = [
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
        "caller_proof",
        "address_hold",
        "help_requests",
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
            ("address_hold", self.address_hold, 0, 72 * HOUR),
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

    /// The life of a link that a person has asked for.
    pub fn link_ttl(&self) -> Duration {
        Duration::from_secs(self.link_ttl.into())
    }

    /// The life of a verification code.
    pub fn code_ttl(&self) -> Duration {
        Duration::from_secs(self.code_ttl.into())
    }

    /// The life of a temporary password if staff choose no time.
    pub fn temporary_password_ttl(&self) -> Duration {
        Duration::from_secs(self.temporary_password_ttl.into())
    }

    /// The time from which a new address gets mail by self-service, if not at once.
    pub fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        (self.address_hold > 0).then(|| now + Duration::from_secs(self.address_hold.into()))
    }

    /// The life of an invitation.
    pub fn invitation_ttl(&self) -> Duration {
        Duration::from_secs(self.invitation_ttl.into())
    }
}
