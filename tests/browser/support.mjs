// What the tests in a browser share. They run against `cargo dev`, with what `npm ci` has put beneath `target/browser`.
//
//   REKEY_API, REKEY_MAILBOX   the addresses of the API and of the mailbox (http://localhost:9000, http://localhost:8025)
//   CHROMIUM                   the browser (/usr/bin/chromium)
//   FIREFOX                    a Firefox, in its place: Debian's is driven by WebDriver BiDi as an earlier Playwright speaks it
//
// API, MAILBOX, PASSWORD     the two addresses, and the password of every account of the demo practices
// visit(t, options)          a page in a context of its own: a browser of one person. It fails its test `t` at its end when the page has
//                            raised an error, broken the security policy, written an error to the console, or called another origin
// second(page)               another tab of the same person, watched alike
// see(page, name)            waits for the page's heading of the first level, which has this text, and has it in the title
// axe(page)                  fails when axe-core finds anything; it says what and where
// fits(page)                 fails when the page can be scrolled sideways
// focused(page)              what has the focus: its role and its name
// call(method, path, sent)   a call of the API as a program makes it: `{ status, body }`. `sent` has `body` and `bearer`
// session(who)               signs in as a program and answers the bearer token: `{ practice, portal, identifier, password }`
// register(practice, more)   a new client whom staff have registered: `{ id, username, email }`. `isSetUp: false` leaves the invitation open
// setUp(person, password)    accepts the invitation of a registered person
// administrator(practice)    the bearer token of a practice's administrator
// mails(to)                  the mails to an address, the newest first
// mailed(to, what, count, marked)
//                            waits for mail number `count` (1, the oldest) that carries something and has the text `marked`, and answers
//                            what it carries: `token`, `repudiate`, `not-me`, `code`, `temporary`, or the address of the `link`
// sound(page)                axe and fits, in the light and the dark theme
// staff(t, practice, name, password), client(t, practice, name, password, portal)
//                            visit() that signs in on the page
// settled(page)              the page of a person has been filled
// open(t, practice, person)  the page of a person, as an administrator sees it
// dialog(page)               the dialog that is open, but for the one of the time limit
// problem(status, code, more)
//                            a refusal of the API, for a route to be fulfilled with
// told(page, pattern)        waits for what the page of a person says of an act
// clicks(page)               counts clicks from now on, and answers a function that says how many there were
// button(page, name)         a button by its exact name
// tabTo(page, name)          presses Tab until what has this name has the focus

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

const require = createRequire(new URL("../../target/browser/package.json", import.meta.url));
const { chromium } = require("playwright-core");

export const API = process.env.REKEY_API ?? "http://localhost:9000";
export const MAILBOX = process.env.REKEY_MAILBOX ?? "http://localhost:8025";
export const PASSWORD = "walk the green river";
const PATIENCE = 15_000;

let started;
/** The browser, which every test file starts once. */
function browser() {
  const firefox = process.env.FIREFOX;
  if (firefox) started ??= require("playwright-bidi")._bidiFirefox.launch({ executablePath: firefox });
  // Chromium's sandbox does not start as root, which test machines often are.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  started ??= chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
  return started;
}
after(async () => (await started)?.close());

/** The driver's own code runs by `eval`, which the pages' policy refuses: Firefox is driven without the policy, Chromium with it. */
async function withoutPolicy(context) {
  await context.route(`${API}/p/**`, async (route) => {
    const answer = await route.fetch({ maxRedirects: 0 });
    const { "content-security-policy": _, "content-encoding": __, ...headers } = answer.headers();
    await route.fulfill({ status: answer.status(), headers, body: await answer.body() });
  });
}

/** The problems that each context's pages had. */
const troubles = new WeakMap();

function watch(page, problems) {
  // The browser reports a refused call as an error of the console; the page has to say it.
  const isRefusal = (message) =>
    message.text().startsWith("Failed to load resource") && /\/v1\/|\/nothing-here/.test(message.location().url);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !isRefusal(message)) problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && origin !== new URL(API).origin) problems.push(`another origin: ${request.url()}`);
  });
  page.setDefaultTimeout(PATIENCE);
  return page;
}

export async function visit(t, options = {}) {
  const context = await (await browser()).newContext({ locale: "en-US", timezoneId: "America/New_York", baseURL: API, ...options });
  const problems = [];
  troubles.set(context, problems);
  if (process.env.FIREFOX) await withoutPolicy(context);
  t.after(async () => {
    await context.close();
    assert.deepEqual(problems, [], "the pages are free of errors");
  });
  return watch(await context.newPage(), problems);
}

export const button = (page, name) => page.getByRole("button", { name, exact: true });

export async function client(t, practice, name, password = PASSWORD, portal = "client") {
  const page = await visit(t);
  await page.goto(`/p/${practice}/${portal}`);
  await page.locator("#identifier").fill(name);
  await page.locator("#password").fill(password);
  await page.locator("#sign-in button[type=submit]").click();
  return page;
}

export async function staff(t, practice, name, password = PASSWORD) {
  const page = await client(t, practice, name, password, "staff");
  await page.waitForURL("**/clients");
  return page;
}

export async function settled(page) {
  await page.waitForFunction(() => document.querySelector("#person:not([hidden])") && !document.querySelector("#person [aria-busy=true]"));
}

export async function open(t, practice, person) {
  const desk = await staff(t, practice, "admin");
  await see(desk, "Clients");
  await desk.goto(`/p/${practice}/staff/client?account=${person.id}`);
  await settled(desk);
  return desk;
}

export const dialog = (page) => page.locator("dialog[open]:not(#time-limit)");

export const problem = (status, code, more = {}) => ({
  status,
  contentType: "application/problem+json",
  headers: more.headers ?? {},
  body: JSON.stringify({ type: `urn:rekey:problem:${code}`, title: code, status, code, ...more.body }),
});

export async function told(page, pattern) {
  await page.locator("#told").getByText(pattern).first().waitFor();
}

export async function clicks(page) {
  let count = 0;
  await page.exposeFunction("counted", () => (count += 1));
  const listen = () => {
    if (!window.isCounting) addEventListener("pointerdown", () => window.counted(), true);
    window.isCounting = true;
  };
  await page.addInitScript(listen);
  await page.evaluate(listen);
  return () => count;
}

export async function second(page) {
  return watch(await page.context().newPage(), troubles.get(page.context()));
}

export async function see(page, name) {
  const heading = page.getByRole("heading", { level: 1, name, exact: true });
  await heading.waitFor();
  // A page that waits for its facts may have the same heading.
  await page.locator("#waiting").waitFor({ state: "hidden" });
  await heading.waitFor();
  assert.equal(await page.locator("h1:visible").count(), 1, "one heading of the first level");
  assert.ok((await page.title()).includes(name), `the title "${await page.title()}" says "${name}"`);
}

let rules;
export async function axe(page) {
  rules ??= await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(rules);
  const { violations } = await page.evaluate("axe.run()");
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  assert.deepEqual(found, [], `axe at ${page.url()}`);
}

export async function fits(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wide, 0, `sideways scroll at ${page.url()}`);
}

export async function sound(page) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await axe(page);
  }
  await fits(page);
}

export async function tabTo(page, name) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    if ((await focused(page)).name === name) return;
  }
  throw new Error(`Tab does not lead to ${name}`);
}

export async function focused(page) {
  return page.evaluate(() => {
    const it = document.activeElement;
    const label = it?.getAttribute("aria-label") ?? it?.labels?.[0]?.textContent ?? it?.textContent ?? "";
    return { role: it?.getAttribute("role") ?? it?.tagName.toLowerCase(), name: label.trim() };
  });
}

export async function call(method, path, { body, bearer } = {}) {
  const headers = { ...(body && { "content-type": "application/json" }), ...(bearer && { authorization: `Bearer ${bearer}` }) };
  const response = await fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : undefined };
}

export async function session({ practice, portal = "client", identifier, password = PASSWORD }) {
  const { status, body } = await call("POST", "/v1/sessions", { body: { practice, portal, identifier, password } });
  assert.equal(status, 201, `${identifier} signs in`);
  return body.token;
}

const administrators = new Map();
/** The bearer token of a practice's administrator. */
export async function administrator(practice) {
  const signIn = () => session({ practice, portal: "staff", identifier: "admin" });
  if (!administrators.has(practice)) administrators.set(practice, await signIn());
  return administrators.get(practice);
}

let number = 0;
export async function register(practice, { isSetUp = true, ...person } = {}) {
  number += 1;
  // Two files run at once, each in a process of its own.
  const username = `p${process.pid.toString(36)}-${Date.now().toString(36)}${number}`;
  const body = { username, email: `${username}@${practice}.test`, display_name: "Ana Prueba", ...person };
  const made = await call("POST", "/v1/admin/accounts", { bearer: await administrator(practice), body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const registered = { id: made.body.id, username: body.username, email: body.email };
  if (isSetUp) await setUp(registered);
  return registered;
}

export async function setUp({ username, email }, password = PASSWORD) {
  const token = await mailed(email, "token", 1, `Username: ${username}\n`);
  const set = await call("POST", "/v1/password/reset", { body: { token, new_password: password } });
  assert.equal(set.status, 204, JSON.stringify(set.body));
}

export async function mails(to) {
  const all = await (await fetch(`${MAILBOX}/messages`)).json();
  return all.filter((mail) => mail.to.includes(to));
}

const CARRIED = {
  token: /#token=([\w-]+)/,
  repudiate: /#repudiate=([\w-]+)/,
  "not-me": /#not-me=([\w-]+)/,
  code: /^(\d[\d ]+)$/m,
  temporary: /^(\w{4}(?:-\w{4}){4})$/m,
  link: /(https?:\S+#token=[\w-]+)/,
};

export async function mailed(to, what, count = 1, marked = "") {
  for (const end = Date.now() + PATIENCE; Date.now() < end; await wait(100)) {
    const marks = (await mails(to)).reverse().filter((mail) => mail.text.replaceAll("\r", "").includes(marked));
    const found = marks.flatMap((mail) => CARRIED[what].exec(mail.text)?.[1] ?? []);
    if (found.length >= count) return found[count - 1];
  }
  throw new Error(`no mail to ${to} carries a ${what}`);
}
