show-password = Show
hide-password = Hide
waiting = Please wait.
unavailable = Sorry, something is not working
try-again = Try again
title-error = Error: { $title }
identifier-missing = Enter your username or email address
password-missing = Enter your password
why-idle = You were signed out because the page was not used for a while. Please sign in again.
why-ended = You are not signed in. Sign in to go on.
why-out = You are signed out.
error-unreachable = We could not reach our server. Check your internet connection and try again.
error-unavailable = Something is not working. Please try again in a minute.
error-internal = Something went wrong. Please try again, or contact us.
error-too_many_requests = There were too many attempts. Please wait { $wait } and try again.
error-invalid_credentials = The username or the password is not right. Check both, or choose a new password.
error-temporary_password_expired = This temporary password has ended. Ask us for a new one, or choose a new password yourself.
error-invalid_request = Something you entered cannot be used. Check it and try again.
error-invalid_session = You are signed out. Please sign in again.
error-origin_not_allowed = This page is not at its right address. Please start again from the address that your practice gave you.
weak-too_short =
    { $count ->
        [one] Use at least { $count } character
       *[other] Use at least { $count } characters
    }
weak-too_common = This password is too easy to guess. Try some words that do not belong together.
weak-context_word = Do not use your name, your username or the practice’s name
weak-same_as_current = Use a password that is not your present one
why-temporary = The time of your temporary password is over. Ask us for a new one, or choose “I forgot my password”.
recover-instead = You do not have to wait if you choose a new password now: use “I forgot my password” below.
error-identifier = Enter a username, or a whole email address without spaces.
error-current_password = The current password is not right.
error-method_not_offered = This way is not offered. Load the page again and choose another.
link-instead = You can ask for a link instead.
code-missing = Enter the code from the email
code-digits = This is not a whole code. Enter all the digits that the email shows.
error-invalid_code = This code is not right. Check the email and try again.
error-invalid_code-left =
    { $count ->
        [one] This code is not right. You can try { $count } more time.
       *[other] This code is not right. You can try { $count } more times.
    }
account-missing = Choose an account
helped = We have your request for help.
helped-call = We have your request. We will call you at the number that we have of you.
helped-visit = We have your request. When you come by, say at the desk that no email came.
ask-link = Ask for a new link
ask-code = Ask for a new code
choose-password = Choose a new password
sign-in = Sign in
## A new password
reset-heading = Choose a new password
reset-text = It is for your account with { $practice }.
invitation-heading = Create your account
invitation-text = Welcome. Choose a password for your account with { $practice }.
invitation-save = Create my account
link-until = The link works until
code-until = Please finish by
link-soon = This link ends in about two minutes. After that, you can ask for a new one.
code-soon = Your time ends in about two minutes. After that, you can ask for a new code.
rule-length =
    { $count ->
        [one] At least { $count } character
       *[other] At least { $count } characters
    }
rule-left =
    { $count ->
        [one] { $count } more character needed
       *[other] { $count } more characters needed
    }
rule-enough = The password is long enough.
rule-same = Both passwords are the same
rule-met = (done)
new-password-missing = Enter a new password
again-missing = Enter the new password again
again-differs = The two passwords are not the same
weak-too_long =
    { $count ->
        [one] Use at most { $count } character
       *[other] Use at most { $count } characters
    }
password-set = Your new password is set
password-set-text = Sign in with it. All other devices have been signed out.
account-ready = Your account is ready
account-ready-text = Sign in with your username and your new password.
current-missing = Enter your current password
temporary-password = Temporary password, from our email
## The security question
question-choose = Choose a question
question-none = No question
question-own = My own question
question-missing = Choose a question
own-question-missing = Write your question
answer-missing = Enter your answer
answer-letters = The answer needs letters or digits
error-wrong_answer = This answer is not right.
error-wrong_answer-left =
    { $count ->
        [one] This answer is not right. You can try { $count } more time.
       *[other] This answer is not right. You can try { $count } more times.
    }
question-1 = What was the name of your first pet?
question-2 = What was the name of your first teacher?
question-3 = What was the first dish you learned to cook?
question-4 = What did you want to become when you were a child?
question-5 = What was the first concert or play you went to?
question-6 = What is the name of a place you dream of seeing?
## What is over
over-token-expired_token = This link has ended
over-token-expired_token-text = A link works for a limited time. Ask for a new one. It comes to your email.
over-token-used_token = This link has been used
over-token-used_token-text = If you chose a password with it, sign in. If not, ask for a new link.
over-token-revoked_token = This link no longer works
over-token-revoked_token-text = Something has changed since we sent it. Ask for a new one. It comes to your email.
over-token-invalid_token = This link is not complete
over-token-invalid_token-text = Open the link in the email again, or copy all of it. If that does not work, ask for a new one.
over-token-answers_spent = There were too many wrong answers
over-token-answers_spent-text = This link no longer works. Ask for a new one. If you do not remember your answer, only we can help you: contact us.
over-token-question_not_set = Please contact us
over-token-question_not_set-text = To keep you safe we need a security question, and your account has none yet. Only we can help you now:
over-token-idempotency_key_reused = Your password was set already
over-token-idempotency_key_reused-text = It is the one that you entered first. Sign in with it.
over-code = You need a new code
over-code-text = The time is over, or something has changed since. Ask for a new code. It comes to your email.
over-code-code_expired = This code no longer works
over-code-code_expired-text = A code works for a short time, and once. Ask for a new one. It comes to your email.
over-code-attempts_spent = There were too many wrong codes
over-code-attempts_spent-text = To keep the account safe, this code no longer works. Ask for a new one.
over-code-answers_spent = There were too many wrong answers
over-code-answers_spent-text = Ask for a new code to try again. If you do not remember your answer, only we can help you: contact us.
over-code-question_not_set = Please contact us
over-code-question_not_set-text = To keep you safe we need a security question, and your account has none yet. Only we can help you now:
over-code-idempotency_key_reused = Your password was set already
over-code-idempotency_key_reused-text = It is the one that you entered first. Sign in with it.
over-repudiate-expired_token = This link has ended
over-repudiate-expired_token-text = It worked for 30 days. You can still choose a new password now. That signs out everybody else.
over-repudiate-revoked_token = This link no longer works
over-repudiate-revoked_token-text = The email address of this account has changed since. Please contact us now:
over-repudiate-invalid_token = This link is not complete
over-repudiate-invalid_token-text = Open the link in the email again, or copy all of it. If that does not work, contact us:
over-not-me = This link no longer works
over-not-me-text = If our emails still reach you by mistake, please contact us:
## My account
fact-name = Name
fact-username = Username
fact-email = Email address
no-email = None. Ask us to add one.
this-device = This device
device-on = { $browser } on { $system }
device-app = an app
device-unknown = An unknown device
session-facts = Signed in on { $since }. Last used { $used }. From { $ip }.
end-session = Sign out
end-session-of = Sign out { $device }, signed in on { $since }
session-ended = The device is signed out.
others-ended = All other devices are signed out.
by-anonymous = by somebody who was not signed in
by-holder = by you
by-staff = by our staff
by-operator = by those who run this service
by-system = automatically
from-ip = from { $ip }
action-user_created = The account was made
action-user_updated = Something in the account was changed
action-help_requested = Help was asked for, because no email came
action-help_taken = A request for help was taken up
action-help_done = A request for help was settled
action-help_refused = A request for help was refused
action-caseload_changed = The staff who care for you changed
action-association_changed = A person who may act for another was added or changed
action-association_ended = A person no longer acts for another
action-recovery_refused = A new password was asked for, but no email could go
action-excess_rate_limit_exceeded = There were too many attempts, so we refused some
action-authn_token_created = A link, a code or a temporary password was made
action-authn_code_success = A right code was entered
action-authn_code_fail = A wrong code was entered
action-caller_check_created = A code to read out to staff was sent
action-authn_token_revoked = A link, a code or a temporary password was taken back
action-authn_token_reuse = A link or code that no longer works was tried
action-mail_sent = An email was sent
action-mail_not_sent = An email could not be sent
action-mail_bounced = An email came back
action-mail_complained = An email was marked as spam
action-mail_restored = Emails arrive again
action-wrong_person_reported = Somebody said that our emails reach the wrong person
action-authn_password_change = The password was changed
action-authn_password_change_fail = A change of the password failed
action-authn_password_voided = The password was ended
action-authn_password_repudiated = A change was reported as not yours, and the account was locked
action-security_question_change = The security question was changed
action-security_question_change_fail = A change of the security question failed
action-authn_login_success = Sign-in
action-authn_login_fail = A sign-in failed
action-authn_login_lock = A sign-in was refused after too many failures
action-authn_confirmed = The password was entered again
action-authn_logout = Sign-out
action-session_revoked = A device was signed out
## The time limit
time-limit-text = To keep your account safe, we will sign you out in about { $span }.
time-limit-stay = Stay signed in
time-limit-last = To keep your account safe, everybody is signed out after some hours. For you that is on { $time }. Finish what you are doing, and then sign in again.
time-limit-go-on = Go on until then
