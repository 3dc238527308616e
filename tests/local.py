#!/usr/bin/env python3
"""Runs what needs the local stack. Each part starts a `cargo dev` of its own and ends it.

    tests/local.py documents       every command of every document
    tests/local.py client          the program of the first generated client (after tests/contract/check)
    tests/local.py smoke           the walk through a deployment, first and again, and the canary
    tests/local.py browser         sign-in by cookie in an installed browser
    tests/local.py pages           the pages in Chromium (after tests/browser/install)
    tests/local.py schemathesis    requests made from the contract document, without a session and with one of an administrator. Its
                                   `cargo dev` has ports of its own, so that it can run beside another part
"""

import argparse
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
API = "http://localhost:9000"
# The ports of the part that can run beside another, and its API.
BESIDE = ["--api-port", "9100", "--dynamodb-port", "8100", "--mail-port", "8125"]
API_BESIDE = "http://localhost:9100"
# Who calls, of schemathesis.
CALLERS = ["nobody", "administrator"]
# How long a `cargo dev` may take to be ready. The first one of a checkout builds the functions.
START = 1200
# How long the commands of one document may take.
DOCUMENT = 180

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
# A call that is refused on purpose has a comment above it that ends with its status.
REFUSED = re.compile(r"^\s*#.*\((?P<status>[45]\d\d)\)$", re.MULTILINE)
# The statuses that bash's curl has seen.
STATUS = re.compile(r"^status (?P<status>\d+)$", re.MULTILINE)
# A document's commands run in an empty folder, where cargo does not know its alias.
PRELUDE = f"""set -eu -o pipefail
curl() {{ command curl --no-progress-meter --write-out '%{{stderr}}\\nstatus %{{http_code}}\\n' "$@"; }}
cargo() {{ [ "$1" = operator ] && "{ROOT}/target/debug/rekey-operator" "${{@:2}}"; }}
"""


class Failed(Exception):
    """What is wrong, for whoever reads the gate's output."""


@dataclass
class Block:
    """A fenced block of a document."""

    info: str
    body: str
    line: int


@contextlib.contextmanager
def stack(*arguments: str) -> Iterator[None]:
    """A fresh `cargo dev` that answers."""
    command = ["cargo", "dev", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    said: list[str] = []
    is_ready = False
    heard = threading.Event()

    def listen() -> None:
        nonlocal is_ready
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "Rekey is ready" in line:
                is_ready = True
                heard.set()
        heard.set()

    threading.Thread(target=listen, daemon=True).start()
    try:
        heard.wait(START)
        if not is_ready:
            raise Failed("cargo dev is not ready:\n" + "".join(said[-30:]))
        yield
    finally:
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Ends a process and all that it has started. What does not end by itself is killed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def documents() -> list[Path]:
    """Every document of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )
    return [ROOT / name for name in listed.stdout.split()]


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of a document, in their order."""
    text = document.read_text()
    return [
        Block(match["info"].strip(), match["body"], text[: match.start()].count("\n") + 1)
        for match in FENCE.finditer(text)
    ]


def check_syntax(document: Path, block: Block) -> None:
    """A block that is not run is at least well formed."""
    where = f"{document.relative_to(ROOT)}:{block.line}"
    if block.info in ("sh aws", "sh gate"):
        checked = subprocess.run(["bash", "-n"], input=block.body, capture_output=True, text=True)
        if checked.returncode != 0:
            raise Failed(f"{where}: {checked.stderr}")
    elif block.info == "json":
        try:
            json.loads(block.body)
        except ValueError as error:
            raise Failed(f"{where}: {error}") from error
    elif block.info not in ("sh", "text", "mermaid"):
        raise Failed(f"{where}: a block is sh, sh aws, sh gate, json, text or mermaid, and not {block.info!r}")


def run_document(document: Path, runnable: list[Block]) -> None:
    """Runs the blocks of one document in one bash, and compares what was refused with what is announced."""
    script = PRELUDE + "\n".join(block.body for block in runnable)
    announced = [int(match["status"]) for block in runnable for match in REFUSED.finditer(block.body)]
    with tempfile.TemporaryDirectory() as folder:
        bash = subprocess.Popen(
            ["bash", "-c", script], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )
        try:
            printed, complained = bash.communicate(timeout=DOCUMENT)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{document.relative_to(ROOT)} takes over {DOCUMENT} s") from error
        finally:
            end(bash)
    seen = [int(match["status"]) for match in STATUS.finditer(complained)]
    refused = [status for status in seen if not 200 <= status < 400]
    if bash.returncode != 0 or refused != announced:
        raise Failed(
            f"{document.relative_to(ROOT)} ends with {bash.returncode}; refused {refused}, announced {announced}\n"
            f"{printed[-4000:]}\n{complained[-2000:]}"
        )
    print(f"{document.relative_to(ROOT)}: {len(runnable)} blocks, {len(seen)} calls, {len(refused)} refused as announced")


def run_documents() -> None:
    """Every command of every document: run, or its syntax checked."""
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--bin", "rekey-operator"], cwd=ROOT, check=True)
    for document in documents():
        found = blocks(document)
        for block in found:
            check_syntax(document, block)
        runnable = [block for block in found if block.info == "sh"]
        if runnable:
            with stack():
                run_document(document, runnable)


def run_client() -> None:
    """The program that uses the client of openapi-typescript and openapi-fetch."""
    with stack():
        subprocess.run(["node", "built/clients/openapi-fetch.js"], cwd=ROOT / "target/contract", check=True)


def run_canary(password: str) -> None:
    """The canary, twice; with a wrong password; and where nobody answers."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(ROOT / "infra/canary"))
    import canary

    for _ in range(2):
        canary.ask_as_nobody(API)
        canary.sign_in_and_out(API, password)
    for what, walk in [
        ("a wrong password", lambda: canary.sign_in_and_out(API, "another password")),
        ("an address where nobody answers", lambda: canary.ask_as_nobody("http://localhost:1")),
    ]:
        try:
            walk()
        except (canary.WrongAnswer, OSError) as error:
            print("the canary fails:", error)
            if password in str(error) or '"token"' in str(error):
                raise Failed("the canary's log has a secret") from error
        else:
            raise Failed(f"the canary does not fail at {what}")


def run_smoke() -> None:
    """The walk, on a new deployment and on one that knows it, with mails that are read and without; and where nobody answers. Then the
    canary, whose account the walk makes."""
    smoke = [str(ROOT / "infra/smoke")]
    password = secrets.token_urlsafe(32)
    with stack():
        for arguments in (["--mailbox", "http://localhost:8025", "--canary"], ["--canary"], []):
            walked = subprocess.run([*smoke, *arguments], cwd=ROOT, input=password, capture_output=True, text=True)
            if walked.returncode != 0:
                raise Failed(f"the walk ends with {walked.returncode}:\n{walked.stderr[-3000:]}")
            print(walked.stderr.count("\n"), "steps")
        if subprocess.run([*smoke, "--api", "http://localhost:1"], cwd=ROOT, capture_output=True).returncode == 0:
            raise Failed("the walk ends well where nobody answers")
        run_canary(password)


def run_browser(browser: str) -> None:
    """A page at another port of this machine signs in by cookie."""
    with stack("--portal", "http://localhost:3000"):
        subprocess.run(["node", "tests/browser/cookies.mjs", "--browser", browser], cwd=ROOT, check=True)


def drive(tests: list[Path], whole: bool) -> list[Path]:
    """Runs files of the pages' tests against a fresh `cargo dev`, two at a time, and answers those that failed."""
    environment = os.environ | ({"REKEY_WHOLE": "1"} if whole else {})

    def run(test: Path) -> bool:
        program = ["node", "--test", "--test-reporter=spec", test]
        done = subprocess.run(program, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(done.stdout, flush=True)
        return done.returncode == 0

    with stack(), ThreadPoolExecutor(2) as both:
        passed = list(both.map(run, tests))
    return [test for test, is_good in zip(tests, passed) if not is_good]


def run_pages(whole: bool, named: list[str]) -> None:
    """The pages in Chromium, or in the browser that FIREFOX names: the tests of these names, or all. Without `whole`, each page is
    looked at in one language, one theme and one width. A file that fails is run once more: a slow machine may lose a race that no
    person would."""
    folder = ROOT / "tests/browser"
    tests = [folder / f"{name}.test.mjs" for name in named] or sorted(folder.glob("*.test.mjs"))
    failed = drive(tests, whole)
    if failed:
        print("once more:", *(test.name for test in failed), flush=True)
        failed = drive(failed, whole)
    if failed:
        raise Failed(f"the pages: {', '.join(test.name for test in failed)}")


def answer(path: str, token: str | None = None, body: dict[str, str] | None = None) -> Any:
    """The answer of the API beside to a read, or to a POST of a body."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{API_BESIDE}{path}", json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


@dataclass
class Administrator:
    """An administrator of a demo practice, signed in."""

    token: str
    # The ids of the own account and session.
    own: list[str]


def administrator() -> Administrator:
    """Signs an administrator in."""
    body = {"practice": "agency", "portal": "staff", "identifier": "admin", "password": "walk the green river"}
    signed_in = answer("/v1/sessions", body=body)
    token = str(signed_in["token"])
    sessions = answer("/v1/sessions", token)["sessions"]
    own = [signed_in["account"]["id"], *(session["id"] for session in sessions if session["current"])]
    return Administrator(token, own)


def is_signed_in(token: str) -> bool:
    """Whether a session is good."""
    try:
        answer("/v1/account", token)
    except urllib.error.HTTPError:
        return False
    return True


def run_schemathesis(callers: list[str], examples: int, seed: int) -> None:
    """Requests made from the contract document, with every check, as nobody and as an administrator."""
    program = [ROOT / "target/contract/python/bin/schemathesis", "--config-file", "schemathesis.toml"]
    for name in callers:
        with stack(*BESIDE):
            caller = administrator() if name == "administrator" else None
            token = caller.token if caller else None
            headers = ["--header", f"Authorization: Bearer {token}"] if token else []
            environment = os.environ | {"REKEY_OWN": ",".join(caller.own) if caller else ""}
            # Signing out would leave the rest of the run without its session.
            without = ["--exclude-operation-id", "signOut"] if token else []
            print(f"-- as {name}", flush=True)
            done = subprocess.run(
                [*program, "run", ROOT / "infra/openapi.json", "--url", API_BESIDE, *headers, *without, "--checks", "all",
                 "--max-examples", str(examples), "--seed", str(seed), "--no-color", "--continue-on-failure"],
                cwd=ROOT / "target/contract", env=environment,
            )
            if done.returncode != 0:
                raise Failed(f"schemathesis as {name} ends with {done.returncode}")
            if token and not is_signed_in(token):
                raise Failed("the administrator's session has ended during the run, which has shown nothing since")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["documents", "client", "smoke", "schemathesis", "browser", "pages"])
    parser.add_argument("--browser", default="chromium", help="the program of an installed browser, of browser")
    parser.add_argument("names", nargs="*", help="the tests, of pages")
    parser.add_argument("--whole", action="store_true", help="all languages, themes and widths, of pages")
    parser.add_argument("--caller", choices=CALLERS, action="append", help="who calls, of schemathesis")
    parser.add_argument("--examples", type=int, default=20, help="requests an operation, of schemathesis")
    parser.add_argument("--seed", type=int, default=1, help="of schemathesis")
    asked = parser.parse_args()
    # A gate that is stopped ends what it has started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        match asked.part:
            case "documents":
                run_documents()
            case "client":
                run_client()
            case "smoke":
                run_smoke()
            case "browser":
                run_browser(asked.browser)
            case "pages":
                run_pages(asked.whole, asked.names)
            case "schemathesis":
                run_schemathesis(asked.caller or CALLERS, asked.examples, asked.seed)
    except (Failed, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
