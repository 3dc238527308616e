"""The canary: every few minutes it does at a deployment what a person's browser would, and fails at the first wrong answer.

It works in the practice `smoke`, and signs in as `canary`, whom `infra/smoke --canary` makes. It reads no table. The names that it asks
for and fails to sign in with are nobody's, and each comes back after days: so it reaches no limit and has nobody mailed.
"""

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

# A sign-in and the sign-out leave two events, and events are kept for ever. So a copy of the function signs in this seldom.
SECONDS_BETWEEN_SIGN_INS = 6 * 3600
# The number of names that are nobody's.
NAMES = 997
# What the functions of AWS's gateway allow.
TIMEOUT = 25

# When this copy signed in last, by the clock of the machine.
signed_in_at: float | None = None


class WrongAnswer(Exception):
    """An answer has another status than it should have."""


def call(expected: int, method: str, url: str, body: dict[str, str] | None = None, session: str | None = None) -> Any:
    """Makes a call, which must be answered with this status, and returns what is answered."""
    headers = {"content-type": "application/json", "user-agent": "rekey-canary"}
    if session:
        headers["authorization"] = f"Bearer {session}"
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
            status, text = reply.status, reply.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    if status != expected:
        # The body of a success may have a token, which must not come into the log.
        said = text[:300].decode(errors="replace") if status >= 400 else ""
        raise WrongAnswer(f"{method} {url} answered {status}, not {expected} {said}".rstrip())
    return json.loads(text) if text else None


def ask_as_nobody(api: str) -> None:
    """What anybody may ask."""
    nobody = f"nobody{int(time.time()) % NAMES}"
    who = {"practice": "smoke", "identifier": nobody}
    call(200, "GET", f"{api}/v1/practices/smoke")
    call(202, "POST", f"{api}/v1/password/forgot", who)
    call(404, "POST", f"{api}/v1/password/reset/preview", {"token": "A" * 43})
    call(401, "POST", f"{api}/v1/sessions", {**who, "password": "not the password"})


def sign_in_and_out(api: str, password: str) -> None:
    """A whole session."""
    who = {"practice": "smoke", "identifier": "canary", "password": password}
    session = call(201, "POST", f"{api}/v1/sessions", who)["token"]
    call(200, "GET", f"{api}/v1/account", session=session)
    call(204, "DELETE", f"{api}/v1/sessions/current", session=session)
    call(401, "GET", f"{api}/v1/account", session=session)


def read_password() -> str:
    """The password of `canary`, from its secret."""
    import boto3  # Lambda brings it, and a laptop has none.

    client = boto3.client("secretsmanager")
    return str(client.get_secret_value(SecretId=os.environ["REKEY_CANARY_SECRET"])["SecretString"])


def handler(event: Any, context: Any) -> None:
    """Walks once. An exception is an error of the function, which the alarm `canary` counts."""
    global signed_in_at
    api = os.environ["REKEY_API"]
    ask_as_nobody(api)
    now = time.monotonic()
    if signed_in_at is None or now - signed_in_at >= SECONDS_BETWEEN_SIGN_INS:
        sign_in_and_out(api, read_password())
        signed_in_at = now
