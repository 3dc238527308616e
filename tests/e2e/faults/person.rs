//! A person who recovers an account: asks, reads the mail, chooses a password, and signs in, again where no answer comes.

use std::sync::Arc;
use std::time::Duration;

use rekey::platform::clock::{Clock as _, Timestamp};
use rekey::platform::ids::AccountId;
use rekey::secrets::token::{Token, digest_of};
use serde_json::{Value, json};

use super::World;
use super::chance::Chance;
use crate::support::Reply;
use crate::support::event::{HttpEvent, source};

/// How often a call is made that gets no answer.
const TRIES: usize = 25;
/// How often a person asks for a recovery.
const ASKS: usize = 12;
/// How many of a thousand look at the page of a link before they use it.
const PREVIEWS: usize = 300;

/// An account that people recover.
#[derive(Clone, Debug)]
pub struct Holder {
    pub practice: &'static str,
    pub username: String,
    pub email: String,
    pub account: AccountId,
    /// The answer to its security question, where it has one.
    pub answer: Option<&'static str>,
    /// The ways in which its practice lets people recover.
    pub methods: &'static [&'static str],
}

/// A password that a person has tried to set.
#[derive(Clone, Debug)]
pub struct Choice {
    pub account: AccountId,
    pub username: String,
    pub practice: &'static str,
    pub password: String,
    /// The digest of the request's `Idempotency-Key`, which its ticket keeps.
    pub key: [u8; 32],
    /// Whether the person was told that it is set.
    pub is_confirmed: bool,
    /// Whether it has signed in: `None` while nobody has tried.
    pub signed_in: Option<bool>,
}

/// What a person does next.
enum Stage {
    Asking,
    /// Waits for a mail that comes after the first `seen` of all, and asks again at a time.
    Waiting {
        seen: usize,
        code_of: Option<String>,
        until: Timestamp,
    },
    SigningIn(Box<Choice>),
    Done,
}

pub struct Person {
    pub number: usize,
    pub holder: Arc<Holder>,
    chance: Chance,
    stage: Stage,
    /// The time before which a limit refuses the person.
    rests_until: Option<Timestamp>,
    /// The recoveries that were asked for.
    asks: usize,
    /// The names by which the account is asked for, in turn.
    names: usize,
}

impl Person {
    pub fn new(seed: u64, number: usize, holder: Arc<Holder>) -> Self {
        let mut chance = Chance::of(seed, 1000 + u64::try_from(number).unwrap());
        let names = chance.below(2);
        Self { number, holder, chance, stage: Stage::Asking, rests_until: None, asks: 0, names }
    }

    pub const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Goes on for as long as there is something to do now.
    pub async fn act(mut self, world: Arc<World>) -> Self {
        while !self.is_done() {
            let now = world.app.clock.now();
            if self.rests_until.is_some_and(|until| now < until) {
                return self;
            }
            self.rests_until = None;
            let next = match &self.stage {
                Stage::Asking => self.ask(&world).await,
                Stage::Waiting { seen, code_of, until } => {
                    let (seen, code_of, until) = (*seen, code_of.clone(), *until);
                    match self.read_mail(&world, seen, code_of.as_deref()).await {
                        Some(token) => self.choose(&world, &token).await,
                        None if now >= until => Some(Stage::Asking),
                        None => return self,
                    }
                }
                Stage::SigningIn(choice) => {
                    let choice = choice.clone();
                    self.sign_in(&world, choice).await
                }
                Stage::Done => return self,
            };
            self.stage = next.unwrap_or(Stage::Done);
        }
        self
    }

    /// Asks for a recovery. `None` when the person gives up.
    async fn ask(&mut self, world: &World) -> Option<Stage> {
        self.asks += 1;
        if self.asks > ASKS {
            world.violated(format!("person {} has asked {ASKS} times and did not get through", self.number));
            return None;
        }
        let methods = self.holder.methods;
        // A name gets few codes in a day, so that a person who has had two asks for a link.
        let method = if self.asks > 2 { methods[0] } else { methods[self.chance.below(methods.len())] };
        self.names += 1;
        let name =
            if self.names % 2 == 0 { self.holder.username.clone() } else { self.holder.email.to_uppercase() };
        let seen = world.inbox.len();
        let body = json!({"practice": self.holder.practice, "identifier": name, "method": method});
        let reply = self.post(world, "/v1/password/forgot", &body).await?;
        match reply.status.as_u16() {
            202 => {
                let request = reply.json()["request_id"].as_str().unwrap().to_owned();
                let patience = u64::try_from(20 + self.chance.below(20)).unwrap();
                let until = world.app.clock.now() + Duration::from_mins(patience);
                Some(Stage::Waiting { seen, code_of: (method == "code").then_some(request), until })
            }
            429 => {
                self.rest(world, &reply);
                self.asks -= 1;
                Some(Stage::Asking)
            }
            _ => self.unexpected(world, "forgot", &reply),
        }
    }

    /// The token that a mail leads to, if one has come.
    async fn read_mail(&mut self, world: &World, seen: usize, code_of: Option<&str>) -> Option<String> {
        let (to, account) = (self.holder.email.clone(), self.holder.account);
        let Some(request) = code_of else {
            return world.inbox.newest(&to, seen, |mail| mail.token_of(account).cloned());
        };
        let code = world
            .inbox
            .newest(&to, seen, |mail| mail.code.clone().filter(|_| mail.outbox.to_string() == request))?;
        let body = json!({"request_id": request, "code": code});
        let reply = self.post(world, "/v1/password/verify-code", &body).await?;
        let token = match reply.status.as_u16() {
            200 => token_for(&reply.json(), account),
            // An answer that did not arrive has exchanged it, or it has expired.
            410 => None,
            _ => self.unexpected(world, "verify-code", &reply),
        };
        if token.is_none() {
            // The mail is of no use, so the next look asks again.
            self.stage = Stage::Waiting { seen, code_of: Some(String::new()), until: world.app.clock.now() };
        }
        token
    }

    /// Chooses a password, until somebody says that it is set, or that the token is of no use.
    async fn choose(&mut self, world: &World, token: &str) -> Option<Stage> {
        if self.chance.happens(PREVIEWS) {
            let reply = self.post(world, "/v1/password/reset/preview", &json!({"token": token})).await?;
            if !matches!(reply.status.as_u16(), 200 | 404 | 410) {
                return self.unexpected(world, "preview", &reply);
            }
        }
        let key = format!("{}-{}", self.number, self.asks);
        let password = format!("lanterns under snow {} {}", self.number, self.asks);
        let mut body = json!({"token": token, "new_password": password});
        if let Some(answer) = self.holder.answer {
            body["answer"] = json!(answer);
        }
        let event = self.event("/v1/password/reset", &body).header("idempotency-key", &key);
        let reply = self.send(world, event).await?;
        let choice = Choice {
            account: self.holder.account,
            username: self.holder.username.clone(),
            practice: self.holder.practice,
            password,
            key: *digest_of(&key).as_bytes(),
            is_confirmed: reply.status == 204,
            signed_in: None,
        };
        match reply.status.as_u16() {
            204 => Some(Stage::SigningIn(Box::new(choice))),
            404 | 410 => {
                // Without an answer to an earlier try it may be set all the same.
                world.choices.lock().unwrap().push(choice);
                Some(Stage::Asking)
            }
            _ => self.unexpected(world, "reset", &reply),
        }
    }

    async fn sign_in(&mut self, world: &World, mut choice: Box<Choice>) -> Option<Stage> {
        let body = json!({"practice": self.holder.practice, "identifier": self.holder.username,
            "password": choice.password});
        let reply = self.post(world, "/v1/sessions", &body).await?;
        match reply.status.as_u16() {
            status @ (201 | 401) => {
                choice.signed_in = Some(status == 201);
                world.choices.lock().unwrap().push(*choice);
                world.figures.lock().unwrap().complete(self.asks);
                Some(Stage::Done)
            }
            429 => {
                self.rest(world, &reply);
                Some(Stage::SigningIn(choice))
            }
            _ => self.unexpected(world, "sign-in", &reply),
        }
    }

    /// Waits as a refusal says, and for ten minutes at most, because another name may be free.
    fn rest(&mut self, world: &World, refused: &Reply) {
        let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        self.rests_until = Some(world.app.clock.now() + Duration::from_secs(seconds.min(600)));
        world.figures.lock().unwrap().refused += 1;
    }

    fn unexpected<T>(&self, world: &World, what: &str, reply: &Reply) -> Option<T> {
        world.violated(format!("person {}, {what}: {reply:?}", self.number));
        None
    }

    fn event(&self, path: &str, body: &Value) -> HttpEvent {
        HttpEvent::new("POST", path).at_ip(&source(self.number)).json(body)
    }

    async fn post(&self, world: &World, path: &str, body: &Value) -> Option<Reply> {
        self.send(world, self.event(path, body)).await
    }

    /// Makes a call until it is answered. A 503 is no answer.
    async fn send(&self, world: &World, event: HttpEvent) -> Option<Reply> {
        for _ in 0..TRIES {
            let reply = world.fleet.send(event.clone()).await;
            if let Some(reply) = reply.filter(|reply| reply.status != 503) {
                return Some(reply);
            }
        }
        world.violated(format!("person {} got no answer in {TRIES} tries", self.number));
        None
    }
}

/// The token that the exchange of a code gives for an account, if it may still recover. The only one may be another's.
fn token_for(exchanged: &Value, account: AccountId) -> Option<String> {
    let several = exchanged["accounts"].as_array().into_iter().flatten();
    let tokens = several.chain([exchanged]).filter_map(|each| each["token"].as_str());
    let mut own = tokens.filter(|token| Token::parse(token).is_some_and(|token| token.account == account));
    own.next().map(str::to_owned)
}
