//! The addresses of a practice's portals, and the origins that their pages have.
//!
//! A portal that the settings leave out is at the deployment's own pages, which the function `pages` serves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::origin::{LONGEST, Origin};
use crate::domain::practice::{Portal, SettingError, Slug, rule};
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// The deployment's own pages: where its function `pages` is reached. A deployment without an address for them has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages(Option<String>);

impl Pages {
    /// Reads `REKEY_PAGES_URL`, the address before `/p/`.
    ///
    /// # Errors
    /// [`ConfigError::Unusable`] when the variable is not an `https` origin, or an `http` one on a loopback host where
    /// [`PortalScheme`] allows it.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let Some(text) = lookup("REKEY_PAGES_URL") else { return Ok(Self::default()) };
        let allowed = PortalScheme::read(lookup)?;
        let origin = Origin::parse(&text)
            .filter(|origin| origin.is_https() || allowed == PortalScheme::HttpsOrLoopback);
        origin.map(|origin| Self(Some(origin.into()))).ok_or(ConfigError::Unusable {
            name: "REKEY_PAGES_URL",
            rule: "must be an https origin without a path, such as https://recovery.example",
        })
    }

    /// The address before `/p/`, without a slash at its end. `None` when the deployment has no pages.
    pub fn url(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Whether it is the origin of the pages, which call the API of their own host.
    pub fn is_at(&self, origin: &Origin) -> bool {
        self.url() == Some(origin.as_str())
    }

    /// The addresses of a portal at these pages.
    fn urls(&self, slug: &Slug, portal: Portal) -> Option<PortalUrls> {
        let url = format!("{}/p/{slug}/{}", self.url()?, portal.as_str());
        let (recovery_url, change) = (format!("{url}/reset"), format!("{url}/change-password"));
        Some(PortalUrls { url, recovery_url, change_password_url: Some(change) })
    }
}

/// The addresses of the two portals of a practice. A portal that is left out is at the deployment's own pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Portals {
    /// The addresses of the client portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client: Option<PortalUrls>,
    /// The addresses of the staff portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub staff: Option<PortalUrls>,
}

/// The addresses of the two portals of a practice, wherever they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PortalAddresses {
    /// The addresses of the client portal.
    pub client: PortalUrls,
    /// The addresses of the staff portal.
    pub staff: PortalUrls,
}

impl PortalAddresses {
    /// The addresses of one portal.
    pub const fn of(&self, portal: Portal) -> &PortalUrls {
        match portal {
            Portal::Client => &self.client,
            Portal::Staff => &self.staff,
        }
    }
}

impl Portals {
    /// The addresses of one portal. `None` when it is at the deployment's own pages.
    pub const fn of(&self, portal: Portal) -> Option<&PortalUrls> {
        match portal {
            Portal::Client => self.client.as_ref(),
            Portal::Staff => self.staff.as_ref(),
        }
    }

    /// The addresses of both portals, wherever they are.
    ///
    /// # Errors
    /// [`SettingError`] names a portal that is nowhere.
    pub(super) fn addresses(&self, pages: &Pages, slug: &Slug) -> Result<PortalAddresses, SettingError> {
        let of = |portal| {
            let urls = self.of(portal).cloned().or_else(|| pages.urls(slug, portal));
            urls.ok_or_else(|| {
                let member = format!("portals.{}", portal.as_str());
                SettingError::new(member, "must be set, because this deployment has no pages of its own")
            })
        };
        Ok(PortalAddresses { client: of(Portal::Client)?, staff: of(Portal::Staff)? })
    }

    /// Whether both portals are left out.
    pub(super) const fn are_left_out(&self) -> bool {
        self.client.is_none() && self.staff.is_none()
    }

    /// The origins from which pages of the portals call the API: those of each portal's addresses, each once. The deployment's own
    /// pages call their own host and need none.
    pub fn origins(&self) -> Vec<PortalOrigin> {
        let mut origins: Vec<PortalOrigin> = Vec::new();
        for portal in [Portal::Client, Portal::Staff] {
            for address in self.of(portal).into_iter().flat_map(PortalUrls::addresses) {
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
            let addresses = self.of(portal).into_iter().flat_map(PortalUrls::addresses);
            addresses.map(move |Address { member, url }| (name(member), url))
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

/// What the token of a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// A new password.
    Token,
    /// The report of the account's owner that a change was not theirs.
    Repudiate,
    /// The word of the reader of a mail that they are somebody else.
    NotMe,
}

impl Carries {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Repudiate => "repudiate",
            Self::NotMe => "not-me",
        }
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
        let origins = Portals { client: Some(client), staff: Some(staff) }.origins();
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
    fn a_portal_that_is_left_out_is_at_the_deployments_pages() {
        let read = |url: &str, loopback: bool| {
            let lookup = |name: &str| match name {
                "REKEY_PAGES_URL" => Some(url.to_owned()),
                _ => loopback.then(|| "1".to_owned()),
            };
            Pages::read(&lookup).map(|pages| pages.url().map(str::to_owned))
        };
        assert_eq!(Pages::read(&|_| None), Ok(Pages::default()));
        assert_eq!(read("https://recovery.test", false), Ok(Some("https://recovery.test".to_owned())));
        assert_eq!(read("http://localhost:9000", true), Ok(Some("http://localhost:9000".to_owned())));
        for url in ["http://localhost:9000", "https://a.test/", "https://a.test/x", "http://a.test", "x"] {
            let refused = read(url, false).expect_err(url).to_string();
            assert!(refused.starts_with("REKEY_PAGES_URL must "), "{refused}");
        }
        let slug = Slug::parse("agency").expect("a slug");
        let pages = Pages(Some("https://recovery.test".to_owned()));
        let staff = urls("https://staff.a.test", "https://staff.a.test/reset", None);
        let portals = Portals { client: None, staff: Some(staff) };
        let addresses = portals.addresses(&pages, &slug).expect("both are somewhere");
        assert_eq!(addresses.client.recovery_url, "https://recovery.test/p/agency/client/reset");
        assert_eq!(addresses.staff.url, "https://staff.a.test");
        let error = portals.addresses(&Pages::default(), &slug).expect_err("nowhere");
        assert_eq!(
            error.to_string(),
            "portals.client: must be set, because this deployment has no pages of its own"
        );
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
