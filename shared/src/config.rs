//! Configuration: what the template sets for a function, read once, refused when wrong.

use crate::limit::Window;

use crate::clock::{days, hours};

/// Finds a variable of the environment; a test brings its own.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A function cannot start. The message names the variable and never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It must be set.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// It is set to what cannot be used.
    #[error("{name} {rule}")]
    Unusable {
        /// Which variable.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The embedded root certificates cannot be used.
    #[error("the embedded root certificates cannot be used")]
    Roots,
}

/// Reads the process's environment.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that must be set.
///
/// # Errors
/// [`ConfigError::Missing`].
pub fn required(lookup: &Lookup<'_>, name: &'static str) -> Result<String, ConfigError> {
    lookup(name).ok_or(ConfigError::Missing(name))
}

/// How often a recovery may be asked for. A window of `None` is lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgotLimits {
    /// For one identifier.
    pub identifier: Vec<Window>,
    /// From one source address.
    pub address: Vec<Window>,
}

impl ForgotLimits {
    /// Reads `REKEY_FORGOT_PER_IDENTIFIER_HOUR` (3), `REKEY_FORGOT_PER_IDENTIFIER_DAY` (10) and
    /// `REKEY_FORGOT_PER_ADDRESS_HOUR` (30). `0` lifts a limit; the largest is 100.
    ///
    /// # Errors
    /// [`ConfigError::Unusable`].
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let window = |name, default, span| {
            Ok::<_, ConfigError>(count(lookup, name, default)?.map(|count| Window { count, span }))
        };
        let hour = window("REKEY_FORGOT_PER_IDENTIFIER_HOUR", 3, hours(1))?;
        let day = window("REKEY_FORGOT_PER_IDENTIFIER_DAY", 10, days(1))?;
        let address = window("REKEY_FORGOT_PER_ADDRESS_HOUR", 30, hours(1))?;
        Ok(Self {
            identifier: [hour, day].into_iter().flatten().collect(),
            address: address.into_iter().collect(),
        })
    }
}

fn count(lookup: &Lookup<'_>, name: &'static str, default: usize) -> Result<Option<usize>, ConfigError> {
    let unusable = ConfigError::Unusable { name, rule: "must be a number from 0 to 100" };
    let count = match lookup(name) {
        None => default,
        Some(text) => text.parse().map_err(|_| unusable.clone())?,
    };
    match count {
        0 => Ok(None),
        1..=100 => Ok(Some(count)),
        _ => Err(unusable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_address: Option<&str>) -> Result<ForgotLimits, ConfigError> {
        ForgotLimits::read(&|name| per_address.filter(|_| name.ends_with("ADDRESS_HOUR")).map(str::to_owned))
    }

    #[test]
    fn the_limits_have_defaults_and_can_be_lifted() {
        let default = limits(None).expect("defaults");
        let (hour, day) = (Window { count: 3, span: hours(1) }, Window { count: 10, span: days(1) });
        assert_eq!(default.identifier, [hour, day]);
        assert_eq!(default.address, [Window { count: 30, span: hours(1) }]);
        assert!(limits(Some("0")).expect("lifted").address.is_empty());
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_refused_by_name() {
        for text in ["-1", "101", "many"] {
            let message = limits(Some(text)).expect_err(text).to_string();
            assert_eq!(message, "REKEY_FORGOT_PER_ADDRESS_HOUR must be a number from 0 to 100");
        }
    }
}
