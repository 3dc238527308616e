//! What calls cost and how long they take with a thousand accounts and with a million, interleaved.
//!
//! Both deployments have one practice with all accounts, which is the hardest case for lists and logs. Their tables are in one file
//! of the embedded engine. [`fill`] says how they were filled. `bench_scale.rs` runs it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::LocalBoxFuture;
use rekey::domain::practice::Portal;
use rekey::platform::clock::Clock as _;
use serde_json::{Value, json};

use crate::support::event::{HttpEvent, source};
use crate::support::meter::short;
use crate::support::staff::{ACCOUNTS, StaffMember};
use crate::support::{
    NEW_PASSWORD, PASSWORD, Reply, TestApp, code_in, demo_accounts, password_hash, token_in,
};

mod fill;

use fill::{DIGITS, File, LIVES};

/// The small number of accounts.
const FEW: usize = 1000;
/// The people of each deployment who do everything, and how often one of them is measured in units and not in time.
const PEOPLE: usize = 96;
const IN_UNITS: usize = 4;
/// One practice fails often in one hour.
const LIFTED: [(&str, &str); 2] =
    [("REKEY_FAILURES_PER_ADDRESS_HOUR", "0"), ("REKEY_FAILURES_PER_PRACTICE_HOUR", "0")];

/// What a step has taken each time.
#[derive(Default)]
struct Figures {
    times: Vec<Duration>,
    round_trips: Vec<usize>,
    measured: f64,
    read_units: f64,
    write_units: f64,
}

impl Figures {
    /// The median, in milliseconds.
    fn median(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1000.0
    }

    /// The median too, because many calls that go out together do not always overlap.
    fn round_trips(&self) -> usize {
        let mut counts = self.round_trips.clone();
        counts.sort_unstable();
        counts[counts.len() / 2]
    }

    /// The dollars of a million, by list price.
    fn dollars(&self) -> f64 {
        (self.read_units * 0.125 + self.write_units * 0.625) / self.measured
    }
}

/// A deployment with its accounts.
struct Side {
    app: TestApp,
    accounts: usize,
    steps: RefCell<Vec<(&'static str, Figures)>>,
}

impl Side {
    /// A deployment whose practice has as many accounts.
    async fn start(path: &Path, accounts: usize) -> Self {
        let app = TestApp::start_with(&LIFTED).await;
        app.create_practice("agency", json!({})).await;
        app.import("agency", &demo_accounts("agency")).await;
        app.deliver().await;
        let file = File::open(path, &app.table);
        let before = file.keys();
        let name = format!("walker{DIGITS}");
        let account = json!({"username": name, "email": format!("{name}@agency.test"), "password_hash": password_hash(),
            "display_name": format!("Mara W{DIGITS}"), "record_email": format!("mara.w{DIGITS}@agency.test")});
        app.import("agency", &[account]).await;
        let imported = file.keys();
        live(&app, &name).await;
        let begun = Instant::now();
        file.multiply(&before, &imported, accounts, app.clock.now());
        println!(
            "{accounts} accounts, {} items, {} s; the file has {} MB",
            file.count(),
            begun.elapsed().as_secs(),
            file.size() / 1_000_000
        );
        Self { app, accounts, steps: RefCell::default() }
    }

    /// Does a step of a person and keeps what it takes.
    async fn step<T>(&self, name: &'static str, person: usize, work: LocalBoxFuture<'_, T>) -> T {
        let in_units = person.is_multiple_of(IN_UNITS);
        let meter = self.app.seam.meter();
        meter.turn(in_units);
        meter.take();
        let begun = Instant::now();
        let done = work.await;
        let took = begun.elapsed();
        meter.turn(false);
        let mut steps = self.steps.borrow_mut();
        let at = steps.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            steps.push((name, Figures::default()));
            steps.len() - 1
        });
        let figures = &mut steps[at].1;
        if !in_units {
            figures.times.push(took);
            return done;
        }
        figures.measured += 1.0;
        let calls = meter.take();
        figures.round_trips.push(calls.iter().filter(|call| call.is_first).count());
        for call in calls {
            figures.read_units += call.read_units;
            figures.write_units += call.write_units + call.index_units.values().sum::<f64>();
        }
        done
    }

    async fn send(&self, name: &'static str, person: usize, event: HttpEvent, status: u16) -> Reply {
        let event = event.at_ip(&source(person));
        let reply = self.step(name, person, Box::pin(self.app.send(event))).await;
        assert_eq!(reply.status, status, "{name} of {}: {reply:?}", self.accounts);
        self.app.seam.forget();
        reply
    }

    async fn post(&self, name: &'static str, person: usize, path: &str, body: &Value, status: u16) -> Reply {
        self.send(name, person, HttpEvent::new("POST", path).json(body), status).await
    }

    /// The number of a person's account: they are spread over all accounts. Those with the rest 0 have had a life.
    fn number(&self, person: usize, rest: usize) -> usize {
        person * (self.accounts / PEOPLE) / LIVES * LIVES + rest
    }

    fn name(&self, person: usize, rest: usize) -> String {
        format!("walker{:07}", self.number(person, rest))
    }

    fn newest_mail(&self) -> rekey_local::mailbox::Message {
        self.app.mailbox.messages().remove(0)
    }

    async fn by_link(&self, person: usize) {
        let name = self.name(person, 1);
        let body = json!({"practice": "agency", "identifier": format!("{name}@agency.test")});
        self.post("forgot, by link", person, "/v1/password/forgot", &body, 202).await;
        self.step("mailer: the link", person, Box::pin(self.app.deliver())).await;
        self.step("mail-events: a delivery", person, Box::pin(self.app.report_mails())).await;
        let token = token_in(&self.newest_mail());
        self.post("preview", person, "/v1/password/reset/preview", &json!({"token": token}), 200).await;
        let body = json!({"token": token, "new_password": NEW_PASSWORD});
        self.post("reset", person, "/v1/password/reset", &body, 204).await;
        self.step("mailer: the confirmation", person, Box::pin(self.app.deliver())).await;
        self.app.mailbox.take_events();
        self.app.mailbox.clear().unwrap();
        let body = json!({"practice": "agency", "identifier": name, "password": NEW_PASSWORD});
        let session = self.post("sign-in", person, "/v1/sessions", &body, 201).await.json();
        let session = session["token"].as_str().unwrap();
        let own = HttpEvent::new("GET", "/v1/account").bearer(session);
        self.send("session check: own account", person, own, 200).await;
        let body = json!({"practice": "agency", "identifier": self.name(person, 3), "password": "wrong"});
        self.post("sign-in, wrong password", person, "/v1/sessions", &body, 401).await;
    }

    async fn by_code(&self, person: usize) {
        let body = json!({"practice": "agency", "identifier": self.name(person, 2), "method": "code"});
        let asked = self.post("forgot, by code", person, "/v1/password/forgot", &body, 202).await.json();
        self.step("mailer: the code", person, Box::pin(self.app.deliver())).await;
        let code = code_in(&self.newest_mail());
        let body = json!({"request_id": asked["request_id"], "code": code});
        self.post("verify-code", person, "/v1/password/verify-code", &body, 200).await;
        self.app.mailbox.take_events();
        self.app.mailbox.clear().unwrap();
    }

    async fn staff(&self, admin: &str, person: usize) {
        let get = async |name: &'static str, path: &str, query: &str| {
            let event = HttpEvent::new("GET", path).query(query).bearer(admin);
            self.send(name, person, event, 200).await.json()
        };
        let listed = get("staff: first page of accounts", ACCOUNTS, "portal=client").await;
        let more = format!("portal=client&cursor={}", listed["next_cursor"].as_str().unwrap());
        get("staff: next page", ACCOUNTS, &more).await;
        get("staff: search, all have the word", ACCOUNTS, "portal=client&q=mara").await;
        let own = format!("portal=client&q=mara%20w{:07}", self.number(person, 0));
        let found = get("staff: search for one", ACCOUNTS, &own).await;
        assert_eq!(found["accounts"].as_array().unwrap().len(), 1, "{found}");
        get("staff: search by a status that few have", ACCOUNTS, "portal=client&status=invited").await;
        get("staff: own caseload", ACCOUNTS, "portal=client&caseload=mine").await;
        let id = found["accounts"][0]["id"].as_str().unwrap().to_owned();
        let account = format!("{ACCOUNTS}/{id}");
        get("staff: an account", &account, "").await;
        get("staff: its activity", &format!("{account}/activity"), "").await;
        get("staff: its tickets", &format!("{account}/tickets"), "").await;
        let changes = "/v1/admin/changes";
        get("staff: change log", changes, "").await;
        get("staff: change log, one type", changes, "type=authn_password_change").await;
        get("staff: change log, one account", changes, &format!("account={id}")).await;
        get("staff: change log, half a year", changes, "from=2026-03-01T00:00:00Z&to=2026-09-01T00:00:00Z")
            .await;
        get("staff: settings", "/v1/admin/practice", "").await;
        let new = json!({"portal": "client", "username": format!("newcomer{person}"), "display_name": "Nadia Comer",
            "email": format!("newcomer{person}@agency.test"), "invite": true});
        let create = HttpEvent::new("POST", ACCOUNTS).json(&new).bearer(admin);
        self.send("staff: make an account", person, create, 201).await;
        self.step("mailer: an invitation", person, Box::pin(self.app.deliver())).await;
        self.app.mailbox.take_events();
        self.app.mailbox.clear().unwrap();
    }
}

/// The life of an account: a sign-in, a recovery by link and one by code, a session, and a link that is open.
async fn live(app: &TestApp, name: &str) {
    app.sign_in(name, PASSWORD).await;
    app.sign_in(name, "wrong").await;
    let token = app.token_for(name).await;
    app.preview(&token).await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    app.clock.advance(Duration::from_hours(2));
    let (request, code) = app.code_for(name).await;
    let verified = app.verify(&request, &code).await.json();
    assert_eq!(app.reset(verified["token"].as_str().unwrap(), PASSWORD).await.status, 204);
    app.deliver().await;
    let session = app.session_of(name, PASSWORD).await;
    app.account_with(&session).await;
    app.token_for(name).await;
    app.report_mails().await;
    app.mailbox.clear().unwrap();
}

/// Compares a thousand accounts with many. Returns a table.
pub async fn compare(path: &Path, many: usize) -> String {
    let sides = [Side::start(path, FEW).await, Side::start(path, many).await];
    let mut admins = Vec::new();
    for side in &sides {
        admins.push(StaffMember::of(&side.app, "agency", "staff", "admin").await.session);
        // The first sign-in gives the account another hash, and functions get their keys and the practice.
        side.app.account_of("agency", Portal::Client, &side.name(0, 1)).await;
    }
    for person in 0..PEOPLE {
        for at in [person % 2, 1 - person % 2] {
            sides[at].by_link(person).await;
            sides[at].by_code(person).await;
            sides[at].staff(&admins[at], person).await;
        }
        // Limits of an hour pass, and sessions last.
        for side in &sides {
            side.app.clock.advance(Duration::from_mins(3));
        }
    }
    table(&sides)
}

fn table(sides: &[Side; 2]) -> String {
    let head = format!(
        "| Step | Round trips, {0}; {1} | Read units | Write units | Cost, ratio | Median ms | Ratio |\n|---|---|---|---|---|---|---|\n",
        sides[0].accounts, sides[1].accounts
    );
    let many: HashMap<&str, Figures> = sides[1].steps.take().into_iter().collect();
    let row = |(name, few): (&'static str, Figures)| {
        let many = &many[name];
        let mean = |of: fn(&Figures) -> f64| {
            let [one, other] = [&few, many].map(|figures| short(of(figures) / figures.measured));
            both(one, other)
        };
        format!(
            "| {name} | {} | {} | {} | {:.2} | {:.1}; {:.1} | {:.2} |\n",
            both(few.round_trips().to_string(), many.round_trips().to_string()),
            mean(|figures| figures.read_units),
            mean(|figures| figures.write_units),
            many.dollars() / few.dollars(),
            few.median(),
            many.median(),
            many.median() / few.median(),
        )
    };
    head + &sides[0].steps.take().into_iter().map(row).collect::<String>()
}

/// Both figures, or one if they are the same.
fn both(one: String, other: String) -> String {
    if one == other { one } else { format!("{one}; {other}") }
}
