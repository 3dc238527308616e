// Forgot password: a link or a code is asked for, and a code is entered and exchanged for a new password.
import { by, call, carried, form, kept, make, now, page, problem, say, when } from "rekey/core.js";
import { choosePassword, input, show, showOver } from "rekey/password.js";

/** @import { Schemas } from "./types" */

/**
 * What is known of a request. It stays with the entry in the browser's history, so that a reload keeps it: never who asked. A code
 * ends at `ends` by this device's clock, which is the only one that is known right after a reload.
 * @typedef {{ request_id: string, label: string, method: "link" | "code", ends: number, isHelped?: boolean }} Request
 */

/** @type {Request | undefined} */
let request = history.state?.request_id ? history.state : undefined;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let end;

/** @param {Request | undefined} changed */
function keep(changed) {
  request = changed;
  history.replaceState(changed ?? null, "");
}

/** Shows a view. Only those that wait for a mail have the help beside them. @param {string} view */
function open(view) {
  clearTimeout(end);
  by("no-mail").hidden = view !== "sent" && view !== "enter";
  show(view);
}

function showRequest() {
  if (!request) return open("ask");
  if (request.method === "link") return open("sent");
  by("label").textContent = request.label;
  const left = request.ends - Date.now();
  by("code-end").replaceChildren(when(new Date(now() + left).toISOString()), ".");
  open("enter");
  end = setTimeout(() => codeOver("code_expired"), Math.max(0, left));
}

/** Ends the wait for a mail. */
function forget() {
  keep(undefined);
  clearTimeout(end);
  by("no-mail").hidden = true;
}

/** @param {string} why */
function codeOver(why) {
  clearTimeout(end);
  // A code that ends unused may never have come, and then there is still help.
  if (why !== "code_expired") forget();
  showOver("code", why);
  by("no-mail").hidden = request === undefined;
}

/** @param {string} token */
async function openToken(token) {
  forget();
  await choosePassword(token, "code");
}

form("ask-form", {
  fields: { identifier: "identifier-missing", method: "" },
  async send({ identifier, method }) {
    const { practice, portal } = page;
    const way = method === "code" ? "code" : "link";
    const answer = await call("post", "/v1/password/forgot", { body: { practice, portal, identifier, ...(method ? { method: way } : {}) } });
    if (!answer.ok) {
      const other = answer.code === "too_many_requests" && method === "code" ? [{ text: say("link-instead"), field: "method" }] : [];
      const refused = answer.code === "invalid_request" ? { ...answer, code: "identifier" } : answer;
      return [...problem(refused, { identifier: "identifier" }), ...other];
    }
    const { request_id, label, method: asked } = answer.body;
    keep({ request_id, label, method: asked, ends: Date.now() + page.code_ttl * 1000 });
    resetHelp();
    showRequest();
  },
});

form("code-form", {
  fields: { code: "code-missing" },
  async send({ code }) {
    const answer = await call("post", "/v1/password/verify-code", { body: { request_id: request?.request_id ?? "", code } });
    if (!answer.ok) {
      if (answer.code === "code_expired" || answer.attempts_left === 0) return codeOver(answer.code === "code_expired" ? "code_expired" : "attempts_spent");
      if (answer.code === "invalid_request") return [{ text: say("code-digits"), field: "code" }];
      return problem(answer, { invalid_code: "code" });
    }
    input("code").value = "";
    if ("token" in answer.body) return openToken(answer.body.token);
    pick(answer.body.accounts);
  },
});

/** @type {Schemas["AccountChoice"][]} */
let accounts = [];

/** Asks which account of a shared mailbox is meant. @param {Schemas["AccountChoice"][]} offered */
function pick(offered) {
  keep(undefined);
  // The code has been used: a switch of the language takes along what came of it.
  kept.fragment = `#tokens=${offered.map(({ token }) => token).join(".")}`;
  accounts = offered;
  by("accounts").replaceChildren(
    ...offered.map(({ username }, at) => make("label", {}, make("input", { type: "radio", name: "account", value: at, id: at === 0 ? "account" : undefined }), ` ${username}`)),
  );
  open("pick");
}

/** Asks again which account is meant, of those whose tokens are still open. @param {string[]} tokens */
async function pickAgain(tokens) {
  const known = await Promise.all(tokens.map((token) => call("post", "/v1/password/reset/preview", { body: { token } })));
  const open = known.flatMap((answer, at) => (answer.ok ? [{ username: answer.body.username, token: tokens[at] ?? "", question: answer.body.question }] : []));
  if (open.length) pick(open);
  else await openToken(tokens[0] ?? "");
}

form("pick-form", {
  fields: { account: "account-missing" },
  async send({ account }) {
    const chosen = accounts[Number(account)];
    if (chosen) await openToken(chosen.token);
  },
});

// ---- No mail came

// The browser takes the way to the same address for a reload, which would bring the request back.
by("over-next").addEventListener("click", forget);
by("ask-again").addEventListener("click", () => {
  keep(undefined);
  open("ask");
});

function resetHelp() {
  const details = by("no-mail");
  if (details instanceof HTMLDetailsElement) details.open = false;
  if (!page.help_requests) return;
  by("help-form").hidden = request?.isHelped === true;
  by("helped").hidden = request?.isHelped !== true;
  by("helped").textContent = request?.isHelped ? say("helped") : "";
}

if (page.help_requests) {
  form("help-form", {
    fields: { reach: "" },
    async send({ reach }) {
      if (!request) return;
      const answer = await call("post", "/v1/password/help", { body: { request_id: request.request_id, reach: reach === "visit" ? "visit" : "call" } });
      if (!answer.ok) return problem(answer);
      keep({ ...request, isHelped: true });
      by("help-form").hidden = true;
      by("helped").hidden = false;
      by("helped").textContent = say(`helped-${reach}`);
      by("helped").focus();
    },
  });
}

resetHelp();
const token = carried.get("token");
const tokens = carried.get("tokens");
if (token) void openToken(token);
else if (tokens) void pickAgain(tokens.split("."));
else if (request && request.method === "code" && request.ends < Date.now()) codeOver("code_expired");
else if (request) showRequest();
