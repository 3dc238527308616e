//! The body of SES v2's `SendEmail`, read at least as strictly as SES reads it.
//!
//! This module accepts what Rekey may send: simple content through a configuration set. It refuses raw and templated
//! mail, copies and attachments, and every member that it does not know. A mail that needs more than this is a change
//! to be made on purpose.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Message, Tracking, address};
use crate::ambient;

/// The headers that SES writes itself and refuses from a caller.
const OWN_HEADERS: [&str; 12] = [
    "bcc",
    "cc",
    "content-disposition",
    "content-type",
    "date",
    "from",
    "message-id",
    "mime-version",
    "reply-to",
    "return-path",
    "subject",
    "to",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendEmail {
    configuration_set_name: Option<String>,
    configuration_overrides: Option<Overrides>,
    content: Content,
    destination: Destination,
    #[serde(default)]
    email_tags: Vec<Pair>,
    from_email_address: String,
    #[serde(default)]
    reply_to_addresses: Vec<String>,
    tenant_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Content {
    simple: Simple,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Simple {
    subject: Part,
    body: Body,
    #[serde(default)]
    headers: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Body {
    text: Option<Part>,
    html: Option<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Part {
    data: String,
    charset: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Pair {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Overrides {
    tracking: Option<TrackingOverrides>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TrackingOverrides {
    open_tracking_enabled: Option<Switch>,
    click_tracking_enabled: Option<Switch>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Switch {
    Enabled,
    Disabled,
}

/// Reads a request body as the mail that it becomes.
///
/// # Errors
/// The message of the `BadRequestException` that answers the request.
pub(super) fn read(body: &[u8]) -> Result<Message, String> {
    let request: SendEmail = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    check_addresses(&request)?;
    let set = check_configuration_set(request.configuration_set_name.as_deref())?;
    let simple = request.content.simple;
    check_parts(&simple)?;
    check_headers(&simple.headers)?;
    check_tags(&request.email_tags)?;
    let tags: BTreeMap<String, String> =
        request.email_tags.into_iter().map(|tag| (tag.name, tag.value)).collect();
    let mut headers = join_headers(simple.headers);
    headers.insert("X-SES-CONFIGURATION-SET".to_owned(), set.to_owned());
    if !tags.is_empty() {
        let list: Vec<String> = tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.insert("X-SES-MESSAGE-TAGS".to_owned(), list.join(", "));
    }
    if let Some(tenant) = request.tenant_name {
        headers.insert("X-SES-TENANT".to_owned(), tenant);
    }
    if !request.reply_to_addresses.is_empty() {
        headers.insert("Reply-To".to_owned(), request.reply_to_addresses.join(", "));
    }
    Ok(Message {
        id: ambient::ulid().map_err(|error| error.to_string())?.to_string(),
        to: request.destination.to_addresses,
        from: request.from_email_address,
        subject: simple.subject.data,
        text: simple.body.text.map(|part| part.data),
        html: simple.body.html.map(|part| part.data),
        headers,
        tags,
        tracking: tracking(request.configuration_overrides),
        received_at: ambient::now(),
    })
}

fn check_addresses(request: &SendEmail) -> Result<(), String> {
    let to = &request.destination.to_addresses;
    rule((1..=50).contains(&to.len()), "Destination must have 1 to 50 addresses")?;
    let reply_to = request.reply_to_addresses.iter();
    for text in to.iter().chain(reply_to).chain([&request.from_email_address]) {
        address::bare(text).map_err(|fault| format!("The address {text:?} {fault}"))?;
    }
    Ok(())
}

fn check_configuration_set(name: Option<&str>) -> Result<&str, String> {
    let name = name.ok_or("ConfigurationSetName is missing: bounces and complaints would be lost")?;
    let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    rule(
        legal && (1..=64).contains(&name.len()),
        "ConfigurationSetName must have 1 to 64 of A-Z a-z 0-9 _ -",
    )?;
    Ok(name)
}

fn check_parts(simple: &Simple) -> Result<(), String> {
    let subject = &simple.subject.data;
    rule(!subject.trim().is_empty(), "Subject must not be empty")?;
    rule(
        !subject.chars().any(char::is_control),
        "Subject must not contain line breaks or control characters",
    )?;
    let parts = [&simple.body.text, &simple.body.html];
    rule(parts.iter().any(|part| part.is_some()), "Body must have Text or Html")?;
    for part in parts.into_iter().flatten() {
        rule(!part.data.is_empty(), "Body parts must not be empty")?;
    }
    for part in parts.into_iter().flatten().chain([&simple.subject]) {
        let utf8 = part.charset.as_deref().is_some_and(|charset| charset.eq_ignore_ascii_case("utf-8"));
        rule(utf8 || part.charset.is_none(), "Charset must be UTF-8")?;
        rule(utf8 || part.data.is_ascii(), "Text that is not ASCII needs a Charset")?;
    }
    Ok(())
}

fn check_headers(headers: &[Pair]) -> Result<(), String> {
    rule(headers.len() <= 15, "Headers must be at most 15")?;
    for Pair { name, value } in headers {
        let legal = name.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b':');
        rule(
            legal && (1..=126).contains(&name.len()),
            "A header's name must have 1 to 126 printable ASCII characters",
        )?;
        let printable = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let fits = (1..=995).contains(&value.len()) && name.len() + value.len() <= 996;
        rule(
            printable && fits,
            "A header's value must have 1 to 995 printable ASCII characters, 996 with its name",
        )?;
        if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("The header {name} cannot be set here"));
        }
    }
    Ok(())
}

fn check_tags(tags: &[Pair]) -> Result<(), String> {
    rule(tags.len() <= 50, "EmailTags must be at most 50")?;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    for Pair { name, value } in tags {
        let length = (1..=256).contains(&name.len()) && (1..=256).contains(&value.len());
        let legal =
            name.bytes().all(word) && value.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'@');
        rule(
            length && legal,
            "A tag's name and value must have 1 to 256 of A-Z a-z 0-9 _ -; a value also . and @",
        )?;
    }
    let mut names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    names.sort_unstable();
    rule(names.windows(2).all(|pair| pair[0] != pair[1]), "A tag's name must occur once")
}

fn join_headers(pairs: Vec<Pair>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for Pair { name, value } in pairs {
        headers.entry(name).and_modify(|joined| *joined = format!("{joined}, {value}")).or_insert(value);
    }
    headers
}

fn tracking(overrides: Option<Overrides>) -> Tracking {
    let Some(tracking) = overrides.and_then(|overrides| overrides.tracking) else {
        return Tracking::default();
    };
    let enabled = |switch| switch == Switch::Enabled;
    Tracking {
        open: tracking.open_tracking_enabled.map(enabled),
        click: tracking.click_tracking_enabled.map(enabled),
    }
}

fn rule(holds: bool, text: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn request() -> Value {
        json!({
            "FromEmailAddress": "Harbor Agency <no-reply@rekey.test>",
            "Destination": {"ToAddresses": ["jane@agency.test"]},
            "Content": {"Simple": {"Subject": {"Data": "Your account"}, "Body": {"Text": {"Data": "Hello"}}}},
            "ConfigurationSetName": "rekey",
        })
    }

    fn refusal(pointer: &str, value: Value) -> String {
        let mut request = request();
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        request.pointer_mut(parent).expect("a parent")[name] = value;
        read(request.to_string().as_bytes()).expect_err(pointer)
    }

    #[test]
    fn a_mail_is_what_was_asked_for() {
        let message = read(request().to_string().as_bytes()).expect("a mail");
        assert_eq!((message.subject.as_str(), message.text.as_deref()), ("Your account", Some("Hello")));
        assert_eq!(message.headers["X-SES-CONFIGURATION-SET"], "rekey");
        assert_eq!(message.tracking, Tracking::default());
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        assert!(refusal("/Content", json!({"Raw": {"Data": ""}})).contains("`Raw`"));
        assert!(refusal("/Content", json!({"Template": {}})).contains("`Template`"));
        assert!(refusal("/Destination/CcAddresses", json!(["a@b.test"])).contains("`CcAddresses`"));
        assert!(refusal("/Content/Simple/Attachments", json!([])).contains("`Attachments`"));
        assert!(
            refusal("/FeedbackForwardingEmailAddress", json!("x"))
                .contains("`FeedbackForwardingEmailAddress`")
        );
    }

    #[test]
    fn the_rules_of_ses_hold() {
        refusal("/ConfigurationSetName", Value::Null);
        refusal("/ConfigurationSetName", json!("re key"));
        refusal("/Destination/ToAddresses", json!([]));
        refusal("/Destination/ToAddresses", json!(["jane"]));
        refusal("/FromEmailAddress", json!("Clínica <a@b.test>"));
        refusal("/ReplyToAddresses", json!(["help"]));
        refusal("/Content/Simple/Subject/Data", json!(" "));
        refusal("/Content/Simple/Subject/Data", json!("Your\r\nBcc: x@y.test"));
        refusal("/Content/Simple/Subject/Data", json!("Contraseña"));
        refusal("/Content/Simple/Body", json!({}));
        refusal("/Content/Simple/Body/Text/Charset", json!("latin1"));
    }

    #[test]
    fn headers_and_tags_have_bounds() {
        let pair = |name: &str, value: &str| json!({"Name": name, "Value": value});
        let headers = "/Content/Simple/Headers";
        for (name, value) in
            [("", "x"), ("a:b", "x"), ("a b", "x"), ("X-A", ""), ("X-A", "a\r\nb"), ("Subject", "x")]
        {
            refusal(headers, json!([pair(name, value)]));
        }
        refusal(headers, json!([pair("X-A", &"x".repeat(994))]));
        refusal(headers, json!(vec![pair("X-A", "x"); 16]));
        for (name, value) in [("", "x"), ("a.b", "x"), ("a", "x y"), ("a", "")] {
            refusal("/EmailTags", json!([pair(name, value)]));
        }
        refusal("/EmailTags", json!([pair("a", &"x".repeat(257))]));
        refusal("/EmailTags", json!([pair("a", "x"), pair("a", "y")]));
        let many: Vec<Value> = (0..51).map(|n| pair(&n.to_string(), "x")).collect();
        refusal("/EmailTags", json!(many));
    }
}
