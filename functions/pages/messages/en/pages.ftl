## Every page
skip = Skip to the content
language = Language
continue = Continue
sign-out = Sign out
show-password = Show
show-password-of = Show or hide: { $field }
errors-heading = There is a problem
no-script = This page needs JavaScript, which is turned off in your browser. Turn it on and load the page again. If you cannot, please contact us:
help-heading = Do you need help?
help-text = { $practice } can help you get into your account.
contact-phone = Call
contact-email = Write to
contact-url = Visit
time-limit-heading = Are you still there?
time-limit-text = To keep your account safe, we will sign you out in about two minutes.
time-limit-stay = Stay signed in
## Nothing there
nowhere-title = Page not found
nowhere-text = If you typed the address, check that it is right. If you followed a link, ask for a new one.
unavailable-title = Sorry, something is not working
unavailable-text = Please try again in a minute. Nothing you did is lost.
choice-title = Change your password
choice-text = Tell us which practice your account is with.
choice-practice = The practice’s short name
choice-practice-hint = It stands in the address of the page where you sign in, after /p/.
choice-portal = Your account
choice-client = I am a patient, client, parent or guardian
choice-staff = I work there
## Sign in
sign-in-title = Sign in
sign-in-title-staff = Sign in (staff)
sign-in = Sign in
identifier = Username or email address
identifier-hint = Your username is in the mails we send you.
password = Password
forgot-link = I forgot my password
