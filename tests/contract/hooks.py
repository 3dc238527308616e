"""What schemathesis is told of this API beyond the contract document."""

import os
import re
from typing import Any

import schemathesis

# The ids of the caller's own account and session. A call that ends them would leave the rest of the run without its session.
OWN = set(filter(None, os.environ.get("REKEY_OWN", "").split(",")))
NOBODYS = "01KAKZ2Y00000000000000000K"

# The rules that JSON Schema cannot state: they are about other members, about what is stored, or about classes of characters.
# A request that fits the schemas may be refused by one of these, and by no other.
RULES = [
    re.compile(rule)
    for rule in (
        r"identifier: must not (be empty|contain control characters, and an address no spaces|contain characters that imitate others)",
        r"(username|email|record_email): ",
        r"code: must have (6 to 10|six) digits",
        r"(security_question\.)?(answer: must have 1 to 256 letters or digits|question: .* no control characters)",
        r"security_question: can only be set with an invitation",
        r"(display_name|reason|role|relationship): must have .* no control characters",
        r"role: (a client has none|must be staff or admin)",
        r"invite: must not be true without an email",
        r"account_id: must be another client's account",
        r"account_id: must not be a client of the account",
        r"until: must be an RFC 3339 time to come",
        r"id: must be (a client's account|the account of a member of staff)",
        r"to: must be another member of staff",
        r"revoke_issued: belongs to closing a member of staff",
        r"closed_reason: an account that is open has none",
        r"expires_at: must be an RFC 3339 time, 10 minutes to \d+ hours ahead",
        r"(proof\.)?note: must (have .* no control characters|not contain the number of a document|say why there is no proof)",
        r"proof\.check_id: (is required for mailed_code|belongs to mailed_code alone)",
        r"reason: is required when the link lives longer than 24 hours",
        r"limit: must be 1 to 100$",
        r"cursor: must be an answer's next_cursor",
    )
]


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leaves out bodies and headers that are not UTF-8, but for pictures.

    The local emulator answers them itself, with a 500. Of AWS, the gateway hands such bodies over in base64: a test of `contract.rs`
    sends one. A picture is no text by its content type, and the emulator hands it over in base64 too.
    """
    sent = [*(case.headers or {}).values(), *(case.cookies or {}).values()]
    if not all(str(value).isascii() for value in sent):
        return False
    named = {name.lower(): str(value) for name, value in (case.headers or {}).items()}
    if not isinstance(case.body, bytes) or named.get("content-type", case.media_type) == "image/png":
        return True
    try:
        case.body.decode()
    except UnicodeDecodeError:
        return False
    return True


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Lets a call that is not a read be about somebody else than the caller, and a picture that is called a text be a text, since the
    emulator answers one that is not UTF-8 itself."""
    named = {name.lower(): str(value) for name, value in (case.headers or {}).items()}
    if case.path.endswith("/logo") and named.get("content-type", "").startswith("text/"):
        case.body = b"no picture"
    for name, value in (case.path_parameters or {}).items():
        if value in OWN and case.method != "GET":
            case.path_parameters[name] = NOBODYS


@schemathesis.check
def refused_by_a_rule_that_no_schema_can_state(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """A request that fits the schemas is never refused for its shape."""
    if response.status_code != 400 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    if problem["code"] == "invalid_code":
        return
    detail = problem.get("detail", "")
    assert any(rule.match(detail) for rule in RULES), f"a request that fits the schemas is refused: {problem['code']} {detail}"
