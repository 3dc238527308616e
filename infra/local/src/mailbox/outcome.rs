//! The outcome of a mail, in the form in which EventBridge reports it from SES.
//!
//! Every mail arrives, except those to the addresses of SES's mailbox simulator, which behave as they do in AWS:
//! `bounce@`, `complaint@`, `ooto@` and `suppressionlist@simulator.amazonses.com`, each with any `+label`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Message, address};

const SIMULATOR: &str = "simulator.amazonses.com";

/// The events of a mail, in the order in which they happen.
pub(super) fn events(message: &Message, suppressed: &BTreeSet<String>) -> Vec<Value> {
    let to: Vec<&str> = message.to.iter().map(|to| address::bare(to).unwrap_or(to)).collect();
    let bounce = |kind: &str, sub_type: &str| {
        let recipients: Vec<Value> = to.iter().map(|to| json!({"emailAddress": to})).collect();
        let detail = json!({"bounceType": kind, "bounceSubType": sub_type, "bouncedRecipients": recipients});
        event(message, &to, &BOUNCE, detail)
    };
    let delivered = || event(message, &to, &DELIVERY, json!({"recipients": to}));
    let complained = || {
        let recipients: Vec<Value> = to.iter().map(|to| json!({"emailAddress": to})).collect();
        let detail = json!({"complainedRecipients": recipients, "complaintFeedbackType": "abuse"});
        event(message, &to, &COMPLAINT, detail)
    };
    match to.iter().find_map(|to| simulated(to)) {
        Some("bounce") => vec![bounce("Permanent", "General")],
        None if to.iter().any(|to| suppressed.contains(&to.to_lowercase())) => {
            vec![bounce("Permanent", "Suppressed")]
        }
        Some("suppressionlist") => vec![bounce("Permanent", "Suppressed")],
        Some("complaint") => vec![delivered(), complained()],
        Some("ooto") => vec![delivered(), bounce("Transient", "General")],
        _ => vec![delivered()],
    }
}

/// The name of an address of the simulator, without its label.
fn simulated(address: &str) -> Option<&str> {
    let (local, domain) = address.rsplit_once('@')?;
    domain.eq_ignore_ascii_case(SIMULATOR).then(|| local.split('+').next().unwrap_or(local))
}

/// A kind of event, as SES and EventBridge call it.
struct Kind {
    detail_type: &'static str,
    event_type: &'static str,
    /// The name of the member that contains the details.
    member: &'static str,
}

const BOUNCE: Kind = Kind { detail_type: "Email Bounced", event_type: "Bounce", member: "bounce" };
const DELIVERY: Kind = Kind { detail_type: "Email Delivered", event_type: "Delivery", member: "delivery" };
const COMPLAINT: Kind =
    Kind { detail_type: "Email Complaint Received", event_type: "Complaint", member: "complaint" };

fn event(message: &Message, to: &[&str], kind: &Kind, detail: Value) -> Value {
    let Kind { detail_type, event_type, member } = kind;
    let mut tags: serde_json::Map<String, Value> =
        message.tags.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    if let Some(set) = message.headers.get("X-SES-CONFIGURATION-SET") {
        tags.insert("ses:configuration-set".to_owned(), json!([set]));
    }
    let mail = json!({
        "timestamp": message.received_at, "messageId": message.id, "source": message.from, "destination": to,
        "tags": tags,
    });
    let mut body = json!({"eventType": event_type, "mail": mail});
    body[*member] = detail;
    json!({
        "version": "0", "id": format!("{}-{event_type}", message.id), "detail-type": detail_type, "source": "aws.ses",
        "account": "123456789012", "time": message.received_at, "region": "us-east-1", "resources": [],
        "detail": body,
    })
}
