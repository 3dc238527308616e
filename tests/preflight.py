#!/usr/bin/env python3
"""infra/preflight against accounts that answer what AWS answers, each with one thing missing."""

import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

PREFLIGHT = Path(__file__).resolve().parent.parent / "infra/preflight"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"

# What a ready account answers, by the first two words of the command, and what the DNS answers, by name.
READY: dict[str, Any] = {
    "sesv2 get-account": {
        "ProductionAccessEnabled": True, "SendingEnabled": True, "EnforcementStatus": "HEALTHY",
        "SendQuota": {"MaxSendRate": 14.0, "Max24HourSend": 50000.0, "SentLast24Hours": 1.0},
    },
    "sesv2 get-email-identity": {
        "VerifiedForSendingStatus": True, "DkimAttributes": {"Status": "SUCCESS", "Tokens": ["a"]},
        "MailFromAttributes": {"MailFromDomain": "bounces.portal.test", "MailFromDomainStatus": "SUCCESS"},
    },
    "lambda get-account-settings": {"AccountLimit": {"ConcurrentExecutions": 1000}},
    "acm describe-certificate": {"Certificate": {"Status": "ISSUED"}},
    "sns list-subscriptions-by-topic": {"Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1"}]},
    "dig bounces.portal.test": '"v=spf1 include:amazonses.com" " ~all"',
    "dig _dmarc.portal.test": '"v=DMARC1; p=reject"',
}

ANSWER = """#!{python}
import json, os, sys
answers = json.load(open(os.environ["ANSWERS"]))
name = os.path.basename(sys.argv[0])
key = f"dig {{sys.argv[-1]}}" if name == "dig" else " ".join(sys.argv[1:3])
answer = answers.get(key)
if name == "dig":
    print(answer or "")
elif answer is None:
    sys.exit("An error occurred (NotFoundException) when calling the operation: it is not there")
elif isinstance(answer, str):
    sys.exit(answer)
else:
    print(json.dumps(answer))
"""


def preflight(answers: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("aws", "dig"):
            program = Path(folder, name)
            program.write_text(ANSWER.format(python=sys.executable))
            program.chmod(0o755)
        Path(folder, "answers.json").write_text(json.dumps(answers))
        environment = os.environ | {"PATH": folder, "ANSWERS": str(Path(folder, "answers.json"))}
        command = [sys.executable, str(PREFLIGHT), "--sender", "no-reply@portal.test", "--certificate", CERTIFICATE, "--topic", TOPIC]
        return subprocess.run(command, env=environment, capture_output=True, text=True)


def lacking(command: str, *path: str, value: Any = None) -> dict[str, Any]:
    """A ready account that answers one thing otherwise."""
    answers = copy.deepcopy(READY)
    place = answers
    for name in (command, *path)[:-1]:
        place = place[name]
    place[(command, *path)[-1]] = value
    return answers


class Preflight(unittest.TestCase):
    def test_a_ready_account_lacks_nothing(self) -> None:
        done = preflight(READY)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertNotIn("missing", done.stdout)
        self.assertIn("MailerConcurrency=3", done.stdout)

    def test_what_is_missing_is_named(self) -> None:
        ses, identity = "sesv2 get-account", "sesv2 get-email-identity"
        for answers, said in [
            (lacking(ses, "ProductionAccessEnabled", value=False), "SES is out of the sandbox"),
            (lacking(ses, "SendingEnabled", value=False), "SES may send"),
            (lacking(ses, value="An error occurred (AccessDeniedException): no"), "an answer"),
            (lacking(identity), "portal.test is verified"),
            (lacking(identity, "VerifiedForSendingStatus", value=False), "portal.test is verified"),
            (lacking(identity, "DkimAttributes", "Status", value="PENDING"), "portal.test signs with DKIM"),
            (lacking("dig _dmarc.portal.test"), "portal.test has a DMARC policy"),
            (lacking("lambda get-account-settings", "AccountLimit", "ConcurrentExecutions", value=5), "Lambda runs 5"),
            (lacking("acm describe-certificate", "Certificate", "Status", value="PENDING_VALIDATION"), "the certificate"),
            (lacking("acm describe-certificate"), "the certificate"),
            (lacking("sns list-subscriptions-by-topic"), "somebody is told"),
            (lacking("sns list-subscriptions-by-topic", "Subscriptions", value=[{"SubscriptionArn": "PendingConfirmation"}]), "somebody is told"),
        ]:
            done = preflight(answers)
            self.assertEqual((done.returncode, done.stderr), (1, ""), said)
            missing = [line for line in done.stdout.splitlines() if line.startswith("missing")]
            self.assertEqual(len(missing), 1, done.stdout)
            self.assertIn(said, missing[0])

    def test_what_can_wait_is_said_and_stops_nobody(self) -> None:
        identity = "sesv2 get-email-identity"
        for answers, said in [
            (lacking(identity, "MailFromAttributes", value={}), "MAIL FROM"),
            (lacking("dig bounces.portal.test"), "SPF"),
            (lacking("lambda get-account-settings", "AccountLimit", "ConcurrentExecutions", value=10), "Lambda runs 10"),
        ]:
            done = preflight(answers)
            self.assertEqual(done.returncode, 0, done.stdout)
            later = [line for line in done.stdout.splitlines() if line.startswith("later")]
            self.assertEqual(len(later), 1, done.stdout)
            self.assertIn(said, later[0])


if __name__ == "__main__":
    unittest.main()
