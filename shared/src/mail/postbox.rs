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
use crate::mail::compose::Composed;
use crate::mail::tags::Tags;
use crate::platform::config::{ConfigError, Lookup, required};

/// The reason why a mail was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// SES will never accept this mail. Another attempt is useless and delays other mails.
    #[error("SES refused the mail: {code}")]
    Refused {
        /// The code of SES's error.
        code: String,
        /// Whether the address is at fault, and not the deployment or its sender.
        address: bool,
    },
    /// SES could not accept the mail now.
    #[error("SES did not take the mail: {0}")]
    Unavailable(String),
    /// The mail cannot be built in the form that SES needs.
    #[error("the mail could not be built: {0}")]
    Unbuildable(String),
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

    /// Sends one mail to `to`. It comes from `sender`, or from the deployment's address when there is none. SES repeats
    /// the tags in its events.
    ///
    /// # Errors
    /// [`MailError`] says whether another attempt can help.
    pub async fn send(
        &self,
        to: &Email,
        sender: Option<&Email>,
        mail: &Composed,
        tags: &Tags,
    ) -> Result<(), MailError> {
        let call =
            self.call(to, sender, mail, tags).map_err(|error| MailError::Unbuildable(error.to_string()))?;
        call.send().await.map(|_| ()).map_err(|error| classify(&error, sender.is_some()))
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
                    let code = code.unwrap_or_else(|| "no answer".to_owned());
                    Err(if is_refusal {
                        MailError::Refused { code, address: false }
                    } else {
                        MailError::Unavailable(code)
                    })
                }
            },
        }
    }

    fn call(
        &self,
        to: &Email,
        sender: Option<&Email>,
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
            .from_email_address(sender.map_or_else(|| self.sender.clone(), Email::mailbox))
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

/// Tells a final refusal from one that may pass. An error about this mail is final; an error about the account or the
/// moment is not.
///
/// If the deployment may not use a practice's own sender, only that practice is at fault. The error is final, so that
/// it does not delay the mails of other practices.
fn classify<R>(error: &SdkError<SendEmailError, R>, own_sender: bool) -> MailError {
    let code = error.as_service_error().and_then(|e| e.code().map(str::to_owned));
    match error.as_service_error() {
        Some(error) if own_sender && error.code() == Some("AccessDeniedException") => {
            MailError::Refused { code: "AccessDeniedException".to_owned(), address: false }
        }
        Some(SendEmailError::MailFromDomainNotVerifiedException(_)) => {
            MailError::Refused { code: code.unwrap_or_default(), address: false }
        }
        Some(error @ (SendEmailError::MessageRejected(_) | SendEmailError::BadRequestException(_))) => {
            // In the sandbox and without a verified sender, SES takes no mail to anybody.
            let unverified = error.message().is_some_and(|message| message.contains("not verified"));
            MailError::Refused { code: code.unwrap_or_default(), address: !unverified }
        }
        // SES quotes addresses in its messages, but not in its codes.
        _ => MailError::Unavailable(code.unwrap_or_else(|| "no answer".to_owned())),
    }
}
