//! This module serves `GET /p/_/{version}/{file}`: the stylesheet and the script that every page loads.
//!
//! They are the same for everybody, and their address has the digest of what they are, so a browser keeps them. It is the one answer
//! of the system that may be kept.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::CACHE_CONTROL;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation};
use sha2::{Digest as _, Sha256};

use crate::Deps;
use crate::render::{compress, compressed};

/// A file that pages load.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    parts: &'static [&'static str],
}

static ASSETS: [Asset; 3] = [
    Asset {
        name: "rekey.css",
        content_type: "text/css; charset=utf-8",
        parts: &[
            include_str!("../style/pico.min.css"),
            include_str!("../style/rekey.css"),
            include_str!("../style/console.css"),
        ],
    },
    Asset {
        name: "core.js",
        content_type: "text/javascript; charset=utf-8",
        parts: &[include_str!("../modules/core.js"), include_str!("../modules/password.js")],
    },
    // One module of several, so that a page of the console loads one script too: the others import the names of their own module.
    Asset {
        name: "console.js",
        content_type: "text/javascript; charset=utf-8",
        parts: &[
            include_str!("../modules/core.js"),
            include_str!("../modules/console.js"),
            include_str!("../modules/people.js"),
            include_str!("../modules/giving.js"),
            include_str!("../modules/ties.js"),
        ],
    },
];

impl Asset {
    fn text(&self) -> String {
        self.parts.concat()
    }
}

/// Each asset compressed, which is done once.
static COMPRESSED: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| ASSETS.iter().map(|asset| compress(&asset.text())).collect());

/// The version of the assets: a digest of all of them.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digest = ASSETS.iter().flat_map(|asset| asset.parts).fold(Sha256::new(), Sha256::chain_update);
    let mut version = URL_SAFE_NO_PAD.encode(digest.finalize());
    version.truncate(16);
    version
});

/// The path beneath which pages find their assets.
pub fn base() -> String {
    format!("/p/_/{}", *VERSION)
}

/// The import map of a page: what its script's modules are called, and where they are.
pub fn imports(is_console: bool) -> String {
    let (file, others): (_, &[&str]) = if is_console {
        ("console.js", &["console", "people", "giving", "ties"])
    } else {
        ("core.js", &["password"])
    };
    let names = ["core"].iter().chain(others);
    let imports: Vec<String> =
        names.map(|name| format!("\"rekey/{name}.js\": \"{}/{file}\"", base())).collect();
    format!("{{{}}}", imports.join(", "))
}

/// The operation `GET /p/_/{version}/{file}`.
pub struct GetAsset;

impl Operation for GetAsset {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::NotFound]];
}

/// Sends a file that the pages load
///
/// The addresses are in the pages. A browser may keep the file of the present version.
#[utoipa::path(get, path = "/p/_/{version}/{file}", impl_for = GetAsset, operation_id = "getAsset", tag = "pages",
    params(
        ("version" = String, Path, description = "The version of the files, as the pages name it"),
        ("file" = String, Path, description = "The name of the file, such as `rekey.css`")),
    responses(
        (status = 200, description = "The file", content(
            (String = "text/css"),
            (String = "text/javascript")))))]
pub async fn get_asset(_: &Deps, call: &Call) -> Result<Reply, Problem> {
    let at = ASSETS.iter().position(|asset| asset.name == call.parameter("file"));
    let at = at.ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
    let asset = &ASSETS[at];
    let reply = compressed(call, asset.content_type, || asset.text(), || COMPRESSED[at].clone());
    // While a deployment changes, a page of one release may ask the other for its files.
    let is_present = call.parameter("version") == *VERSION;
    let kept = if is_present { "public, max-age=31536000, immutable" } else { "no-store" };
    Ok(reply.with_header(CACHE_CONTROL, kept))
}
