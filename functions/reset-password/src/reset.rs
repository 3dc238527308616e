//! `POST /v1/password/reset`.

use std::time::Duration;

use rekey::account::{Account, Question};
use rekey::clock::Timestamp;
use rekey::event::{Action, Actor, Event, Reason};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::ids::EventId;
use rekey::limit::Subject;
use rekey::new_password::NewPassword;
use rekey::outbox::{Errand, Outbox};
use rekey::password::{Password, PasswordHash, Verdict};
use rekey::practice::{Practice, SecurityQuestion};
use rekey::question::{self, Chosen, NewQuestion};
use rekey::secret::Secret;
use rekey::store::Outcome;
use rekey::store::tickets::{Answered, Reset};
use rekey::ticket::{Issuer, Purpose, Ticket};
use rekey::token::{Digest, digest_of};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Deps, find, open};

/// The new password of the holder of a token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// From the link's fragment, or what a code was exchanged for.
    pub token: Secret,
    /// 1 to 256 code points, taken as they are.
    pub new_password: Secret,
    /// To the security question, when the preview or the code showed one.
    pub answer: Option<Secret>,
    /// The one to be asked from now on. With an invitation only.
    pub security_question: Option<NewQuestion>,
}

/// Sets a new password. Ends every session of the account, voids its other tickets, signs nobody in.
#[utoipa::path(post, path = "/v1/password/reset", operation_id = "resetPassword", tag = "recovery", security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 ASCII characters of the caller's choice: \
        a retry within ten minutes with the same key, token and password gets the same success")),
    request_body = ResetRequest,
    responses(
        (status = 204, description = "The password is set; a confirmation is on its way"),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 403, description = "`wrong_answer` with `attempts_left`, `question_not_set` with `support`", body = ProblemBody),
        (status = 404, description = "`invalid_token`", body = ProblemBody),
        (status = 410, description = "`expired_token`, `used_token`, `revoked_token`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`weak_password` with `reasons`, `idempotency_key_reused`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`, with `Retry-After`: the account has had a day's answers", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn reset(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: ResetRequest = call.json()?;
    let idempotency = call.idempotency_key()?.map(digest_of);
    let password = NewPassword::parse(&asked.new_password)?;
    let chosen = asked.security_question.map(check_question).transpose()?;
    let (ticket, account) = find(deps, &asked.token).await?;
    let now = deps.ambient.now();
    if is_repeat(&ticket, idempotency, now) {
        return repeat(deps, call, (&ticket, &account), password.password()).await;
    }
    if let Err(problem) = open(&ticket, &account, now) {
        record_reuse(deps, call, &ticket, problem.code()).await?;
        return Err(problem);
    }
    if chosen.is_some() && Purpose::of(&account) != Purpose::Invitation {
        return Err(Problem::invalid("security_question", "can only be set by an invitation"));
    }
    let practice = deps.practice(&ticket.practice, now).await?;
    password.judge(&practice, &account)?;
    let answers = check_answer(deps, call, &practice, &ticket, &account, asked.answer.as_ref()).await?;
    let hash = password.keep(&deps.hasher, deps.peppers.get().await?, &deps.ambient, &account)?;
    let question = match chosen {
        Some(chosen) => Some(chosen.keep(&deps.hasher, deps.peppers.get().await?, &deps.ambient)?),
        None => None,
    };
    let set = NewCredentials { password: &hash, question: question.as_ref(), answers: answers.as_ref() };
    match consume(deps, call, &ticket, &account, &set, idempotency).await? {
        Outcome::Written => Ok(Answer::empty()),
        Outcome::Refused(_) => lost_race(deps, call, &asked.token, password.password(), idempotency).await,
    }
}

fn check_question(asked: NewQuestion) -> Result<Chosen, Problem> {
    asked.check().map_err(|(member, rule)| Problem::invalid(&format!("security_question.{member}"), rule))
}

/// T8: each answer is counted before it is compared; the fifth wrong one voids the ticket, and an account takes no more than
/// a day's. The counter of those that a right answer was counted on, if one was asked for: it ends with the reset.
async fn check_answer(
    deps: &Deps,
    call: &Call,
    practice: &Practice,
    ticket: &Ticket,
    account: &Account,
    answer: Option<&Secret>,
) -> Result<Option<Subject>, Problem> {
    let required = practice.policy.security_question == SecurityQuestion::Required;
    let Some(question) = account.asked_question(&practice.policy, ticket.issuer) else {
        // Whom staff have given a ticket they have looked at: that is the help that the others are sent to.
        let unaided = ticket.issuer == Issuer::SelfService;
        let missing = required && unaided && Purpose::of(account) == Purpose::Reset;
        let problem = || Problem::new(Code::QuestionNotSet).with("support", &practice.support);
        return if missing { Err(problem()) } else { Ok(None) };
    };
    let wrong = |left: u64| Problem::new(Code::WrongAnswer).with("attempts_left", left);
    let limit = Subject::answers(deps.limits_key.get().await?.current()?, account.id, ticket.issuer);
    let Some(answer) = answer.and_then(|answer| question::normalize(answer.expose())) else {
        // Nothing was compared: nothing is counted.
        return Err(wrong(question::ATTEMPTS.saturating_sub(ticket.answers)));
    };
    // The keys come first: failing to get them must not cost an answer.
    let peppers = deps.peppers.get().await?;
    match deps.store.count_answer(ticket, Some(&limit), deps.ambient.now()).await? {
        Answered::Counted => {}
        Answered::Void => return Err(Problem::new(Code::RevokedToken)),
        Answered::Later { retry_after, since } => {
            let event = event(deps, call, ticket, Action::ExcessRateLimitExceeded)?;
            let event = Event { id: EventId::of_wait(&limit, since, event.at), ..event };
            deps.store.record_event(&event.because(Reason::WrongAnswer)).await?;
            return Err(Problem::too_many(retry_after));
        }
    }
    match deps.hasher.verify(peppers, &answer, Some(&question.answer))? {
        Verdict::Wrong => {
            let event =
                event(deps, call, ticket, Action::AuthnPasswordChangeFail)?.because(Reason::WrongAnswer);
            deps.store.record_event(&event).await?;
            Err(wrong(question::ATTEMPTS.saturating_sub(ticket.answers + 1)))
        }
        Verdict::Right | Verdict::RightButOutdated => {
            deps.store.forgive_answer(ticket).await?;
            Ok(Some(limit))
        }
    }
}

/// What a holder sets.
struct NewCredentials<'a> {
    password: &'a PasswordHash,
    question: Option<&'a Question>,
    /// The counter of answers that ends with it.
    answers: Option<&'a Subject>,
}

async fn consume(
    deps: &Deps,
    call: &Call,
    ticket: &Ticket,
    account: &Account,
    set: &NewCredentials<'_>,
    idempotency: Option<Digest>,
) -> Result<Outcome, Problem> {
    let key = deps.limits_key.get().await?.current()?;
    let subject = |identifier| Subject::identifier(key, &account.practice, account.portal, identifier);
    let limits: Vec<Subject> = account.identifiers().iter().map(subject).collect();
    // Hashing took its time; the ticket must still be open now.
    let now = deps.ambient.now();
    let errand = Errand::PasswordChanged { account: account.id };
    let confirmation = Outbox::new(&deps.ambient, &account.practice, errand, Some(call.address))?;
    let event = event(deps, call, ticket, Action::AuthnPasswordChange)?;
    let event = &event.with_outbox(confirmation.id);
    let reset = Reset {
        ticket,
        account,
        password: set.password,
        question: set.question,
        now,
        idempotency,
        event,
        confirmation: &confirmation,
        limits: &limits,
        answers: set.answers,
    };
    Ok(deps.store.consume_ticket(&reset).await?)
}

fn event(deps: &Deps, call: &Call, ticket: &Ticket, action: Action) -> Result<Event, Problem> {
    let event = Event::new(&deps.ambient, &ticket.practice, action, Actor::Holder)?;
    Ok(event.of(ticket.account, ticket.portal).with_ticket(ticket.id).from_address(call.address))
}

/// A ticket that is no longer good was presented to set a password: worth an entry.
async fn record_reuse(deps: &Deps, call: &Call, ticket: &Ticket, code: Code) -> Result<(), Problem> {
    let reason = match code {
        Code::ExpiredToken => Reason::Expired,
        Code::UsedToken => Reason::Used,
        _ => Reason::Revoked,
    };
    let event = event(deps, call, ticket, Action::AuthnTokenReuse)?.because(reason);
    Ok(deps.store.record_event(&event).await?)
}

/// Another write came first: say what is true now.
async fn lost_race(
    deps: &Deps,
    call: &Call,
    token: &Secret,
    password: &Password,
    idempotency: Option<Digest>,
) -> Result<Answer, Problem> {
    let (ticket, account) = find(deps, token).await?;
    let now = deps.ambient.now();
    if is_repeat(&ticket, idempotency, now) {
        return repeat(deps, call, (&ticket, &account), password).await;
    }
    open(&ticket, &account, now)?;
    // The ticket is open and yet the write was refused: the account changed in between. Trying again will work.
    Err(Problem::unavailable("using a ticket", "the account changed meanwhile"))
}

/// How long after its use a ticket's request may be repeated.
const REPEATABLE: Duration = Duration::from_mins(10);

/// The ticket was used by this very request, sent again (T5).
fn is_repeat(ticket: &Ticket, idempotency: Option<Digest>, now: Timestamp) -> bool {
    let lately = ticket.used_at.is_some_and(|used_at| now < used_at + REPEATABLE);
    lately && idempotency.is_some() && ticket.used_with == idempotency
}

/// The same success for the same request. The key alone is not enough; a key with other passwords is no way to try them out:
/// misses are recorded, and count like wrong answers.
async fn repeat(
    deps: &Deps,
    call: &Call,
    (ticket, account): (&Ticket, &Account),
    password: &Password,
) -> Result<Answer, Problem> {
    let is_current = account.is_open() && account.credential_version == ticket.credential_version + 1;
    if !is_current || ticket.answers >= question::ATTEMPTS {
        return Err(Problem::new(Code::UsedToken));
    }
    let peppers = deps.peppers.get().await?;
    match deps.hasher.verify(peppers, password, account.password.as_ref())? {
        Verdict::Wrong => {
            deps.store.count_answer(ticket, None, deps.ambient.now()).await?;
            let event =
                event(deps, call, ticket, Action::AuthnPasswordChangeFail)?.because(Reason::WrongPassword);
            deps.store.record_event(&event).await?;
            Err(Problem::new(Code::IdempotencyKeyReused))
        }
        Verdict::Right | Verdict::RightButOutdated => Ok(Answer::empty()),
    }
}
