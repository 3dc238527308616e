//! Configuration: the variables that the template sets for a function, read once, and refused when they are wrong.

/// A function that finds a variable of the environment. A test brings its own.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The reason why a function cannot start. The message names the variable and never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The variable must be set, and is not.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// The value of the variable cannot be used.
    #[error("{name} {rule}")]
    Unusable {
        /// The name of the variable.
        name: &'static str,
        /// The rule that the value breaks.
        rule: &'static str,
    },
    /// The embedded root certificates cannot be used.
    #[error("the embedded root certificates cannot be used")]
    Roots,
}

/// Finds a variable of the process's environment. An empty one counts as not set.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Reads `REKEY_LOOPBACK`: whether the function runs on the machine of the people who call it. `cargo dev` sets it to `1`, and
/// the template never sets it.
///
/// # Errors
/// [`ConfigError::Unusable`] when the variable has another value.
pub fn on_this_machine(lookup: &Lookup<'_>) -> Result<bool, ConfigError> {
    match lookup("REKEY_LOOPBACK").as_deref() {
        None => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(ConfigError::Unusable { name: "REKEY_LOOPBACK", rule: "must be 1, or not be set" }),
    }
}

/// Finds a variable that must be set.
///
/// # Errors
/// [`ConfigError::Missing`].
pub fn required(lookup: &Lookup<'_>, name: &'static str) -> Result<String, ConfigError> {
    lookup(name).ok_or(ConfigError::Missing(name))
}
