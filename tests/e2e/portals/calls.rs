//! Somebody calls each of the five portals, or comes by: who they are is found out first, and stands in the log with what was done.

use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::TOMORROW;
use crate::support::staff::StaffMember;
use crate::support::{NEW_PASSWORD, code_in, other_than, temporary_in};
use crate::undelivered::MINUTE;

use super::{Portals, change_log, edit, path_of, post, select, tells};

/// The code that has been mailed to the account's address, and the check that it belongs to.
async fn check(portals: &Portals, member: &StaffMember<'_>, account: &Value) -> (String, String) {
    let begun = post(member, &path_of(account, "/caller-check"), None).await;
    let mail = portals.mail_to(account["email"].as_str().unwrap()).await;
    (begun["check_id"].as_str().unwrap().to_owned(), code_in(&mail))
}

async fn read_out(member: &StaffMember<'_>, account: &Value, check: &str, code: &str) -> Option<Value> {
    let path = path_of(account, &format!("/caller-check/{check}"));
    let reply = member.send(HttpEvent::new("POST", &path).json(&json!({"code": code}))).await;
    (reply.status == 200).then(|| reply.json()["proof"].clone())
}

fn copied(proof: Option<&Value>) -> Value {
    let mut link = json!({"expires_at": TOMORROW, "deliver": "copy"});
    if let Some(proof) = proof {
        link["proof"] = proof.clone();
    }
    link
}

/// A client of the agency calls for a temporary password. Before her somebody has called who has not got her mailbox.
#[tokio::test]
async fn agency_portal() {
    let portals = Portals::of("agency").await;
    let casey = portals.staff("casey").await;
    let jane = select(&casey, "q=jane", "jane").await;
    let (first, code) = check(&portals, &casey, &jane).await;
    assert_eq!(read_out(&casey, &jane, &first, &other_than(&code)).await, None, "a stranger guesses");
    let (second, code) = check(&portals, &casey, &jane).await;
    let proof = read_out(&casey, &jane, &second, &code).await.unwrap();
    post(&casey, &path_of(&jane, "/temporary-password"), Some(json!({"proof": proof}))).await;
    let temporary = temporary_in(&portals.mail_to("jane@agency.test").await);
    assert_eq!(portals.sign_in("client", "jane", &temporary).await.json()["next"], "change_password");
    tells(
        &change_log(&casey, &format!("account={}", jane["id"].as_str().unwrap())).await,
        &[
            "Portal login by jane",
            "A link, invitation or temporary password for jane was issued by casey. The caller had read out a mailed code",
            "The code that was mailed to jane was read out to casey",
            "A code for a caller to read out was mailed to jane for casey",
            "A wrong code was read out to casey by somebody who called as jane",
            "A code for a caller to read out was mailed to jane for casey",
        ],
    );
}

/// A client's mails come back. She asks to be called, the case worker calls the number on the record, and corrects the address.
#[tokio::test]
async fn caseload_portal() {
    let portals = Portals::of("caseload").await;
    let casey = portals.staff("casey").await;
    let jane = select(&casey, "caseload=mine", "jane").await;
    let proof = json!({"method": "in_person"});
    let moved = json!({"email": "bounce+jane@simulator.amazonses.com", "proof": proof});
    let jane = edit(&casey, &jane, moved).await;
    portals.forgot("client", "jane").await;
    portals.mail_to("bounce+jane@simulator.amazonses.com").await;
    portals.app.in_need_at("caseload", "client", "jane").await;
    let task = casey.tasks("").await.remove(0);
    assert_eq!((&task["reach"], &task["accounts"][0]["why"]), (&json!("call"), &json!("bounced")));
    assert_eq!(casey.act(&task, json!({"action": "take"})).await.status, 200);
    let change = json!({"email": "jane.doe@caseload.test", "proof": {"method": "called_back"}});
    let jane = edit(&casey, &jane, change).await;
    post(&casey, &path_of(&jane, "/temporary-password"), Some(json!({"proof": {"method": "called_back"}})))
        .await;
    let temporary = temporary_in(&portals.mail_to("jane.doe@caseload.test").await);
    assert_eq!(portals.sign_in("client", "jane", &temporary).await.status, 201);
    assert_eq!(casey.act(&task, json!({"action": "done", "note": "New address"})).await.status, 200);
    assert!(casey.tasks("").await.is_empty());
    tells(
        &change_log(&casey, &format!("account={}", jane["id"].as_str().unwrap())).await,
        &[
            "A link, invitation or temporary password for jane was issued by casey. The owner was called back at the number on the record",
            "Portal login jane was modified by casey. Changes: email. The owner was called back at the number on the record",
        ],
    );
}

/// A guardian stands at the desk of the pediatric practice, whose mailbox is gone. The question is asked all the same.
#[tokio::test]
async fn pediatric_practice() {
    let portals = Portals::of("pediatrics").await;
    let casey = portals.staff("casey").await;
    let sam = select(&casey, "q=sam", "sam").await;
    let proof = json!({"method": "identity_document", "note": "Photo fits"});
    let shown = post(&casey, &path_of(&sam, "/links"), Some(copied(Some(&proof)))).await;
    let token = shown["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    let blind = portals.app.reset(&token, NEW_PASSWORD).await;
    assert_eq!(blind.outcome(), (403, "wrong_answer".to_owned()), "{blind:?}");
    let answered = json!({"token": token, "new_password": NEW_PASSWORD, "answer": "Biscuit"});
    assert_eq!(portals.app.post("/v1/password/reset", answered).await.status, 204);
    let refused = json!({"method": "identity_document", "note": "Licence 12345678"});
    let path = path_of(&sam, "/links");
    let reply = casey.send(HttpEvent::new("POST", &path).json(&copied(Some(&refused)))).await;
    assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "no number of a document is kept");
}

/// A client without an address comes by, after she has said on the page that she would.
#[tokio::test]
async fn veterinary_practice() {
    let portals = Portals::of("veterinary").await;
    let admin = portals.staff("admin").await;
    let jane = select(&admin, "q=jane", "jane").await;
    let jane = edit(&admin, &jane, json!({"email": null})).await;
    portals.app.in_need_at("veterinary", "client", "jane").await;
    let task = admin.tasks("").await.remove(0);
    assert_eq!(task["accounts"][0]["why"], "no_address");
    let begin = HttpEvent::new("POST", &path_of(&jane, "/caller-check"));
    assert_eq!(
        admin.send(begin).await.outcome(),
        (409, "no_address".to_owned()),
        "nobody can read out anything"
    );
    let link = copied(Some(&json!({"method": "in_person"})));
    let shown = post(&admin, &path_of(&jane, "/links"), Some(link)).await;
    let token = shown["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    assert_eq!(portals.app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(admin.act(&task, json!({"action": "done"})).await.status, 200);
    tells(
        &change_log(&admin, "limit=20").await,
        &[
            "Password changed by jane",
            "A link, invitation or temporary password for jane was issued by admin. It was shown to be copied. The owner was there in person",
        ],
    );
}

/// The therapy practice hands no link to a caller whom nobody knows.
#[tokio::test]
async fn therapy_practice() {
    let portals = Portals::of("therapy").await;
    let admin = portals.staff("admin").await;
    let strict = json!({"policy": {"caller_proof": "required"}});
    assert_eq!(admin.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&strict)).await.status, 200);
    portals.app.clock.advance(2 * MINUTE);
    let jane = select(&admin, "q=jane", "jane").await;
    let link = HttpEvent::new("POST", &path_of(&jane, "/links")).json(&copied(None));
    assert_eq!(admin.send(link).await.outcome(), (403, "proof_required".to_owned()));
    let (check, code) = check(&portals, &admin, &jane).await;
    let proof = read_out(&admin, &jane, &check, &code).await.unwrap();
    let shown = post(&admin, &path_of(&jane, "/links"), Some(copied(Some(&proof)))).await;
    let token = shown["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    assert_eq!(portals.app.reset(&token, NEW_PASSWORD).await.status, 204);
}
