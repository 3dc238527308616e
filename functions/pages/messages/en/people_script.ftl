## Dialogs
cancel = Cancel
confirm-password-heading = Enter your password
confirm-password-text = This needs your password again. It counts for ten minutes.
confirm-password-label = Your password
confirm-password-yes = Continue
error-confirmation_required = This needs your password again.
error-forbidden = You are not allowed to do this. Ask an administrator of your practice.
error-not_found = This is not there any more, or you may not see it.
more = Show more
