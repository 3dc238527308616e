//! This module creates a practice.

use rekey::domain::event::Action;
use rekey::domain::practice::Practice;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Created, Deps, OperatorError};

/// The practice to be created, with its settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreatePractice {
    practice: Value,
}

/// The outcome of creating a practice.
#[derive(Debug, Serialize)]
pub(crate) struct PracticeCreated {
    status: Created,
}

pub(crate) async fn create_practice(
    deps: &Deps,
    asked: &CreatePractice,
) -> Result<PracticeCreated, OperatorError> {
    let practice = Practice::parse(&asked.practice, deps.portal_scheme)?;
    let event = deps.event(&practice.slug, Action::PracticeCreated)?;
    let written = deps.store.create_practice(&practice, &event).await?.is_written();
    Ok(PracticeCreated { status: if written { Created::Created } else { Created::Exists } })
}
