"""Runs programs as Lambda does, and reads what each call costs them.

A `Function` is a running program with a runtime API of its own, which hands it one event at a time. A `Recorder` stands between
functions and the services that they call, and notes the calls. A `Player` answers the same calls with what was recorded.
"""

import http.client
import json
import queue
import subprocess
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# How long a program may take to start, or to answer.
PATIENCE = 60
# The variables that Lambda sets. Nothing but the program's name differs.
LAMBDA = {
    "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_LOG_STREAM_NAME": "x", "AWS_LAMBDA_LOG_GROUP_NAME": "x",
}


class Broken(Exception):
    """A program that does not do what it should."""


class Server(ThreadingHTTPServer):
    """A server on a free port of this machine, which keeps its connections."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in two packets would wait for the acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True

    def read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Called:
    """What has come of a call, the milliseconds until its answer, and the milliseconds of a processor that it took."""

    answer: Any
    wall: float
    cpu: float


class Function:
    """A program that runs until the block ends."""

    def __init__(self, program: Path, variables: dict[str, str]) -> None:
        self.asked, self.asked_at = threading.Semaphore(0), 0.0
        self.events: queue.Queue[bytes] = queue.Queue()
        self.answers: queue.Queue[tuple[str, bytes, float]] = queue.Queue()
        self.runtime = Server(type("Runtime", (Runtime,), {"function": self}))
        lambdas = {"AWS_LAMBDA_RUNTIME_API": self.runtime.address, "AWS_LAMBDA_FUNCTION_NAME": program.name}
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [program], env=LAMBDA | lambdas | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._wait()
        except Broken:
            self.end()
            raise

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.said.extend(lines)

    def _wait(self) -> None:
        if not self.asked.acquire(timeout=PATIENCE):
            raise Broken(f"{self.process.args}: {''.join(self.said[-5:])}")

    @property
    def started(self) -> float:
        """The milliseconds from the start to the first question."""
        return 1000 * (self.asked_at - self.began)

    @property
    def resident(self) -> float:
        """The megabytes that it has resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000

    def _cpu(self) -> float:
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6

    def call(self, event: Any) -> Called:
        """Hands an event to the program, and waits until it asks for the next one."""
        before, began = self._cpu(), time.perf_counter()
        self.events.put(json.dumps(event).encode())
        self._wait()
        kind, answer, at = self.answers.get(timeout=PATIENCE)
        if kind != "response":
            raise Broken(f"{self.process.args}: {answer.decode()}")
        return Called(json.loads(answer or b"null"), 1000 * (at - began), self._cpu() - before)

    def end(self) -> None:
        """Ends the program, the thread that holds its question, and the server."""
        self.process.kill()
        self.process.wait()
        self.events.put(b"")
        self.runtime.shutdown()
        self.runtime.server_close()

    def __enter__(self) -> "Function":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class Runtime(Handler):
    """Lambda's runtime API."""

    function: Function

    def do_GET(self) -> None:
        self.function.asked_at = time.perf_counter()
        self.function.asked.release()
        event = self.function.events.get()
        if not event:
            self.close_connection = True
            return
        deadline = str(int(1000 * (time.time() + PATIENCE)))
        self.answer(200, event, {
            "content-type": "application/json", "lambda-runtime-aws-request-id": "11111111-1111-4111-8111-111111111111",
            "lambda-runtime-deadline-ms": deadline, "lambda-runtime-invoked-function-arn": "arn:aws:lambda:x:x:function:x",
        })

    def do_POST(self) -> None:
        body = self.read()
        self.function.answers.put((self.path.rsplit("/", 1)[1], body, time.perf_counter()))
        self.answer(202, b"")


# What a call of a function asked, and what the service answered.
Exchange = dict[str, Any]


class Recorder:
    """Passes calls on to the local DynamoDB, and to the local SES and Secrets Manager."""

    def __init__(self, dynamodb: int, services: int) -> None:
        self.ports = {True: dynamodb, False: services}
        self.exchanges: list[Exchange] = []
        self.server = Server(type("Passing", (Passing,), {"recorder": self}))

    def take(self) -> list[Exchange]:
        """What was recorded since the last time."""
        taken, self.exchanges = self.exchanges, []
        return taken


class Passing(Handler):
    recorder: Recorder

    def setup(self) -> None:
        super().setup()
        self.connections: dict[int, http.client.HTTPConnection] = {}

    def pass_on(self) -> None:
        body, target = self.read(), self.headers.get("x-amz-target", "")
        port = self.recorder.ports[target.startswith("DynamoDB")]
        connection = self.connections.setdefault(port, http.client.HTTPConnection("127.0.0.1", port))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        began = time.perf_counter()
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        answer, kind = response.read(), response.headers.get("content-type", "application/json")
        kept = {name: value for name, value in response.headers.items() if name.lower().startswith("x-amzn-error")}
        self.recorder.exchanges.append({
            "target": target or self.path, "body": json.loads(body or b"null"), "status": response.status,
            "answer": answer, "headers": {"content-type": kind, **kept}, "took": time.perf_counter() - began,
        })
        self.answer(response.status, answer, {"content-type": kind, **kept})

    do_GET = do_POST = do_PUT = do_DELETE = pass_on


def key(target: str, body: Any) -> str:
    """What makes two calls the same, whatever the order of members."""
    return target + json.dumps(body, sort_keys=True)


class Player:
    """Answers calls that were recorded, each after the time that the service took: a program that waits longer finds its caches colder."""

    def __init__(self) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self.unknown: list[str] = []
        self.server = Server(type("Playing", (Playing,), {"player": self}))

    def play(self, exchanges: list[Exchange]) -> None:
        """Answers these calls from now on, and no others."""
        self.exchanges = {key(exchange["target"], exchange["body"]): exchange for exchange in exchanges}


class Playing(Handler):
    player: Player

    def do_POST(self) -> None:
        body = json.loads(self.read() or b"null")
        asked = key(self.headers.get("x-amz-target", "") or self.path, body)
        exchange = self.player.exchanges.get(asked)
        if exchange is None:
            self.player.unknown.append(asked)
            self.answer(400, b"{}")
        else:
            time.sleep(exchange["took"])
            self.answer(exchange["status"], exchange["answer"], exchange["headers"])
