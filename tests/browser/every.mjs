// Every page and its main states, each with how a person gets there. The tests of all variants go through them, and the screenshots.
//
// EVERY      by name: `portal`, `as` (whose session, if any), and `open(page, where)`, which leads to the state. `where` has the base
//            path of the portal and the practice
// variants() the contexts in which they are looked at: language, theme, width

import assert from "node:assert/strict";
import { PASSWORD, administrator, call, mailed, register } from "./support.mjs";

const NEW_CODE = "0000 0000";
const UNKNOWN = "A".repeat(86);

/** A page by its path, once a selector shows that its script has done its work. */
const at = (name, ready) => async (page, { base }) => {
  await page.goto(`${base}${name}`);
  await page.locator(ready).first().waitFor();
};

/** The page of a mailed link. */
const carrying = (token, ready) => async (page, where) => {
  await page.goto("about:blank");
  await page.goto(`${where.base}/reset#${await token(where)}`);
  await page.locator(ready).first().waitFor();
};

async function recovery({ practice }) {
  const person = await register(practice);
  await call("POST", "/v1/password/forgot", { body: { practice, identifier: person.username, method: "link" } });
  return `token=${await mailed(person.email, "token", 2)}`;
}

async function invitation({ practice }) {
  const person = await register(practice, { isSetUp: false });
  return `token=${await mailed(person.email, "token")}`;
}

async function asked(page, { base, practice }, method) {
  await page.goto("about:blank");
  await page.goto(`${base}/forgot`);
  const choice = page.locator(`input[name=method][value=${method}]`);
  if (await choice.count()) await choice.check();
  await page.locator("#identifier").fill((await register(practice)).username);
  await page.locator("#forgot-form button[type=submit], form button[type=submit]").first().click();
}

async function person(page, { base, practice }) {
  const bearer = await administrator(practice);
  const { body } = await call("GET", "/v1/admin/accounts?portal=client&q=jane", { bearer });
  await page.goto(`${base}/client?account=${body.accounts[0].id}`);
  await page.locator("#person").waitFor();
}

/** The page of a person of one's own making, of whom everything is known that can be. */
const troubled = (trouble) => async (page, { base, practice }) => {
  const bearer = await administrator(practice);
  const person = await register(practice, { display_name: "Maximiliana Featherstonehaugh-Cholmondeley", record_email: `record@${practice}.test`, isSetUp: trouble !== "wrong" });
  if (trouble === "wrong") await call("POST", "/v1/password/not-me", { body: { token: await mailed(person.email, "not-me") } });
  else await call("POST", "/v1/password/repudiate", { body: { token: await mailed(person.email, "repudiate") } });
  // Without an address nobody is invited: an administrator may invite a hundred an hour.
  const other = (display_name) => register(practice, { display_name, email: undefined, isSetUp: false });
  const [parent, child] = [await other("Ana Prueba"), await other("Bo")];
  const { body } = await call("GET", "/v1/account", { bearer });
  for (const [path, sent] of [
    [`${person.id}/associations/${parent.id}`, { relationship: "Parent", role: "acts", until: new Date(Date.now() + 9e10).toISOString() }],
    [`${child.id}/associations/${person.id}`, { relationship: "Carer", role: "views" }],
    [`${person.id}/caseload/${body.id}`, { role: "Primary case manager" }],
  ]) assert.ok((await call("PUT", `/v1/admin/accounts/${path}`, { bearer, body: sent })).status < 300, path);
  await page.goto(`${base}/client?account=${person.id}`);
  await page.locator("#associations-list table").first().waitFor();
  await page.locator("#caseload-list table").waitFor();
  await page.locator("#notices .notice").first().waitFor();
  await page.locator("#activity-list table").waitFor();
  assert.doesNotMatch(await page.locator("main").innerText(), /\dT\d\d:|undefined|\[object/, "everything is in words");
};

/** The dialog of a button of a person's page. */
const dialog = (place, then = async () => {}) => ({
  portal: "staff",
  as: "admin",
  async open(page, where) {
    await person(page, where);
    await page.locator("#actions button").nth(place).click();
    await page.locator("dialog[open]").waitFor();
    await then(page);
  },
});

export const EVERY = {
  "sign-in": { portal: "client", open: at("", "#sign-in") },
  "sign-in-wrong": {
    portal: "client",
    async open(page, { base }) {
      await page.goto(base);
      await page.locator("#sign-in button[type=submit]").click();
      await page.locator(".errors:visible").waitFor();
    },
  },
  forgot: { portal: "client", open: at("/forgot", "#identifier") },
  "forgot-sent": {
    portal: "client",
    async open(page, where) {
      await asked(page, where, "link");
      await page.locator("#sent:visible, #code:visible").first().waitFor();
    },
  },
  "forgot-code": {
    portal: "client",
    async open(page, where) {
      await asked(page, where, "code");
      await page.locator("#code").fill(NEW_CODE);
    },
  },
  "reset-choose": { portal: "client", open: carrying(recovery, "#new_password:visible") },
  "reset-invitation": { portal: "client", open: carrying(invitation, "#new_password:visible") },
  "reset-unknown": { portal: "client", open: carrying(() => `token=${UNKNOWN}`, "h1:visible") },
  "reset-used": {
    portal: "client",
    open: carrying(async (where) => {
      const carried = await recovery(where);
      await call("POST", "/v1/password/reset", { body: { token: carried.slice("token=".length), new_password: "seven lanterns under snow" } });
      return carried;
    }, "h1:visible"),
  },
  "reset-repudiate": { portal: "client", open: carrying(() => `repudiate=${UNKNOWN}`, "#repudiate-yes") },
  "reset-not-me": { portal: "client", open: carrying(() => `not-me=${UNKNOWN}`, "#not-me-yes") },
  account: { portal: "client", as: "lily", open: at("/account", "#events li") },
  "change-password": { portal: "client", as: "lily", open: at("/change-password", "#current_password:visible") },
  clients: { portal: "staff", as: "admin", open: at("/clients", "#results table") },
  client: { portal: "staff", as: "admin", open: person },
  "client-edit": {
    portal: "staff",
    as: "admin",
    async open(page, where) {
      await person(page, where);
      await page.locator("#facts button").last().click();
      await page.locator("dialog[open]").waitFor();
    },
  },
  "client-password": dialog(1),
  "client-link": dialog(2),
  "client-slip": dialog(2, async (page) => {
    await page.locator("input[name=deliver][value=print]").check();
    await page.locator("dialog[open] button[type=submit]").click();
    await page.locator(".slip img").waitFor();
  }),
  "client-caller": dialog(3),
  "client-locked": { portal: "staff", as: "admin", open: troubled("locked") },
  "client-wrong-person": { portal: "staff", as: "admin", open: troubled("wrong") },
  "new-account": { portal: "staff", as: "admin", open: at("/new-account", "#display_name:visible") },
  help: { portal: "staff", as: "admin", open: at("/help", "main h1") },
  "help-task": {
    portal: "staff",
    as: "admin",
    async open(page, { base, practice }) {
      const { username, email } = await register(practice);
      const asked = await call("POST", "/v1/password/forgot", { body: { practice, identifier: username } });
      await mailed(email, "token", 2);
      await call("POST", "/v1/password/help", { body: { request_id: asked.body.request_id, reach: "call" } });
      const task = page.locator("#tasks article", { hasText: username });
      // The mailer makes the task.
      for (let looks = 0; looks < 10 && !(await task.count()); looks += 1) {
        await page.goto(`${base}/help`);
        await page.locator("#tasks article, #tasks p").first().waitFor();
      }
      await task.waitFor();
    },
  },
  team: { portal: "staff", as: "admin", open: at("/team", "main li a, main table a") },
  changes: { portal: "staff", as: "admin", open: at("/changes", "#entries li") },
  "settings-group": { portal: "staff", as: "admin", open: at("/settings?group=desk", "#members .field") },
  settings: { portal: "staff", as: "admin", open: at("/settings", "main h2:visible, main .card:visible") },
  brand: { portal: "staff", as: "admin", open: at("/brand", "#color:visible, main form:visible") },
  nowhere: { portal: "client", open: at("/nothing-here", "h1") },
};

export function variants(isWhole) {
  const all = ["en", "es"].flatMap((language) => ["light", "dark"].flatMap((theme) => [360, 1280].map((width) => ({ language, theme, width }))));
  return isWhole ? all : [{ language: "en", theme: "light", width: 360 }];
}

/** The path of a page's portal, and its practice. */
export const where = (practice, portal) => ({ practice, portal, base: `/p/${practice}/${portal}` });

/** Signs a page in, as whoever has to be. */
export async function signInAs(page, { practice, portal, base }, name) {
  await page.goto(base);
  await page.locator("#identifier").fill(name);
  await page.locator("#password").fill(PASSWORD);
  await page.locator("#sign-in button[type=submit]").click();
  await page.waitForURL(portal === "staff" ? /clients/ : /account/);
  return practice;
}
