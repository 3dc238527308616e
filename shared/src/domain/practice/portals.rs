//! The addresses of a practice's portals, and the origins that their pages have.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::origin::{LONGEST, Origin};
use crate::domain::practice::{Portal, SettingError, rule};
use crate::platform::config::{ConfigError, Lookup, on_this_machine};

/// The schemes that the address of a portal may have in this deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortalScheme {
    /// `https` only.
    #[default]
    Https,
    /// `https`, and `http` on a loopback host, for a portal that is being developed on the same machine.
    HttpsOrLoopback,
}

impl PortalScheme {
    /// Reads `REKEY_LOOPBACK`. The value `1` allows `http` on a loopback host.
    ///
    /// # Errors
    /// [`ConfigError::Unusable`] when the variable has another value.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        Ok(if on_this_machine(lookup)? { Self::HttpsOrLoopback } else { Self::Https })
    }
}

/// The addresses of a portal. Each is an `https` address of at most 300 characters without a fragment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortalUrls {
    /// The address of the portal's front page.
    #[schema(format = "uri", max_length = 300)]
    pub url: String,
    /// The address of the portal's page for links that were mailed. A link appends its token as the fragment, and the
    /// page reads it there.
    #[schema(format = "uri", max_length = 300)]
    pub recovery_url: String,
    /// The address of the page on which a person who is signed in changes the password. When it is absent, the front
    /// page is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri", max_length = 300)]
    pub change_password_url: Option<String>,
}

/// The addresses of the two portals of a practice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Portals {
    /// The addresses of the client portal.
    pub client: PortalUrls,
    /// The addresses of the staff portal.
    pub staff: PortalUrls,
}

impl Portals {
    /// The addresses of one portal.
    pub const fn of(&self, portal: Portal) -> &PortalUrls {
        match portal {
            Portal::Client => &self.client,
            Portal::Staff => &self.staff,
        }
    }

    /// The origins from which pages of the portals call the API: those of each portal's addresses, each once.
    pub fn origins(&self) -> Vec<PortalOrigin> {
        let mut origins: Vec<PortalOrigin> = Vec::new();
        for portal in [Portal::Client, Portal::Staff] {
            for address in self.of(portal).addresses() {
                let origin = Origin::of(address.url).map(|origin| PortalOrigin { portal, origin });
                origins.extend(origin.filter(|origin| !origins.contains(origin)));
            }
        }
        origins
    }

    /// Every address, with the path of its setting.
    pub(super) fn named(&self) -> impl Iterator<Item = (String, &str)> {
        [Portal::Client, Portal::Staff].into_iter().flat_map(|portal| {
            let name = move |member| format!("portals.{}.{member}", portal.as_str());
            self.of(portal).addresses().map(move |Address { member, url }| (name(member), url))
        })
    }

    pub(super) fn check(&self, allowed: PortalScheme) -> Result<(), SettingError> {
        self.named().try_for_each(|(member, url)| check_url(&member, url, allowed))
    }
}

/// One address of a portal, with the name of its member.
struct Address<'a> {
    member: &'static str,
    url: &'a str,
}

impl PortalUrls {
    fn addresses(&self) -> impl Iterator<Item = Address<'_>> {
        let always = [("url", &self.url), ("recovery_url", &self.recovery_url)];
        let change = self.change_password_url.iter().map(|url| ("change_password_url", url));
        always.into_iter().chain(change).map(|(member, url)| Address { member, url })
    }
}

/// An origin that pages of a portal have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalOrigin {
    /// The portal.
    pub portal: Portal,
    /// The origin.
    pub origin: Origin,
}

/// Checks an address that an administrator has entered.
pub(super) fn check_url(member: &str, url: &str, allowed: PortalScheme) -> Result<(), SettingError> {
    let origin = Origin::of(url).filter(|_| url.parse::<http::Uri>().is_ok());
    let loopback = allowed == PortalScheme::HttpsOrLoopback;
    let kind = if loopback { "https address, or an http address of localhost," } else { "https address" };
    let fits = origin.is_some_and(|origin| origin.is_https() || loopback);
    rule(fits, member, &format!("must be an {kind} of at most {LONGEST} characters"))?;
    rule(!url.contains(['#', '@', ' ', '\\']), member, "must have no fragment, user or spaces")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(url: &str, recovery_url: &str, change: Option<&str>) -> PortalUrls {
        let change_password_url = change.map(str::to_owned);
        PortalUrls { url: url.to_owned(), recovery_url: recovery_url.to_owned(), change_password_url }
    }

    #[test]
    fn a_portal_has_the_origins_of_all_its_addresses_each_once() {
        let client = urls("https://a.test/", "https://a.test/reset", Some("https://my.a.test/password"));
        let staff = urls("https://staff.a.test", "https://a.test/staff", None);
        let origins = Portals { client, staff }.origins();
        let named: Vec<String> =
            origins.iter().map(|known| format!("{} {}", known.portal.as_str(), known.origin)).collect();
        let expected = [
            "client https://a.test",
            "client https://my.a.test",
            "staff https://staff.a.test",
            "staff https://a.test",
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn http_is_for_loopback_hosts_where_the_deployment_allows_it() {
        for (url, https, loopback) in [
            ("https://a.test/x", true, true),
            ("http://localhost:3000", false, true),
            ("http://127.0.0.1:3000/app", false, true),
            ("http://[::1]:3000", false, true),
            ("http://a.test", false, false),
            ("http://localhost.a.test", false, false),
            ("http://10.0.0.1:3000", false, false),
            ("http://u@localhost:3000", false, false),
            ("http://localhost:3000/#x", false, false),
            ("javascript:alert(1)", false, false),
        ] {
            assert_eq!(check_url("url", url, PortalScheme::Https).is_ok(), https, "{url}");
            assert_eq!(check_url("url", url, PortalScheme::HttpsOrLoopback).is_ok(), loopback, "{url}");
        }
        let error = check_url("url", "http://a.test", PortalScheme::HttpsOrLoopback).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "url: must be an https address, or an http address of localhost, of at most 300 characters"
        );
    }

    #[test]
    fn the_variable_is_1_or_not_set() {
        let read = |value: Option<&str>| PortalScheme::read(&|_| value.map(str::to_owned));
        assert_eq!(read(None), Ok(PortalScheme::Https));
        assert_eq!(read(Some("1")), Ok(PortalScheme::HttpsOrLoopback));
        let error = read(Some("true")).expect_err("neither");
        assert_eq!(error.to_string(), "REKEY_LOOPBACK must be 1, or not be set");
    }
}
