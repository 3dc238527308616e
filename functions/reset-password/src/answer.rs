//! The answer to the security question (T8): each is counted before it is compared; the fifth wrong one voids the ticket, and an
//! account takes no more than a day's.

use rekey::domain::event::{Action, Event, Reason};
use rekey::domain::issuer::Issuer;
use rekey::domain::limit::Subject;
use rekey::domain::practice::{Practice, SecurityQuestion};
use rekey::domain::question;
use rekey::domain::ticket::Purpose;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::secrets::password::Verdict;
use rekey::secrets::secret::Secret;
use rekey::store::answers::Answered;
use rekey::store::tickets::TicketOfAccount;

use crate::attempt::Attempt;

/// Checks the answer where the account has a question that is asked. Returns the counter of those that a right answer was
/// counted on, if one was asked for: it ends with the reset.
pub(crate) async fn check_answer(
    attempt: &Attempt<'_>,
    practice: &Practice,
    answer: Option<&Secret>,
) -> Result<Option<Subject>, Problem> {
    let (deps, TicketOfAccount { ticket, account }) = (attempt.deps, attempt.found);
    let Some(question) = account.asked_question(&practice.policy, ticket.issuer) else {
        return must_not_lack_one(attempt, practice).map(|()| None);
    };
    let limit = Subject::answers(deps.limits_key.get().await?.current()?, account.id, ticket.issuer);
    let Some(answer) = answer.and_then(|answer| question::normalize(answer.expose())) else {
        // Nothing was compared: nothing is counted.
        return Err(wrong_answer(ticket.answers));
    };
    // The keys come first: failing to get them must not cost an answer.
    let peppers = deps.peppers.get().await?;
    count(attempt, &limit).await?;
    match deps.hasher.verify(peppers, &answer, Some(&question.answer))? {
        Verdict::Wrong => {
            let event = attempt.event(Action::AuthnPasswordChangeFail)?.because(Reason::WrongAnswer);
            deps.store.record_event(&event).await?;
            Err(wrong_answer(ticket.answers + 1))
        }
        Verdict::Right | Verdict::RightButOutdated => {
            deps.store.forgive_answer(ticket).await?;
            Ok(Some(limit))
        }
    }
}

/// An account whose practice asks a question must have one to recover by itself. A ticket that staff have issued does without:
/// looking at the account is the help that the others are sent to.
fn must_not_lack_one(attempt: &Attempt<'_>, practice: &Practice) -> Result<(), Problem> {
    let TicketOfAccount { ticket, account } = attempt.found;
    let required = practice.policy.security_question == SecurityQuestion::Required;
    let unaided = ticket.issuer == Issuer::SelfService;
    if required && unaided && Purpose::of(account) == Purpose::Reset {
        return Err(Problem::new(ErrorCode::QuestionNotSet).with("support", &practice.support));
    }
    Ok(())
}

async fn count(attempt: &Attempt<'_>, limit: &Subject) -> Result<(), Problem> {
    let deps = attempt.deps;
    match deps.store.count_answer(&attempt.found.ticket, Some(limit), deps.ambient.now()).await? {
        Answered::Counted => Ok(()),
        Answered::Void => Err(Problem::new(ErrorCode::RevokedToken)),
        Answered::Later { retry_after, since } => {
            let event = attempt.event(Action::ExcessRateLimitExceeded)?;
            let event = Event { id: limit.wait_id(since, event.at), ..event };
            deps.store.record_event(&event.because(Reason::WrongAnswer)).await?;
            Err(Problem::too_many(retry_after))
        }
    }
}

fn wrong_answer(given: u64) -> Problem {
    Problem::new(ErrorCode::WrongAnswer).with("attempts_left", question::ATTEMPTS.saturating_sub(given))
}
