// What comes late, in another order or by another clock: a form that is left while it sends, a refusal after half of what was asked, a
// device whose clock is wrong, a list whose next page has nothing, and a person who moves by keys alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, administrator, button, call, client, dialog, focused, mailed, open, problem, register, see, settled, staff, told, visit } from "./support.mjs";

/** Holds the requests of a path back until they are let go. */
async function hold(page, path) {
  let release = () => {};
  let count = 0;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(path, async (route) => {
    count += 1;
    await held;
    await route.continue();
  });
  return { release: () => release(), count: () => count };
}

test("whoever skips to the content keeps the link and what was typed", async (t) => {
  const person = await register("veterinary");
  await call("POST", "/v1/password/forgot", { body: { practice: "veterinary", identifier: person.username, method: "link" } });
  const page = await visit(t);
  await page.goto(await mailed(person.email, "link", 2));
  await see(page, "Choose a new password");
  await page.locator("#new_password").fill("seven lanterns");
  await page.locator(".skip").focus();
  await page.keyboard.press("Enter");
  assert.equal((await focused(page)).role, "main");
  await see(page, "Choose a new password");
  assert.equal(await page.locator("#new_password").inputValue(), "seven lanterns");
  const desk = await staff(t, "veterinary", "admin");
  await desk.goto("/p/veterinary/staff/settings?group=practice");
  await desk.locator("#name").fill("Another name");
  await desk.locator(".skip").focus();
  await desk.keyboard.press("Enter");
  assert.equal(await desk.locator("#name").inputValue(), "Another name");
});

test("a form that is left while it sends says what has come of it", async (t) => {
  const person = await register("agency", { display_name: "Lena Frost" });
  const desk = await open(t, "agency", person);
  const password = await hold(desk, "**/temporary-password");
  await button(desk, "Reset and send new password").click();
  await button(dialog(desk), "Reset and send").click();
  await button(dialog(desk), "Cancel").click();
  await dialog(desk).waitFor({ state: "hidden" });
  password.release();
  await told(desk, /A temporary password has been sent/);
  const link = await hold(desk, "**/links");
  await button(desk, "Make a link with an end date").click();
  await dialog(desk).getByLabel("I copy it and pass it on").check();
  await button(dialog(desk), "Make the link").click();
  await desk.keyboard.press("Escape");
  link.release();
  await desk.getByText("Copy this link now").waitFor();
  const code = await hold(desk, "**/caller-check");
  await button(desk, "Check who is calling").click();
  const send = dialog(desk).getByRole("button", { name: /Send a code to/ });
  await send.focus();
  await desk.keyboard.press("Enter");
  await desk.keyboard.press("Enter");
  code.release();
  await dialog(desk).getByText(/A code was sent to/).waitFor();
  assert.equal(code.count(), 1, "a key that is pressed twice sends one code");
});

test("an address that is put back after a refusal is put back, and what was saved is told to whoever leaves", async (t) => {
  const person = await register("agency", { display_name: "Olga Brand" });
  const desk = await open(t, "agency", person);
  const saved = async () => (await call("GET", `/v1/admin/accounts/${person.id}`, { bearer: await administrator("agency") })).body.email;
  await desk.route("**/temporary-password", (route) => route.fulfill(problem(503, "unavailable")));
  await button(desk, "Edit portal login").click();
  await dialog(desk).locator("#email").fill("mistyped@agency.test");
  await dialog(desk).getByLabel("Reset password").check();
  await button(dialog(desk), "Save").click();
  await dialog(desk).locator(".errors:visible").waitFor();
  assert.equal(await saved(), "mistyped@agency.test");
  await desk.unroute("**/temporary-password");
  await dialog(desk).locator("#email").fill(person.email);
  await button(dialog(desk), "Save").click();
  await told(desk, /A temporary password has been sent/);
  assert.equal(await saved(), person.email);
  await desk.route("**/temporary-password", (route) => route.fulfill(problem(503, "unavailable")));
  await button(desk, "Edit portal login").click();
  await dialog(desk).locator("#display_name").fill("Olga Brandt");
  await dialog(desk).getByLabel("Reset password").check();
  await button(dialog(desk), "Save").click();
  await dialog(desk).locator(".errors:visible").waitFor();
  await button(dialog(desk), "Cancel").click();
  await told(desk, "Saved.");
  await told(desk, /Reset password: Something is not working/);
  await desk.getByRole("heading", { level: 1, name: "Olga Brandt" }).waitFor();
});

test("whoever lets a temporary password's session go by is told to ask for another", async (t) => {
  const person = await register("agency");
  const bearer = await administrator("agency");
  assert.equal((await call("POST", `/v1/admin/accounts/${person.id}/temporary-password`, { bearer, body: { hours: 2 } })).status, 202);
  const page = await visit(t);
  await page.clock.install();
  await page.goto("/p/agency/client");
  await page.locator("#identifier").fill(person.username);
  await page.locator("#password").fill(await mailed(person.email, "temporary"));
  await button(page, "Sign in").click();
  await see(page, "Change your password");
  await page.clock.fastForward("15:01");
  await page.getByText("The time of your temporary password is over").waitFor();
});

test("a year that nobody means is refused at its field, and the form stays usable", async (t) => {
  const person = await register("pediatrics", { display_name: "Timo Lark" });
  const parent = await register("pediatrics", { display_name: "Petra Lark" });
  const desk = await open(t, "pediatrics", person);
  await button(desk, "Make a link with an end date").click();
  for (const text of ["0026-12-31T10:00", "20266-12-31T10:00"]) {
    await dialog(desk).locator("#expires_at").evaluate((it, value) => Object.assign(it, { type: "text", value }), text);
    await button(dialog(desk), "Make the link").click();
    await dialog(desk).locator("#expires_at-error").getByText("Choose a day and a time").waitFor();
  }
  await button(dialog(desk), "Cancel").click();
  await button(desk, "Add a guardian").click();
  await dialog(desk).locator("#other").fill(parent.username);
  await dialog(desk).getByRole("radio", { name: "Petra Lark" }).check();
  await dialog(desk).locator("#relationship").fill("Parent");
  await dialog(desk).locator("#until").fill("0026-12-31");
  await button(dialog(desk), "Add").click();
  await dialog(desk).locator("#until-error:visible").waitFor();
  await desk.goto("/p/pediatrics/staff/changes");
  await desk.locator("#entries li").first().waitFor();
  await desk.locator("#from").fill("0026-12-31");
  await desk.locator("#filters button[type=submit]").click();
  await desk.locator("#from-error").getByText("Enter a year such as 2026").waitFor();
});

test("a device whose clock is a day fast, in another zone, signs in, sends a link and names the practice's time", async (t) => {
  const person = await register("agency", { display_name: "Ines Vale" });
  const desk = await visit(t, { timezoneId: "Pacific/Honolulu" });
  await desk.clock.install({ time: Date.now() + 86_400_000 });
  await desk.goto("/p/agency/staff");
  await desk.locator("#identifier").fill("admin");
  await desk.locator("#password").fill(PASSWORD);
  await button(desk, "Sign in").click();
  await see(desk, "Clients");
  await desk.goto(`/p/agency/staff/client?account=${person.id}`);
  await settled(desk);
  await desk.clock.fastForward("00:20");
  await button(desk, "Send a reset link").click();
  await told(desk, /A reset link has been sent/);
  await told(desk, /\(Eastern Time\)/);
  await desk.clock.fastForward("00:20");
  await desk.getByRole("heading", { level: 1, name: "Ines Vale" }).waitFor();
  const near = await visit(t, { timezoneId: "America/New_York" });
  await near.goto("/p/agency/client");
  await near.locator("#identifier").fill(person.username);
  await near.locator("#password").fill(PASSWORD);
  await button(near, "Sign in").click();
  await see(near, "My account");
  await near.locator("#events li").first().waitFor();
  assert.ok(!(await near.content()).includes("Eastern Time"), "one's own time needs no name");
});

test("a list whose pages have nothing goes on by itself, and says it when there is nothing at all", async (t) => {
  const desk = await staff(t, "agency", "admin");
  await desk.locator("#results table").waitFor();
  let reads = 0;
  const answer = (accounts, next_cursor) => ({ contentType: "application/json", body: JSON.stringify({ accounts, next_cursor }) });
  await desk.route("**/v1/admin/accounts?*", (route) => {
    reads += 1;
    return route.fulfill(answer([], reads % 3 ? `c${reads}` : null));
  });
  await desk.locator("#mail").selectOption("bounced");
  await desk.getByText("Nobody was found").waitFor();
  assert.equal(reads, 3);
  assert.equal(await desk.getByRole("button", { name: "Show more" }).count(), 0);
  await desk.unroute("**/v1/admin/accounts?*");
  await desk.route("**/v1/admin/accounts?*", (route) => route.fulfill(problem(503, "unavailable")));
  await desk.locator("#mail").selectOption("");
  await desk.getByText("Something is not working").first().waitFor();
  assert.ok(!(await desk.locator("#announcer").innerText()).includes("found"), "a failure is not told as an empty list");
});

test("the change log finds a username that many others begin with", async (t) => {
  const desk = await staff(t, "veterinary", "admin");
  await see(desk, "Clients");
  const person = await register("veterinary");
  await desk.route(`**/v1/admin/accounts?portal=client&q=${person.username}*`, async (route) => {
    const isFirst = !route.request().url().includes("cursor=");
    if (!isFirst) return route.continue({ url: route.request().url().replace("&cursor=next", "") });
    return route.fulfill({ contentType: "application/json", body: JSON.stringify({ accounts: [], next_cursor: "next" }) });
  });
  await desk.goto("/p/veterinary/staff/changes");
  await desk.locator("#person").fill(person.username);
  await desk.locator("#filters button[type=submit]").click();
  await desk.waitForURL(`**/changes?account=${person.id}`);
});

test("the practice's name leads whoever is signed in to where they are at home", async (t) => {
  const desk = await staff(t, "veterinary", "admin");
  await see(desk, "Clients");
  await desk.goto("/p/veterinary/staff/settings");
  await desk.locator(".practice").click();
  await see(desk, "Clients");
  const person = await register("veterinary");
  const page = await client(t, "veterinary", person.username);
  await see(page, "My account");
  await page.goto("/p/veterinary/client/change-password");
  await page.locator(".practice").click();
  await see(page, "My account");
});

test("an account that is opened again is told of as it is", async (t) => {
  for (const [isSetUp, words] of [[true, /The old password works again/], [false, /Send something now/]]) {
    const person = await register("agency", { isSetUp });
    const desk = await open(t, "agency", person);
    await button(desk, "Close the account").click();
    await button(dialog(desk), "Close the account").click();
    await told(desk, "The account is closed.");
    await button(desk, "Open the account").click();
    await told(desk, words);
  }
});
