//! This module serves `POST /v1/admin/practice/mail-preview`: what a mail of the practice looks like. Everything in it that would be
//! somebody's is invented.

use std::time::Duration;

use http::StatusCode;
use rekey::domain::practice::{Policy, Portal, check_locale};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::mail::compose::{Brand, Kind, Language, Letter, Link, Support, compose};
use rekey::secrets::code::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::settings::current;

/// The mail that is to be shown.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailToPreview {
    /// The kind of the mail.
    pub mail: Kind,
    /// The language of the person who would get it, as a tag of BCP 47. The mail is in the nearest language that mails are written
    /// in, as any mail is.
    #[schema(
        max_length = 35,
        pattern = "^([A-Za-z]{2,8}|[IXix][-_][A-Za-z0-9]{1,8})([-_][A-Za-z0-9]{1,8})*([.@][-A-Za-z0-9._@]*)?$"
    )]
    pub locale: String,
}

/// A mail of the practice with invented facts.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailPreview {
    /// The subject.
    pub subject: String,
    /// The part in plain text.
    pub text: String,
    /// The part in HTML, a whole page.
    pub html: String,
}

/// The operation `POST /v1/admin/practice/mail-preview`.
pub struct PreviewMail;

impl Operation for PreviewMail {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[JSON_BODY];
}

/// Shows what a mail of the practice looks like
///
/// Every member of staff may make this call, and it changes nothing. The mail is composed as any mail of the practice, with its
/// settings as they are now. Username, link and code are invented: the link leads nowhere, and the code opens nothing.
#[utoipa::path(post, path = "/v1/admin/practice/mail-preview", impl_for = PreviewMail, operation_id = "previewMail", tag = "staff",
    request_body = MailToPreview,
    responses(
        (status = 200, body = MailPreview)))]
pub async fn preview_mail(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let MailToPreview { mail: kind, locale } = call.json()?;
    check_locale(Some(&locale)).map_err(|rule| Problem::invalid("locale", rule))?;
    let practice = current(deps, &staff.practice).await?.practice;
    let now = deps.ambient.now();
    let code = invented_code(kind, &practice.policy);
    let letter = Letter {
        kind,
        language: Language::nearest([locale.as_str(), practice.locale.as_str()]),
        practice_name: &practice.name,
        support: Support::from(&practice.support),
        brand: Brand::of(&practice, deps.store.pages()),
        portal_url: &practice.urls(reader_of(kind)).url,
        time_zone: &practice.time_zone,
        links: &[Link { username: "alex-example", url: "https://example.test/reset#token=EXAMPLE" }],
        code: code.as_deref(),
        label: Some("KTRM"),
        freeze_url: Some("https://example.test/reset#repudiate=EXAMPLE"),
        masked: Some("a***@e***.test"),
        needs_proof: false,
        not_me_url: None,
        settings: &["portals.client.url", "support.email"],
        valid_until: Some((now + life_of(kind, &practice.policy)).to_jiff()),
        at: now.to_jiff(),
    };
    let composed = compose(&letter).map_err(|error| Problem::internal("composing a mail", error))?;
    let preview = MailPreview { subject: composed.subject, text: composed.text, html: composed.html };
    Reply::json(StatusCode::OK, &preview)
}

/// The portal of those who get a mail of this kind.
const fn reader_of(kind: Kind) -> Portal {
    match kind {
        Kind::Frozen | Kind::SettingsChanged | Kind::ProofOverruled | Kind::AdministratorActed => {
            Portal::Staff
        }
        _ => Portal::Client,
    }
}

/// A code or a password that looks like one of the practice's, and is nobody's.
fn invented_code(kind: Kind, policy: &Policy) -> Option<String> {
    if kind == Kind::TemporaryPassword {
        return Some("exam-p1e0-exam-p1e0-exam".to_owned());
    }
    let digits = usize::try_from(policy.code_length).ok().and_then(|length| "1234567890".get(..length));
    digits.and_then(Code::parse).map(|code| code.grouped().to_string())
}

/// For how long what the mail has would live.
fn life_of(kind: Kind, policy: &Policy) -> Duration {
    match kind {
        Kind::VerificationCode | Kind::CallerCheck => policy.code_ttl(),
        Kind::TemporaryPassword => policy.temporary_password_ttl(),
        Kind::Invitation => policy.invitation_ttl(),
        _ => policy.link_ttl(),
    }
}
