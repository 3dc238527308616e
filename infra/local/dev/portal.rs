//! A demo practice's portal that a developer runs on this machine: the option `--portal`, and what it sets.

use axum::http::Uri;
use serde_json::{Value, json};

use crate::demo;

/// The portal that is meant when only an address is given.
const DEFAULT: &str = "agency/client";
const PORTALS: [&str; 2] = ["client", "staff"];
/// The hosts that are always this machine, on which a page needs no TLS.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The address of a demo practice's portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// The practice and the portal, as in `agency/client`.
    pub name: String,
    /// The address of its front page, without a slash at the end.
    pub url: String,
}

impl Portal {
    /// Reads `URL` or `PRACTICE/PORTAL=URL`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let named = text.split_once('=').filter(|(name, _)| !name.contains(':'));
        let (name, url) = named.unwrap_or((DEFAULT, text));
        let known = name.split_once('/').is_some_and(|(practice, portal)| {
            PORTALS.contains(&portal) && demo::slugs().iter().any(|slug| slug == practice)
        });
        if !known {
            let slugs = demo::slugs().join(", ");
            return Err(format!(
                "--portal: {name} is no portal; it is one of {slugs}, with /client or /staff"
            ));
        }
        check(url).map_err(|rule| format!("--portal: {url} {rule}"))?;
        Ok(Self { name: name.to_owned(), url: url.trim_end_matches('/').to_owned() })
    }

    /// Whether it is a portal of this practice.
    pub fn is_of(&self, practice: &str) -> bool {
        self.name.split('/').next() == Some(practice)
    }

    /// The address of the page that takes the token of a mailed link.
    pub fn recovery_url(&self) -> String {
        format!("{}/reset", self.url)
    }

    /// Its part of the practice's settings, as a merge patch.
    pub fn settings(&self) -> Value {
        let portal = self.name.rsplit('/').next().unwrap_or_default();
        json!({"portals": {portal: {"url": self.url, "recovery_url": self.recovery_url()}}})
    }

    /// Gives the settings of a practice this portal's addresses, and its domains the host.
    pub fn apply(&self, practice: &mut Value) {
        let host = self.url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned));
        if let (Some(domains), Some(host)) = (practice["domains"].as_array_mut(), host)
            && !LOOPBACK.contains(&host.as_str())
        {
            domains.push(host.into());
        }
        for (portal, addresses) in self.settings()["portals"].as_object().into_iter().flatten() {
            practice["portals"][portal] = addresses.clone();
        }
    }
}

fn check(url: &str) -> Result<(), &'static str> {
    let address: Uri = url.parse().map_err(|_| "is no address")?;
    let host = address.host().filter(|host| !host.is_empty()).ok_or("has no host")?;
    match address.scheme_str() {
        Some("https") => {}
        Some("http") if LOOPBACK.contains(&host) => {}
        Some("http") => return Err("may be http on localhost, 127.0.0.1 and [::1] only"),
        _ => return Err("must begin with http:// or https://"),
    }
    if url.contains(['#', '?', '@']) { Err("must have no query, fragment or user") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_alone_is_the_client_portal_of_the_agency() {
        for (text, name, url) in [
            ("http://localhost:3000", "agency/client", "http://localhost:3000"),
            ("http://localhost:3000/", "agency/client", "http://localhost:3000"),
            ("agency/staff=http://localhost:3001", "agency/staff", "http://localhost:3001"),
            ("therapy/client=https://my.test/a=b", "therapy/client", "https://my.test/a=b"),
            ("https://my.test/a=b", "agency/client", "https://my.test/a=b"),
            ("http://[::1]:3000/app/", "agency/client", "http://[::1]:3000/app"),
        ] {
            let expected = Portal { name: name.to_owned(), url: url.to_owned() };
            assert_eq!(Portal::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("localhost:3000", "http://"),
            ("3000", "http://"),
            ("", "is no address"),
            ("/client=http://localhost", "/client is no portal"),
            ("agency=http://localhost:3000", "agency is no portal; it is one of agency, caseload"),
            ("agency/patients=http://localhost:3000", "agency/patients is no portal"),
            ("riverside/client=http://localhost:3000", "riverside/client is no portal"),
            ("http://portal.test", "on localhost"),
            ("http://192.168.0.2:3000", "on localhost"),
            ("http://localhost:3000/#/app", "no query, fragment"),
            ("http://localhost:3000?x", "no query, fragment"),
            ("http://u@localhost:3000", "no query, fragment"),
            ("ftp://localhost", "must begin with"),
        ] {
            let error = Portal::parse(text).expect_err(text);
            assert!(error.starts_with("--portal: ") && error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn it_replaces_the_addresses_of_its_own_portal() {
        let mut practice = json!({"slug": "agency", "portals": {
            "client": {"url": "https://a.test", "change_password_url": "https://a.test/p"}, "staff": {"url": "https://b.test"}}});
        let portal = Portal::parse("http://localhost:3000/").expect("a portal");
        assert!(portal.is_of("agency") && !portal.is_of("therapy"));
        portal.apply(&mut practice);
        let client = json!({"url": "http://localhost:3000", "recovery_url": "http://localhost:3000/reset"});
        assert_eq!(practice["portals"], json!({"client": client, "staff": {"url": "https://b.test"}}));
    }
}
