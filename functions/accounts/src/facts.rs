//! An account, as staff see it. It never shows the password, the answer to the security question, or anything else that opens the
//! account.

use http::StatusCode;
use rekey::domain::account::{
    Account, Assignment, Association, ClosedReason, GuardianRole, MailStatus, Role, Setup,
};
use rekey::domain::identifier::Email;
use rekey::domain::practice::Portal;
use rekey::http::problem::Problem;
use rekey::http::reply::Reply;
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::AccountId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::closing::IssuedEnd;

/// An account, as staff see it.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own that staff see")]
pub struct AdminAccount {
    /// The id of the account.
    pub id: AccountId,
    /// The portal to which the account belongs.
    pub portal: Portal,
    /// The username, as the account's owner writes it.
    pub username: String,
    /// The address to which mail for the account goes, or null when there is none.
    pub email: Option<Email>,
    /// Whether the owner can sign in by the address too. When it is false and there is an address, another account had the address
    /// first, and the owner signs in by username.
    pub signs_in_by_email: bool,
    /// The name of the account's owner.
    pub display_name: String,
    /// The address in the client's clinical record, or null when there is none.
    pub record_email: Option<Email>,
    /// The language of the account's mails, or null when the practice's language is used.
    pub locale: Option<String>,
    /// The role of a member of staff, or null for a client's account.
    pub role: Option<Role>,
    /// Whether the account may be used. An inactive account can neither sign in nor recover.
    pub active: bool,
    /// Whether the client has refused a portal login. Such an account can neither sign in nor recover.
    pub refused: bool,
    /// The reason for which the account was closed, or null while it is open and when nobody has given one.
    pub closed_reason: Option<ClosedReason>,
    /// Whether the account belongs to a person who acts for a client.
    pub representative: bool,
    /// The progress of the account's set-up.
    pub setup: Setup,
    /// The time at which the owner reported that something was not their doing, or a guardian ended who had the same mailbox (RFC
    /// 3339, UTC), or null when the account is not frozen. A frozen account has no password until one is set by a recovery or with
    /// the help of staff.
    #[schema(format = DateTime)]
    pub frozen_at: Option<String>,
    /// Whether the report came from a former address. Then nothing is mailed by self-service, and whatever staff issue needs a `proof`.
    pub needs_proof: bool,
    /// The time until which a recovery by self-service is not mailed to the account's new address (RFC 3339, UTC), or null when the
    /// address is not on hold.
    #[schema(format = DateTime)]
    pub address_held_until: Option<String>,
    /// The state of mail to the account's address.
    pub mail: MailStatus,
    /// The time since which it is proven that the owner has the address (RFC 3339, UTC), or null when it is not: nobody has set a
    /// password yet with what was mailed to it, or read a mailed code out to staff.
    #[schema(format = DateTime)]
    pub email_proven_at: Option<String>,
    /// The members of staff who look after the client. For an account of the staff portal the list is empty.
    pub caseload: Vec<AssignmentFacts>,
    /// The guardians of the account's owner, and the clients whose guardian they are. One whose time has ended is not shown.
    pub associations: Vec<AssociationFacts>,
    /// The time at which the account was created (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub created_at: String,
    /// What became of what a member of staff had issued. It is left out of every answer but that to closing them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub issued: Option<IssuedEnd>,
}

/// A member of staff who looks after a client.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssignmentFacts {
    /// The id of the account of the member of staff.
    pub staff: AccountId,
    /// The role in the practice's own words, or null when there is none.
    pub role: Option<String>,
    /// The time of the assignment (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub assigned_at: String,
}

/// An association between two accounts, seen from one of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssociationFacts {
    /// The id of the other account.
    pub account: AccountId,
    /// The relationship of the guardian to the client, such as `parent` or `guardian`.
    pub relationship: String,
    /// Whether the other account is the guardian's. When false, this account is the guardian's, and the other one the client's.
    pub acts: bool,
    /// What the guardian does for the client, as the portal is to take it.
    pub role: GuardianRole,
    /// The time at which the association ends by itself (RFC 3339, UTC), or null when no end is known.
    #[schema(format = DateTime)]
    pub until: Option<String>,
}

impl AdminAccount {
    /// The facts of an account that staff may see at a time.
    pub fn of(account: &Account, now: Timestamp) -> Self {
        let assignment = |entry: &Assignment| AssignmentFacts {
            staff: entry.staff,
            role: entry.role.clone(),
            assigned_at: entry.assigned_at.to_string(),
        };
        let association = |entry: &Association| AssociationFacts {
            account: entry.account,
            relationship: entry.relationship.clone(),
            acts: entry.acts,
            role: entry.role,
            until: entry.until.map(|until| until.to_string()),
        };
        Self {
            id: account.id,
            portal: account.portal,
            username: account.username.as_str().to_owned(),
            email: account.email.clone(),
            signs_in_by_email: account.signs_in_by_email,
            display_name: account.display_name.clone(),
            record_email: account.record_email.clone(),
            locale: account.locale.clone(),
            role: account.role,
            active: account.active,
            refused: account.refused,
            closed_reason: account.closed_reason,
            representative: account.representative,
            setup: account.setup,
            frozen_at: account.frozen_at.map(|at| at.to_string()),
            needs_proof: account.needs_proof,
            address_held_until: account.on_hold(now).map(|hold| hold.valid_until.to_string()),
            mail: account.mail,
            email_proven_at: account.email_proven_at.map(|at| at.to_string()),
            caseload: account.caseload.iter().map(assignment).collect(),
            associations: account.open_associations(now).map(association).collect(),
            created_at: account.created_at.to_string(),
            issued: None,
        }
    }
}

/// The `ETag` of an account as staff see it.
pub(crate) fn etag(account: &Account) -> String {
    format!("\"{}\"", account.revision)
}

/// Answers with an account, as it is at a time, and its `ETag`.
pub(crate) fn account_reply(status: StatusCode, account: &Account, now: Timestamp) -> Result<Reply, Problem> {
    Ok(Reply::json(status, &AdminAccount::of(account, now))?.with_etag(&etag(account)))
}

/// Answers with the account of a member of staff who was closed, its `ETag`, and what became of what they had issued.
pub(crate) fn closing_reply(account: &Account, now: Timestamp, end: IssuedEnd) -> Result<Reply, Problem> {
    let facts = AdminAccount { issued: Some(end), ..AdminAccount::of(account, now) };
    Ok(Reply::json(StatusCode::OK, &facts)?.with_etag(&etag(account)))
}
