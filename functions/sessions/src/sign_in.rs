//! This module serves `POST /v1/sessions`, which signs a person in.

use std::sync::atomic::AtomicBool;

use rekey::domain::identifier::Identifier;
use rekey::domain::limit::Subject;
use rekey::domain::practice::{Portal, Practice, Slug};
use rekey::domain::spray::{Device, Place};
use rekey::domain::typed_password::TypedPassword;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::secrets::secret::Secret;
use rekey::secrets::token::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::account::AccountFacts;
use crate::attempt::Attempt;
use crate::guess::Guess;

/// The details with which a person signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// The practice's slug.
    #[schema(value_type = Slug)]
    pub practice: String,
    /// The portal of the practice. The default is `client`.
    #[serde(default)]
    pub portal: Portal,
    /// The username, or the email address of an account that signs in by it: 1 to 254 characters.
    #[schema(min_length = 1, max_length = 254)]
    pub identifier: String,
    /// The password: 1 to 256 code points. It is normalized to Unicode NFC and otherwise taken as typed. In a temporary password,
    /// case, dashes and blanks do not count.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub password: Secret,
    /// The way in which the session is to be carried. The default is `bearer`.
    #[serde(default)]
    pub transport: Transport,
    /// The `device_id` of an earlier answer to the same app or browser. With it a person goes on signing in while others try passwords
    /// on many names.
    #[serde(default)]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9_-]{22}$")]
    pub device_id: Option<String>,
}

/// The way in which a session is carried: as a `bearer` token in the `Authorization` header, or in a `cookie` of the browser.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A portal's back end or an app sends the token in the `Authorization` header.
    #[default]
    Bearer,
    /// A browser that shows the portal's own pages sends the token in a cookie. The `Origin` of the call must be the portal's.
    Cookie,
}

/// The new session.
#[derive(Serialize, ToSchema)]
pub struct SignInAnswer {
    /// The token to send as `Authorization: Bearer`. It is shown once. It is left out when a cookie carries the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Token, nullable = false)]
    pub token: Option<String>,
    /// The name of the app or browser, to be kept and sent with its next sign-in. It is left out when the name has signed in from
    /// this address before, and none was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9_-]{22}$")]
    pub device_id: Option<String>,
    /// The time at which the session ends if it is not used before then (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// The account that is signed in.
    pub account: AccountFacts,
    /// The step that the person must take before anything else, or null when there is none.
    pub next: Option<NextStep>,
}

/// A step that a person must take before anything else: `change_password` means to replace the temporary password.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Replace the temporary password, by `POST /v1/password/change`.
    ChangePassword,
}

/// The operation `POST /v1/sessions`.
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

/// Signs a person in
///
/// Unknown identifiers, wrong passwords and closed accounts get the same answer. After six consecutive failures an identifier has
/// to wait before each further attempt, from 30 seconds up to one hour. After 50 failures only a recovery opens sign-in by that
/// identifier again. After too many failures in an hour from one source address, or at one practice, whoever has not signed in by
/// the identifier from that address or with that device before has to wait for the end of the hour, and a recovery ends the wait. A temporary password
/// signs in once, even during a wait. Its session can only change the password and sign
/// out.
#[utoipa::path(post, path = "/v1/sessions", impl_for = CreateSession, operation_id = "createSession", tag = "sessions",
    request_body = SignInRequest,
    responses(
        (status = 201, body = SignInAnswer, headers(
            ("Set-Cookie" = Option<String>, description = "The session's cookie. It is sent only with `\"transport\": \"cookie\"`.")))))]
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
    let device = asked.device_id.as_deref().map(|device| {
        Device::parse(device).ok_or_else(|| Problem::invalid("device_id", "must be an answer's device_id"))
    });
    let device = device.transpose()?;
    let place = Place { address: call.address, device: device.as_ref() };
    let guard = deps.spray.guard(key, &practice.slug, &limit, (place, now));
    // One round trip counts the attempt and finds the account that signs in by the name. The practice is read anew: a failure that
    // did not know of an import that has just begun would show by its time who came with it (F1).
    let verbatim = Identifier::verbatim(&asked.identifier);
    let (counted, current, login, named_verbatim) = tokio::join!(
        deps.store.count_attempt(&limit, &guard, now),
        deps.store.find_practice(&practice.slug),
        deps.store.find_login(&practice.slug, asked.portal, &identifier),
        async {
            match &verbatim {
                Some(name) => deps.store.find_login(&practice.slug, asked.portal, name).await,
                None => Ok(None),
            }
        }
    );
    let login = named_verbatim?.or(login?);
    let open = current?.filter(|practice| practice.disabled_at.is_none());
    let practice = open.ok_or_else(|| Problem::new(ErrorCode::UnknownPractice))?;
    let (counted, admission) = counted?;
    let guess = Guess {
        deps,
        call,
        practice: &practice,
        portal: asked.portal,
        limit: &limit,
        counted,
        guard: &guard,
        admission: &admission,
        given_back: AtomicBool::new(false),
        session: None,
        typed: &password,
    };
    let attempt = Attempt { guess, device: device.as_ref(), origin };
    if attempt.guess.is_admitted() {
        return attempt.sign_in(login).await.map_err(|problem| attempt.guess.told(problem));
    }
    // A temporary password has a hundred bits, so it cannot be guessed. A person who makes a name wait, or sprays a practice, must
    // not be able to keep its owner from the help that staff have sent.
    if attempt.guess.is_temporary(login.as_ref()) {
        return attempt.sign_in_by_temporary(login).await;
    }
    Err(attempt.guess.refuse(login.as_ref()).await?)
}

/// The origin of the portal's own pages, if the call comes from there. No other page may sign a browser in by cookie (S2).
fn portal_origin(call: &Call, practice: &Practice, portal: Portal) -> Result<String, Problem> {
    let origin = practice.origin(portal).filter(|origin| call.origin() == Some(origin.as_str()));
    origin.map(String::from).ok_or_else(|| Problem::new(ErrorCode::OriginNotAllowed))
}
