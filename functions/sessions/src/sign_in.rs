//! `POST /v1/sessions`.

use rekey::domain::account::Login;
use rekey::domain::identifier::Identifier;
use rekey::domain::limit::Subject;
use rekey::domain::practice::{Portal, Practice};
use rekey::domain::typed_password::TypedPassword;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, JSON_BODY, Operation};
use rekey::secrets::secret::Secret;
use rekey::store::limits::Decision;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::account::AccountFacts;
use crate::attempt::Attempt;

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// The practice's slug.
    pub practice: String,
    /// The portal of the practice; its clients' when left out.
    #[serde(default)]
    pub portal: Portal,
    /// Username, or an email address that no other account shares.
    #[schema(min_length = 1, max_length = 254)]
    pub identifier: String,
    /// Taken as it is.
    pub password: Secret,
    /// How the session is to be carried.
    #[serde(default)]
    pub transport: Transport,
}

/// How a session is carried.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// In the `Authorization` header of a portal's back end or app.
    #[default]
    Bearer,
    /// In a cookie of the browser that shows the portal's own pages, from an origin that is the portal's.
    Cookie,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct SignInAnswer {
    /// To be sent as `Authorization: Bearer`. Shown once; left out when a cookie carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When it ends if it is not used, RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Whose it is.
    pub account: AccountFacts,
    /// What the holder must do before anything else.
    pub next: Option<NextStep>,
}

/// What a holder must do before anything else.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Replace a temporary password.
    ChangePassword,
}

/// `POST /v1/sessions`.
pub struct CreateSession;

impl Operation for CreateSession {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[
        JSON_BODY,
        &[
            ErrorCode::InvalidCredentials,
            ErrorCode::TemporaryPasswordExpired,
            ErrorCode::OriginNotAllowed,
            ErrorCode::UnknownPractice,
            ErrorCode::TooManyRequests,
        ],
    ];
}

/// Signs in.
#[utoipa::path(post, path = "/v1/sessions", impl_for = CreateSession, operation_id = "createSession", tag = "sessions", security(()),
    request_body = SignInRequest,
    responses(
        (status = 201, body = SignInAnswer), ErrorsOf<CreateSession>))]
pub async fn create_session(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: SignInRequest = call.json()?;
    let identifier = Identifier::parse(&asked.identifier);
    let identifier = identifier.map_err(|error| Problem::invalid("identifier", &error.to_string()))?;
    let password = TypedPassword::parse("password", &asked.password)?;
    let now = deps.ambient.now();
    let practice = deps.practices.find_named(&deps.store, &asked.practice, now).await?;
    let practice = practice.ok_or_else(|| Problem::new(ErrorCode::UnknownPractice))?;
    let origin = match asked.transport {
        Transport::Bearer => None,
        Transport::Cookie => Some(portal_origin(call, &practice, asked.portal)?),
    };
    let key = deps.limits_key.get().await?.current()?;
    let limit = Subject::identifier(key, &practice.slug, asked.portal, &identifier);
    let attempt = Attempt {
        deps,
        call,
        practice: &practice,
        portal: asked.portal,
        limit: &limit,
        origin,
        typed: &password,
    };

    // One round trip: count, and see where the identifier leads.
    let (counted, logins) = tokio::join!(
        deps.store.count_sign_in(&limit, now),
        deps.store.find_logins(&practice.slug, asked.portal, &identifier)
    );
    // A shared address names nobody in particular; its owners sign in by username.
    let login = <[Login; 1]>::try_from(logins?).ok().map(|[login]| login);
    match counted? {
        Decision::Allowed => attempt.sign_in(login).await,
        Decision::Refused { retry_after, since } => {
            // Guessing at a hundred bits is no danger, and whoever keeps an account locked must not keep its owner from the help
            // that staff have sent.
            if attempt.is_temporary(login.as_ref()) {
                return attempt.sign_in_by_temporary(login).await;
            }
            attempt.record_lock(login.as_ref(), since.unwrap_or(now)).await?;
            Err(Problem::too_many(retry_after))
        }
    }
}

/// A cookie is for the portal's own pages: no other page may sign a browser in (S2).
fn portal_origin(call: &Call, practice: &Practice, portal: Portal) -> Result<String, Problem> {
    let origin = practice.origin(portal).filter(|origin| call.origin() == Some(origin));
    origin.ok_or_else(|| Problem::new(ErrorCode::OriginNotAllowed))
}
