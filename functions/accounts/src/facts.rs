//! An account, as staff see it. Never the password, the answer, or anything that opens the account.

use lambda_http::http::StatusCode;
use rekey::domain::account::{Account, Assignment, MailStatus, Role, Setup};
use rekey::domain::identifier::Email;
use rekey::domain::practice::Portal;
use rekey::http::problem::Problem;
use rekey::http::reply::Reply;
use rekey::platform::ids::AccountId;
use serde::Serialize;
use utoipa::ToSchema;

/// An account, as staff see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminAccount {
    /// Names it.
    #[schema(value_type = String)]
    pub id: AccountId,
    /// The portal that it belongs to.
    pub portal: Portal,
    /// As its owner writes it.
    pub username: String,
    /// Where its mail goes.
    #[schema(value_type = Option<String>)]
    pub email: Option<Email>,
    /// Its owner's name.
    pub display_name: String,
    /// The address in the clinical record.
    #[schema(value_type = Option<String>)]
    pub record_email: Option<Email>,
    /// Its language, when not the practice's.
    pub locale: Option<String>,
    /// Of staff accounts only.
    pub role: Option<Role>,
    /// May sign in and recover.
    pub active: bool,
    /// The client has refused a portal login.
    pub refused: bool,
    /// Acts for a client.
    pub representative: bool,
    /// How far its set-up has come.
    pub setup: Setup,
    /// When its owner has said that a change of the password was not theirs, RFC 3339 UTC. It has no password until one is set by
    /// a recovery or with staff's help.
    #[schema(format = DateTime)]
    pub frozen_at: Option<String>,
    /// What became of the mail to its address.
    pub mail: MailStatus,
    /// Who looks after it.
    pub caseload: Vec<AssignmentFacts>,
    /// Who acts for it, and whom it acts for.
    pub associations: Vec<AssociationFacts>,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// A member of staff who looks after a client.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssignmentFacts {
    /// The member of staff's account.
    #[schema(value_type = String)]
    pub staff: AccountId,
    /// In which role, in the practice's words.
    pub role: Option<String>,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub assigned_at: String,
}

/// An account that acts for another, seen from either.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssociationFacts {
    /// The other account.
    #[schema(value_type = String)]
    pub account: AccountId,
    /// What the one who acts is to the client: parent, guardian, …
    pub relationship: String,
    /// The other account is the one who acts.
    pub acts: bool,
}

impl AdminAccount {
    /// What staff may see.
    pub fn of(account: &Account) -> Self {
        let assignment = |entry: &Assignment| AssignmentFacts {
            staff: entry.staff,
            role: entry.role.clone(),
            assigned_at: entry.assigned_at.to_string(),
        };
        let association = |entry: &rekey::domain::account::Association| AssociationFacts {
            account: entry.account,
            relationship: entry.relationship.clone(),
            acts: entry.acts,
        };
        Self {
            id: account.id,
            portal: account.portal,
            username: account.username.as_str().to_owned(),
            email: account.email.clone(),
            display_name: account.display_name.clone(),
            record_email: account.record_email.clone(),
            locale: account.locale.clone(),
            role: account.role,
            active: account.active,
            refused: account.refused,
            representative: account.representative,
            setup: account.setup,
            frozen_at: account.frozen_at.map(|at| at.to_string()),
            mail: account.mail,
            caseload: account.caseload.iter().map(assignment).collect(),
            associations: account.associations.iter().map(association).collect(),
            created_at: account.created_at.to_string(),
        }
    }
}

/// The `ETag` of an account as staff see it.
pub(crate) fn etag(account: &Account) -> String {
    format!("\"{}\"", account.revision)
}

/// An account with its `ETag`.
pub(crate) fn account_reply(status: StatusCode, account: &Account) -> Result<Reply, Problem> {
    Ok(Reply::json(status, &AdminAccount::of(account))?.with_etag(&etag(account)))
}
