// My account: who I am, my security question, where I am signed in, and what has happened.
import { announce, by, call, complain, form, make, page, press, problem, say, signedIn, ago, when, whenText } from "rekey/core.js";
import { checkQuestion, chosenQuestion, offerQuestions, show } from "rekey/password.js";

/** @import { Schemas } from "./types" */

/** @param {Schemas["AccountFacts"]} account */
function showFacts(account) {
  const facts = [
    [say("fact-name"), account.display_name],
    [say("fact-username"), account.username],
    [say("fact-email"), account.email ?? say("no-email")],
  ];
  by("facts").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

// ---- Sessions

/** A device in the language of the page. @param {string} device as the API says it */
function deviceInWords(device) {
  const [browser, system] = device.replace("an app", say("device-app")).split(" on ");
  if (device === "an unknown device") return say("device-unknown");
  return browser && system ? say("device-on", { browser, system }) : (browser ?? device);
}

async function showSessions() {
  /** @type {Schemas["SessionFacts"][]} */
  const sessions = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    const answer = await call("get", "/v1/sessions", { query: { limit: "100", cursor } });
    if (!answer.ok) return answer;
    sessions.push(...answer.body.sessions);
    cursor = answer.body.next_cursor ?? undefined;
  } while (cursor);
  sessions.sort((one, other) => Number(other.current) - Number(one.current));
  by("sessions").replaceChildren(...sessions.map(sessionRow));
  by("end-others-part").hidden = sessions.length < 2;
}

/** @param {Schemas["SessionFacts"]} session */
function sessionRow({ id, current, created_at, last_seen_at, ip, device }) {
  const name = deviceInWords(device);
  const facts = make("p", { class: "quiet" }, say("session-facts", { since: whenText(created_at), used: ago(last_seen_at), ip }));
  if (current) return make("li", {}, make("p", {}, make("strong", {}, name), " ", make("span", { class: "badge good" }, say("this-device"))), facts);
  const end = make("button", { type: "button", class: "secondary outline", "aria-label": say("end-session-of", { device: name, since: whenText(created_at) }) }, say("end-session"));
  press(end, async () => {
    const answer = await call("delete", "/v1/sessions/{id}", { at: { id } });
    // One that is not there has ended already.
    if (!answer.ok && answer.code !== "not_found") return answer;
    return ended(say("session-ended"));
  });
  return make("li", {}, make("p", {}, make("strong", {}, name)), facts, end);
}

/** @param {string} text */
async function ended(text) {
  const refused = await showSessions();
  by("sessions-heading").focus();
  announce(text);
  return refused;
}

press(by("end-others"), async () => {
  const answer = await call("delete", "/v1/sessions");
  return answer.ok ? ended(say("others-ended")) : answer;
});

// ---- Activity

/** @type {string | undefined} */
let next;

async function showEvents() {
  const answer = await call("get", "/v1/activity", { query: { limit: "10", cursor: next } });
  if (!answer.ok) return answer;
  next = answer.body.next_cursor ?? undefined;
  const rows = answer.body.events.map(eventRow);
  by("events").append(...rows);
  by("more-part").hidden = next === undefined;
  return rows[0];
}

/** @param {Schemas["ActivityEvent"]} event */
function eventRow({ at, action, description, actor, ip }) {
  const isOurs = `action-${action}` in page.messages;
  const facts = make("p", { class: "quiet" }, when(at), ` · ${say(`by-${actor}`)}`, ip ? ` · ${say("from-ip", { ip })}` : "");
  // The API describes in English alone.
  const more = isOurs && page.language === "en" ? make("p", { class: "quiet" }, description) : undefined;
  return make("li", { tabindex: -1 }, make("p", {}, make("strong", {}, isOurs ? say(`action-${action}`) : description)), facts, more);
}

press(by("more"), async () => {
  const shown = await showEvents();
  if (shown && "ok" in shown) return shown;
  shown?.focus();
});

// ---- The page

if (page.security_question !== "off") {
  offerQuestions(true);
  const it = form("question-form", {
    fields: { question: "", own_question: "", question_answer: "", current_password: "current-missing" },
    check: (values) => checkQuestion(values, true),
    async send(values) {
      const chosen = chosenQuestion(values);
      if (!chosen) return;
      const answer = await call("put", "/v1/security-question", { body: { current_password: values.current_password, ...chosen } });
      if (!answer.ok) {
        const isWrong = answer.code === "invalid_credentials";
        return problem(isWrong ? { ...answer, code: "current_password" } : answer, { current_password: "current_password", invalid_request: "question_answer" });
      }
      it.reset();
      by("own-part").hidden = true;
      by("question-details").removeAttribute("open");
      by("question-done").hidden = false;
      by("question-done").focus();
    },
  });
}

const account = await signedIn();
if (account) {
  showFacts(account);
  const [sessions, events] = await Promise.all([showSessions(), showEvents()]);
  show("account");
  const refused = sessions ?? (events && "ok" in events ? events : undefined);
  if (refused) complain(problem(refused)[0]?.text ?? "");
}
