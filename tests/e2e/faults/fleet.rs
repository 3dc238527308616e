//! The running functions. Several of each run side by side, some with older keys than others, and each can be killed at any moment.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures::future::poll_fn;
use rekey_local::{Server, keys};
use serde_json::Value;

use super::chance::Chance;
use crate::support::event::HttpEvent;
use crate::support::stack::{Functions, invoke_mailer};
use crate::support::{Reply, TestApp, with_second_key};

/// How many of each function run side by side.
const SIZE: usize = 8;
/// How many of them are started anew in a minute of a rotation.
const RENEWED: usize = 2;
/// How many of a thousand invocations are killed: of requests, and of the mailer.
const KILLED_REQUESTS: usize = 30;
const KILLED_MAILERS: usize = 150;
/// The number of steps within which one is killed. A call to a service takes two or three.
const STEPS_OF_REQUEST: usize = 12;
const STEPS_OF_MAILER: usize = 60;
/// How many of a thousand replies are lost between the gateway and the caller.
const LOST_REPLIES: usize = 20;

/// What has happened to the functions.
#[derive(Clone, Copy, Default)]
pub struct Fates {
    pub requests: usize,
    pub killed_requests: usize,
    pub lost_replies: usize,
    pub unavailable: usize,
    pub mailers: usize,
    pub killed_mailers: usize,
    pub started: usize,
}

pub struct Fleet {
    app: Arc<TestApp>,
    state: Mutex<State>,
}

struct State {
    chance: Chance,
    running: Vec<Arc<Functions>>,
    /// The services of each round of keys; new functions use the last.
    services: Vec<Server>,
    /// The functions that have not been started anew since the last round.
    outdated: usize,
    fates: Fates,
}

impl Fleet {
    pub async fn start(app: Arc<TestApp>, chance: Chance) -> Self {
        let services = app.services_with(app.keys.clone()).await;
        let running: Vec<_> = (0..SIZE).map(|_| Arc::new(app.functions_at(&services))).collect();
        let fates = Fates { started: SIZE, ..Fates::default() };
        let state = State { chance, running, services: vec![services], outdated: 0, fates };
        Self { app, state: Mutex::new(state) }
    }

    pub fn fates(&self) -> Fates {
        self.state.lock().unwrap().fates
    }

    /// Begins a round of a rotation of all keys: functions that start from now on have `k2`, and use the key `current`.
    pub async fn rotate(&self, current: &str) {
        let mut ring = self.app.keys.clone();
        for name in [keys::PEPPER, keys::DERIVATION, keys::CODES, keys::LIMITS] {
            ring.insert(name.to_owned(), with_second_key(&self.app.keys[name], current));
        }
        let services = self.app.services_with(ring).await;
        let mut state = self.state.lock().unwrap();
        state.services.push(services);
        state.outdated = SIZE;
    }

    /// Starts some functions anew, if a round is under way. Returns whether all have been.
    pub fn renew(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        for _ in 0..RENEWED.min(state.outdated) {
            state.outdated -= 1;
            let place = state.outdated;
            self.restart(&mut state, place);
        }
        state.outdated == 0
    }

    fn restart(&self, state: &mut State, place: usize) {
        state.fates.started += 1;
        state.running[place] = Arc::new(self.app.functions_at(state.services.last().unwrap()));
    }

    /// Sends a request of a caller. `None` when no reply arrives: the function was killed, or the reply was lost.
    pub async fn send(&self, event: HttpEvent) -> Option<Reply> {
        let (place, functions, step) = self.begin(KILLED_REQUESTS, STEPS_OF_REQUEST);
        let reply = killed_at(step, functions.send(event.into_value())).await;
        let mut state = self.state.lock().unwrap();
        state.fates.requests += 1;
        let Some(reply) = reply else {
            state.fates.killed_requests += 1;
            self.restart(&mut state, place);
            return None;
        };
        state.fates.unavailable += usize::from(reply.status == 503);
        let is_lost = state.chance.happens(LOST_REPLIES);
        state.fates.lost_replies += usize::from(is_lost);
        (!is_lost).then_some(reply)
    }

    /// Invokes a mailer. `None` when it was killed or has failed.
    pub async fn invoke_mailer(&self, event: Value) -> Option<Value> {
        let (place, functions, step) = self.begin(KILLED_MAILERS, STEPS_OF_MAILER);
        let answer = killed_at(step, invoke_mailer(&functions.mailer, event)).await;
        let mut state = self.state.lock().unwrap();
        state.fates.mailers += 1;
        if answer.is_none() {
            state.fates.killed_mailers += 1;
            self.restart(&mut state, place);
        }
        answer?.ok()
    }

    /// Sends a request to a function that was started last, and lets it live.
    pub async fn send_in_peace(&self, event: HttpEvent) -> Reply {
        let newest = self.state.lock().unwrap().running[0].clone();
        newest.send(event.into_value()).await
    }

    /// One of the running functions, and the step at which the invocation is killed, if it is.
    fn begin(&self, killed: usize, steps: usize) -> (usize, Arc<Functions>, usize) {
        let mut state = self.state.lock().unwrap();
        let place = state.chance.below(SIZE);
        let step = if state.chance.happens(killed) { state.chance.below(steps) } else { usize::MAX };
        (place, state.running[place].clone(), step)
    }
}

/// Runs a future, and drops it when it waits for the time of this number. What it has sent may still be carried out.
async fn killed_at<T>(step: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), step);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
