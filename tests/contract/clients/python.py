"""The whole recovery with a client of openapi-python-client: by link, by code, sign-in, and a link of staff's."""

import datetime
from collections.abc import Callable

from rekey_client import AuthenticatedClient, Client
from rekey_client.api.recovery import forgot_password, preview_reset, reset_password, verify_code
from rekey_client.api.sessions import create_session
from rekey_client.api.staff import create_link, list_accounts
from rekey_client.models import (
    AccountsPage,
    Delivery,
    ForgotAnswer,
    ForgotRequest,
    InvalidCodeProblem,
    Issued,
    NewLink,
    Portal,
    Preview,
    PreviewRequest,
    RecoveryMethod,
    ResetRequest,
    SignInAnswer,
    SignInRequest,
    VerifiedAccount,
    VerifiedMailbox,
    VerifyCodeRequest,
    WeakPasswordProblem,
    WeaknessCode,
)

Mailed = Callable[[str, str], str]


def by_link(client: Client, mailed: Mailed) -> None:
    request = ForgotRequest(practice="veterinary", identifier="jane", method=RecoveryMethod.LINK)
    asked = forgot_password.sync(client=client, body=request)
    assert isinstance(asked, ForgotAnswer) and asked.method is RecoveryMethod.LINK
    token = mailed("jane@veterinary.test", "token")
    preview = preview_reset.sync(client=client, body=PreviewRequest(token=token))
    assert isinstance(preview, Preview) and preview.question is None
    least: int = preview.policy.min_length
    assert least == 15
    weak = reset_password.sync(client=client, body=ResetRequest(token=token, new_password="short"))
    assert isinstance(weak, WeakPasswordProblem)
    reasons: list[WeaknessCode] = [reason.code for reason in weak.reasons]
    assert reasons == [WeaknessCode.TOO_SHORT]
    reset = ResetRequest(token=token, new_password="seven lanterns under snow")
    done = reset_password.sync_detailed(client=client, body=reset, idempotency_key="four")
    assert done.status_code == 204


def by_code(client: Client, mailed: Mailed) -> None:
    asked = forgot_password.sync(client=client, body=ForgotRequest(practice="therapy", identifier="jane"))
    assert isinstance(asked, ForgotAnswer)
    code = mailed("jane@therapy.test", "code")
    wrong = VerifyCodeRequest(request_id=asked.request_id, code="00000000")
    refused = verify_code.sync(client=client, body=wrong)
    assert isinstance(refused, InvalidCodeProblem)
    left: int = refused.attempts_left
    assert left == 4
    verified = verify_code.sync(client=client, body=VerifyCodeRequest(request_id=asked.request_id, code=code))
    if isinstance(verified, VerifiedMailbox):
        tokens: list[str] = [account.token for account in verified.accounts]
    else:
        assert isinstance(verified, VerifiedAccount)
        tokens = [verified.token]
    assert len(tokens) == 1


def sign_in(client: Client) -> None:
    request = SignInRequest(practice="veterinary", identifier="jane", password="seven lanterns under snow")
    session = create_session.sync(client=client, body=request)
    assert isinstance(session, SignInAnswer) and session.next_ is None


def staff_link(client: Client, base_url: str) -> None:
    request = SignInRequest(
        practice="veterinary", portal=Portal.STAFF, identifier="admin", password="walk the green river"
    )
    session = create_session.sync(client=client, body=request)
    assert isinstance(session, SignInAnswer) and isinstance(session.token, str)
    staff = AuthenticatedClient(base_url=base_url, token=session.token)
    found = list_accounts.sync(client=staff, q="jane")
    assert isinstance(found, AccountsPage)
    expires_at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=6)
    body = NewLink(expires_at=expires_at, deliver=Delivery.COPY)
    link = create_link.sync(id=found.accounts[0].id, client=staff, body=body)
    assert isinstance(link, Issued) and isinstance(link.url, str)
