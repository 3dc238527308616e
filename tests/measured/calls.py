"""What a call costs: the processor's time of a function, beside that of a program that makes the same calls of the SDK.

The functions answer real calls, against a DynamoDB, an SES and a Secrets Manager of this machine: people ask for links and codes, set
passwords, sign in, and staff help them. Each call is recorded. The bare program makes the recorded calls again, right after the
function, and gets the answers that the function got, after as long a wait.
"""

import contextlib
import json
import re
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measured.lambdas import Broken, Called, Exchange, Function, Player, Recorder

ROOT = Path(__file__).resolve().parent.parent.parent
OUT = ROOT / "target/release"
DYNAMODB, SERVICES, NOBODY = 18000, 18025, 18009
# The people, each of whom makes every call once. The first of them each find a function that has just started.
PEOPLE, FIRST = 44, 4
SLUG, PASSWORD, CHANGED = "measured", "seven lanterns under snow", "walk the green river"
# The figures are of calls. Limits of one address would end them.
VARIABLES = {
    "REKEY_TABLE": "rekey", "REKEY_PEPPER_SECRET": "rekey/pepper", "REKEY_DERIVATION_SECRET": "rekey/derivation",
    "REKEY_CODE_SECRET": "rekey/codes", "REKEY_LIMITS_SECRET": "rekey/limits", "REKEY_MAIL_FROM": "no-reply@rekey.test",
    "REKEY_CONFIGURATION_SET": "rekey", "REKEY_STACK": "rekey", "REKEY_METRIC_NAMESPACE": "Rekey",
    "REKEY_FORGOT_PER_ADDRESS_HOUR": "0", "REKEY_FAILURES_PER_ADDRESS_HOUR": "0", "REKEY_FAILURES_PER_PRACTICE_HOUR": "0",
}
# A hash of no password, so that everybody has been set up.
NO_PASSWORD = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$" + "A" * 43
PORTALS = {
    portal: {"url": f"https://{portal}.{SLUG}.test", "recovery_url": f"https://{portal}.{SLUG}.test/reset"}
    for portal in ("client", "staff")
}
PRACTICE = {
    "slug": SLUG, "name": "Harbor Practice", "support": {"email": f"help@{SLUG}.test"}, "time_zone": "America/New_York",
    "locale": "en", "portals": PORTALS, "domains": [f"{SLUG}.test"], "senders": [f"*@{SLUG}.test"],
    "policy": {"recovery_methods": ["link", "code"]},
}


@dataclass
class Costs:
    """What the calls of one kind cost a function, and the bare program."""

    function: str
    hashes: int
    ours: list[Called] = field(default_factory=list)
    bare: list[Called] = field(default_factory=list)
    argon2: list[float] = field(default_factory=list)
    first: list[Called] = field(default_factory=list)
    first_bare: list[Called] = field(default_factory=list)
    # Whether a running function asks anything for it. If not, no bare program makes the same calls.
    asks: bool = False

    @property
    def cpu(self) -> float:
        """The milliseconds of a processor for a call, with its hashes."""
        return statistics.median(called.cpu for called in self.ours)

    @property
    def beyond(self) -> float:
        """The same without the hashes: those of the bare program, made right after, are taken off."""
        return statistics.median(called.cpu - hashes for called, hashes in zip(self.ours, self.argon2, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios of neighbours: what slows the machine for a while slows both."""
        pairs = zip(self.ours, self.argon2, self.bare, strict=True)
        return statistics.median((ours.cpu - hashes) / bare.cpu for ours, hashes, bare in pairs)


def http(method: str, path: str, body: Any = None, token: str | None = None, who: int = 0, more: dict[str, str] | None = None) -> Any:
    """An event of the gateway, with more headers than every event has."""
    headers = {"host": "api.rekey.test", "user-agent": "Mozilla/5.0 (sample)", "content-type": "application/json", **(more or {})}
    if token:
        headers["authorization"] = f"Bearer {token}"
    called = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": f"198.51.100.{who}", "userAgent": "sample"}
    context = {
        "accountId": "123456789012", "apiId": "api", "domainName": "api.rekey.test", "domainPrefix": "api", "http": called,
        "requestId": "request-1", "routeKey": "$default", "stage": "$default", "time": "21/Nov/2026:18:35:30 +0000",
        "timeEpoch": 1795286130000,
    }
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": context, "body": None if body is None else json.dumps(body), "isBase64Encoded": False,
    }


def record_of(exchanges: list[Exchange]) -> Any:
    """The batch that the stream brings for what was written: the outbox item of a call."""
    for exchange in exchanges:
        for write in exchange["body"].get("TransactItems", []) if exchange["body"] else []:
            item = write.get("Put", {}).get("Item", {})
            if item.get("pk", {}).get("S", "").startswith(("REQUEST#", "OUTBOX#")):
                change = {
                    "ApproximateCreationDateTime": time.time(), "Keys": {"pk": item["pk"], "sk": item["sk"]},
                    "SequenceNumber": "1", "SizeBytes": 45, "StreamViewType": "KEYS_ONLY",
                }
                return {"Records": [{
                    "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
                    "awsRegion": "us-east-1", "dynamodb": change, "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/rekey/stream/1",
                }]}
    raise Broken("nothing was written to the outbox")


@dataclass
class Mail:
    """A mail as SES was asked to send it."""

    text: str
    to: str
    tags: dict[str, str]

    @classmethod
    def of(cls, exchanges: list[Exchange]) -> "Mail":
        body = next(exchange["body"] for exchange in exchanges if exchange["target"].endswith("outbound-emails"))
        tags = {tag["Name"]: tag["Value"] for tag in body["EmailTags"]}
        return cls(body["Content"]["Simple"]["Body"]["Text"]["Data"], body["Destination"]["ToAddresses"][0], tags)

    @property
    def token(self) -> str:
        return re.search(r"#token=(\S+)", self.text)[1]

    @property
    def code(self) -> str:
        return re.search(r"^\d+(?: \d+)+$", self.text, re.MULTILINE)[0]

    def delivered(self) -> Any:
        """SES's report of its delivery."""
        event = json.loads((ROOT / "events/mail-events/delivered_ok.json").read_text())
        event["detail"]["mail"]["tags"] = {name: [value] for name, value in self.tags.items()}
        event["detail"]["delivery"]["recipients"] = event["detail"]["mail"]["destination"] = [self.to]
        return event


class Bench:
    """A deployment on this machine, whose functions run as they are shipped."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack
        command = [
            ROOT / "target/debug/rekey-local", "--services", "--dynamodb-port", str(DYNAMODB), "--mail-port", str(SERVICES),
            "--api-port", str(NOBODY),
        ]
        services = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        stack.callback(services.wait)
        stack.callback(services.terminate)
        assert services.stdout is not None
        if not any("waiting for it" in line for line in services.stdout):
            raise Broken("the services of this machine have not started")
        self.recorder = Recorder(DYNAMODB, SERVICES)
        self.player = Player()
        self.variables = VARIABLES | {"AWS_ENDPOINT_URL": f"http://{self.recorder.server.address}"}
        self.functions: dict[str, Function] = {}
        self.bare = stack.enter_context(self.bare_program())
        self.costs: dict[str, Costs] = {}

    def program(self, function: str) -> Function:
        return Function(OUT / function, self.variables)

    def bare_program(self) -> Function:
        return Function(OUT / "calls", {"AWS_ENDPOINT_URL": f"http://{self.player.server.address}"})

    def quietly(self, function: str, event: Any) -> tuple[Called, list[Exchange]]:
        """A call that is not measured, with what it asked of the services."""
        if function not in self.functions:
            self.functions[function] = self.stack.enter_context(self.program(function))
        self.recorder.take()
        called = self.functions[function].call(event)
        return called, self.recorder.take()

    def repeat(self, bare: Function, event: Any, exchanges: list[Exchange]) -> Called:
        """The same calls by the bare program, for the same event."""
        self.player.play(exchanges)
        bare.call({"calls": [{"target": exchange["target"], "body": exchange["body"]} for exchange in exchanges]})
        called = bare.call(event)
        if self.player.unknown:
            raise Broken(f"the bare program has asked something else: {self.player.unknown[0]}")
        return called

    def measure(self, function: str, name: str, events: list[Any], hashes: int = 0) -> list[tuple[Any, list[Exchange]]]:
        """Has a function answer events, and the bare program repeat the calls of each. Returns the answers, and the calls."""
        costs = self.costs[name] = Costs(function, hashes)
        done = []
        for event in events[:FIRST]:
            self.recorder.take()
            with self.program(function) as fresh, self.bare_program() as bare:
                costs.first.append(fresh.call(event))
                exchanges = self.recorder.take()
                costs.first_bare.append(self.repeat(bare, event, exchanges))
            done.append((self.read(name, costs.first[-1]), exchanges))
        for event in events[FIRST:]:
            called, exchanges = self.quietly(function, event)
            done.append((self.read(name, called), exchanges))
            if len(done) == FIRST + 1:
                # The first call of this process has found the keys and the settings for those after it.
                continue
            costs.ours.append(called)
            costs.asks |= bool(exchanges)
            costs.bare.append(self.repeat(self.bare, event, exchanges))
            costs.argon2.append(self.hash(hashes) if hashes else 0)
        return done

    def hash(self, number: int) -> float:
        """The milliseconds of a processor for so many hashes, without what a call takes that makes none."""
        return self.bare.call({"hashes": number}).cpu - self.bare.call({"hashes": 0}).cpu

    @staticmethod
    def read(name: str, called: Called) -> Any:
        answer = called.answer
        if isinstance(answer, dict) and answer.get("statusCode", 200) >= 400 and "refused" not in name:
            raise Broken(f"{name}: {answer}")
        is_json = isinstance(answer, dict) and "json" in answer.get("headers", {}).get("content-type", "")
        return json.loads(answer["body"]) if is_json and answer.get("body") else answer

    def mails(self, function: str, exchanges: list[Exchange]) -> Mail:
        return Mail.of(self.quietly(function, record_of(exchanges))[1])


def measure() -> dict[str, Costs]:
    """The costs of calls by their names."""
    with contextlib.ExitStack() as stack:
        bench = Bench(stack)
        people(bench, administrator(bench))
        return bench.costs


def administrator(bench: Bench) -> str:
    """The session of an administrator of a new practice, whose people are there."""
    lines = "\n".join(
        json.dumps({
            "username": f"walker{n:02}", "email": f"walker{n:02}@{SLUG}.test", "display_name": f"Walker {n}", "password_hash": NO_PASSWORD,
        })
        for n in range(PEOPLE)
    )
    robin = {"username": "robin", "email": f"robin@{SLUG}.test", "display_name": "Robin Hale"}
    bench.quietly("operator", {"action": "create_practice", "practice": PRACTICE})
    bench.quietly("operator", {"action": "import_accounts", "practice": SLUG, "lines": lines})
    _, exchanges = bench.quietly("operator", {"action": "create_administrator", "practice": SLUG, **robin})
    mail = bench.mails("mailer", exchanges)
    bench.quietly("reset-password", http("POST", "/v1/password/reset", {"token": mail.token, "new_password": PASSWORD}))
    bench.quietly("operator", {"action": "review_hashes", "practice": SLUG})
    sign_in = {"practice": SLUG, "portal": "staff", "identifier": "robin", "password": PASSWORD}
    called, _ = bench.quietly("sessions", http("POST", "/v1/sessions", sign_in))
    return bench.read("sign-in of the administrator", called)["token"]


def people(bench: Bench, staff: str) -> None:
    """Everybody recovers by link and by code, signs in, and is helped."""
    named = [{"practice": SLUG, "identifier": f"walker{n:02}"} for n in range(PEOPLE)]

    def posts(path: str, bodies: list[Any], tokens: list[str] | None = None) -> list[Any]:
        return [http("POST", path, body, tokens and tokens[n], who=n) for n, body in enumerate(bodies)]

    asked = bench.measure("forgot-password", "forgot, link", posts("/v1/password/forgot", named))
    sent = bench.measure("mailer", "mail, link", [record_of(exchanges) for _, exchanges in asked])
    mails = [Mail.of(exchanges) for _, exchanges in sent]
    bench.measure("mail-events", "report of a delivery", [mail.delivered() for mail in mails])
    bench.measure("reset-password", "preview", posts("/v1/password/reset/preview", [{"token": mail.token} for mail in mails]))
    chosen = [{"token": mail.token, "new_password": PASSWORD} for mail in mails]
    set_ = bench.measure("reset-password", "reset", posts("/v1/password/reset", chosen), hashes=2)
    bench.measure("mailer", "mail, confirmation", [record_of(exchanges) for _, exchanges in set_])
    bench.quietly("operator", {"action": "review_hashes", "practice": SLUG})
    known = [{**who, "password": PASSWORD} for who in named]
    signed_in = bench.measure("sessions", "sign-in", posts("/v1/sessions", known), hashes=1)
    unknown = [{**who, "identifier": f"nobody{n}", "password": PASSWORD} for n, who in enumerate(named)]
    bench.measure("sessions", "sign-in, refused", posts("/v1/sessions", unknown), hashes=1)
    tokens = [answer["token"] for answer, _ in signed_in]
    bench.measure("sessions", "session check", [http("GET", "/v1/account", token=token) for token in tokens])
    changes = [{"current_password": PASSWORD, "new_password": CHANGED}] * PEOPLE
    bench.measure("change-password", "change", posts("/v1/password/change", changes, tokens), hashes=3)
    asked = bench.measure(
        "forgot-password", "forgot, code", posts("/v1/password/forgot", [{**who, "method": "code"} for who in named])
    )
    sent = bench.measure("mailer", "mail, code", [record_of(exchanges) for _, exchanges in asked])
    codes = [
        {"request_id": answer["request_id"], "code": Mail.of(exchanges).code}
        for (answer, _), (_, exchanges) in zip(asked, sent, strict=True)
    ]
    bench.measure("verify-code", "verify-code", posts("/v1/password/verify-code", codes))
    pages(bench)
    help_(bench, staff, [re.match(r"[^_]+", mail.tags["accounts-0"])[0] for mail in mails])


def pages(bench: Bench) -> None:
    """The pages of a portal, as a browser asks for them."""
    browser = {"accept": "text/html", "accept-encoding": "gzip"}
    for name, page in [("page of clients", "client/forgot"), ("page of the console", "staff/client")]:
        bench.measure("pages", name, [http("GET", f"/p/{SLUG}/{page}", who=n, more=browser) for n in range(PEOPLE)])


def help_(bench: Bench, staff: str, accounts: list[str]) -> None:
    """The calls of staff."""

    def gets(path: Callable[[str], str]) -> list[Any]:
        return [http("GET", path(account), token=staff) for account in accounts]

    own = "/v1/admin/accounts/{}".format
    bench.measure("accounts", "list of accounts", gets(lambda _: "/v1/admin/accounts"))
    bench.measure("accounts", "an account", gets(own))
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    links = [
        http("POST", f"{own(account)}/links", {"expires_at": expiry, "deliver": "copy", "reason": "On the phone"}, staff)
        for account in accounts
    ]
    bench.measure("admin-link", "link by staff", links)
    bench.measure("activity", "an account's activity", gets(lambda account: f"{own(account)}/activity"))
    bench.measure("activity", "change log", gets(lambda _: "/v1/admin/changes"))
    bench.measure("settings", "settings", gets(lambda _: "/v1/admin/practice"))
    bench.measure("operator", "list of practices", [{"action": "list_practices"}] * len(accounts))
