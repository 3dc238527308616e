//! Configuration: what the template sets for a function, read once, refused when wrong.

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
