//! SES's identities: the domains and addresses that the account sends from.
//!
//! A new one waits for the records of its domain. There is no DNS here: [`Mailbox::publish`] says that they are there. No mail is
//! refused for its sender, so that a laptop needs none of this.

use std::io;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Mailbox;
use super::address;
use super::ses::error;
use crate::ambient;

/// The letters of a token of DKIM.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// An identity of the account.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    is_domain: bool,
    tokens: Vec<String>,
    tags: Vec<Tag>,
    mail_from: Option<MailFrom>,
    /// Whether its records are in the DNS.
    is_published: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    email_identity: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct MailFrom {
    mail_from_domain: String,
    behavior_on_mx_failure: String,
}

impl Identity {
    fn new(name: &str, create: Create) -> io::Result<Self> {
        let is_domain = !name.contains('@');
        let token = || {
            let letters = ambient::random::<32>()?.map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
            io::Result::Ok(letters.iter().collect())
        };
        let tokens = if is_domain { vec![token()?, token()?, token()?] } else { Vec::new() };
        Ok(Self { is_domain, tokens, tags: create.tags, mail_from: None, is_published: false })
    }

    /// An identity that is verified already, and that another program has made.
    fn verified(name: &str) -> io::Result<Self> {
        let create = Create { email_identity: name.to_owned(), tags: Vec::new() };
        Ok(Self { is_published: true, ..Self::new(name, create)? })
    }

    const fn status(&self) -> &'static str {
        if self.is_published { "SUCCESS" } else { "PENDING" }
    }

    fn created(&self) -> Value {
        let dkim = json!({"SigningEnabled": self.is_domain, "Status": if self.is_domain { self.status() } else { "NOT_STARTED" },
            "Tokens": self.tokens, "SigningAttributesOrigin": "AWS_SES", "SigningHostedZone": "dkim.amazonses.com",
            "NextSigningKeyLength": "RSA_2048_BIT", "CurrentSigningKeyLength": "RSA_2048_BIT"});
        json!({"IdentityType": if self.is_domain { "DOMAIN" } else { "EMAIL_ADDRESS" },
            "VerifiedForSendingStatus": self.is_published, "DkimAttributes": dkim})
    }

    fn shown(&self) -> Value {
        let mut shown = self.created();
        shown["FeedbackForwardingStatus"] = json!(true);
        shown["Policies"] = json!({});
        shown["Tags"] = json!(self.tags);
        shown["VerificationStatus"] = json!(self.status());
        // SES names no domain where there is none.
        shown["MailFromAttributes"] = json!({"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"});
        if let Some(own) = &self.mail_from {
            shown["MailFromAttributes"] = json!({"MailFromDomain": own.mail_from_domain,
                "MailFromDomainStatus": self.status(), "BehaviorOnMxFailure": own.behavior_on_mx_failure});
        }
        shown
    }
}

impl Mailbox {
    /// Puts the records of an identity into the DNS, so that SES sends from it. One that is not there is made, as another program
    /// would have made it.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn publish(&self, name: &str) -> io::Result<()> {
        let made = Identity::verified(name)?;
        self.lock().identities.entry(name.to_lowercase()).or_insert(made).is_published = true;
        Ok(())
    }
}

/// `POST /v2/email/identities` answers 200 with the tokens, or 400 for an identity that is there already.
pub(crate) async fn create(State(mailbox): State<Mailbox>, body: Bytes) -> Response {
    let create = match serde_json::from_slice::<Create>(&body) {
        Ok(create) => create,
        Err(reason) => return bad_request(&reason.to_string()),
    };
    let name = create.email_identity.to_lowercase();
    let as_address = if name.contains('@') { name.clone() } else { format!("x@{name}") };
    if let Err(fault) = address::bare(&as_address) {
        return bad_request(&format!("The identity {name:?} {fault}"));
    }
    let identity = match Identity::new(&name, create) {
        Ok(identity) => identity,
        Err(reason) => {
            let text = reason.to_string();
            return error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceErrorException", &text);
        }
    };
    let mut state = mailbox.lock();
    if state.identities.contains_key(&name) {
        let text = format!("Email identity {name} already exist.");
        return error(StatusCode::BAD_REQUEST, "AlreadyExistsException", &text);
    }
    let created = identity.created();
    state.identities.insert(name, identity);
    Json(created).into_response()
}

/// `GET /v2/email/identities/{name}` answers 200, or 404.
pub(crate) async fn find(State(mailbox): State<Mailbox>, Path(name): Path<String>) -> Response {
    match mailbox.lock().identities.get(&name.to_lowercase()) {
        Some(identity) => Json(identity.shown()).into_response(),
        None => not_found(&name),
    }
}

/// `PUT /v2/email/identities/{name}/mail-from` answers 200, 400 for a domain that is not below the identity, or 404.
pub(crate) async fn put_mail_from(
    State(mailbox): State<Mailbox>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let mail_from = match serde_json::from_slice::<MailFrom>(&body) {
        Ok(mail_from) => mail_from,
        Err(reason) => return bad_request(&reason.to_string()),
    };
    let name = name.to_lowercase();
    if !mail_from.mail_from_domain.to_lowercase().ends_with(&format!(".{name}")) {
        return bad_request("The MAIL FROM domain must be a subdomain of the identity.");
    }
    match mailbox.lock().identities.get_mut(&name) {
        Some(identity) => identity.mail_from = Some(mail_from),
        None => return not_found(&name),
    }
    Json(json!({})).into_response()
}

fn bad_request(reason: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "BadRequestException", reason)
}

fn not_found(name: &str) -> Response {
    let text = format!("Email identity {name} does not exist.");
    error(StatusCode::NOT_FOUND, "NotFoundException", &text)
}
