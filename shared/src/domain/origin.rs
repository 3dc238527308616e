//! The origin of a page: scheme, host and port, in the one form in which a browser sends it.
//!
//! Only the origins that a portal can have are origins here: `https`, or `http` on this very machine. So most of what a
//! caller can invent is refused before anything is looked up.

use std::fmt;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

/// The longest address that can have an origin, in bytes. It is the longest that a practice's settings take.
pub const LONGEST: usize = 300;
/// The hosts that are always the machine itself, so that nothing on the way can read or change a page without TLS.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The origin of a page, as its browser writes it: `https://portal.agency.test` or `http://localhost:3000`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Origin(String);

impl Origin {
    /// The origin of the pages at an address. `None` when the address is neither `https` nor `http` on a loopback host.
    pub fn of(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://").filter(|_| address.len() <= LONGEST)?;
        let scheme = scheme.to_ascii_lowercase();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let end = if authority.starts_with('[') {
            authority.find(']')? + 1
        } else {
            authority.find(':').unwrap_or(authority.len())
        };
        let (host, port) = authority.split_at_checked(end)?;
        let host = host_of(host)?;
        let default: u16 = match scheme.as_str() {
            "https" => 443,
            "http" if Self::is_loopback(&host) => 80,
            _ => return None,
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => default,
            Some("") => default,
            Some(digits) if digits.bytes().all(|c| c.is_ascii_digit()) => digits.parse().ok()?,
            _ => return None,
        };
        let port = if port == default { String::new() } else { format!(":{port}") };
        Some(Self(format!("{scheme}://{host}{port}")))
    }

    /// Reads the header `Origin`. `None` when a browser would write it in another way, or when no portal can have it.
    pub fn parse(header: &str) -> Option<Self> {
        Self::of(header).filter(|origin| origin.0 == header)
    }

    /// Whether the pages come over TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// The host, as browsers write it.
    pub fn host(&self) -> &str {
        let authority = self.0.split_once("://").map_or("", |(_, authority)| authority);
        let end = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        &authority[..end.unwrap_or(authority.len())]
    }

    /// Whether a host is always the machine itself.
    pub fn is_loopback(host: &str) -> bool {
        LOOPBACK.contains(&host)
    }

    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host as browsers write it. `None` when the text cannot be one. A name in another script has to be written in its
/// ASCII form (`xn--…`), as browsers do.
fn host_of(text: &str) -> Option<String> {
    if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return address.parse().ok().map(|address: Ipv6Addr| format!("[{address}]"));
    }
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._".contains(&c);
    (!text.is_empty() && text.bytes().all(fits)).then(|| text.to_ascii_lowercase())
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl TryFrom<String> for Origin {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("is not the origin of a portal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_origin_that_browsers_send() {
        for (address, origin) in [
            ("https://portal.agency.test", "https://portal.agency.test"),
            ("https://portal.agency.test/reset?x=y", "https://portal.agency.test"),
            ("HTTPS://Portal.Agency.TEST/Reset", "https://portal.agency.test"),
            ("https://portal.agency.test:443/", "https://portal.agency.test"),
            ("https://portal.agency.test:0443/", "https://portal.agency.test"),
            ("https://portal.agency.test:/", "https://portal.agency.test"),
            ("https://portal.agency.test:8443", "https://portal.agency.test:8443"),
            ("https://portal.agency.test:80", "https://portal.agency.test:80"),
            ("https://xn--bcher-kva.test", "https://xn--bcher-kva.test"),
            ("https://localhost", "https://localhost"),
            ("https://203.0.113.7", "https://203.0.113.7"),
            ("https://[2001:DB8:0:0::1]:8443/x", "https://[2001:db8::1]:8443"),
            ("http://localhost:3000/app", "http://localhost:3000"),
            ("http://localhost:80", "http://localhost"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(Origin::of(address).expect(address).as_str(), origin, "{address}");
        }
    }

    #[test]
    fn what_no_portal_can_have_is_no_origin() {
        let long = format!("https://{}.test", "a".repeat(LONGEST));
        for address in [
            "",
            "null",
            "https",
            "https:",
            "https://",
            "https:///x",
            "https://:443",
            "https://a.test:x",
            "https://a.test:+80",
            "https://a.test:65536",
            "https://a.test:80:80",
            "https://u@a.test",
            "https://u:p@a.test",
            "https://a b.test",
            "https://a.test\\x",
            "https://a,b",
            "https://b\u{fc}cher.test",
            "https://[::1",
            "https://[::g]",
            "https://[::1]x",
            "http://portal.agency.test",
            "http://localhost.evil.test",
            "http://127.0.0.2",
            "http://10.0.0.1:3000",
            "ftp://a.test",
            "file:///etc",
            "chrome-extension://abc",
            "*",
            long.as_str(),
        ] {
            assert_eq!(Origin::of(address), None, "{address}");
        }
    }

    #[test]
    fn a_host_is_neither_scheme_nor_port() {
        for (address, host) in [
            ("https://Portal.agency.test/x", "portal.agency.test"),
            ("https://portal.agency.test:8443", "portal.agency.test"),
            ("http://localhost:3000", "localhost"),
            ("https://[2001:db8::1]:8443", "[2001:db8::1]"),
            ("https://[2001:db8::1]", "[2001:db8::1]"),
        ] {
            assert_eq!(Origin::of(address).expect(address).host(), host, "{address}");
        }
    }

    #[test]
    fn a_header_is_taken_only_as_a_browser_writes_it() {
        for written in ["https://portal.agency.test", "http://localhost:3000", "https://[2001:db8::1]:8443"] {
            assert_eq!(Origin::parse(written).expect(written).as_str(), written);
        }
        for other in [
            "https://portal.agency.test/",
            "https://portal.agency.test:443",
            "https://Portal.agency.test",
            "HTTPS://portal.agency.test",
            " https://portal.agency.test",
            "https://portal.agency.test,https://b.test",
            "https://portal.agency.test https://b.test",
            "http://localhost:80",
        ] {
            assert_eq!(Origin::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_stored_origin_is_read_as_strictly() {
        let read = |text: &str| serde_json::from_value::<Origin>(serde_json::json!(text));
        assert_eq!(read("https://a.test").expect("an origin").to_string(), "https://a.test");
        assert!(read("https://A.test").is_err());
        assert!(read("https://a.test").expect("an origin").is_https());
        assert!(!read("http://localhost").expect("an origin").is_https());
    }
}
