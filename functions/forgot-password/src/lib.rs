//! The public front door: `POST /v1/password/forgot` and `GET /v1/practices/{slug}`.
//!
//! Blind (F1): applies the limits, writes one request item that is the same for known and unknown identifiers, answers.
//! It can read no account and send no mail; its role allows neither. The mailer does the rest behind the stream.

use lambda_http::http::{Method as Verb, StatusCode};
use lambda_http::{Body, Request, Response};
use rekey::aws::Environment;
use rekey::clock::{Ambient, Timestamp};
use rekey::code::Challenge;
use rekey::config::{ConfigError, ForgotLimits, Lookup};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call, respond};
use rekey::identifier::Identifier;
use rekey::ids::OutboxId;
use rekey::keyring::LazyKeyring;
use rekey::limit::Subject;
use rekey::outbox::{Errand, Outbox};
use rekey::practice::{
    LOCALES, Method, PasswordPolicy, Portal, Portals, Practice, SecurityQuestion, Slug, Support,
};
use rekey::question;
use rekey::store::Store;
use rekey::store::limits::Decision;
use rekey::store::practices::PracticeCache;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    practices: PracticeCache,
    limits: ForgotLimits,
    limits_key: LazyKeyring,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::read(lookup, aws, ambient.clone())?,
            ambient,
            practices: PracticeCache::default(),
            limits: ForgotLimits::read(lookup)?,
            limits_key: LazyKeyring::read(lookup, aws, "REKEY_LIMITS_SECRET")?,
        })
    }

    async fn practice(&self, slug: &str, now: Timestamp) -> Result<std::sync::Arc<Practice>, Problem> {
        let practice = self.practices.find_named(&self.store, slug, now).await?;
        practice.ok_or_else(|| Problem::new(Code::UnknownPractice))
    }
}

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    respond(request, async |call| match call.segments().as_slice() {
        ["v1", "password", "forgot"] => {
            call.method(&[Verb::POST])?;
            forgot(deps, call).await
        }
        ["v1", "practices", slug] => {
            call.method(&[Verb::GET])?;
            public_facts(deps, slug).await
        }
        [".well-known", "change-password"] => {
            call.method(&[Verb::GET])?;
            change_page(deps, call).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    })
    .await
}

/// Whose page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChangePageQuery {
    /// The practice's slug.
    pub practice: String,
    /// At which door.
    #[serde(default)]
    pub portal: Portal,
}

/// Leads to the page on which a portal's password is changed. A portal answers its own `/.well-known/change-password`, which
/// password managers ask for, with a redirect to this; no `Host` header decides where it leads.
#[utoipa::path(get, path = "/.well-known/change-password", operation_id = "getChangePasswordPage", tag = "practices",
    security(()), params(ChangePageQuery),
    responses(
        (status = 302, description = "To the portal's page", headers(("Location" = String))),
        (status = 400, description = "`invalid_request`", body = ProblemBody),
        (status = 404, description = "`unknown_practice`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn change_page(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: ChangePageQuery = call.query()?;
    let practice = deps.practice(&asked.practice, deps.ambient.now()).await?;
    let urls = practice.portals.of(asked.portal);
    Ok(Answer::redirect(urls.change_password_url.as_ref().unwrap_or(&urls.url)))
}

/// Who forgot, and how they want to be helped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotRequest {
    /// The practice's slug.
    pub practice: String,
    /// At which door.
    #[serde(default)]
    pub portal: Portal,
    /// Username or email address.
    #[schema(min_length = 1, max_length = 254)]
    pub identifier: String,
    /// By link or by code; the practice's first choice when left out.
    pub method: Option<Method>,
}

/// The request has been taken. Says nothing about whether an account has the identifier.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForgotAnswer {
    /// Names the request; a code is entered with it.
    #[schema(value_type = String)]
    pub request_id: OutboxId,
    /// How help comes, if there is an account.
    pub method: Method,
}

/// Asks for a link or a code by mail.
#[utoipa::path(post, path = "/v1/password/forgot", operation_id = "forgotPassword", tag = "recovery", security(()),
    request_body = ForgotRequest,
    responses(
        (status = 202, body = ForgotAnswer),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 404, description = "`unknown_practice`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`method_not_offered`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`, with `Retry-After`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn forgot(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: ForgotRequest = call.json()?;
    let identifier = Identifier::parse(&asked.identifier);
    let identifier = identifier.map_err(|error| Problem::invalid("identifier", &error.to_string()))?;
    let now = deps.ambient.now();
    let practice = deps.practice(&asked.practice, now).await?;
    let method = choose(&practice, asked.method)?;
    let challenge = match method {
        Method::Link => None,
        Method::Code => Some(Challenge::new(practice.policy.code_length, now + practice.policy.code_ttl())),
    };
    let errand = Errand::Recovery { portal: asked.portal, identifier, challenge };
    let request = Outbox::new(&deps.ambient, &practice.slug, errand, Some(call.address))?;
    match take(deps, call, &request).await? {
        Decision::Allowed => {
            Answer::json(StatusCode::ACCEPTED, &ForgotAnswer { request_id: request.id, method })
        }
        Decision::Refused { retry_after, .. } => Err(Problem::too_many(retry_after)),
    }
}

fn choose(practice: &Practice, asked: Option<Method>) -> Result<Method, Problem> {
    let offered = &practice.policy.recovery_methods;
    let chosen = match asked {
        None => offered.first(),
        Some(method) => offered.iter().find(|each| **each == method),
    };
    chosen.copied().ok_or_else(|| Problem::new(Code::MethodNotOffered))
}

/// Counts and writes in one transaction. A refusal for what the identifier itself has spent leaves a note for the mailer,
/// which knows whether it names an account: one an hour, however many are refused.
async fn take(deps: &Deps, call: &Call, request: &Outbox) -> Result<Decision, Problem> {
    let Errand::Recovery { portal, identifier, .. } = &request.errand else { return Ok(Decision::Allowed) };
    let key = deps.limits_key.get().await?.current()?;
    let named = Subject::identifier(key, &request.practice, *portal, identifier);
    let address = Subject::address(key, call.address);
    let decision = deps.store.create_request(request, &named, &address, &deps.limits).await?;
    if matches!(decision, Decision::Refused { since: Some(_), .. }) {
        let errand = Errand::LimitHit { portal: *portal, identifier: identifier.clone() };
        let id = OutboxId::of_limit_hit(&named, request.at);
        deps.store.create_outbox(&Outbox { id, errand, ..request.clone() }).await?;
    }
    Ok(decision)
}

/// What anybody may know of a practice.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicPractice {
    /// Its slug.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// Whom to turn to.
    pub support: Support,
    /// Its portals.
    pub portals: Portals,
    /// The ways to recover, its first choice first.
    pub recovery_methods: Vec<Method>,
    /// Digits of a code.
    pub code_length: u32,
    /// What a new password needs.
    pub password_policy: PasswordPolicy,
    /// Questions to choose from; empty when the practice asks none.
    pub security_questions: Vec<&'static str>,
    /// Languages of its mails.
    pub locales: Vec<&'static str>,
}

/// Tells what anybody may know of a practice.
#[utoipa::path(get, path = "/v1/practices/{slug}", operation_id = "getPractice", tag = "practices", security(()),
    params(("slug" = String, Path, description = "The practice's slug")),
    responses(
        (status = 200, body = PublicPractice),
        (status = 404, description = "`unknown_practice`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn public_facts(deps: &Deps, slug: &str) -> Result<Answer, Problem> {
    let practice = deps.practice(slug, deps.ambient.now()).await?;
    let asks = practice.policy.security_question != SecurityQuestion::Off;
    let facts = PublicPractice {
        slug: practice.slug.clone(),
        name: practice.name.clone(),
        support: practice.support.clone(),
        portals: practice.portals.clone(),
        recovery_methods: practice.policy.recovery_methods.clone(),
        code_length: practice.policy.code_length,
        password_policy: practice.password_policy(),
        security_questions: if asks { question::OFFERED.to_vec() } else { Vec::new() },
        locales: LOCALES.to_vec(),
    };
    Answer::json(StatusCode::OK, &facts)
}
