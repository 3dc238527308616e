// What every page needs: its facts and words, calls to the API, forms, times, and the session with its end.

/** @import { Answer, Given, Method, Path, Refused, Schemas, Sent, Wrong } from "./types" */

// ---- The document

/** The element with this id. @param {string} id */
export function by(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found;
}

/** Every element that a selector finds. @param {string} selector @param {ParentNode} [root] @returns {HTMLElement[]} */
export const all = (selector, root = document) => [...root.querySelectorAll(selector)].filter((it) => it instanceof HTMLElement);

/**
 * Makes an element. An attribute that is `false` or `undefined` is left out, `true` has no value, and a function listens to clicks.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | undefined | (() => void)>} [attributes]
 * @param {(Node | string | undefined | false)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener("click", value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** Shows one of several parts of a page and moves the focus to its heading. @param {string} id @param {string[]} others */
export function showOnly(id, others) {
  for (const other of others) by(other).hidden = other !== id;
  const heading = by(id).querySelector("h1, h2");
  if (heading instanceof HTMLElement) {
    heading.tabIndex = -1;
    heading.focus();
  }
}

/** Where a screen reader is told something: while a dialog is open, nothing outside of it is read. */
const announcer = () => all("dialog[open] .announcer").at(-1) ?? document.getElementById("announcer");

/** Has a screen reader say something. @param {string} text */
export function announce(text) {
  const place = announcer();
  if (place) place.textContent = text;
}

/** Ends what was said of a wait. What came of it since stays to be read. */
function waited() {
  const place = announcer();
  if (place?.textContent === say("waiting")) place.textContent = "";
}

// ---- Facts and words

/** @type {Given} */
export const page = JSON.parse(by("given").textContent ?? "");
const plurals = new Intl.PluralRules(page.language);

/** A message with its variables. @param {string} name @param {Record<string, string | number>} [values] @returns {string} */
export function say(name, values = {}) {
  const message = page.messages[name];
  if (message === undefined) throw new Error(`no message ${name}`);
  const text = typeof message === "string" ? message : (message.of[plurals.select(Number(values[message.by]))] ?? message.of["other"] ?? "");
  return text.replace(/\{(\w+)\}/g, (_, variable) => String(values[variable] ?? ""));
}

/** Whether there is a message. @param {string} name */
export const knows = (name) => name in page.messages;

/** A list in words. @param {string[]} items */
export const listed = (items) => new Intl.ListFormat(page.language).format(items);

// ---- The time

/** How far the server's clock is ahead of this device's, in milliseconds. */
let ahead = 0;

/** The moment that it is, by the server's clock as far as that is known: whatever ends, ends by it. */
export const now = () => Date.now() + ahead;

/** @type {Intl.DateTimeFormatOptions} */
const MOMENT = { dateStyle: "long", timeStyle: "short" };
const moments = new Intl.DateTimeFormat(page.language, { ...MOMENT, timeZone: page.time_zone });
const momentsHere = new Intl.DateTimeFormat(page.language, MOMENT);
const days = new Intl.DateTimeFormat(page.language, { dateStyle: "long", timeZone: page.time_zone });

/** What the practice's time is called. */
export function zoneName() {
  const parts = new Intl.DateTimeFormat(page.language, { timeZone: page.time_zone, timeZoneName: "longGeneric" }).formatToParts();
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? page.time_zone;
}

/** A moment in the practice's time zone, which is named where the clocks differ from this device's. @param {string} time as the API writes it */
export function whenText(time) {
  const moment = new Date(time);
  const text = moments.format(moment);
  return text === momentsHere.format(moment) ? text : `${text} (${zoneName()})`;
}
/** The same for machines too. @param {string} time @returns {HTMLTimeElement} */
export const when = (time) => make("time", { datetime: time }, whenText(time));
/** A day in the practice's time zone. @param {string} time */
export const day = (time) => days.format(new Date(time));

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
/** How long ago a moment was, or how far it is off. @param {string} time */
export function ago(time) {
  const seconds = (Date.parse(time) - now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["minute", 60];
  return new Intl.RelativeTimeFormat(page.language, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

/** A span in words. @param {number} seconds */
export function span(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size && seconds % size === 0) ?? (seconds < 120 ? ["second", 1] : ["minute", 60]);
  const count = Math.max(1, Math.ceil(seconds / size));
  return new Intl.NumberFormat(page.language, { style: "unit", unit, unitDisplay: "long" }).format(count);
}

/** A wait in whole minutes, a long one in whole hours. @param {number} seconds */
const rounded = (seconds) => (seconds < 7_200 ? Math.ceil(seconds / 60) * 60 : Math.ceil(seconds / 3_600) * 3_600);

// ---- Calls

const PATIENCE = 20_000;

/**
 * Sends a request to the API with the session of this portal, and answers what came if it is a success.
 * @param {string} method @param {string} at the path with its query @param {Record<string, string>} [named] its headers @param {BodyInit} [body]
 * @returns {Promise<{ ok: true, response: Response } | Refused>}
 */
export async function request(method, at, named = {}, body) {
  const headers = { ...named, "rekey-portal": `${page.practice}/${page.portal}` };
  /** @type {Response} */
  let response;
  /** @type {any} */
  let told;
  try {
    response = await fetch(at, { method, headers, body: body ?? null, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(PATIENCE) });
    const text = response.ok ? "" : await response.text();
    told = text ? JSON.parse(text) : undefined;
  } catch {
    return { ok: false, status: 0, code: "unreachable" };
  }
  const date = Date.parse(response.headers.get("date") ?? "");
  if (date) ahead = date - Date.now();
  // The session of a temporary password is told that it may do nothing else yet. It lasts all the same.
  if (response.ok || told?.code === "password_change_required") extend();
  if (response.ok) return { ok: true, response };
  /** @type {Refused} */
  const refused = { ...told, ok: false, status: response.status, code: String(told?.code ?? "unavailable") };
  const wait = Number(response.headers.get("retry-after"));
  if (wait > 0) refused.retryAfter = wait;
  if (refused.code === "invalid_session" && isSignedIn) {
    leave("ended");
    // Nothing that waits for the answer goes on.
    return new Promise(() => {});
  }
  return refused;
}

/** A query without the members that are empty. @param {Record<string, string | undefined>} members */
export function queryOf(members) {
  const given = Object.entries(members).flatMap(([name, value]) => (value ? [[name, value]] : []));
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/**
 * Calls the API with the session of this portal.
 * @template {Method} M
 * @template {Path} P
 * @param {M} method @param {P} path @param {Sent<M, P>} [sent]
 * @returns {Promise<Answer<M, P>>}
 */
export async function call(method, path, sent = {}) {
  const at = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(sent.at?.[name] ?? ""));
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json, application/problem+json" };
  if (sent.body !== undefined) headers["content-type"] = "application/json";
  if (sent.etag) headers["if-match"] = sent.etag;
  if (sent.key) headers["idempotency-key"] = sent.key;
  const body = sent.body === undefined ? undefined : JSON.stringify(sent.body);
  const answer = await request(method.toUpperCase(), at + queryOf(sent.query ?? {}), headers, body);
  if (!answer.ok) return answer;
  const { response } = answer;
  const etag = response.headers.get("etag");
  try {
    const text = await response.text();
    return { ok: true, status: response.status, body: text ? JSON.parse(text) : undefined, ...(etag ? { etag } : {}) };
  } catch {
    return { ok: false, status: 0, code: "unreachable" };
  }
}

/** A refusal in words. @param {Refused} refused @param {Record<string, string>} [fields] the field that a code is about @returns {Wrong[]} */
export function problem(refused, fields = {}) {
  const field = fields[refused.code];
  const wrong = (/** @type {string} */ text) => (field ? { text, field } : { text });
  // A newer API may have a reason that these pages do not know; its own sentence is better than none.
  const weakness = (/** @type {Schemas["Weakness"]} */ { code, message }) =>
    knows(`weak-${code}`) ? say(`weak-${code}`, { count: page.password_policy.min_length }) : message;
  if (refused.reasons?.length) return refused.reasons.map((reason) => wrong(weakness(reason)));
  if (refused.retryAfter && refused.code === "too_many_requests") return [wrong(say("error-too_many_requests", { wait: span(rounded(refused.retryAfter)) }))];
  const left = refused.attempts_left;
  const name = left === undefined ? `error-${refused.code}` : `error-${refused.code}-left`;
  return [wrong(knows(name) ? say(name, { count: left ?? 0 }) : say("error-unavailable"))];
}

// ---- Forms

/**
 * Makes a form work: what is missing or wrong is said before anything is sent, a second click sends nothing, and what is wrong stands in a
 * summary and at its field.
 * @template {string} F
 * @param {string} id
 * @param {{
 *   fields: Record<F, string>,
 *   check?: (values: Record<F, string>) => Wrong[],
 *   send: (values: Record<F, string>) => Promise<Wrong[] | void>,
 * }} how `fields` has each field that is sent, and the message for one that must not be empty
 */
export function form(id, how) {
  const it = by(id);
  const button = it.querySelector("button[type=submit]");
  if (!(it instanceof HTMLFormElement && button)) throw new Error(`${id} is no form that can be sent`);
  it.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.hasAttribute("aria-busy")) return;
    // A browser remembers what was typed in a field that is none for passwords.
    for (const shown of all("[data-show][aria-pressed=true]", it)) shown.click();
    const given = new FormData(it);
    const names = /** @type {F[]} */ (Object.keys(how.fields));
    const values = /** @type {Record<F, string>} */ (Object.fromEntries(names.map((name) => [name, String(given.get(name) ?? "")])));
    const missing = names.filter((name) => how.fields[name] && !values[name]);
    const unlike = (how.check?.(values) ?? []).filter(({ field }) => !missing.some((name) => name === field));
    const wrong = [...missing.map((field) => ({ field, text: say(how.fields[field]) })), ...unlike];
    const place = (/** @type {Wrong} */ { field }) => names.findIndex((name) => name === field);
    wrong.sort((one, other) => place(one) - place(other));
    if (wrong.length) return showWrong(it, wrong);
    showWrong(it, []);
    const refused = await working(button, () => how.send(values));
    if (refused?.length) showWrong(it, refused);
  });
  return it;
}

let title = document.title;

/** Gives the page the title of what it shows now, which must say nothing personal. @param {string} text */
export function entitle(text) {
  title = `${text} – ${document.querySelector(".practice")?.textContent?.trim() ?? ""}`;
  document.title = title;
}

/**
 * Does a button's work, for which the button is busy and a screen reader is told to wait.
 * @template T
 * @param {Element} button @param {() => Promise<T>} work
 */
export async function working(button, work) {
  button.setAttribute("aria-busy", "true");
  announce(say("waiting"));
  try {
    return await work();
  } finally {
    waited();
    button.removeAttribute("aria-busy");
  }
}

/** Has a button do its work. A second click meanwhile starts nothing. @param {HTMLElement} button @param {() => Promise<unknown>} work */
export function whenPressed(button, work) {
  button.addEventListener("click", () => {
    if (!button.hasAttribute("aria-busy")) void working(button, work);
  });
}

/**
 * Makes a button work: a second click sends nothing, and a refusal stands at the top of the page.
 * @param {HTMLElement} button @param {() => Promise<Refused | void>} work
 */
export function press(button, work) {
  whenPressed(button, async () => {
    const refused = await work();
    if (refused) complain(problem(refused)[0]?.text ?? "");
    else document.getElementById("complaint")?.remove();
  });
}

/** Says at the top of the page what has gone wrong. @param {string} text */
export function complain(text) {
  document.getElementById("complaint")?.remove();
  const notice = make("div", { id: "complaint", class: "notice danger", role: "alert", tabindex: -1 }, make("p", {}, text));
  by("main").prepend(notice);
  notice.focus();
}

/** Says what is wrong with a form, and moves the focus there. @param {HTMLFormElement} it @param {Wrong[]} wrong */
export function showWrong(it, wrong) {
  const summary = it.querySelector(".errors");
  if (!(summary instanceof HTMLElement)) return;
  for (const field of all("[aria-invalid]", it)) {
    field.removeAttribute("aria-invalid");
    describe(field, "");
  }
  for (const error of all("p.error", it)) error.hidden = true;
  summary.hidden = wrong.length === 0;
  document.title = wrong.length ? say("title-error", { title }) : title;
  const items = wrong.map(({ text, field }) => make("li", {}, field ? make("a", { href: `#${idOf(it, field)}` }, text) : text));
  summary.querySelector("ul")?.replaceChildren(...items);
  for (const { text, field } of wrong) {
    const input = field && document.getElementById(idOf(it, field));
    const error = input && document.getElementById(`${input.id}-error`);
    if (!input || !error) continue;
    error.textContent = text;
    error.hidden = false;
    input.setAttribute("aria-invalid", "true");
    describe(input, error.id);
  }
  if (wrong.length) summary.focus();
}

/** @param {HTMLFormElement} it @param {string} field */
function idOf(it, field) {
  const found = it.elements.namedItem(field);
  return found instanceof HTMLElement ? found.id : field;
}

/** @param {HTMLElement} field @param {string} error */
function describe(field, error) {
  const hint = document.getElementById(`${field.id}-hint`)?.id ?? "";
  const ids = `${hint} ${error}`.trim();
  if (ids) field.setAttribute("aria-describedby", ids);
  else field.removeAttribute("aria-describedby");
}

for (const button of all("[data-show]")) {
  const field = by(button.dataset["show"] ?? "");
  button.addEventListener("click", () => {
    const isShown = field.getAttribute("type") === "text";
    field.setAttribute("type", isShown ? "password" : "text");
    button.setAttribute("aria-pressed", String(!isShown));
    button.textContent = say(isShown ? "show-password" : "hide-password");
  });
}

// A link within the page leads there. The address stays as it is, since pages listen to its changes.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href^='#']") : null;
  if (!link) return;
  event.preventDefault();
  by(link.getAttribute("href")?.slice(1) ?? "").focus();
});

// ---- What a link carries

/** What the address's fragment carried. The head of the page has taken it from the address bar before this script was there. */
export const carried = new URLSearchParams(fragment.slice(1));

/** What a switch of the language has to take along. @type {{ fragment: string }} */
export const kept = { fragment: "" };

/** Has the pages in a language from now on. @param {string} language */
export function choose(language) {
  document.cookie = `rekey-language=${language}; Path=/p; SameSite=Lax; Max-Age=31536000${location.protocol === "https:" ? "; Secure" : ""}`;
}

for (const link of all("[data-language]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    choose(link.dataset["language"] ?? "en");
    const query = new URLSearchParams(location.search);
    query.delete("lang");
    history.replaceState(history.state, "", location.pathname + (query.size ? `?${query}` : "") + kept.fragment);
    location.reload();
  });
}

// ---- The session

let isSignedIn = false;
let isForced = false;
/** Whose session it is, as far as that is known. */
let holder = "";
const channel = new BroadcastChannel(`rekey ${page.practice} ${page.portal}`);
/** @type {ReturnType<typeof setTimeout>[]} */
let timers = [];
let seen = Date.now();
/** When the session ends, however much it is used. */
let ends = Number.POSITIVE_INFINITY;
let isEndTold = false;
const WARNING = 120_000;

/** Leads to a page of this portal. @param {string} name */
export function go(name) {
  location.assign(`${page.base}${name ? `/${name}` : ""}`);
}

/** Leads on from a sign-in. @param {Schemas["SignInAnswer"]} answer */
export function enter({ account, next }) {
  if (account.locale && !document.cookie.includes("rekey-language=")) choose(account.locale.slice(0, 2).toLowerCase());
  const back = new URLSearchParams(location.search).get("to") ?? "";
  const fallback = page.portal === "staff" ? "clients" : "account";
  // The cookie is this person's now. What another one has open in another tab ends.
  channel.postMessage(`in ${account.id}`);
  const name = next === "change_password" ? "change-password" : (/^[a-z-]+(\?account=[0-9A-Z]{26})?(?=$|\?)/.exec(back)?.[0] ?? fallback);
  location.replace(`${page.base}/${name}`);
}

/**
 * Leads to the sign-in, which says why. Nothing of the session stays on the screen.
 * @param {"idle" | "ended" | "out"} why the page was not used, the session is no more for whatever reason, or its owner has ended it
 */
function leave(why) {
  isSignedIn = false;
  document.body.replaceChildren();
  const here = location.pathname.slice(page.base.length + 1) + location.search;
  const isOver = why !== "out";
  // A temporary password cannot sign in again.
  location.replace(`${page.base}${isOver && isForced ? "?why=temporary" : queryOf({ why, to: isOver ? here : "" })}`);
}

/** Says why a person is at the sign-in. @param {HTMLElement} place */
export function showWhy(place) {
  const why = new URLSearchParams(location.search).get("why");
  if (!why || !knows(`why-${why}`)) return;
  place.textContent = say(`why-${why}`);
  place.hidden = false;
}

/** Asks for the account that is signed in, and keeps what the session's end depends on. */
export async function askSession() {
  const answer = await call("get", "/v1/account");
  isForced = !answer.ok && answer.code === "password_change_required";
  if (answer.ok || isForced) document.body.classList.add("signed-in");
  if (answer.ok) {
    holder = answer.body.id;
    ends = Date.parse(answer.body.session_ends_at);
    extend();
  }
  return answer;
}

/**
 * Whose session it is: `forced` when it began with a temporary password and can do nothing but change that. Without a session, the
 * page leads to the sign-in and shows nothing.
 * @returns {Promise<Schemas["AccountFacts"] | "forced" | undefined>}
 */
export async function whoseSession() {
  isSignedIn = true;
  const answer = await askSession();
  if (answer.ok) return answer.body;
  if (isForced) return "forced";
  if (answer.code !== "invalid_session") {
    by("main").replaceChildren(make("h1", {}, say("unavailable")), make("p", {}, problem(answer)[0]?.text ?? ""), make("p", {}, make("button", { type: "button", click: () => location.reload() }, say("try-again"))));
  }
  return undefined;
}

/** The account that is signed in. A page that gets none shows nothing. @returns {Promise<Schemas["AccountFacts"] | undefined>} */
export async function signedIn() {
  const whose = await whoseSession();
  if (whose !== "forced") return whose;
  location.replace(`${page.base}/change-password`);
  return undefined;
}

/** Ends the session here and in every tab of this portal. */
export async function signOut() {
  isSignedIn = false;
  const answer = await call("delete", "/v1/sessions/current");
  if (!answer.ok && answer.code !== "invalid_session") {
    isSignedIn = true;
    // What is said of it is not to be read behind the dialog.
    const limit = by("time-limit");
    if (limit instanceof HTMLDialogElement) limit.close();
    return answer;
  }
  channel.postMessage("out");
  leave("out");
}

/** Has every tab of this portal ask whether its session still is, after something that ends sessions. */
export const doubt = () => channel.postMessage("doubt");

/** The session lasts from now on: its time limit is told before it is over, and can be extended. */
function extend() {
  if (isSignedIn) channel.postMessage("seen");
  watch();
}

function watch() {
  seen = Date.now();
  for (const timer of timers) clearTimeout(timer);
  if (!isSignedIn) return;
  const dialog = by("time-limit");
  if (dialog instanceof HTMLDialogElement) dialog.close();
  const idle = page.session_idle * 1000;
  const until = Math.min(idle, ends - now());
  const warning = Math.min(WARNING, until / 2);
  const warn = () => {
    // An end that no use puts off is told once, and there is nothing to extend.
    const isLast = until < idle;
    if (!(dialog instanceof HTMLDialogElement) || (isLast && isEndTold)) return;
    isEndTold = isLast;
    by("time-limit-text").textContent = isLast ? say("time-limit-last", { time: whenText(new Date(ends).toISOString()) }) : say("time-limit-text", { span: span(Math.round(warning / 1000)) });
    for (const button of all("[data-stay]")) button.textContent = say(isLast ? "time-limit-go-on" : "time-limit-stay");
    dialog.showModal();
  };
  timers = [setTimeout(warn, until - warning), setTimeout(() => leave(until < idle ? "ended" : "idle"), until)];
}

channel.addEventListener("message", ({ data }) => {
  if (!isSignedIn) return;
  if (data === "out") return leave("out");
  if (data === "doubt") return void call("get", "/v1/account");
  if (data !== "seen") return data === `in ${holder}` ? undefined : location.reload();
  watch();
});
/** Goes on with the session. */
function stay() {
  const dialog = by("time-limit");
  if (isEndTold && dialog instanceof HTMLDialogElement) dialog.close();
  else void call("get", "/v1/account");
}
for (const button of all("[data-stay]")) button.addEventListener("click", stay);
// Whoever closes the dialog by a key is there too.
by("time-limit").addEventListener("cancel", stay);
for (const button of all("[data-leave], [data-sign-out]")) press(button, signOut);
// A timer waits longer while the device sleeps.
setInterval(() => {
  if (isSignedIn && Date.now() - seen > page.session_idle * 1000) leave("idle");
  else if (isSignedIn && now() > ends) leave("ended");
}, 15_000);
// A page that the browser keeps is kept empty and loaded anew, and one that is looked at again asks whether the session still is.
addEventListener("pagehide", (event) => event.persisted && document.body.replaceChildren());
addEventListener("pageshow", (event) => event.persisted && location.reload());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && isSignedIn && Date.now() - seen > 30_000) void call("get", "/v1/account");
});
