//! Recoveries while everything fails that can fail, and what must hold afterwards all the same (R1, T4, T5).
//!
//! People recover accounts of three practices, several at once, some of them the same account. One call to DynamoDB in ten is
//! throttled, fails or loses its answer, and one to SES in five. Functions are killed at any step, records of the stream come in
//! any order, late and twice, and all four secrets are rotated midway. The functions are those of a deployment, and so are the
//! SDK's retries and Argon2's parameters. `bench_faults.rs` runs them.
//!
//! A seed repeats what is drawn: who asks for what, and how many calls fail in which way. It does not repeat the order in which the
//! machine runs tasks, and so not which call fails.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rekey::domain::practice::Portal;
use rekey::platform::clock::Clock as _;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::questions::QUESTION;
use crate::support::{TestApp, password_hash};

mod chance;
mod checks;
mod failures;
mod figures;
mod fleet;
mod inbox;
mod mailers;
mod person;

use chance::Chance;
use failures::Failures;
use figures::Figures;
use fleet::Fleet;
use inbox::Inbox;
use mailers::Mailers;
use person::{Choice, Holder, Person};

/// The people who act at once.
const AT_ONCE: usize = 64;
/// How many of a thousand accounts two people recover at once.
const TWICE: usize = 200;
/// The steps of a wave that are minutes. The others are five, so that limits pass.
const MINUTES: usize = 60;
/// The most steps of a wave.
const LONGEST_WAVE: usize = 400;
/// The longest that the machine may take for one of them.
const LONGEST_STEP: Duration = Duration::from_mins(10);
/// The time between two waves, after which no limit remembers the one before.
const BETWEEN: Duration = Duration::from_hours(25);

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub seed: u64,
    /// The complete recoveries.
    pub recoveries: usize,
    /// The accounts that are recovered, in waves.
    pub accounts: usize,
}

/// Everything that the people and the mailers share.
pub struct World {
    app: Arc<TestApp>,
    fleet: Fleet,
    inbox: Inbox,
    failures: Failures,
    choices: Mutex<Vec<Choice>>,
    figures: Mutex<Figures>,
    violations: Mutex<BTreeSet<String>>,
}

impl World {
    fn violated(&self, what: String) {
        self.violations.lock().unwrap().insert(what);
    }
}

/// What a run has shown: a table of figures, and what did not hold.
pub struct Shown {
    pub table: String,
    pub violations: BTreeSet<String>,
}

/// Runs recoveries under fault and checks what they leave.
pub async fn run(run: Run) -> Shown {
    let app = Arc::new(TestApp::start_with(&[]).await);
    let holders = holders(&app, run.accounts).await;
    let failures = Failures::new(Chance::of(run.seed, 1));
    let plan = failures.clone();
    app.seam.plan(move |said| plan.decide(said));
    let fleet = Fleet::start(app.clone(), Chance::of(run.seed, 2)).await;
    let world = Arc::new(World {
        app,
        fleet,
        inbox: Inbox::default(),
        failures,
        choices: Mutex::default(),
        figures: Mutex::default(),
        violations: Mutex::default(),
    });
    let mut mailers = Mailers::start(&world, Chance::of(run.seed, 3));
    world.failures.set_calm(false);
    let mut chance = Chance::of(run.seed, 4);
    let waves = waves(run, &holders, &mut chance);
    let mut rotation = Rotation::Before;
    for (number, people) in waves.iter().enumerate() {
        if number == waves.len() / 2 {
            rotation = Rotation::Due;
        }
        let people = people.iter().map(|(person, holder)| Person::new(run.seed, *person, holder.clone()));
        recover(&world, &mut mailers, &mut rotation, people.collect()).await;
        world.app.clock.advance(BETWEEN);
    }
    world.failures.set_calm(true);
    checks::check(&world, &holders).await;
    let (in_vain, killed) = (world.failures.sent_in_vain(), world.fleet.fates().killed_mailers);
    // A mailer that hears that a mail is taken writes so at once. Of ten that are killed, about one dies in between.
    if in_vain > killed / 2 {
        world.violated(format!(
            "{in_vain} mails went again after they were taken, {killed} mailers were killed"
        ));
    }
    let table = figures::table(&world, &mailers, run);
    Shown { table, violations: world.violations.lock().unwrap().clone() }
}

/// The people of each wave, by number, with the accounts that they recover.
fn waves(run: Run, holders: &[Arc<Holder>], chance: &mut Chance) -> Vec<Vec<(usize, Arc<Holder>)>> {
    let (mut waves, mut number) = (Vec::new(), 0);
    while number < run.recoveries {
        let mut wave = Vec::new();
        for holder in holders {
            for _ in 0..=usize::from(chance.happens(TWICE)) {
                wave.push((number, holder.clone()));
                number += 1;
            }
        }
        wave.truncate(wave.len() - number.saturating_sub(run.recoveries));
        chance.shuffle(&mut wave);
        waves.push(wave);
    }
    waves
}

/// How far the rotation of the keys is.
#[derive(Clone, Copy, PartialEq)]
enum Rotation {
    Before,
    Due,
    /// Functions learn the new keys.
    First,
    /// Functions begin to use them.
    Second,
}

impl Rotation {
    /// A minute of it. The second round begins when every function has learned the new keys.
    async fn go_on(&mut self, fleet: &Fleet) {
        match (*self, fleet.renew()) {
            (Self::Due, _) => {
                fleet.rotate("k1").await;
                *self = Self::First;
            }
            (Self::First, true) => {
                fleet.rotate("k2").await;
                *self = Self::Second;
            }
            _ => {}
        }
    }
}

/// Lets people recover, step by step, until all of them are done and no mail waits.
async fn recover(world: &Arc<World>, mailers: &mut Mailers, rotation: &mut Rotation, people: Vec<Person>) {
    let mut people = people;
    for step in 0.. {
        if step == LONGEST_WAVE {
            let left: Vec<usize> = people.iter().map(|person| person.number).take(5).collect();
            world.violated(format!("{} people are not done, or mail waits: {left:?}", people.len()));
            return;
        }
        rotation.go_on(&world.fleet).await;
        ask_as_nobody(world, step).await;
        let do_people_act = !people.is_empty();
        let both = async { tokio::join!(act(world, people), mailers.work(world, do_people_act)) };
        let (acted, ()) = tokio::time::timeout(LONGEST_STEP, both).await.expect("nothing hangs");
        people = acted;
        world.app.seam.forget();
        let minutes = if do_people_act && step < MINUTES { 1 } else { 5 };
        world.app.clock.advance(Duration::from_mins(minutes));
        let is_over = people.is_empty() && mailers.are_idle() && *rotation != Rotation::First;
        if is_over && !do_people_act && !waits(world).await {
            return;
        }
    }
}

/// Has everybody do what they can do now. Returns those who are not done.
async fn act(world: &Arc<World>, people: Vec<Person>) -> Vec<Person> {
    let (mut acting, room) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for person in people {
        let (world, room) = (world.clone(), room.clone());
        acting.spawn(async move {
            let _room = room.acquire().await.unwrap();
            person.act(world).await
        });
    }
    let mut left = Vec::new();
    while let Some(person) = acting.join_next().await {
        left.extend(Some(person.unwrap()).filter(|person| !person.is_done()));
    }
    left.sort_by_key(|person| person.number);
    left
}

/// Somebody asks for a name that nobody has.
async fn ask_as_nobody(world: &World, minute: usize) {
    let body = json!({"practice": "agency", "identifier": format!("nobody{minute}")});
    let event = crate::support::event::HttpEvent::new("POST", "/v1/password/forgot").json(&body);
    world.fleet.send(event.at_ip("192.0.2.1")).await;
}

/// Whether an outbox item waits for an attempt.
async fn waits(world: &World) -> bool {
    let later = world.app.clock.now() + Duration::from_hours(24);
    !world.app.store.list_due(later).await.unwrap().is_empty()
}

/// Three practices with their accounts. Of each five accounts two share a mailbox.
async fn holders(app: &TestApp, count: usize) -> Vec<Arc<Holder>> {
    let both: &'static [&'static str] = &["link", "code"];
    let practices = [
        ("agency", json!({}), both, None),
        ("pediatrics", json!({"security_question": "required", "link_ttl": 172_800}), both, Some("Biscuit")),
        ("therapy", json!({"recovery_methods": ["code"], "code_ttl": 900}), &["code"], None),
    ];
    let mut holders = Vec::new();
    for (place, (practice, policy, methods, answer)) in practices.into_iter().enumerate() {
        app.create_practice(practice, policy).await;
        // Half of the accounts are of the first, a quarter of each other one.
        let own: Vec<usize> = (0..count).filter(|n| [0, 1, 0, 2][n % 4] == place).collect();
        let email = |n: usize| match n % 20 {
            4 | 8 | 5 | 9 => format!("family{}x{}@{practice}.test", n / 20, n % 4),
            _ => format!("walker{n:05}@{practice}.test"),
        };
        let account = |n: &usize| {
            let mut account = json!({"username": format!("walker{n:05}"), "email": email(*n),
                "display_name": "W", "password_hash": password_hash()});
            if let Some(answer) = answer {
                account["security_question"] = json!({"question": QUESTION, "answer": answer});
            }
            account
        };
        let accounts: Vec<Value> = own.iter().map(account).collect();
        for some in accounts.chunks(200) {
            app.import(practice, some).await;
        }
        for n in own {
            let username = format!("walker{n:05}");
            let account = app.account_of(practice, Portal::Client, &username).await.id;
            holders.push(Arc::new(Holder { practice, username, email: email(n), account, answer, methods }));
        }
    }
    holders
}
