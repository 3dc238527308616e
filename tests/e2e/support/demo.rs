//! The practice and the accounts that tests start with, the same as in `cargo dev`.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::TestApp;

pub const PASSWORD: &str = "walk the green river";
pub const NEW_PASSWORD: &str = "seven lanterns under snow";

pub fn practice(slug: &str, policy: &Value) -> Value {
    let portal = |name: &str| {
        let url = format!("https://{name}.{slug}.test");
        json!({"url": url, "recovery_url": format!("{url}/reset")})
    };
    json!({
        "slug": slug,
        "name": "Harbor Agency",
        "support": {"email": format!("help@{slug}.test"), "phone": "+1 555 0100"},
        "time_zone": "America/New_York",
        "locale": "en",
        "portals": {"client": portal("portal"), "staff": portal("staff")},
        "policy": policy,
    })
}

/// The accounts of the demo practices, the same as in `cargo dev`.
pub fn demo_accounts(slug: &str) -> Vec<Value> {
    let hash = password_hash();
    let client = |name: &str| json!({"username": name, "email": format!("{name}@{slug}.test"), "display_name": name, "password_hash": hash});
    let with = |name: &str, member: &str, value: Value| {
        let mut account = client(name);
        account[member] = value;
        account
    };
    let family = format!("family@{slug}.test");
    let staff = |name: &str, role: &str| {
        let mut account = client(name);
        account["portal"] = json!("staff");
        account["role"] = json!(role);
        account
    };
    let invited = json!({"username": "ivan", "email": format!("ivan@{slug}.test"), "display_name": "ivan", "invited": true});
    vec![
        staff("admin", "admin"),
        staff("casey", "staff"),
        client("jane"),
        with("sam", "locale", json!("es")),
        with("lily", "email", json!(family)),
        with("tom", "email", json!(family)),
        with("dora", "active", json!(false)),
        with("ruth", "refused", json!(true)),
        invited,
    ]
}

/// A deployment with one practice of this policy, and with its accounts.
pub async fn at(slug: &str, policy: Value) -> TestApp {
    let app = TestApp::start_with(&[]).await;
    app.create_practice(slug, policy).await;
    app.import(slug, &demo_accounts(slug)).await;
    app
}

/// The PHC string of [`PASSWORD`], as another system would export it.
pub fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        use argon2::PasswordHasher as _;
        let hash =
            argon2::Argon2::default().hash_password_with_salt(PASSWORD.as_bytes(), b"sixteen bytes of");
        hash.unwrap().to_string()
    })
}
