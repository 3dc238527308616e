// A person's own account, in a browser: sign-in and sign-out, the change of the password, sessions, activity, and the links by which
// people say that something was not theirs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, administrator, call, mailed, register, second, see, session, sound, visit } from "./support.mjs";

const NEW = "seven lanterns under snow";
const UNKNOWN = "A".repeat(86);
const button = (page, name) => page.getByRole("button", { name, exact: true });
const wrong = (page) => page.locator(".errors:visible");
const at = (practice, name = "", portal = "client") => `/p/${practice}/${portal}${name}`;

async function signIn(page, practice, identifier, password = PASSWORD) {
  await page.goto(at(practice));
  await page.locator("#identifier").fill(identifier);
  await page.locator("#password").fill(password);
  await page.locator("#sign-in button[type=submit]").click();
}

async function change(page, current, password = NEW) {
  await page.locator("#current_password").fill(current);
  await page.locator("#new_password").fill(password);
  await page.locator("#again").fill(password);
  await button(page, "Change my password").click();
}

test("whoever signs in with a wrong password is told no more than that, and one who must wait is shown the way round", async (t) => {
  const { username } = await register("agency");
  const page = await visit(t, { viewport: { width: 320, height: 640 } });
  await signIn(page, "agency", username, "not the password");
  await wrong(page).getByText("The username or the password is not right").waitFor();
  await sound(page);
  for (let failure = 0; failure < 5; failure += 1) {
    await call("POST", "/v1/sessions", { body: { practice: "agency", identifier: username, password: "not the password" } });
  }
  await signIn(page, "agency", username);
  await wrong(page).getByText("Please wait 1 minute and try again").waitFor();
  await wrong(page).getByText("You do not have to wait if you choose a new password now").waitFor();
  assert.ok(!page.url().includes(username));
});

test("a person sees the account, where it is signed in and what happened, and ends a session", async (t) => {
  const person = await register("agency");
  const other = await session({ practice: "agency", identifier: person.username });
  const third = await session({ practice: "agency", identifier: person.username });
  for (let event = 0; event < 4; event += 1) {
    await call("DELETE", "/v1/sessions/current", { bearer: await session({ practice: "agency", identifier: person.username }) });
  }
  const page = await visit(t, { viewport: { width: 320, height: 640 } });
  await signIn(page, "agency", person.username);
  await see(page, "My account");
  await page.getByText(person.email).waitFor();
  await sound(page);
  const rows = page.locator("#sessions li");
  assert.match(await rows.first().innerText(), /Chrome on Linux\s+This device/);
  assert.equal(await rows.count(), 3);
  const ended = [];
  page.on("request", (request) => request.method() === "DELETE" && ended.push(request.url()));
  await rows.nth(1).getByRole("button").focus();
  for (const key of ["Enter", "Enter"]) await page.keyboard.press(key);
  await page.locator("#announcer").getByText("The device is signed out").waitFor({ state: "attached" });
  assert.equal(await rows.count(), 2);
  assert.equal(ended.length, 1, "what is pressed again is sent once");
  await button(page, "Sign out all other devices").click();
  await page.locator("#announcer").getByText("All other devices are signed out").waitFor({ state: "attached" });
  assert.equal(await rows.count(), 1);
  for (const bearer of [other, third]) assert.equal((await call("GET", "/v1/account", { bearer })).status, 401);
  const events = page.locator("#events li");
  assert.equal(await events.count(), 10);
  await button(page, "Show more").click();
  await events.nth(10).waitFor();
  assert.ok(await events.nth(10).evaluate((it) => it === document.activeElement), "the focus is at the first new one");
  await page.getByRole("link", { name: "Español" }).click();
  await see(page, "Mi cuenta");
  await page.getByText("Inicio de sesión").first().waitFor();
  assert.match(await rows.first().innerText(), /Chrome en Linux\s+Este dispositivo/);
  assert.ok(!(await page.locator("#events").innerText()).includes("Portal login"), "the English words of the API are left out");
  await sound(page);
});

test("a security question is set with the password", async (t) => {
  const person = await register("pediatrics");
  const page = await visit(t);
  await signIn(page, "pediatrics", person.username);
  await see(page, "My account");
  await page.getByText("Set a security question").click();
  await button(page, "Save the question").click();
  await wrong(page).getByText("Enter your current password").waitFor();
  await page.locator("#current_password").fill("not the password");
  await button(page, "Save the question").click();
  await wrong(page).getByText("Choose a question").waitFor();
  await page.locator("#question").selectOption({ index: 2 });
  await page.locator("#question_answer").fill("Señora Ortiz");
  await button(page, "Save the question").click();
  await wrong(page).getByText("The current password is not right").waitFor();
  await sound(page);
  await page.locator("#current_password").fill(PASSWORD);
  await button(page, "Save the question").click();
  await page.getByText("Your security question is saved").waitFor();
  await call("POST", "/v1/password/forgot", { body: { practice: "pediatrics", identifier: person.username } });
  const token = await mailed(person.email, "token", 2);
  await page.goto(at("pediatrics", `/reset?lang=es#token=${token}`));
  await page.getByLabel("¿Cómo se llamaba su primer maestro o maestra?").waitFor();
});

test("a change of the password ends the other sessions and keeps this one", async (t) => {
  const person = await register("agency");
  const other = await session({ practice: "agency", identifier: person.username });
  const page = await visit(t, { viewport: { width: 320, height: 640 } });
  await signIn(page, "agency", person.username);
  await see(page, "My account");
  await page.getByRole("link", { name: "Change my password" }).first().click();
  await see(page, "Change your password");
  assert.equal(await page.locator("#username").inputValue(), person.username);
  await change(page, "not the password");
  await wrong(page).getByText("The current password is not right").waitFor();
  assert.equal(await page.locator("#current_password").getAttribute("aria-invalid"), "true");
  await sound(page);
  await change(page, PASSWORD, PASSWORD);
  await wrong(page).getByText("not your present one").waitFor();
  await page.route("**/password/change", (route) => route.abort(), { times: 1 });
  await change(page, PASSWORD);
  await wrong(page).getByText("We could not reach our server").waitFor();
  await button(page, "Change my password").dblclick();
  await see(page, "Your password is changed");
  await page.getByText("We have sent you an email to confirm it").waitFor();
  await sound(page);
  assert.equal((await call("GET", "/v1/account", { bearer: other })).status, 401);
  await page.getByRole("link", { name: "Continue" }).click();
  await see(page, "My account");
});

test("a temporary password leads to a password of one's own, and to nothing else before", async (t) => {
  const person = await register("agency");
  const bearer = await administrator("agency");
  const issue = () => call("POST", `/v1/admin/accounts/${person.id}/temporary-password`, { bearer, body: { hours: 2 } });
  await issue();
  const page = await visit(t);
  const loaded = [];
  page.on("framenavigated", (frame) => loaded.push(frame.url()));
  await signIn(page, "agency", person.username, await mailed(person.email, "temporary"));
  await see(page, "Change your password");
  await page.getByText("You signed in with a temporary password").waitFor();
  await page.getByLabel("Temporary password, from our email").waitFor();
  await sound(page);
  await page.goto(at("agency", "/account"));
  await see(page, "Change your password");
  await page.waitForLoadState("networkidle");
  assert.ok(loaded.length <= 4, `no page leads in a circle: ${loaded}`);
  // Another one voids the session of the first.
  await issue();
  await mailed(person.email, "temporary", 2);
  await change(page, PASSWORD);
  await page.getByText("The time of your temporary password is over").waitFor();
  await signIn(page, "agency", person.username, await mailed(person.email, "temporary", 2));
  await see(page, "Change your password");
  await change(page, await mailed(person.email, "temporary", 2));
  await see(page, "Your password is changed");
  await page.getByRole("link", { name: "Continue" }).click();
  await see(page, "My account");
});

test("what has ended is shown in no tab, and the back button brings nothing back", async (t) => {
  const person = await register("agency");
  const page = await visit(t);
  await signIn(page, "agency", person.username);
  await see(page, "My account");
  const tab = await second(page);
  await tab.goto(at("agency", "/account"));
  await see(tab, "My account");
  await page.getByRole("link", { name: "Change my password" }).first().click();
  await see(page, "Change your password");
  await page.route("**/sessions/current", (route) => route.abort(), { times: 1 });
  await button(page, "Sign out").click();
  await page.getByRole("alert").getByText("We could not reach our server").waitFor();
  await see(tab, "My account");
  await button(page, "Sign out").click();
  await page.getByText("You are signed out.").waitFor();
  await tab.getByText("You are signed out.").waitFor();
  for (const left of [page, tab]) assert.ok(!(await left.content()).includes(person.email));
  await page.goBack({ waitUntil: "commit" });
  await page.waitForURL("**/client?why=ended&to=account");
  assert.ok(!(await page.content()).includes(person.email));
});

test("a browser is known again after a sign-out, for whoever signs in there, and keeps nothing else", async (t) => {
  const page = await visit(t);
  const [device, sent] = ["A".repeat(22), []];
  // The API names a browser at the first sign-in from an address. These have been at this one before.
  await page.route("**/v1/sessions", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    sent.push(route.request().postDataJSON().device_id);
    const response = await route.fetch();
    return route.fulfill({ response, json: { device_id: device, ...(await response.json()) } });
  });
  for (const person of [await register("agency"), await register("agency")]) {
    await signIn(page, "agency", person.username);
    await see(page, "My account");
    const kept = await page.evaluate(() => [Object.entries(localStorage), Object.keys(sessionStorage)]);
    assert.deepEqual(kept, [[["rekey-device agency", device]], []]);
    await button(page, "Sign out").click();
    await page.getByText("You are signed out.").waitFor();
  }
  assert.deepEqual(sent, [undefined, device]);
});

test("a session that ended elsewhere leads to the sign-in, and from there back", async (t) => {
  const person = await register("agency");
  const page = await visit(t);
  await signIn(page, "agency", person.username);
  await see(page, "My account");
  await page.goto(at("agency", "/change-password"));
  await see(page, "Change your password");
  await call("DELETE", `/v1/admin/accounts/${person.id}/sessions`, { bearer: await administrator("agency") });
  await change(page, PASSWORD);
  await page.getByText("You are not signed in.").waitFor();
  assert.match(page.url(), /why=ended&to=change-password$/);
  await page.locator("#identifier").fill(person.username);
  await page.locator("#password").fill(PASSWORD);
  await button(page, "Sign in").click();
  await see(page, "Change your password");
  const asked = await visit(t);
  await asked.goto(at("agency", "/account"));
  await asked.waitForURL("**/client?why=ended&to=account");
});

test("a new password by a link clears the tab whose session it has ended", async (t) => {
  const person = await register("agency");
  const page = await visit(t);
  await signIn(page, "agency", person.username);
  await see(page, "My account");
  await call("POST", "/v1/password/forgot", { body: { practice: "agency", identifier: person.username, method: "link" } });
  const tab = await second(page);
  await tab.goto(at("agency", `/reset#token=${await mailed(person.email, "token", 2)}`));
  await see(tab, "Choose a new password");
  await tab.locator("#new_password").fill(NEW);
  await tab.locator("#again").fill(NEW);
  await button(tab, "Save my password").click();
  await see(tab, "Your new password is set");
  await page.waitForURL("**/client?why=ended&to=account");
  assert.ok(!(await page.content()).includes(person.email));
});

test("somebody else who signs in takes every tab along, and the same person none", async (t) => {
  const [one, other] = [await register("agency"), await register("agency")];
  const page = await visit(t);
  await signIn(page, "agency", one.username);
  await see(page, "My account");
  await page.evaluate(() => document.body.classList.add("kept"));
  const tab = await second(page);
  await signIn(tab, "agency", one.username);
  await see(tab, "My account");
  assert.equal(await page.locator("body.kept").count(), 1);
  await signIn(tab, "agency", other.username);
  await page.getByText(other.email).waitFor();
  assert.ok(!(await page.content()).includes(one.email));
});

test("a page of one practice does not take the token of another", async (t) => {
  const person = await register("veterinary");
  await call("POST", "/v1/password/forgot", { body: { practice: "veterinary", identifier: person.username } });
  const page = await visit(t);
  await page.goto(at("agency", `/reset#token=${await mailed(person.email, "token", 2)}`));
  await see(page, "This link is not complete");
  assert.ok(!(await page.content()).includes(person.username));
});

test("what is sent before the script is there goes nowhere, and a link's token is out of the address by then", async (t) => {
  const page = await visit(t);
  let arrives = () => {};
  const arrived = new Promise((resolve) => (arrives = resolve));
  await page.route("**/core.js", async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto(at("agency", `/reset#token=${UNKNOWN}`), { waitUntil: "commit" });
  await page.waitForURL((url) => url.hash === "", { waitUntil: "commit" });
  await page.goto(at("agency"), { waitUntil: "commit" });
  await page.locator("#identifier").fill("jane");
  await page.locator("#identifier").press("Enter");
  arrives();
  await page.waitForLoadState("load");
  await button(page, "Sign in").click();
  await wrong(page).getByText("Enter your password").first().waitFor();
  assert.equal(new URL(page.url()).search, "");
});

test("a session that is about to end says so, and goes on or ends", async (t) => {
  const person = await register("agency");
  const page = await visit(t);
  await page.clock.install();
  await signIn(page, "agency", person.username);
  await see(page, "My account");
  await page.clock.fastForward("13:01");
  await page.getByRole("dialog").getByText("Are you still there?").waitFor();
  await sound(page);
  await button(page, "Stay signed in").click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.clock.fastForward("13:01");
  await page.getByRole("dialog").waitFor();
  const extended = page.waitForResponse("**/v1/account");
  await page.keyboard.press("Escape");
  await extended;
  await page.clock.fastForward("02:01");
  await see(page, "My account");
  await page.clock.fastForward("10:59");
  await page.getByRole("dialog").waitFor();
  await button(page, "Stay signed in").click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.clock.fastForward("13:01");
  await page.getByRole("dialog").waitFor();
  await page.clock.fastForward("02:01");
  await page.waitForURL("**/client?why=idle&to=account");
  await page.getByText("was not used for a while").waitFor();
});

test("a session that no use can extend says when it ends, once", async (t) => {
  const bearer = await administrator("therapy");
  const absolute = (seconds) => call("PATCH", "/v1/admin/practice", { bearer, body: { policy: { session_absolute: seconds } } });
  assert.equal((await absolute(600)).status, 200);
  t.after(() => absolute(43_200));
  const person = await register("therapy");
  const page = await visit(t);
  await page.clock.install();
  await signIn(page, "therapy", person.username);
  await see(page, "My account");
  await page.clock.fastForward("08:01");
  await page.getByRole("dialog").getByText(/everybody is signed out after some hours/).waitFor();
  await sound(page);
  await button(page, "Go on until then").click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.clock.fastForward("01:30");
  assert.equal(await page.getByRole("dialog").count(), 0, "it is told once");
  await page.clock.fastForward("00:31");
  await page.waitForURL("**/client?why=ended**");
});

test("staff have their own account on pages of their own", async (t) => {
  const page = await visit(t);
  await page.goto(at("agency", "/account", "staff"));
  await page.waitForURL("**/staff?why=ended&to=account");
  await page.locator("#identifier").fill("casey");
  await page.locator("#password").fill(PASSWORD);
  await button(page, "Sign in").click();
  await see(page, "My account");
  assert.equal(await page.getByRole("link", { name: "Back to the clients" }).getAttribute("href"), at("agency", "/clients", "staff"));
});

test("this was not me: nothing happens before the yes, and then the account is locked", async (t) => {
  const person = await register("veterinary");
  const page = await visit(t, { viewport: { width: 320, height: 640 } });
  const asked = [];
  page.on("request", (request) => request.method() === "POST" && asked.push(request.url()));
  const bearer = await session({ practice: "veterinary", identifier: person.username });
  await call("POST", "/v1/password/change", { bearer, body: { current_password: PASSWORD, new_password: NEW } });
  await page.goto(`/p/veterinary/client/reset#repudiate=${await mailed(person.email, "repudiate")}`);
  await see(page, "Was this not you?");
  await sound(page);
  await page.waitForLoadState("networkidle");
  assert.deepEqual(asked, [], "a mail scanner that opens the link locks nobody out");
  await page.getByRole("link", { name: "Español" }).click();
  await see(page, "¿No fue usted?");
  await button(page, "Sí, bloquear mi cuenta").focus();
  for (const key of ["Enter", "Enter"]) await page.keyboard.press(key);
  await see(page, "Su cuenta está bloqueada");
  assert.equal(asked.length, 1);
  await sound(page);
  const refused = await call("POST", "/v1/sessions", { body: { practice: "veterinary", identifier: person.username, password: NEW } });
  assert.equal(refused.status, 401);
  await page.goto("about:blank");
  await page.goto(`/p/veterinary/client/reset?lang=en#repudiate=${UNKNOWN}`);
  await button(page, "No, it was me").click();
  await see(page, "Nothing has changed");
  await page.goto("about:blank");
  await page.goto(`/p/veterinary/client/reset?lang=en#repudiate=${UNKNOWN}`);
  await page.route("**/repudiate", (route) => route.abort(), { times: 1 });
  await button(page, "Yes, lock my account").click();
  await page.getByRole("alert").getByText("We could not reach our server").waitFor();
  await button(page, "Yes, lock my account").click();
  await see(page, "This link is not complete");
  assert.ok(await page.locator("#over-contact a").first().isVisible());
});

test("I am not this person: nothing happens before the yes, and then the link is void", async (t) => {
  const person = await register("veterinary", { isSetUp: false });
  const page = await visit(t);
  await page.goto(`/p/veterinary/client/reset#not-me=${await mailed(person.email, "not-me")}`);
  await see(page, "Did you get our email by mistake?");
  assert.ok(!(await page.locator("body").innerText()).includes(person.username), "nobody is named");
  await sound(page);
  await button(page, "Yes, it is not for me").click();
  await see(page, "Thank you for telling us");
  await sound(page);
  await page.goto("about:blank");
  await page.goto(`/p/veterinary/client/reset#token=${await mailed(person.email, "token")}`);
  await see(page, "This link no longer works");
  await page.goto("about:blank");
  await page.goto(`/p/veterinary/client/reset#not-me=${UNKNOWN}`);
  await button(page, "Yes, it is not for me").click();
  await see(page, "This link no longer works");
});

test("without JavaScript each page says what it needs and whom to call, and has no form to send", async (t) => {
  const page = await visit(t, { javaScriptEnabled: false, viewport: { width: 320, height: 640 } });
  for (const name of ["", "/forgot", "/reset", "/change-password", "/account"]) {
    await page.goto(`/p/veterinary/client${name}`);
    assert.match(await page.locator("noscript").innerText(), /^This page needs JavaScript/, name);
    assert.equal(await page.locator("h1:visible").count(), 1, name);
    assert.ok(await page.locator("noscript a").first().isVisible(), name);
    assert.equal(await page.locator("main form:visible, main button:visible").count(), 0, name);
  }
});

test("a screen reader meets the labels, the choice and what is wrong in the order of the page", async (t) => {
  const page = await visit(t);
  await page.goto(at("agency", "/forgot"));
  await button(page, "Continue").click();
  const tree = `
- heading "Forgot your password?" [level=1]
- paragraph: Tell us who you are. We will send an email that lets you choose a new password.
- alert:
  - heading "There is a problem" [level=2]
  - list:
    - listitem:
      - link "Enter your username or email address":
        - /url: "#identifier"
- text: Username or email address Your username is in the emails we send you.
- paragraph: Enter your username or email address
- textbox "Username or email address" [invalid]
- group "What should we send you?":
  - text: What should we send you?
  - radio "A link to open" [checked]
  - text: A link to open
  - radio "A code to enter on this page"
  - text: A code to enter on this page
- button "Continue"
- paragraph:
  - link "Back to sign in":
    - /url: /p/agency/client`;
  assert.equal(await page.locator("#ask").ariaSnapshot(), tree.trim());
  const field = page.getByRole("textbox", { name: "Username or email address" });
  const described = await field.evaluate((it) => it.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).textContent));
  assert.deepEqual(described, ["Your username is in the emails we send you.", "Enter your username or email address"]);
});
