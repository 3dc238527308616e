//! Routes: each is said once, beside its handler.
//!
//! `#[utoipa::path(…, impl_for = CreateLink)]` says an operation's method, pattern, request and success; `impl Operation for
//! CreateLink` says who may call it and how it can fail. From these two come dispatch with its 404 and 405, the pattern in the
//! log, the contract document, and what the tests hold the watch router, the template and the matrix of roles to.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::header::ALLOW;
use http::{Method, StatusCode};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::{Instrument as _, field};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::HttpMethod;

use crate::domain::limit::Limit;
use crate::http::call::Call;
use crate::http::cors::{Origins, Page, is_preflight};
use crate::http::document::{error_responses, problem_schemas};
use crate::http::gateway::{self, Gateway};
use crate::http::problem::{ErrorCode, Problem};
use crate::http::reply::Reply;
use crate::platform::telemetry::millis;

/// The callers that an operation accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Anybody: there is no session yet.
    Anyone,
    /// The holder of a session, even one that began with a temporary password and can do little else.
    AnyHolder,
    /// The holder of a session that can do everything.
    Holder,
    /// A member of staff, within what `domain::permission` allows them.
    Staff,
}

impl Caller {
    /// How a caller of another kind is refused.
    const fn errors(self) -> &'static [ErrorCode] {
        use ErrorCode::{Forbidden, InvalidSession, OriginNotAllowed, PasswordChangeRequired};
        match self {
            Self::Anyone => &[],
            Self::AnyHolder => &[InvalidSession, OriginNotAllowed],
            Self::Holder => &[InvalidSession, PasswordChangeRequired, OriginNotAllowed],
            Self::Staff => &[InvalidSession, Forbidden, PasswordChangeRequired, OriginNotAllowed],
        }
    }
}

/// How a request with a JSON body can be refused before anything else is looked at.
pub const JSON_BODY: &[ErrorCode] = &[
    ErrorCode::MalformedJson,
    ErrorCode::InvalidRequest,
    ErrorCode::BodyTooLarge,
    ErrorCode::UnsupportedMediaType,
];
/// How a request with a query can be refused.
pub const QUERY: &[ErrorCode] = &[ErrorCode::InvalidRequest];

/// One operation of the contract: who may call it, and how it can fail. Method and pattern are utoipa's to say.
pub trait Operation: utoipa::Path {
    /// The callers that it accepts.
    const CALLER: Caller;
    /// Its errors besides those of its caller: shared parts such as [`JSON_BODY`], and its own.
    const ERRORS: &'static [&'static [ErrorCode]];
    /// Whether it shows a page, so that a refusal is a page too.
    const IS_PAGE: bool = false;
}

/// Every error of an operation, once each.
pub fn errors_of<O: Operation>() -> Vec<ErrorCode> {
    let always: &[ErrorCode] = &[
        ErrorCode::MethodNotAllowed,
        ErrorCode::NotThroughEdge,
        ErrorCode::Internal,
        ErrorCode::Unavailable,
    ];
    let parts = O::ERRORS.iter().copied().chain([O::CALLER.errors(), always]);
    let mut errors: Vec<ErrorCode> = Vec::new();
    for error in parts.flatten() {
        if !errors.contains(error) {
            errors.push(*error);
        }
    }
    errors
}

/// Adds an operation to the contract document.
pub fn describe<O: Operation + utoipa::__dev::SchemaReferences + for<'t> utoipa::__dev::Tags<'t>>(
    document: &mut OpenApi,
) {
    let errors = errors_of::<O>();
    let mut operation = O::operation();
    operation.tags = Some(O::tags().into_iter().map(str::to_owned).collect());
    operation.security = matches!(O::CALLER, Caller::Anyone).then(Vec::new);
    operation.responses.responses.extend(error_responses(&errors, O::IS_PAGE));
    document.paths.add_path_operation(O::path(), O::methods(), operation);
    let mut schemas = Vec::new();
    O::schemas(&mut schemas);
    schemas.extend(problem_schemas(&errors));
    document.components.get_or_insert_default().schemas.extend(schemas);
}

/// What a handler leads to.
pub type Handling<'a> = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send + 'a>>;

/// A route of a function whose handlers work with `D`.
pub struct Route<D> {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub pattern: &'static str,
    /// The callers that it accepts.
    pub caller: Caller,
    /// Every error that it can answer with.
    pub errors: fn() -> Vec<ErrorCode>,
    handler: for<'a> fn(&'a D, &'a Call) -> Handling<'a>,
}

impl<D> Route<D> {
    /// The route of an operation. Boxing the handler's future keeps that of the whole function small.
    pub fn of<O: Operation>(handler: for<'a> fn(&'a D, &'a Call) -> Handling<'a>) -> Self {
        let method = O::methods().first().map_or(Method::GET, method_of);
        Self { method, pattern: O::path().leak(), caller: O::CALLER, errors: errors_of::<O>, handler }
    }

    /// The parameters of the pattern, when a path fits it. An empty segment counts, so that a doubled slash is another path.
    pub fn matches(&self, path: &str) -> Option<Vec<(&'static str, String)>> {
        let (mut pattern, mut path) = (self.pattern.split('/'), path.split('/'));
        let mut parameters = Vec::new();
        loop {
            match (pattern.next(), path.next()) {
                (None, None) => return Some(parameters),
                (Some(expected), Some(segment)) => match parameter(expected) {
                    Some(name) => parameters.push((name, segment.to_owned())),
                    None if expected == segment => {}
                    None => return None,
                },
                _ => return None,
            }
        }
    }
}

fn method_of(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// The name of a pattern's segment that stands for anything.
fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// Lists the routes of a function, and describes them for the contract document: `routes!(Deps: CreateLink => create_link, …)`.
#[macro_export]
macro_rules! routes {
    ($deps:ty: $($operation:ty => $handler:path),+ $(,)?) => {
        /// Every route of this function, in the order in which `Allow` names methods.
        pub static ROUTES: std::sync::LazyLock<Vec<$crate::http::route::Route<$deps>>> =
            std::sync::LazyLock::new(|| vec![$(
                $crate::http::route::Route::of::<$operation>(|deps, call| Box::pin($handler(deps, call)))
            ),+]);

        /// Adds this function's operations to the contract document.
        pub fn describe(document: &mut utoipa::openapi::OpenApi) {
            $($crate::http::route::describe::<$operation>(document);)+
        }
    };
}

/// Answers an event of the gateway: runs its route or answers a preflight, sets the headers, logs one line.
pub async fn respond<D>(
    routes: &[Route<D>],
    deps: &D,
    gateway: &Gateway,
    event: LambdaEvent<Box<RawValue>>,
) -> Value {
    let started = Instant::now();
    let request_id = gateway::request_id(&event.payload, &event.context);
    let span = tracing::info_span!("request", request_id, argon2 = field::Empty);
    // Boxed, because the type of a future of futures may be too deep for the compiler.
    Box::pin(async move {
        let (operation, answered) = match gateway::read(&event.payload, &gateway.edge) {
            Ok(mut call) => {
                let found = find(routes, &mut call);
                (found.operation(&call), found.answer(deps, &gateway.origins, &call).await)
            }
            Err(problem) => (UNKNOWN.to_owned(), Answered { outcome: Err(problem), page: Page::None }),
        };
        let Answered { outcome, page } = answered;
        let status = outcome.as_ref().map_or_else(Problem::status, |reply| reply.status);
        let limit = outcome.as_ref().err().and_then(Problem::limit).map(Limit::as_str);
        if let Err(problem) = &outcome {
            problem.log();
        }
        let (came_of, latency) = (name_of(status), millis(started.elapsed()));
        tracing::info!(
            event = "request",
            operation,
            outcome = came_of,
            status = status.as_u16(),
            latency,
            limit
        );
        let mut response = outcome.map_or_else(Problem::into_response, Reply::into_response);
        page.add_headers(response.headers_mut());
        gateway::write(response)
    })
    .instrument(span)
    .await
}

/// In the log, what is none of ours.
const UNKNOWN: &str = "unknown";
/// In the log, a browser's question before a call.
const PREFLIGHT: &str = "preflight";

/// What has come of a call, in one word for the log.
fn name_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::TOO_MANY_REQUESTS => "limited",
        _ if status.is_server_error() => "failed",
        _ if status.is_client_error() => "refused",
        _ => "ok",
    }
}

/// How long an answer that is ready waits for the origin of its page.
const ORIGIN_GRACE: Duration = Duration::from_millis(300);

/// What a function has at the path of a call.
enum Found<'a, D> {
    Route(&'a Route<D>),
    OtherMethods { allow: String },
    Nothing,
}

impl<D> Found<'_, D> {
    /// For the log: never method and path themselves, into which a caller may have put anything.
    fn operation(&self, call: &Call) -> String {
        match self {
            Self::Route(route) => format!("{} {}", route.method, route.pattern),
            Self::OtherMethods { .. } if is_preflight(call) => PREFLIGHT.to_owned(),
            Self::OtherMethods { .. } | Self::Nothing => UNKNOWN.to_owned(),
        }
    }

    /// Answers a call. The page's origin is looked up at the same time, so that a caller does not wait for it.
    async fn answer(&self, deps: &D, origins: &Origins, call: &Call) -> Answered {
        if let Self::OtherMethods { allow } = self
            && is_preflight(call)
        {
            let page = origins.page_of(call).await;
            return Answered { outcome: page.preflight(allow), page };
        }
        let (handling, lookup) = (self.handle(deps, call), origins.page_of(call));
        tokio::pin!(handling, lookup);
        tokio::select! {
            page = &mut lookup => Answered { outcome: handling.await, page },
            outcome = &mut handling => {
                // The answer is there: it does not wait for a store that hangs.
                let page = tokio::time::timeout(ORIGIN_GRACE, lookup).await.unwrap_or_else(|_| Page::given_up());
                Answered { outcome, page }
            }
        }
    }

    async fn handle(&self, deps: &D, call: &Call) -> Result<Reply, Problem> {
        match self {
            Self::Route(route) => (route.handler)(deps, call).await,
            Self::OtherMethods { allow } => {
                Err(Problem::new(ErrorCode::MethodNotAllowed).with_header(ALLOW, allow))
            }
            Self::Nothing => Err(Problem::new(ErrorCode::NotFound)),
        }
    }
}

/// What a call came to, and the page that made it.
struct Answered {
    outcome: Result<Reply, Problem>,
    page: Page,
}

/// The route of a call, whose parameters it is given. Of the patterns that fit the path, the one with the fewest parameters is
/// meant: `/v1/sessions/current` names no session.
fn find<'a, D>(routes: &'a [Route<D>], call: &mut Call) -> Found<'a, D> {
    let fitting = || routes.iter().filter_map(|route| Some((route, route.matches(&call.path)?)));
    let fewest = fitting().map(|(_, parameters)| parameters.len()).min();
    let meant: Vec<_> = fitting().filter(|(_, parameters)| Some(parameters.len()) == fewest).collect();
    if meant.is_empty() {
        return Found::Nothing;
    }
    let allow = meant.iter().map(|(route, _)| route.method.as_str()).collect::<Vec<_>>().join(", ");
    let Some((route, parameters)) = meant.into_iter().find(|(route, _)| route.method == call.method) else {
        return Found::OtherMethods { allow };
    };
    call.parameters = parameters;
    Found::Route(route)
}
