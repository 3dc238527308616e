//! Every route of every function: said once beside its handler, read here.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use rekey::http::problem::ProblemBody;
use rekey::http::route::{Caller, Route};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::Reply;

/// A route, and whose it is.
pub struct Known {
    pub function: &'static str,
    pub method: String,
    pub pattern: &'static str,
    pub caller: Caller,
    /// The number of parameters that a path has for the pattern, if it fits.
    fits: Fits,
}

type Fits = Box<dyn Fn(&str) -> Option<usize> + Send + Sync>;

fn of<D: 'static>(function: &'static str, routes: &'static [Route<D>]) -> impl Iterator<Item = Known> {
    routes.iter().map(move |route| Known {
        function,
        method: route.method.to_string(),
        pattern: route.pattern,
        caller: route.caller,
        fits: Box::new(|path| route.matches(path).map(|parameters| parameters.len())),
    })
}

/// All of them.
pub fn all() -> &'static [Known] {
    static ALL: OnceLock<Vec<Known>> = OnceLock::new();
    ALL.get_or_init(|| {
        of("forgot-password", &forgot_password::ROUTES)
            .chain(of("verify-code", &verify_code::ROUTES))
            .chain(of("reset-password", &reset_password::ROUTES))
            .chain(of("sessions", &sessions::ROUTES))
            .chain(of("change-password", &change_password::ROUTES))
            .chain(of("activity", &activity::ROUTES))
            .chain(of("accounts", &accounts::ROUTES))
            .chain(of("admin-link", &admin_link::ROUTES))
            .collect()
    })
}

/// The routes of the pattern that a path is meant for: the one with the fewest parameters.
pub fn at(path: &str) -> Vec<&'static Known> {
    let fitting = || all().iter().filter_map(|known| Some((known, (known.fits)(path)?)));
    let fewest = fitting().map(|(_, parameters)| parameters).min();
    fitting().filter(|(_, parameters)| Some(*parameters) == fewest).map(|(known, _)| known).collect()
}

/// The function that the gateway hands a path to; one that answers 404 where there is none.
pub fn function_of(path: &str) -> &'static str {
    at(path).first().map_or("sessions", |known| known.function)
}

/// What the gateway and the watch router need to hand every path to its function: a pattern that another one of the same
/// function covers needs no row of its own.
pub fn gateway_rows() -> BTreeSet<(String, String)> {
    let covered = |known: &Known| {
        let same = all().iter().filter(|other| other.function == known.function);
        same.into_iter().any(|other| other.pattern != known.pattern && (other.fits)(known.pattern).is_some())
    };
    let rows = all().iter().filter(|known| !covered(known));
    rows.map(|known| (known.pattern.to_owned(), known.function.to_owned())).collect()
}

/// A problem is one that the contract document says of its operation. What no operation has a part in (a path or a method that
/// is not there, a defect) is not said of any.
pub fn assert_documented(method: &str, path: &str, reply: &Reply) {
    let code = reply.code();
    if ["", "method_not_allowed", "internal"].contains(&code.as_str()) {
        return;
    }
    let Some(known) = at(path).into_iter().find(|known| known.method == method) else { return };
    let operation = &api()["paths"][known.pattern][method.to_lowercase()];
    let said = operation["responses"][reply.status.as_str()]["description"].as_str().unwrap_or_default();
    assert!(said.contains(&format!("`{code}`")), "{method} {} answers {code} undocumented", known.pattern);
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Rekey", version = "1", description = "Credential recovery for patient portals. Times are RFC 3339 UTC, ids are ULIDs. Every error is a problem (RFC 9457) with a stable `code`.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(ProblemBody)),
    security(("session" = [])),
)]
struct Api;

/// The contract document, made of what stands beside the handlers.
pub fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let mut api = Api::openapi();
        forgot_password::describe(&mut api);
        verify_code::describe(&mut api);
        reset_password::describe(&mut api);
        sessions::describe(&mut api);
        change_password::describe(&mut api);
        activity::describe(&mut api);
        accounts::describe(&mut api);
        admin_link::describe(&mut api);
        let bearer = Http::builder().scheme(HttpAuthScheme::Bearer);
        let bearer = bearer.description(Some("The token of a session")).build();
        api.components.get_or_insert_default().add_security_scheme("session", SecurityScheme::Http(bearer));
        api.to_pretty_json().unwrap() + "\n"
    })
}

/// The same, parsed.
pub fn api() -> &'static Value {
    static API: OnceLock<Value> = OnceLock::new();
    API.get_or_init(|| serde_json::from_str(document()).unwrap())
}
