//! Handing mails to SES: thin. A mail goes to an [`Email`] of an account and nowhere else (F3). Nothing here decides whether one
//! is due.

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

/// A mail was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// SES will never take this one: trying again is useless and holds up others.
    #[error("SES refused the mail: {0}")]
    Refused(String),
    /// SES could not take it now.
    #[error("SES did not take the mail: {0}")]
    Unavailable(String),
    /// The mail cannot be built as SES wants it.
    #[error("the mail could not be built: {0}")]
    Unbuildable(String),
}

/// Hands mails to SES.
pub struct Postbox {
    client: Client,
    sender: String,
    configuration_set: String,
}

impl Postbox {
    /// Reads `REKEY_MAIL_FROM` and `REKEY_CONFIGURATION_SET`.
    ///
    /// # Errors
    /// [`ConfigError`] naming what is missing.
    pub fn read(client: Client, lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let sender = required(lookup, "REKEY_MAIL_FROM")?;
        Ok(Self { client, sender, configuration_set: required(lookup, "REKEY_CONFIGURATION_SET")? })
    }

    /// Sends one mail. Its tags come back with SES's events.
    ///
    /// # Errors
    /// [`MailError`], which says whether another attempt can help.
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

    fn call(
        &self,
        to: &Email,
        sender: Option<&Email>,
        mail: &Composed,
        tags: &Tags,
    ) -> Result<SendEmailFluentBuilder, aws_sdk_sesv2::error::BuildError> {
        let utf8 = |text: &str| Content::builder().data(text).charset("UTF-8").build();
        let body = Body::builder().text(utf8(&mail.text)?).html(utf8(&mail.html)?).build();
        // RFC 3834: an answering machine must stay silent.
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

/// Click tracking would rewrite the link and show its reader's clicks; a reset is nobody's campaign.
fn untracked() -> ConfigurationOverrides {
    let off = FeatureStatus::Disabled;
    let tracking = TrackingConfigurationOverrides::builder()
        .open_tracking_enabled(off.clone())
        .click_tracking_enabled(off);
    ConfigurationOverrides::builder().tracking(tracking.build()).build()
}

/// What SES says of this very mail is final; what it says of the account or the moment is not.
///
/// A practice's own sender that the deployment may not use is the practice's affair: it must not delay the others' mail.
fn classify<R>(error: &SdkError<SendEmailError, R>, own_sender: bool) -> MailError {
    let code = error.as_service_error().and_then(|e| e.code().map(str::to_owned));
    match error.as_service_error() {
        Some(error) if own_sender && error.code() == Some("AccessDeniedException") => {
            MailError::Refused("AccessDeniedException".to_owned())
        }
        Some(
            SendEmailError::MessageRejected(_)
            | SendEmailError::BadRequestException(_)
            | SendEmailError::MailFromDomainNotVerifiedException(_),
        ) => MailError::Refused(code.unwrap_or_default()),
        // SES's messages quote addresses; its codes do not.
        _ => MailError::Unavailable(code.unwrap_or_else(|| "no answer".to_owned())),
    }
}
