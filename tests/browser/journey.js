// The journey of a portal's page, run in the browser: each step says what it expects, and the last one reports all of them.
// It uses nothing but `fetch`, as a portal's page does.

const parameters = new URLSearchParams(location.search);
const api = parameters.get("api");
const steps = [];

async function step(name, run) {
  let problem;
  try {
    problem = await run();
  } catch (error) {
    problem = `${error}`;
  }
  steps.push({ name, problem: problem ?? null });
}

/** What is wrong with a value that should be another one; nothing when it is right. */
function expect(what, seen, wanted) {
  const same = JSON.stringify(seen) === JSON.stringify(wanted);
  return same ? undefined : `${what} is ${JSON.stringify(seen)} and not ${JSON.stringify(wanted)}`;
}

/** Makes a call as a page with cookies does. Its body is sent as JSON. */
function call(method, path, { body, headers = {} } = {}) {
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const sent = body === undefined ? undefined : JSON.stringify(body);
  return fetch(api + path, { method, credentials: "include", headers: { ...json, ...headers }, body: sent });
}

/** Status and code of an answer, read as a script reads them. */
async function outcome(answer) {
  const text = await answer.text();
  return [answer.status, text === "" ? null : (JSON.parse(text).code ?? null)];
}

/** Whether the browser keeps an answer from the page, or does not even make the call. */
async function isKept(request) {
  try {
    const answer = await request();
    return `the page can read the answer, which is ${answer.status}`;
  } catch (error) {
    return error instanceof TypeError ? undefined : `${error}`;
  }
}

async function portal() {
  await step("the page can read an error with its headers", async () => {
    const answer = await call("GET", "/v1/account");
    return (
      expect("the scheme", answer.headers.get("www-authenticate"), "Bearer") ??
      expect("the outcome", await outcome(answer), [401, "invalid_session"])
    );
  });
  await step("signing in by cookie hands no token to the script", async () => {
    const body = { practice: "agency", identifier: "jane", password: "walk the green river", transport: "cookie" };
    const answer = await call("POST", "/v1/sessions", { body });
    const session = await answer.json();
    return (
      expect("the status", answer.status, 201) ??
      expect("the token", session.token ?? null, null) ??
      expect("document.cookie", document.cookie, "")
    );
  });
  await step("the browser sends the cookie", async () => {
    const answer = await call("GET", "/v1/account");
    return expect("the status", answer.status, 200) ?? expect("the account", (await answer.json()).username, "jane");
  });
  await step("a call with every header that the API reads passes the preflight", async () => {
    const headers = { authorization: "Bearer none", "idempotency-key": "browser-1", "if-match": '"0"' };
    const body = { token: "A".repeat(86), new_password: "seven lanterns under snow" };
    return expect("the outcome", await outcome(await call("POST", "/v1/password/reset", { body, headers })), [
      404,
      "invalid_token",
    ]);
  });
  await step("a method that the path does not have is not sent", () => isKept(() => call("PUT", "/v1/account")));
  await step("without credentials the cookie stays at home", async () =>
    expect("the outcome", await outcome(await fetch(`${api}/v1/account`)), [401, "invalid_session"]),
  );
  await step("a recovery can be asked for", async () => {
    const answer = await call("POST", "/v1/password/forgot", { body: { practice: "agency", identifier: "jane" } });
    // Three of them in an hour are allowed, and the script may be run more often.
    if (answer.status === 429) return expect("Retry-After", answer.headers.has("retry-after"), true);
    return expect("the status", answer.status, 202);
  });
  await step("signing out takes the cookie away", async () => {
    const gone = await call("DELETE", "/v1/sessions/current");
    return (
      expect("the status", gone.status, 204) ??
      expect("the outcome", await outcome(await call("GET", "/v1/account")), [401, "invalid_session"])
    );
  });
}

async function elsewhere() {
  await step("another page cannot read what is public", () => isKept(() => fetch(`${api}/v1/practices/agency`)));
  await step("another page cannot sign in", () =>
    isKept(() => call("POST", "/v1/sessions", { body: { practice: "agency", identifier: "jane", password: "x" } })),
  );
}

await (parameters.has("next") ? portal() : elsewhere());
await fetch("/report", { method: "POST", body: JSON.stringify({ origin: location.origin, agent: navigator.userAgent, steps }) });
if (parameters.has("next")) location.replace(parameters.get("next"));
