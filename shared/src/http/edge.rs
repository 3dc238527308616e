//! The edge: what may stand in front of the gateway, and why its word about a caller is believed (L1).
//!
//! An edge is the distribution of `infra/edge.yaml`. It limits and refuses callers by their addresses, and sends three headers with
//! every call: the caller's address, the host that the caller asked, and a secret that nobody else has. The configuration has the SHA-256 of the secret alone, and
//! during a rotation those of two: 256 random bits need no salt and no slow hash.
//!
//! With an edge, a call without its secret is refused, whatever it asks for, because it came around the limits of the edge. Without
//! one, the headers mean nothing. Either way no handler sees them, so no answer and no log line can repeat them.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};

use crate::http::problem::{ErrorCode, Problem};
use crate::platform::config::{ConfigError, Lookup};
use crate::secrets::token::{Digest, digest_of};

/// The header with the secret.
const SECRET: &str = "x-rekey-edge-secret";
/// The header with the caller's address.
const ADDRESS: &str = "x-rekey-viewer-address";
/// The header with the host that the caller asked.
const HOST: &str = "x-rekey-viewer-host";
/// The secrets of a rotation: the old one and the new one.
const MOST_SECRETS: usize = 2;

/// The edge, by its secrets. Without any, the deployment has no edge.
#[derive(Debug, Default)]
pub(super) struct Edge {
    secrets: Vec<Digest>,
}

/// Where a call comes from, and what it was sent to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) address: IpAddr,
    pub(super) host: Option<String>,
}

/// A call of the edge that does not say from which one address it comes.
#[derive(Debug, thiserror::Error)]
#[error("the edge does not say the caller's address")]
struct NoViewer;

impl Edge {
    /// Reads `REKEY_EDGE_SECRET_DIGESTS`: one digest, or two with a comma between them.
    ///
    /// # Errors
    /// [`ConfigError::Unusable`] when the variable has anything else.
    pub(super) fn read(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let Some(text) = lookup("REKEY_EDGE_SECRET_DIGESTS") else { return Ok(Self::default()) };
        let secrets: Option<Vec<Digest>> = text.split(',').map(digest).collect();
        let secrets = secrets.filter(|secrets| secrets.len() <= MOST_SECRETS);
        secrets.map(|secrets| Self { secrets }).ok_or(ConfigError::Unusable {
            name: "REKEY_EDGE_SECRET_DIGESTS",
            rule: "must be one or two SHA-256 digests in lower-case hexadecimal, with a comma between them",
        })
    }

    /// The source of a call, of which the gateway has seen another one where an edge is between. It takes the headers of the edge
    /// away.
    ///
    /// # Errors
    /// 403 when there is an edge and the call did not come through it. 503 when the edge does not say an address: no address
    /// is better than one that everybody shares.
    pub(super) fn source(&self, headers: &mut HeaderMap, seen: Source) -> Result<Source, Problem> {
        let [secret, address, host] = [SECRET, ADDRESS, HOST].map(|name| take(headers, name));
        if self.secrets.is_empty() {
            return Ok(seen);
        }
        let secret = secret.as_ref().and_then(text).map(digest_of);
        if !secret.is_some_and(|secret| self.secrets.contains(&secret)) {
            return Err(Problem::new(ErrorCode::NotThroughEdge));
        }
        let address = address.as_ref().and_then(text).and_then(|address| address.parse().ok());
        let address = address.ok_or_else(|| Problem::unavailable("reading what the edge says", NoViewer))?;
        Ok(Source { address, host: host.as_ref().and_then(text).map(str::to_owned) })
    }
}

/// Takes a header away. `None` also when it is there twice.
fn take(headers: &mut HeaderMap, name: &str) -> Option<HeaderValue> {
    let is_one = headers.get_all(name).iter().count() == 1;
    headers.remove(name).filter(|_| is_one)
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// Reads a SHA-256 of 64 hexadecimal digits, none of them a capital.
fn digest(text: &str) -> Option<Digest> {
    let is_digit = |letter: u8| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter);
    if text.len() != 64 || !text.bytes().all(is_digit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes.into())
}

#[cfg(test)]
mod tests;
