show-password = Show
hide-password = Hide
waiting = Please wait.
unavailable = Sorry, something is not working
try-again = Try again
title-error = Error: { $title }
identifier-missing = Enter your username or email address
password-missing = Enter your password
why-ended = You were signed out because the page was not used for a while. Please sign in again.
why-out = You are signed out.
why-changed = Your password is changed. Sign in with the new one.
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
