//! What a practice's settings may lead people to. The operator alone says it, so that an administrator whose account was taken
//! cannot send anybody's token, mail or call for help anywhere else (A6).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::identifier::Email;
use crate::domain::origin::Origin;
use crate::domain::practice::{PortalScheme, Practice, SettingError, rule};

/// A domain, with every name below it: `riverside.example` also allows `portal.riverside.example`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String, format = "hostname")]
pub struct Domain(String);

impl Domain {
    /// Reads a domain in its ASCII form. `None` when the text is none, or has no dot: nobody owns all of `com`.
    pub fn parse(text: &str) -> Option<Self> {
        let origin = Origin::of(&format!("https://{text}"))?;
        let host = origin.host();
        let is_whole = host.split('.').count() > 1 && host.split('.').all(|label| !label.is_empty());
        (is_whole && host.eq_ignore_ascii_case(text)).then(|| Self(host.to_owned()))
    }

    /// Whether a host is this domain or lies below it.
    fn has(&self, host: &str) -> bool {
        let above = host.strip_suffix(self.0.as_str());
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    }
}

/// An address that mails may come from; or `*@` and a domain, for all addresses of that domain and none below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String)]
pub struct Sender(String);

impl Sender {
    /// Reads a sender. `None` when the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let domain = text.strip_prefix("*@").and_then(Domain::parse);
        let any = domain.map(|domain| format!("*@{domain}"));
        any.or_else(|| Some(Email::parse(text).ok()?.as_str().to_owned())).map(Self)
    }

    /// The domain of the addresses, in its ASCII form.
    pub fn domain(&self) -> String {
        let domain =
            |address: &str| address.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase();
        domain(&self.address().unwrap_or_else(|| self.0.clone()))
    }

    /// The address in the form that SES accepts, if it is one alone.
    pub fn address(&self) -> Option<String> {
        if self.0.starts_with("*@") { None } else { Email::parse(&self.0).ok().map(|email| email.mailbox()) }
    }

    fn allows(&self, address: &Email) -> bool {
        match self.0.strip_prefix("*@") {
            Some(domain) => domain_of(address).eq_ignore_ascii_case(domain),
            None => address.as_str() == self.0,
        }
    }
}

fn domain_of(address: &Email) -> &str {
    address.as_str().rsplit_once('@').map_or("", |(_, domain)| domain)
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0
    }
}

impl TryFrom<String> for Domain {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("must be a domain such as riverside.example")
    }
}

impl From<Sender> for String {
    fn from(sender: Sender) -> Self {
        sender.0
    }
}

impl TryFrom<String> for Sender {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("must be an address, or *@ and a domain")
    }
}

impl Practice {
    /// The practice with bounds. One that the operator has given none is bounded by what its settings lead to now.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if self.domains.is_empty() {
            let hosts = self.led_to().into_iter().filter_map(|(_, host)| Domain::parse(&host));
            self.domains = hosts.collect();
            self.domains.sort();
            self.domains.dedup();
        }
        if self.senders.is_empty() {
            self.senders = self.sender.iter().filter_map(|sender| Sender::parse(sender.as_str())).collect();
        }
        self
    }

    /// Every host that the settings lead people to, with the path of its setting.
    fn led_to(&self) -> Vec<(String, String)> {
        let urls = self
            .portals
            .named()
            .chain(self.support.url.iter().map(|url| ("support.url".to_owned(), url.as_str())));
        let hosts = urls.filter_map(|(member, url)| Some((member, Origin::of(url)?.host().to_owned())));
        let support = self.support.email.iter();
        let support =
            support.map(|email| ("support.email".to_owned(), domain_of(email).to_ascii_lowercase()));
        hosts.chain(support).collect()
    }

    /// Whether everything that the settings lead to lies within the bounds.
    ///
    /// # Errors
    /// [`SettingError`] names the first setting that does not. A loopback host needs no bounds where one is allowed at all.
    pub(super) fn check_bounds(&self, allowed: PortalScheme) -> Result<(), SettingError> {
        for (member, host) in self.led_to() {
            let own = allowed == PortalScheme::HttpsOrLoopback && Origin::is_loopback(&host);
            let within = own || self.domains.iter().any(|domain| domain.has(&host));
            rule(within, &member, "must be within the practice's domains, which its operator sets")?;
        }
        let known = |sender: &Email| self.senders.iter().any(|known| known.allows(sender));
        rule(
            self.sender.as_ref().is_none_or(known),
            "sender",
            "must be one of the practice's senders, which its operator sets",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_its_own_names_and_no_other() {
        let domain = Domain::parse("Riverside.example").expect("a domain");
        assert_eq!(domain.to_string(), "riverside.example");
        for host in ["riverside.example", "portal.riverside.example", "a.b.riverside.example"] {
            assert!(domain.has(host), "{host}");
        }
        for host in
            ["example", "evilriverside.example", "riverside.example.evil.test", "riverside.example.", "", "."]
        {
            assert!(!domain.has(host), "{host}");
        }
    }

    #[test]
    fn what_nobody_owns_as_a_whole_is_no_domain() {
        for text in [
            "",
            "com",
            "localhost",
            ".",
            ".example",
            "example.",
            "a..b",
            "*.a.test",
            "a.test/x",
            "a.test:443",
            "u@a.test",
            "https://a.test",
            "a b.test",
            "b\u{fc}cher.test",
            "[::1]",
            " a.test",
        ] {
            assert_eq!(Domain::parse(text), None, "{text}");
        }
        assert!(Domain::parse("xn--bcher-kva.test").is_some());
    }

    #[test]
    fn a_sender_is_an_address_or_every_address_of_a_domain() {
        let allows = |sender: &str, address: &str| {
            let address = Email::parse(address).expect("an address");
            Sender::parse(sender).expect("a sender").allows(&address)
        };
        assert!(
            allows("*@a.test", "care@a.test")
                && allows("*@a.test", "Care@A.test")
                && allows("care@a.test", "care@a.test")
        );
        assert!(!allows("*@a.test", "care@b.a.test") && !allows("*@a.test", "care@ba.test"));
        assert!(!allows("care@a.test", "other@a.test") && !allows("care@a.test", "care@b.test"));
        let parts = |text: &str| Sender::parse(text).map(|sender| (sender.domain(), sender.address()));
        assert_eq!(parts("*@A.test"), Some(("a.test".to_owned(), None)));
        let in_ascii = ("xn--bcher-kva.test".to_owned(), Some("care@xn--bcher-kva.test".to_owned()));
        assert_eq!(parts("care@b\u{fc}cher.test"), Some(in_ascii));
        for text in ["", "*", "*@", "*@test", "a*@a.test@", "@a.test", "care", "*@*.test"] {
            assert_eq!(Sender::parse(text), None, "{text}");
        }
    }
}
