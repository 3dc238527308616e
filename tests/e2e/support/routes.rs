//! Every route of every function. The handlers declare them, and this module reads them.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use http::HeaderName;
use rekey::http::problem::ErrorCode;
use rekey::http::route::{Caller, Route};

use super::Reply;

/// A route, and the function that has it.
pub struct Known {
    pub function: &'static str,
    pub method: String,
    pub pattern: &'static str,
    pub caller: Caller,
    pub errors: fn() -> Vec<ErrorCode>,
    /// Tells the number of parameters that a path has for the pattern, if the path fits it.
    fits: Fits,
}

type Fits = Box<dyn Fn(&str) -> Option<usize> + Send + Sync>;

fn of<D: 'static>(function: &'static str, routes: &'static [Route<D>]) -> impl Iterator<Item = Known> {
    routes.iter().map(move |route| Known {
        function,
        method: route.method.to_string(),
        pattern: route.pattern,
        caller: route.caller,
        errors: route.errors,
        fits: Box::new(|path| route.matches(path).map(|parameters| parameters.len())),
    })
}

/// Every route.
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
            .chain(of("pages", &pages::ROUTES))
            .chain(of("settings", &settings::ROUTES))
            .collect()
    })
}

/// The routes of the pattern that a path is meant for, which is the one with the fewest parameters.
pub fn at(path: &str) -> Vec<&'static Known> {
    let fitting = || all().iter().filter_map(|known| Some((known, (known.fits)(path)?)));
    let fewest = fitting().map(|(_, parameters)| parameters).min();
    fitting().filter(|(_, parameters)| Some(*parameters) == fewest).map(|(known, _)| known).collect()
}

/// The function that the gateway sends a path to. For a path without a route, this is a function that answers 404.
pub fn function_of(path: &str) -> &'static str {
    at(path).first().map_or("sessions", |known| known.function)
}

/// The rows that the gateway and the watch router need to send every path to its function. A pattern that another
/// pattern of the same function covers needs no row.
pub fn gateway_rows() -> BTreeSet<(String, String)> {
    let covered = |known: &Known| {
        let same = all().iter().filter(|other| other.function == known.function);
        same.into_iter().any(|other| other.pattern != known.pattern && (other.fits)(known.pattern).is_some())
    };
    let rows = all().iter().filter(|known| !covered(known));
    rows.map(|known| (known.pattern.to_owned(), known.function.to_owned())).collect()
}

/// Checks that the contract document lists a problem among the errors of its operation. A path without a route has no
/// operation.
pub fn assert_documented(method: &str, path: &str, reply: &Reply) {
    let code = reply.code();
    let Some(known) = at(path).into_iter().find(|known| known.method == method) else { return };
    let is_listed = (known.errors)().iter().any(|error| error.name() == code);
    assert!(code.is_empty() || is_listed, "{method} {} answers {code} undocumented", known.pattern);
}

/// What the script of a portal's page may read of an answer, and what it need not.
const READABLE: [&str; 8] =
    ["allow", "content-type", "cache-control", "etag", "link", "location", "retry-after", "www-authenticate"];
const FOR_BROWSERS: [&str; 10] = [
    "content-encoding",
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "referrer-policy",
    "set-cookie",
    "strict-transport-security",
    "vary",
    "x-content-type-options",
];

/// Checks that the script of a portal's page can read every header of an answer that is meant for it.
pub fn assert_readable(reply: &Reply) {
    for name in reply.headers.keys().map(HeaderName::as_str) {
        let known = READABLE.contains(&name) || FOR_BROWSERS.contains(&name);
        assert!(known || name.starts_with("access-control-"), "{name} is not exposed (http::cors)");
    }
}
