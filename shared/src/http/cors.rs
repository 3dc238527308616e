//! CORS: which pages may call the API from a browser and read its answers (R2).
//!
//! Those are the pages of the portals, by their exact origins, of whichever practice: a preflight names none. It opens
//! nothing that a program without a browser could not do. A cookie is bound to its own portal's origin all the same
//! (`auth`), and a bearer token is unknown to every other page.
//!
//! An origin is looked up beside the work of the call, so that it adds no wait. When the store does not answer, the call
//! goes on, and its answer has no CORS headers.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, RETRY_AFTER, VARY,
};
use http::{HeaderMap, Method};

use crate::domain::origin::Origin;
use crate::http::call::Call;
use crate::http::problem::{ErrorCode, Problem};
use crate::http::reply::Reply;
use crate::platform::clock::Ambient;
use crate::platform::error::chain;
use crate::store::origins::OriginCache;
use crate::store::transact::Store;

/// The request headers that calls read and that a browser asks about first.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, Rekey-Portal";
/// The headers of answers that a page's script may read beside the few that every script may.
const EXPOSED_HEADERS: &str = "Allow, ETag, Link, Location, Retry-After, WWW-Authenticate";
/// The number of seconds for which a browser may keep the answer to a preflight.
const MAX_AGE: &str = "600";

/// The origins of the portals, as a function looks them up.
pub struct Origins {
    store: Store,
    ambient: Ambient,
    cache: OriginCache,
}

/// The page that makes a call, as far as its origin tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// No page of another origin makes the call.
    None,
    /// A portal's page makes the call, from this origin.
    Portal(HeaderValue),
    /// Some other page makes the call.
    Other,
    /// The store did not say whose page it is.
    Unclear,
}

impl Origins {
    /// The origins that the given store has.
    pub fn new(store: &Store, ambient: &Ambient) -> Self {
        Self { store: store.clone(), ambient: ambient.clone(), cache: OriginCache::default() }
    }

    /// Finds out whose page makes a call. The deployment's own pages are of the API's own host, which asks for no permission. One round trip, or none when the origin is remembered or cannot be a portal's.
    pub(super) async fn page_of(&self, call: &Call) -> Page {
        let Some(header) = call.origin() else { return Page::None };
        let Some(origin) = Origin::parse(header) else { return Page::Other };
        if self.store.pages().is_at(&origin) {
            return Page::None;
        }
        match self.cache.knows(&self.store, &origin, self.ambient.now()).await {
            Ok(true) => HeaderValue::from_str(origin.as_str()).map_or(Page::Other, Page::Portal),
            Ok(false) => Page::Other,
            Err(error) => Page::unclear(&chain(&error)),
        }
    }
}

impl Page {
    /// A page that the store did not tell of. The cause goes to the log, once for each call.
    fn unclear(cause: &str) -> Self {
        tracing::error!(event = "failure", doing = "looking up an origin", cause);
        Self::Unclear
    }

    /// A page that the store has not told of in time.
    pub(super) fn given_up() -> Self {
        Self::unclear("the answer was ready before it")
    }
}

/// Whether a call is a browser's question if another call may be made. An `OPTIONS` without these headers is a call like
/// any other.
pub(super) fn is_preflight(call: &Call) -> bool {
    call.method == Method::OPTIONS
        && call.origin().is_some()
        && call.header(ACCESS_CONTROL_REQUEST_METHOD).is_some()
}

impl Page {
    /// Answers a preflight for a path that has these methods.
    ///
    /// # Errors
    /// 403 when the page is no portal's. 503 when the store did not say whose page it is, which has been logged.
    pub(super) fn preflight(&self, methods: &str) -> Result<Reply, Problem> {
        match self {
            Self::Portal(_) => Ok([
                (ACCESS_CONTROL_ALLOW_METHODS, methods),
                (ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
            ]
            .into_iter()
            .fold(Reply::empty(), |reply, (name, value)| reply.with_header(name, value))),
            Self::Unclear => Err(Problem::new(ErrorCode::Unavailable).with_header(RETRY_AFTER, "1")),
            Self::None | Self::Other => Err(Problem::new(ErrorCode::OriginNotAllowed)),
        }
    }

    /// Adds to any answer what its page's browser needs to hand it over. The answer says that it depends on the page, also
    /// where there is none, so that nothing between gives it to another one.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let Self::Portal(origin) = self else { return };
        let fixed: [(HeaderName, &'static str); 2] =
            [(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"), (ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS)];
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    }
}
