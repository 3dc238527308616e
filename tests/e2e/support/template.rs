//! The deployment's template, as the tests read it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use serde_yaml_ng::Value as Yaml;

pub const FUNCTIONS: [(&str, &str); 13] = [
    ("accounts", "Accounts"),
    ("activity", "Activity"),
    ("admin-link", "AdminLink"),
    ("change-password", "ChangePassword"),
    ("forgot-password", "ForgotPassword"),
    ("mail-events", "MailEvents"),
    ("mailer", "Mailer"),
    ("operator", "Operator"),
    ("reset-password", "ResetPassword"),
    ("sessions", "Sessions"),
    ("pages", "Pages"),
    ("settings", "Settings"),
    ("verify-code", "VerifyCode"),
];

/// The root of the repository.
pub fn root() -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("samconfig.toml").exists()).unwrap().to_owned()
}

/// The template, without its tags.
pub fn template() -> Value {
    stack("infra/template.yaml")
}

/// The template of a stack, without its tags.
pub fn stack(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    untagged(serde_yaml_ng::from_str(&text).unwrap())
}

fn untagged(value: Yaml) -> Value {
    match value {
        Yaml::Tagged(tagged) => untagged(tagged.value),
        Yaml::Mapping(members) => members
            .into_iter()
            .map(|(name, value)| {
                (
                    serde_yaml_ng::to_string(&name).unwrap().trim().trim_matches(['\'', '"']).to_owned(),
                    untagged(value),
                )
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Yaml::Sequence(values) => values.into_iter().map(untagged).collect(),
        other => serde_json::to_value(other).unwrap(),
    }
}

pub fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}
