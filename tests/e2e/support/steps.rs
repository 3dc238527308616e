//! The steps of an account's owner at the portal of `agency`.

use serde_json::json;

use super::event::HttpEvent;
use super::{Reply, TestApp, code_in, token_in};

impl TestApp {
    pub async fn forgot(&self, identifier: &str) -> Reply {
        self.post("/v1/password/forgot", json!({"practice": "agency", "identifier": identifier})).await
    }

    /// Asks for a link, has the mail delivered, and returns the token in it.
    pub async fn token_for(&self, identifier: &str) -> String {
        self.deliver().await;
        let before = self.mailbox.messages().len();
        let reply = self.forgot(identifier).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        self.deliver().await;
        let messages = self.mailbox.messages();
        assert_eq!(messages.len(), before + 1, "one mail for {identifier}");
        token_in(&messages[0])
    }

    /// Asks for a code at a portal of a practice, and returns the request's id.
    pub async fn forgot_by_code(&self, practice: &str, portal: &str, identifier: &str) -> String {
        let body =
            json!({"practice": practice, "portal": portal, "identifier": identifier, "method": "code"});
        let reply = self.post("/v1/password/forgot", body).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["method"]), (202, &json!("code")), "{reply:?}");
        reply.json()["request_id"].as_str().unwrap().to_owned()
    }

    /// Asks for a code for a client of `agency`, has it delivered, and returns the request's id and the code.
    pub async fn code_for(&self, identifier: &str) -> (String, String) {
        let request = self.forgot_by_code("agency", "client", identifier).await;
        self.deliver().await;
        (request, code_in(&self.mailbox.messages()[0]))
    }

    pub async fn verify(&self, request: &str, code: &str) -> Reply {
        self.post("/v1/password/verify-code", json!({"request_id": request, "code": code})).await
    }

    /// Says with the token of a mail that it has reached somebody else.
    pub async fn not_me(&self, token: &str) -> Reply {
        self.post("/v1/password/not-me", json!({"token": token})).await
    }

    pub async fn preview(&self, token: &str) -> Reply {
        self.post("/v1/password/reset/preview", json!({"token": token})).await
    }

    pub async fn reset(&self, token: &str, password: &str) -> Reply {
        self.post("/v1/password/reset", json!({"token": token, "new_password": password})).await
    }

    pub async fn sign_in(&self, identifier: &str, password: &str) -> Reply {
        let body = json!({"practice": "agency", "identifier": identifier, "password": password});
        self.post("/v1/sessions", body).await
    }

    /// Signs in, and returns the session's token.
    pub async fn session_of(&self, identifier: &str, password: &str) -> String {
        let reply = self.sign_in(identifier, password).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    pub async fn account_with(&self, session: &str) -> Reply {
        self.send(HttpEvent::new("GET", "/v1/account").bearer(session)).await
    }
}
