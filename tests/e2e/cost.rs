//! What a recovery costs: what each call and each background function of it consumes, and the dollars of that by list price.
//!
//! `bench_cost.rs` prints it, and `budget.rs` holds it to the budget and to the documents. Units, calls, mails and lines are
//! measured. [`bill`] has the prices, and what is assumed of Lambda.

use std::collections::BTreeMap;

use futures::future::LocalBoxFuture;
use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::practice::Portal;
use rekey::platform::clock::Ambient;
use rekey::store::accounts::Changed;
use serde_json::json;

use crate::support::event::{HttpEvent, source};
use crate::support::meter::{Call, short};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, code_in, logs, password_hash, token_in};

pub mod bill;

/// The accounts that go through each journey. Units are the means of theirs.
const EACH: usize = 8;
/// The practice; and the names of those who recover by link, who recover by code, and who sign in.
const PRACTICE: &str = "riverside-family-care";
const NAMES: [&str; 3] = ["mara.ito", "jonah.whitfield", "lucia.fernandez"];

/// A call of the API or an invocation of a background function, and what it consumes. Sums over all accounts until the mean is
/// taken.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub name: &'static str,
    pub function: &'static str,
    pub round_trips: f64,
    pub calls: f64,
    pub read_units: f64,
    pub write_units: f64,
    pub index_units: BTreeMap<String, f64>,
    pub mails: f64,
    pub lines: f64,
    pub bytes: f64,
}

impl Step {
    /// Whether it is a call of the API, and not an invocation by AWS.
    pub fn is_request(&self) -> bool {
        self.name.starts_with("POST")
    }

    pub fn all_write_units(&self) -> f64 {
        self.write_units + self.index_units.values().sum::<f64>()
    }

    fn add(&mut self, call: &Call) {
        assert!(call.is_taken && call.function == self.function, "{}: {call:?}", self.name);
        self.round_trips += f64::from(u8::from(call.is_first));
        self.calls += 1.0;
        self.read_units += call.read_units;
        self.write_units += call.write_units;
        for (index, units) in &call.index_units {
            *self.index_units.entry(index.clone()).or_default() += units;
        }
    }

    fn divided_by(mut self, count: f64) -> Self {
        let sums = [&mut self.round_trips, &mut self.calls, &mut self.read_units, &mut self.write_units];
        let others = [&mut self.mails, &mut self.lines, &mut self.bytes];
        for sum in sums.into_iter().chain(others).chain(self.index_units.values_mut()) {
            *sum /= count;
        }
        self
    }
}

/// What a person does, step by step.
#[derive(Debug)]
pub struct Journey {
    pub name: &'static str,
    pub steps: Vec<Step>,
}

/// A journey that is measured.
struct Measured<'a> {
    app: &'a TestApp,
    journey: Journey,
}

impl<'a> Measured<'a> {
    fn new(app: &'a TestApp, name: &'static str) -> Self {
        Self { app, journey: Journey { name, steps: Vec::new() } }
    }

    async fn step<T>(
        &mut self,
        name: &'static str,
        function: &'static str,
        work: LocalBoxFuture<'_, T>,
    ) -> T {
        let (meter, mailbox) = (self.app.seam.meter(), &self.app.mailbox);
        let (before, mails) = (logs::printed().len(), mailbox.messages().len());
        meter.take();
        let done = work.await;
        let steps = &mut self.journey.steps;
        let at = steps.iter().position(|step| step.name == name).unwrap_or_else(|| {
            steps.push(Step { name, function, ..Step::default() });
            steps.len() - 1
        });
        meter.take().iter().for_each(|call| steps[at].add(call));
        let printed = logs::printed().split_off(before);
        steps[at].mails += number(mailbox.messages().len() - mails);
        steps[at].lines += number(printed.lines().count());
        steps[at].bytes += number(printed.len());
        done
    }

    async fn request(
        &mut self,
        name: &'static str,
        function: &'static str,
        event: HttpEvent,
        status: u16,
    ) -> Reply {
        let reply = self.step(name, function, Box::pin(self.app.send(event))).await;
        assert_eq!(reply.status, status, "{name}: {reply:?}");
        reply
    }

    /// The mail, and SES's report that it is delivered.
    async fn mail(&mut self, [mail, report]: [&'static str; 2]) {
        let app = self.app;
        self.step(mail, "mailer", Box::pin(app.deliver())).await;
        self.step(report, "mail-events", Box::pin(app.report_mails())).await;
    }

    /// Sets the password by the token of a mail or of a code, and has that confirmed.
    async fn reset(&mut self, token: &str, person: usize) {
        let preview = post("/v1/password/reset/preview", &json!({"token": token}), person);
        self.request("POST preview", "reset-password", preview, 200).await;
        let body = json!({"token": token, "new_password": NEW_PASSWORD});
        self.request("POST reset", "reset-password", post("/v1/password/reset", &body, person), 204).await;
        self.mail(["mailer: the confirmation", "mail-events: it is delivered"]).await;
    }

    fn mean(self) -> Journey {
        let steps = self.journey.steps.into_iter().map(|step| step.divided_by(number(EACH))).collect();
        Journey { steps, ..self.journey }
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn post(path: &str, body: &serde_json::Value, person: usize) -> HttpEvent {
    HttpEvent::new("POST", path).at_ip(&source(person)).json(body)
}

/// The address of an account is proven, as it is after a first recovery.
async fn prove(app: &TestApp, username: &str) {
    let old = app.account_of(PRACTICE, Portal::Client, username).await;
    let event = Event::new(&Ambient::system(), &old.practice, Action::UserUpdated, Actor::System).unwrap();
    let new = old.with_email_proven(old.created_at);
    let changed = [Changed { old: &old, new: &new }];
    let proven = app.store.update_accounts(None, &changed, &event.of(old.id, old.portal)).await.unwrap();
    assert!(proven.is_written());
}

/// A deployment whose functions have the settings of the practice and the keys, as they do for all but the first call of a
/// minute.
async fn deployment() -> TestApp {
    let app = TestApp::start_with(&[]).await;
    app.create_practice(PRACTICE, json!({})).await;
    let account = |name: String| {
        json!({"username": name, "email": format!("{name}@riverside-family.test"), "display_name": "Lucia Fernandez",
            "record_email": format!("{name}@riverside-family.test"), "password_hash": password_hash()})
    };
    let names = NAMES.iter().flat_map(|name| (0..EACH).map(move |n| format!("{name}.{n}")));
    app.import(
        PRACTICE,
        &names.chain(["first".to_owned(), "second".to_owned()]).map(account).collect::<Vec<_>>(),
    )
    .await;
    app.deliver().await;
    let names = NAMES.iter().flat_map(|name| (0..EACH).map(move |n| format!("{name}.{n}")));
    for name in names.chain(["first".to_owned(), "second".to_owned()]) {
        prove(&app, &name).await;
    }
    let (mut link, mut code) = (Measured::new(&app, ""), Measured::new(&app, ""));
    by_link(&mut link, "first", 900).await;
    by_code(&mut code, "second", 900).await;
    sign_in(&mut link, "first", 900, NEW_PASSWORD).await;
    app.seam.meter().turn(true);
    app
}

async fn by_link(measured: &mut Measured<'_>, name: &str, person: usize) {
    let body = json!({"practice": PRACTICE, "identifier": format!("{name}@riverside-family.test")});
    let forgot = post("/v1/password/forgot", &body, person);
    measured.request("POST forgot", "forgot-password", forgot, 202).await;
    measured.mail(["mailer: the link", "mail-events: the link is delivered"]).await;
    let token = token_in(&measured.app.mailbox.messages()[0]);
    measured.reset(&token, person).await;
}

async fn by_code(measured: &mut Measured<'_>, name: &str, person: usize) {
    let body = json!({"practice": PRACTICE, "identifier": format!("{name}@riverside-family.test"), "method": "code"});
    let forgot = post("/v1/password/forgot", &body, person);
    let asked = measured.request("POST forgot", "forgot-password", forgot, 202).await.json();
    measured.mail(["mailer: the code", "mail-events: the code is delivered"]).await;
    let code = code_in(&measured.app.mailbox.messages()[0]);
    let body = json!({"request_id": asked["request_id"], "code": code});
    let verify = post("/v1/password/verify-code", &body, person);
    let token =
        measured.request("POST verify-code", "verify-code", verify, 200).await.json()["token"].clone();
    measured.reset(token.as_str().unwrap(), person).await;
}

async fn sign_in(measured: &mut Measured<'_>, name: &str, person: usize, password: &str) {
    let body = json!({"practice": PRACTICE, "identifier": name, "password": password});
    measured.request("POST sign-in", "sessions", post("/v1/sessions", &body, person), 201).await;
}

/// A recovery by link, one by code, and a sign-in, with the means of several accounts.
pub async fn journeys() -> [Journey; 3] {
    let app = deployment().await;
    let mut measured =
        ["Recovery by link", "Recovery by code", "Sign-in"].map(|name| Measured::new(&app, name));
    for n in 0..EACH {
        let name = |kind: usize| format!("{}.{n}", NAMES[kind]);
        by_link(&mut measured[0], &name(0), n).await;
        by_code(&mut measured[1], &name(1), n + EACH).await;
        // The first sign-in replaces the imported hash. What is measured is one like every other.
        let (person, body) =
            (n + 2 * EACH, json!({"practice": PRACTICE, "identifier": name(2), "password": PASSWORD}));
        assert_eq!(app.send(post("/v1/sessions", &body, person)).await.status, 201);
        sign_in(&mut measured[2], &name(2), person, PASSWORD).await;
    }
    measured.map(Measured::mean)
}

/// The columns of the table of steps.
const COLUMNS: [&str; 9] = [
    "Step",
    "Round trips",
    "Calls to DynamoDB",
    "Read units",
    "Write units, table",
    "indexes",
    "Mails",
    "Log lines",
    "Bytes",
];

/// What each step consumes, as a table.
pub fn units(journeys: &[Journey]) -> String {
    let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let figures = |name: String, indexes: String, sum: &dyn Fn(fn(&Step) -> f64) -> f64| {
        let of: [fn(&Step) -> f64; 4] =
            [|step| step.round_trips, |step| step.calls, |step| step.read_units, |step| step.write_units];
        let others: [fn(&Step) -> f64; 3] = [|step| step.mails, |step| step.lines, |step| step.bytes];
        let cells = [name].into_iter().chain(of.map(|of| short(sum(of)))).chain([indexes]);
        row(&cells.chain(others.map(|of| short(sum(of).round()))).collect::<Vec<_>>())
    };
    let mut rows = vec![row(&COLUMNS.map(str::to_owned)), format!("|{}", "---|".repeat(COLUMNS.len()))];
    for journey in journeys {
        for step in &journey.steps {
            let indexes = step.index_units.iter().map(|(name, units)| format!("{name} {}", short(*units)));
            let indexes = indexes.collect::<Vec<_>>().join(", ");
            rows.push(figures(step.name.to_owned(), indexes, &|of| of(step)));
        }
        let sum = |of: fn(&Step) -> f64| journey.steps.iter().map(of).sum();
        let indexes = short(sum(|step| step.index_units.values().sum()));
        rows.push(figures(format!("**{}**", journey.name), indexes, &sum));
    }
    rows.join("\n")
}
