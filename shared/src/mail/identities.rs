//! The senders that SES sends from: identities of SES, and the DNS records by which the owner of a domain lets it. This module
//! makes the identity of a domain where there is none. It changes none that it has not made, and deletes none.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::create_email_identity::CreateEmailIdentityError;
use aws_sdk_sesv2::operation::get_email_identity::{GetEmailIdentityError, GetEmailIdentityOutput};
use aws_sdk_sesv2::types::{BehaviorOnMxFailure, DkimAttributes, DkimSigningAttributesOrigin, Tag};
use serde::Serialize;

use crate::domain::practice::{Sender, Slug};
use crate::platform::config::{ConfigError, Lookup, required};

/// The tag of the stack that has made an identity. The role of `operator` may change no other.
const STACK: &str = "rekey:stack";
/// The tag of the practice for which an identity was made.
const PRACTICE: &str = "rekey:practice";
/// The zone of the keys of DKIM, where SES names none.
const DKIM_ZONE: &str = "dkim.amazonses.com";

/// What SES says of a sender.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The sender: an address, or every address of a domain.
    pub sender: Sender,
    /// Whether SES sends mail from it.
    pub can_send: bool,
    /// What is known of its identity; absent when SES did not say.
    #[serde(flatten)]
    pub identity: Option<Identity>,
    /// What SES has refused or not answered, so that something is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An identity of SES, with the records that belong into the DNS.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Its name: the sender's domain, a verified domain above it, or the address itself.
    pub identity: String,
    /// The practice that it was made for, whose senders share it with all others of the domain. Absent when this deployment has
    /// not made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_for: Option<String>,
    /// Whether SES has found the records of DKIM: `PENDING`, `SUCCESS`, `FAILED`, `TEMPORARY_FAILURE` or `NOT_STARTED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dkim: Option<String>,
    /// The same of the records of the MAIL FROM domain; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail_from: Option<String>,
    /// The records.
    pub records: Vec<Record>,
}

/// A record of the DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// What it is for.
    pub purpose: &'static str,
    /// The type, such as `CNAME`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The whole name, without a dot at its end.
    pub name: String,
    /// The value. That of a `TXT` has no quotes.
    pub value: String,
}

/// The reason why SES does not say, or does not do, something.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
struct Failure {
    code: String,
    message: String,
}

impl<E: ProvideErrorMetadata, R> From<SdkError<E, R>> for Failure {
    fn from(error: SdkError<E, R>) -> Self {
        let text = |text: Option<&str>, without: &str| text.unwrap_or(without).to_owned();
        Self { code: text(error.code(), "no answer"), message: text(error.message(), "SES did not answer") }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self { code: "unbuildable".to_owned(), message: error.to_string() }
    }
}

/// The identities of the account.
pub struct Identities {
    client: Client,
    stack: String,
}

impl Identities {
    /// Reads `REKEY_CONFIGURATION_SET`, which has the name of the stack.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable that is missing.
    pub fn read(client: Client, lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        Ok(Self { client, stack: required(lookup, "REKEY_CONFIGURATION_SET")? })
    }

    /// Finds out whether SES sends from a sender of a practice, and asks it to when nobody has. It can be repeated, and goes on
    /// where it was: at most six calls, and one more for each label of the domain.
    pub async fn verify(&self, sender: &Sender, practice: &Slug) -> Verification {
        let verification = |can_send, identity, error: Option<Failure>| {
            let error = error.map(|error| error.to_string());
            Verification { sender: sender.clone(), can_send, identity, error }
        };
        match self.found_or_made(sender, practice).await {
            Ok((name, mut found)) => {
                let incomplete = self.set_mail_from(&name, &mut found).await.err();
                let can_send = found.verified_for_sending_status();
                verification(can_send, Some(self.describe(name, &found)), incomplete)
            }
            Err(error) => verification(false, None, Some(error)),
        }
    }

    /// The identity that a sender is sent by. That of its domain would come before one above and hide that, so it is made only
    /// where neither the address nor a domain above is verified.
    async fn found_or_made(
        &self,
        sender: &Sender,
        practice: &Slug,
    ) -> Result<(String, GetEmailIdentityOutput), Failure> {
        let domain = sender.domain();
        if let Some(address) = sender.address()
            && let Some(found) = self.find_verified(&address).await?
        {
            return Ok((address, found));
        }
        if let Some(found) = self.find(&domain).await? {
            return Ok((domain, found));
        }
        let above = domain.match_indices('.').map(|(at, _)| &domain[at + 1..]);
        for above in above.filter(|above| above.contains('.')) {
            if let Some(found) = self.find_verified(above).await? {
                return Ok((above.to_owned(), found));
            }
        }
        self.create(&domain, practice).await?;
        let not_there = || Failure {
            code: "NotFoundException".to_owned(),
            message: "the identity was made, and is not there yet".to_owned(),
        };
        Ok((domain.clone(), self.find(&domain).await?.ok_or_else(not_there)?))
    }

    async fn find(&self, name: &str) -> Result<Option<GetEmailIdentityOutput>, Failure> {
        match self.client.get_email_identity().email_identity(name).send().await {
            Ok(found) => Ok(Some(found)),
            Err(error)
                if error.as_service_error().is_some_and(GetEmailIdentityError::is_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn find_verified(&self, name: &str) -> Result<Option<GetEmailIdentityOutput>, Failure> {
        Ok(self.find(name).await?.filter(GetEmailIdentityOutput::verified_for_sending_status))
    }

    /// Makes the identity of a domain, for which SES makes and turns over keys of DKIM of 2048 bits. It gets no configuration set:
    /// each of Rekey's mails names its own, and what others send from the domain is not reported to Rekey. Whoever is second
    /// finds it.
    async fn create(&self, domain: &str, practice: &Slug) -> Result<(), Failure> {
        let mut call = self.client.create_email_identity().email_identity(domain);
        for (key, value) in [(STACK, self.stack.as_str()), (PRACTICE, practice.as_str())] {
            call = call.tags(Tag::builder().key(key).value(value).build()?);
        }
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateEmailIdentityError::is_already_exists_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives an identity that this deployment has made a MAIL FROM domain, if it has none: below its own, so that SPF is of one
    /// domain with the sender. `bounce.` and not `mail.`, where a practice may receive its mail. Until its records are there, SES
    /// uses its own.
    async fn set_mail_from(&self, name: &str, found: &mut GetEmailIdentityOutput) -> Result<(), Failure> {
        if !self.has_made(found) || mail_from_of(found).is_some() {
            return Ok(());
        }
        let domain = format!("bounce.{name}");
        let call = self.client.put_email_identity_mail_from_attributes().email_identity(name);
        let call = call.behavior_on_mx_failure(BehaviorOnMxFailure::UseDefaultValue);
        call.mail_from_domain(domain).send().await?;
        if let Some(now) = self.find(name).await? {
            *found = now;
        }
        Ok(())
    }

    fn has_made(&self, found: &GetEmailIdentityOutput) -> bool {
        tag(found, STACK) == Some(&self.stack)
    }

    fn describe(&self, name: String, found: &GetEmailIdentityOutput) -> Identity {
        let dkim = found.dkim_attributes();
        let mail_from = mail_from_of(found);
        let mut records = dkim.map(|dkim| dkim_records(&name, dkim)).unwrap_or_default();
        if let Some((domain, _)) = mail_from {
            let region = self.client.config().region().map_or("us-east-1", AsRef::as_ref);
            let record = |kind, value| record("MAIL FROM", kind, domain.to_owned(), value);
            records.push(record("MX", format!("10 feedback-smtp.{region}.amazonses.com")));
            records.push(record("TXT", "v=spf1 include:amazonses.com ~all".to_owned()));
        }
        if !records.is_empty() {
            let policy = "v=DMARC1; p=none".to_owned();
            records.push(record("DMARC, unless the domain has one", "TXT", format!("_dmarc.{name}"), policy));
        }
        Identity {
            made_for: tag(found, PRACTICE).filter(|_| self.has_made(found)).map(str::to_owned),
            dkim: dkim.and_then(DkimAttributes::status).map(|status| status.as_str().to_owned()),
            mail_from: mail_from.map(|(_, status)| status.to_owned()),
            identity: name,
            records,
        }
    }
}

fn tag<'a>(found: &'a GetEmailIdentityOutput, key: &str) -> Option<&'a str> {
    found.tags().iter().find(|tag| tag.key() == key).map(Tag::value)
}

/// The MAIL FROM domain with its status. SES answers an empty one where there is none.
fn mail_from_of(found: &GetEmailIdentityOutput) -> Option<(&str, &str)> {
    let own = found.mail_from_attributes().filter(|own| !own.mail_from_domain().is_empty())?;
    Some((own.mail_from_domain(), own.mail_from_domain_status().as_str()))
}

/// The records of the keys that SES has made. Keys that somebody has brought are in the DNS already.
fn dkim_records(name: &str, dkim: &DkimAttributes) -> Vec<Record> {
    if dkim.signing_attributes_origin() == Some(&DkimSigningAttributesOrigin::External) {
        return Vec::new();
    }
    let zone = dkim.signing_hosted_zone().unwrap_or(DKIM_ZONE);
    let key = |token: &String| {
        record("DKIM", "CNAME", format!("{token}._domainkey.{name}"), format!("{token}.{zone}"))
    };
    dkim.tokens().iter().map(key).collect()
}

const fn record(purpose: &'static str, kind: &'static str, name: String, value: String) -> Record {
    Record { purpose, kind, name, value }
}
