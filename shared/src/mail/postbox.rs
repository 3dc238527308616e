//! Sending mails through SES. A mail goes only to an [`Email`]: the address of an account, or the practice's own
//! support address (F3). This module does not decide whether a mail is due.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sesv2::operation::send_email::{SendEmailError, builders::SendEmailFluentBuilder};
use aws_sdk_sesv2::types::{
    Body, ConfigurationOverrides, Content, Destination, EmailContent, FeatureStatus, Message, MessageHeader,
    MessageTag, TrackingConfigurationOverrides,
};

use crate::domain::identifier::Email;
use crate::domain::practice::Tenant;
use crate::mail::compose::Composed;
use crate::mail::tags::Tags;
use crate::platform::config::{ConfigError, Lookup, required};

/// The reason why a mail was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// SES will never accept this mail, whatever anybody mends.
    #[error("SES refused the mail: {code}")]
    Refused {
        /// The code of SES's error.
        code: String,
        /// Whether the address is at fault, and not what the mail contains.
        address: bool,
    },
    /// SES does not accept the mail now, and will when something has passed or was mended.
    #[error("SES did not take the mail: {code}")]
    Unavailable {
        /// The code of SES's error.
        code: String,
        /// The mails that it is the same for.
        scope: Scope,
    },
    /// The mail cannot be built in the form that SES needs.
    #[error("the mail could not be built: {0}")]
    Unbuildable(String),
}

/// The mails that SES does not accept for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All: sending is paused, or a quota is used up.
    All,
    /// All, if it happens again: SES has failed, or has not answered.
    Outage,
    /// None but this one, which came too soon after others.
    Rate,
    /// All of one practice, whose tenant SES has paused or does not know.
    Practice,
    /// All of one sender, which SES does not know or which the deployment may not use.
    Sender,
    /// This one. In the sandbox, SES mails only addresses that it has verified.
    Mail,
}

/// What SES says of the account's sending.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sending {
    /// Whether the account may send at present.
    pub enabled: bool,
    /// The mails a second that it may send.
    pub rate: f64,
    /// The part of the last 24 hours' quota that is used up; 0 when there is no quota.
    pub quota_used: f64,
}

/// The sender of a mail, and the tenant of SES that sends it.
#[derive(Clone, Copy, Default)]
pub struct SentBy<'a> {
    /// The address. The deployment's own when there is none.
    pub sender: Option<&'a Email>,
    /// The tenant, if the practice has one.
    pub tenant: Option<&'a Tenant>,
}

/// A client that sends mails through SES.
pub struct Postbox {
    client: Client,
    sender: String,
    configuration_set: String,
}

impl Postbox {
    /// Reads `REKEY_MAIL_FROM` and `REKEY_CONFIGURATION_SET`.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable that is missing.
    pub fn read(client: Client, lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let sender = required(lookup, "REKEY_MAIL_FROM")?;
        Ok(Self { client, sender, configuration_set: required(lookup, "REKEY_CONFIGURATION_SET")? })
    }

    /// Sends one mail to `to`. SES repeats the tags in its events.
    ///
    /// # Errors
    /// [`MailError`] says whether another attempt can help.
    pub async fn send(
        &self,
        to: &Email,
        by: SentBy<'_>,
        mail: &Composed,
        tags: &Tags,
    ) -> Result<(), MailError> {
        let call =
            self.call(to, by, mail, tags).map_err(|error| MailError::Unbuildable(error.to_string()))?;
        let sender = by.sender.map_or(self.sender.as_str(), Email::as_str);
        call.send().await.map(|_| ()).map_err(|error| classify(&error, sender, by.tenant.is_some()))
    }

    /// Asks SES what the account may send. One call.
    ///
    /// # Errors
    /// [`MailError::Unavailable`].
    pub async fn sending(&self) -> Result<Sending, MailError> {
        let account = self.client.get_account().send().await.map_err(|error| MailError::Unavailable {
            code: error.code().unwrap_or(NO_ANSWER).to_owned(),
            scope: Scope::All,
        })?;
        let quota = account.send_quota.as_ref();
        let (most, sent) = quota.map_or((0.0, 0.0), |quota| (quota.max24_hour_send, quota.sent_last24_hours));
        Ok(Sending {
            enabled: account.sending_enabled,
            rate: quota.map_or(1.0, |quota| quota.max_send_rate),
            quota_used: if most > 0.0 { sent / most } else { 0.0 },
        })
    }

    /// Takes an address off SES's list of those that it does not mail. It need not be on it.
    ///
    /// # Errors
    /// [`MailError`] says whether another attempt can help.
    pub async fn unsuppress(&self, address: &Email) -> Result<(), MailError> {
        let call = self.client.delete_suppressed_destination().email_address(address.mailbox());
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(error) if error.is_not_found_exception() => Ok(()),
                error => {
                    let code = error.and_then(|error| error.code().map(str::to_owned));
                    let is_refusal = error.is_some_and(|error| {
                        error.is_bad_request_exception() || error.code() == Some("AccessDeniedException")
                    });
                    let code = code.unwrap_or_else(|| NO_ANSWER.to_owned());
                    Err(if is_refusal {
                        MailError::Refused { code, address: false }
                    } else {
                        MailError::Unavailable { code, scope: Scope::Mail }
                    })
                }
            },
        }
    }

    fn call(
        &self,
        to: &Email,
        by: SentBy<'_>,
        mail: &Composed,
        tags: &Tags,
    ) -> Result<SendEmailFluentBuilder, aws_sdk_sesv2::error::BuildError> {
        let utf8 = |text: &str| Content::builder().data(text).charset("UTF-8").build();
        let body = Body::builder().text(utf8(&mail.text)?).html(utf8(&mail.html)?).build();
        // RFC 3834: this header tells answering machines not to reply.
        let automatic = MessageHeader::builder().name("Auto-Submitted").value("auto-generated").build()?;
        let message = Message::builder().subject(utf8(&mail.subject)?).body(body).headers(automatic).build();
        let mut call = self
            .client
            .send_email()
            .from_email_address(by.sender.map_or_else(|| self.sender.clone(), Email::mailbox))
            .set_tenant_name(by.tenant.map(|tenant| tenant.as_str().to_owned()))
            .destination(Destination::builder().to_addresses(to.mailbox()).build())
            .content(EmailContent::builder().simple(message).build())
            .configuration_set_name(&self.configuration_set)
            .configuration_overrides(untracked());
        for (name, value) in tags.write() {
            call = call.email_tags(MessageTag::builder().name(name).value(value).build()?);
        }
        Ok(call)
    }
}

/// Turns tracking off. Click tracking would rewrite the link and reveal the reader's clicks, and Rekey needs neither.
fn untracked() -> ConfigurationOverrides {
    let off = FeatureStatus::Disabled;
    let tracking = TrackingConfigurationOverrides::builder()
        .open_tracking_enabled(off.clone())
        .click_tracking_enabled(off);
    ConfigurationOverrides::builder().tracking(tracking.build()).build()
}

/// The code of an error of which SES has said nothing.
const NO_ANSWER: &str = "no answer";

fn classify<R>(error: &SdkError<SendEmailError, R>, sender: &str, has_tenant: bool) -> MailError {
    match error.as_service_error() {
        Some(error) => {
            let (code, message) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
            of_tenant(code, message).filter(|_| has_tenant).unwrap_or_else(|| judge(code, message, sender))
        }
        None => MailError::Unavailable { code: NO_ANSWER.to_owned(), scope: Scope::Outage },
    }
}

/// What SES says of a tenant: it is paused, it is not there, or the sender does not belong to it. All of that is mended one day,
/// and is no other practice's matter. A pause of the whole account is known from the sweep.
fn of_tenant(code: &str, message: &str) -> Option<MailError> {
    let message = message.to_lowercase();
    let is_its_own =
        message.contains("tenant") || message.contains("paused") || code == "SendingPausedException";
    is_its_own.then(|| MailError::Unavailable { code: code.to_owned(), scope: Scope::Practice })
}

/// Tells a refusal from what will pass. Only what is wrong with the address or with the text is final. A sender that is not verified, a
/// sending that is paused and a quota that is used up are mended one day, and the mails are sent then. SES quotes addresses in its
/// messages, so that the codes alone are kept.
fn judge(code: &str, message: &str, sender: &str) -> MailError {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let waits = |scope| MailError::Unavailable { code: code.to_owned(), scope };
    match code {
        "MessageRejected" if says(&["not verified"]) => {
            // SES lists what it has not verified: the sender, its domain, or, in the sandbox, the recipient.
            let domain = sender.rsplit('@').next().unwrap_or_default().to_lowercase();
            let names_another = message.contains('@') && !message.contains(&domain);
            waits(if names_another { Scope::Mail } else { Scope::Sender })
        }
        "MessageRejected" if says(&["paused", "suspended", "quota"]) => waits(Scope::All),
        _ if says(&["rate exceeded"]) => waits(Scope::Rate),
        "MessageRejected" => MailError::Refused { code: code.to_owned(), address: says(&["address"]) },
        "BadRequestException" => MailError::Refused {
            code: code.to_owned(),
            // The faults of an address, as SES words them.
            address: says(&["address", "domain", "local name", "recipient"]),
        },
        "MailFromDomainNotVerifiedException" | "AccessDeniedException" => waits(Scope::Sender),
        _ if code.starts_with("Internal") || code.starts_with("ServiceUnavailable") => waits(Scope::Outage),
        _ => waits(Scope::All),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fault_of_the_address_or_of_the_text_is_final() {
        let judged = |code: &str, message: &str| match judge(code, message, "no-reply@rekey.test") {
            MailError::Refused { address: true, .. } => "address",
            MailError::Refused { address: false, .. } => "text",
            MailError::Unavailable { scope: Scope::All, .. } => "all",
            MailError::Unavailable { scope: Scope::Outage, .. } => "outage",
            MailError::Unavailable { scope: Scope::Rate, .. } => "rate",
            MailError::Unavailable { scope: Scope::Practice, .. } => "practice",
            MailError::Unavailable { scope: Scope::Sender, .. } => "sender",
            MailError::Unavailable { scope: Scope::Mail, .. } => "mail",
            MailError::Unbuildable(_) => "unbuildable",
        };
        let unverified =
            "Email address is not verified. The following identities failed the check in region US-EAST-1: ";
        for (code, message, expected) in [
            ("MessageRejected", "Email address is not verified.", "sender"),
            ("MessageRejected", &format!("{unverified}no-reply@rekey.test"), "sender"),
            ("MessageRejected", &format!("{unverified}no-reply@rekey.test, jane@x.org"), "sender"),
            ("MessageRejected", &format!("{unverified}jane@x.org"), "mail"),
            ("MessageRejected", "Sending paused for this account.", "all"),
            ("MessageRejected", "Daily message quota exceeded.", "all"),
            ("MessageRejected", "Address blacklisted.", "address"),
            ("MessageRejected", "The message contains a virus.", "text"),
            ("BadRequestException", "Missing final '@domain'", "address"),
            ("BadRequestException", "Local address contains control or whitespace", "address"),
            ("BadRequestException", "Invalid tag value", "text"),
            ("MailFromDomainNotVerifiedException", "x", "sender"),
            ("AccessDeniedException", "not authorized to perform `ses:SendEmail`", "sender"),
            ("SendingPausedException", "x", "all"),
            ("AccountSuspendedException", "x", "all"),
            ("LimitExceededException", "x", "all"),
            ("TooManyRequestsException", "Maximum sending rate exceeded.", "rate"),
            ("ThrottlingException", "Rate exceeded", "rate"),
            ("MessageRejected", "Maximum sending rate exceeded.", "rate"),
            ("TooManyRequestsException", "Daily message quota exceeded.", "all"),
            ("NotFoundException", "Configuration set <rekey> does not exist.", "all"),
            ("InternalServiceErrorException", "", "outage"),
            ("ServiceUnavailable", "", "outage"),
            ("ANewException", "of next year", "all"),
        ] {
            assert_eq!(judged(code, message), expected, "{code}: {message}");
        }
    }

    #[test]
    fn what_ses_says_of_a_tenant_is_waited_for_and_of_nobody_else() {
        for (code, message) in [
            ("SendingPausedException", "Email sending is disabled."),
            ("MessageRejected", "Sending paused for this account."),
            ("BadRequestException", "Tenant <harbor> does not exist."),
            ("NotFoundException", "The identity is not associated with the tenant."),
        ] {
            let judged = of_tenant(code, message);
            assert!(matches!(judged, Some(MailError::Unavailable { scope: Scope::Practice, .. })), "{code}");
        }
        for (code, message) in [
            ("MessageRejected", "Email address is not verified."),
            ("TooManyRequestsException", "Maximum sending rate exceeded."),
            ("BadRequestException", "Missing final '@domain'"),
        ] {
            assert!(of_tenant(code, message).is_none(), "{code}");
        }
    }
}
