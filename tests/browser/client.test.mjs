// How people get in, in a browser: a forgotten password by link and by code, what a mailed link leads to, and every way in which it fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import { API, PASSWORD, call, mailed, register, see, session, setUp, sound, tabTo, visit } from "./support.mjs";

const NEW = "seven lanterns under snow";
const UNKNOWN = "A".repeat(86);
const button = (page, name) => page.getByRole("button", { name, exact: true });
const choose = async (page, password = NEW) => {
  await page.locator("#new_password").fill(password);
  await page.locator("#again").fill(password);
  await button(page, "Save my password").click();
};
const wrong = (page) => page.locator(".errors:visible");
/** Asks for a recovery and answers the token of the mail. */
async function linkFor(practice, { username, email }, count) {
  await call("POST", "/v1/password/forgot", { body: { practice, identifier: username, method: "link" } });
  return mailed(email, "token", count);
}
/** Has the API refuse the calls of a path with a problem. */
const refuse = (page, path, status, problem, headers = {}) =>
  page.route(path, (route) => route.fulfill({ status, headers, contentType: "application/problem+json", body: JSON.stringify(problem) }));

test("a person without a mouse asks for a link, chooses a password and signs in", async (t) => {
  const { username, email } = await register("veterinary");
  const page = await visit(t, { viewport: { width: 320, height: 640 } });
  await page.goto("/p/veterinary/client");
  await tabTo(page, "I forgot my password");
  await page.keyboard.press("Enter");
  await see(page, "Forgot your password?");
  assert.equal(await page.getByRole("radio").count(), 0, "a practice with one way has no choice");
  await sound(page);
  await tabTo(page, "Username or email address");
  await page.keyboard.press("Enter");
  assert.match(await wrong(page).innerText(), /Enter your username/);
  assert.match(await page.title(), /^Error: /);
  await sound(page);
  await tabTo(page, "Enter your username or email address");
  await page.keyboard.press("Enter");
  await page.keyboard.type(username);
  await page.keyboard.press("Enter");
  await see(page, "Check your email");
  assert.ok(!(await page.content()).includes(email), "the page does not say to which address a mail went");
  await sound(page);
  await page.goto(await mailed(email, "link", 2));
  await see(page, "Choose a new password");
  const { origin, pathname, hash } = new URL(page.url());
  assert.deepEqual([origin + pathname, hash], [`${API}/p/veterinary/client/reset`, ""], "the token leaves the address bar");
  await sound(page);
  assert.equal(await page.locator("#username").inputValue(), username, "a password manager finds the username");
  const tokens = await page.locator("#choose-form input:visible").evaluateAll((all) => all.map((it) => it.autocomplete));
  assert.deepEqual(tokens, ["username", "new-password", "new-password"]);
  await tabTo(page, "New password");
  await page.keyboard.type(NEW);
  await tabTo(page, "The new password again");
  await page.keyboard.type(NEW);
  assert.equal(await page.locator("#rules .met").count(), 2);
  await page.keyboard.press("Enter");
  await see(page, "Your new password is set");
  assert.equal(await page.locator("input[type=password]:visible").count(), 0);
  await sound(page);
  await tabTo(page, "Sign in");
  await page.keyboard.press("Enter");
  await see(page, "Sign in");
  await sound(page);
  await tabTo(page, "Username or email address");
  await page.keyboard.type(username);
  await tabTo(page, "Password");
  await page.keyboard.type(NEW);
  await page.keyboard.press("Enter");
  await see(page, "My account");
});

test("a code is entered as people write it, wrong ones are counted, and a reload loses nothing", async (t) => {
  const { username, email } = await register("therapy");
  const page = await visit(t, { locale: "es-US", viewport: { width: 320, height: 640 } });
  await page.goto("/p/therapy/client/forgot");
  await see(page, "¿Olvidó su contraseña?");
  await page.locator("#identifier").fill(username);
  await button(page, "Continuar").click();
  await see(page, "Escriba su código");
  const label = await page.locator("#label").innerText();
  const code = await mailed(email, "code", 1, label);
  await sound(page);
  assert.equal(await page.locator("#code").getAttribute("autocomplete"), "one-time-code");
  const known = JSON.stringify(await page.evaluate(() => history.state));
  assert.ok(known.includes(label) && !known.includes(username), known);
  await page.reload();
  await see(page, "Escriba su código");
  assert.equal(await page.locator("#label").innerText(), label);
  for (const left of ["4 veces", "3 veces"]) {
    await page.getByLabel("Código", { exact: true }).fill("0000 0000");
    await button(page, "Continuar").click();
    await wrong(page).getByText(left).waitFor();
  }
  await sound(page);
  await page.locator("#code").fill("12");
  await button(page, "Continuar").click();
  await wrong(page).getByText("no está completo").waitFor();
  const arabic = code.replace(/\d/g, (digit) => String.fromCodePoint(0x660 + Number(digit))).replace(" ", " – ");
  await page.locator("#code").fill(arabic);
  await button(page, "Continuar").click();
  await see(page, "Elija una contraseña nueva");
  assert.equal(await page.evaluate(() => history.state), null, "what is over is forgotten");
  await page.getByRole("link", { name: "English" }).click();
  await see(page, "Choose a new password");
  assert.ok(!page.url().includes("#"), "the switch of the language leaves no token in the address");
  await sound(page);
  await choose(page);
  await see(page, "Your new password is set");
});

test("five wrong codes end a code, and another can be asked for", async (t) => {
  const { username, email } = await register("therapy");
  const page = await visit(t);
  await page.goto("/p/therapy/client/forgot");
  await page.locator("#identifier").fill(username);
  await button(page, "Continue").click();
  await mailed(email, "code");
  for (let guess = 0; guess < 5; guess += 1) {
    await page.locator("#code").fill(`0000 000${guess}`);
    const answered = page.waitForResponse("**/verify-code");
    await button(page, "Continue").click();
    await answered;
  }
  await see(page, "There were too many wrong codes");
  await sound(page);
  await page.getByRole("link", { name: "Ask for a new code" }).click();
  await see(page, "Forgot your password?");
});

test("a code that runs out while the page is open leads to another one", async (t) => {
  const page = await visit(t);
  // A device whose clock is wrong.
  await page.clock.install({ time: Date.now() + 3_600_000 });
  await page.goto("/p/therapy/client/forgot");
  await page.locator("#identifier").fill(`nobody-${Date.now()}`);
  await button(page, "Continue").click();
  await see(page, "Enter your code");
  await page.clock.fastForward("09:00");
  await page.reload();
  await see(page, "Enter your code");
  await page.clock.fastForward("02:00");
  await see(page, "This code no longer works");
  await page.reload();
  await see(page, "This code no longer works");
  await page.getByText("No email came?").click();
  await button(page, "Ask for help").click();
  await page.getByText("We will call you").waitFor();
  await page.getByRole("link", { name: "Ask for a new code" }).click();
  await see(page, "Forgot your password?");
});

test("who shares a mailbox picks the account, each with its own token", async (t) => {
  const first = await register("agency", { isSetUp: false });
  const other = await register("agency", { isSetUp: false, email: first.email });
  for (const person of [first, other]) await setUp(person);
  const page = await visit(t);
  await page.goto("/p/agency/client/forgot");
  assert.ok(await page.getByLabel("A link to open").isChecked(), "the first way of the practice is chosen");
  await page.locator("#identifier").fill(first.email);
  await page.getByLabel("A code to enter on this page").check();
  await button(page, "Continue").click();
  await page.locator("#code").fill(await mailed(first.email, "code"));
  await button(page, "Continue").click();
  await see(page, "Which account?");
  await sound(page);
  await button(page, "Continue").click();
  await wrong(page).getByText("Choose an account").waitFor();
  await page.getByLabel(other.username).check();
  await button(page, "Continue").click();
  await see(page, "Choose a new password");
  assert.equal(await page.locator("#username").inputValue(), other.username);
  await choose(page);
  await see(page, "Your new password is set");
  await session({ practice: "agency", identifier: other.username, password: NEW });
  await session({ practice: "agency", identifier: first.username });
});

test("an invitation sets a question, which a recovery then asks; the fifth wrong answer ends the link", async (t) => {
  const { username, email } = await register("pediatrics", { isSetUp: false });
  const page = await visit(t, { viewport: { width: 320, height: 640 } });
  await page.goto(await mailed(email, "link"));
  await see(page, "Create your account");
  await page.goto("about:blank");
  await page.goto(`/p/pediatrics/client/reset?lang=es#token=${await mailed(email, "token")}`);
  await see(page, "Cree su cuenta");
  await sound(page);
  assert.equal(await page.locator("#question option").nth(1).innerText(), "¿Cómo se llamaba su primera mascota?");
  await page.locator("#question").selectOption("own");
  await page.locator("#own_question").fill("¿Dónde nació su abuela?");
  await page.locator("#question_answer").fill("---");
  await page.locator("#new_password").fill(NEW);
  await page.locator("#again").fill(NEW);
  await button(page, "Crear mi cuenta").click();
  await wrong(page).getByText("necesita letras o cifras").waitFor();
  await sound(page);
  await page.locator("#question_answer").fill("Oaxaca");
  await button(page, "Crear mi cuenta").click();
  await see(page, "Su cuenta está lista");
  const token = await linkFor("pediatrics", { username, email }, 2);
  await page.goto(`/p/pediatrics/client/reset?lang=en#token=${token}`);
  await see(page, "Choose a new password");
  const answer = page.getByLabel("¿Dónde nació su abuela?");
  await choose(page);
  await wrong(page).getByText("Enter your answer").waitFor();
  for (const left of ["4 more times", "3 more times", "2 more times", "1 more time."]) {
    await answer.fill("Puebla");
    await button(page, "Save my password").click();
    await wrong(page).getByText(left).waitFor();
  }
  await button(page, "Save my password").click();
  await see(page, "There were too many wrong answers");
  await sound(page);
});

test("an account without a question, where one is required, is told whom to call", async (t) => {
  const person = await register("pediatrics");
  const page = await visit(t);
  await page.goto(`/p/pediatrics/client/reset#token=${await linkFor("pediatrics", person, 2)}`);
  await see(page, "Choose a new password");
  await choose(page);
  await see(page, "Please contact us");
  assert.ok(await page.locator("#over-contact a").first().isVisible());
  await sound(page);
});

test("each way in which a link is over has its page with the next step", async (t) => {
  const person = await register("veterinary");
  const [used, revoked] = [await linkFor("veterinary", person, 2), await linkFor("veterinary", person, 3)];
  const page = await visit(t);
  const open = async (token, heading) => {
    await page.goto("about:blank");
    await page.goto(`/p/veterinary/client/reset#token=${token}`);
    await see(page, heading);
  };
  await open(used, "Choose a new password");
  await page.locator("#new_password").pressSequentially("abc");
  await page.locator("#announcer").getByText(/^\d+ more characters needed$/).waitFor({ state: "attached" });
  await choose(page, "a");
  await wrong(page).getByText("Use at least").waitFor();
  await page.locator("#new_password").fill("a".repeat(257));
  await button(page, "Save my password").click();
  await wrong(page).getByText("Use at most 256 characters").waitFor();
  await page.locator("#new_password").fill(NEW);
  await button(page, "Save my password").click();
  await wrong(page).getByText("The two passwords are not the same").waitFor();
  for (const [weak, why] of [["a".repeat(30), "easy to guess"], [PASSWORD, "not your present one"]]) {
    await choose(page, weak);
    await wrong(page).getByText(why).waitFor();
    assert.equal(await page.locator("#new_password").getAttribute("aria-invalid"), "true");
  }
  await page.locator("[data-show=new_password]").click();
  assert.equal(await page.locator("#new_password").getAttribute("type"), "text");
  await choose(page);
  await see(page, "Your new password is set");
  await open(used, "This link has been used");
  assert.deepEqual(await page.locator("#over-next a").allInnerTexts(), ["Sign in", "Ask for a new link"]);
  await sound(page);
  await open(revoked, "This link no longer works");
  await sound(page);
  await open(UNKNOWN, "This link is not complete");
  await open("short", "This link is not complete");
  await sound(page);
  await page.reload();
  await see(page, "Open the link in your email again");
  await sound(page);
  await refuse(page, "**/reset/preview", 410, { code: "expired_token" });
  await open(UNKNOWN, "This link has ended");
  await page.getByRole("link", { name: "Ask for a new link" }).click();
  await see(page, "Forgot your password?");
});

test("a second link in the same tab is taken, and a link that ends while one types says so", async (t) => {
  const person = await register("veterinary");
  const token = await linkFor("veterinary", person, 2);
  const page = await visit(t);
  await page.clock.install();
  await page.goto(`/p/veterinary/client/reset#token=${UNKNOWN}`);
  await see(page, "This link is not complete");
  await page.evaluate((hash) => (location.hash = hash), `#token=${token}`);
  await see(page, "Choose a new password");
  assert.match(await page.locator("#choose-end").innerText(), /The link works until \w+ \d+, \d{4} at/);
  await page.locator("#new_password").fill(NEW);
  await page.clock.fastForward("23:58:30");
  await page.getByText("This link ends in about two minutes").waitFor();
  const other = await visit(t);
  await other.clock.install();
  await other.goto(`/p/veterinary/client/reset#token=${token}`);
  await see(other, "Choose a new password");
  await refuse(other, "**/reset/preview", 410, { code: "expired_token" });
  await other.clock.fastForward("24:00:00");
  await see(other, "This link has ended");
  // The clock of this device is wrong, and the API knows better: the form stays.
  const asked = page.waitForResponse("**/reset/preview");
  await page.clock.fastForward("03:00");
  await asked;
  await choose(page);
  await see(page, "Your new password is set");
});

test("a lost answer is asked for again with the same key, and a slow one only once", async (t) => {
  const person = await register("veterinary");
  const page = await visit(t);
  await page.goto(`/p/veterinary/client/reset#token=${await linkFor("veterinary", person, 2)}`);
  await see(page, "Choose a new password");
  const keys = [];
  let lose = true;
  await page.route("**/v1/password/reset", async (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    if (lose) await route.fetch();
    else await new Promise((resolve) => setTimeout(resolve, 1000));
    return lose ? route.abort() : route.continue();
  });
  await choose(page);
  await wrong(page).getByText("We could not reach our server").waitFor();
  await sound(page);
  lose = false;
  await page.locator("#again").press("Enter");
  await page.locator("#again").press("Enter");
  await button(page, "Save my password").dblclick({ force: true });
  assert.equal(await page.locator("#choose-form button[type=submit]").getAttribute("aria-busy"), "true");
  await see(page, "Your new password is set");
  assert.equal(keys.length, 2, "what is pressed again is sent once");
  assert.equal(keys[0], keys[1]);
  await session({ practice: "veterinary", identifier: person.username, password: NEW });
});

test("whoever enters another password after a lost answer is told which one is set", async (t) => {
  const person = await register("veterinary");
  const page = await visit(t);
  await page.goto(`/p/veterinary/client/reset#token=${await linkFor("veterinary", person, 2)}`);
  await see(page, "Choose a new password");
  await page.route("**/v1/password/reset", (route) => route.fetch().then(() => route.abort()), { times: 1 });
  await choose(page);
  await wrong(page).waitFor();
  await choose(page, "another lantern under the snow");
  await see(page, "Your password was set already");
  await session({ practice: "veterinary", identifier: person.username, password: NEW });
});

test("a page whose server is away says so and goes on when it is back", async (t) => {
  const person = await register("veterinary");
  const page = await visit(t);
  await page.route("**/reset/preview", (route) => route.abort(), { times: 1 });
  await page.goto(`/p/veterinary/client/reset#token=${await linkFor("veterinary", person, 2)}`);
  await see(page, "Sorry, something is not working");
  await sound(page);
  await button(page, "Try again").click();
  await see(page, "Choose a new password");
  await refuse(page, "**/v1/password/forgot", 503, { code: "unavailable" }, { "retry-after": "1" });
  await page.goto("/p/veterinary/client/forgot");
  await page.locator("#identifier").fill("jane");
  await button(page, "Continue").click();
  await wrong(page).getByText("Something is not working").waitFor();
});

test("too many requests say when to try again, and offer the other way", async (t) => {
  const page = await visit(t);
  await page.goto("/p/agency/client/forgot");
  await page.locator("#identifier").fill(`nobody-${Date.now()}`);
  await page.getByLabel("A code to enter on this page").check();
  for (let request = 0; request < 3; request += 1) {
    await button(page, "Continue").click();
    await see(page, "Enter your code");
    await page.getByText("No email came?").click();
    await button(page, "Ask for another email").click();
    await see(page, "Forgot your password?");
  }
  await button(page, "Continue").click();
  await wrong(page).getByText(/Please wait \d+ (minutes|hours?) and try again/).waitFor();
  await wrong(page).getByText("You can ask for a link instead").waitFor();
  await page.locator("#identifier").fill("two words@x");
  await button(page, "Continue").click();
  await wrong(page).getByText("a whole email address without spaces").waitFor();
});

test("whoever gets no email asks the practice, once, and a reload remembers it", async (t) => {
  const page = await visit(t, { viewport: { width: 320, height: 640 } });
  await page.goto("/p/veterinary/client/forgot");
  await page.locator("#identifier").fill(`nobody-${Date.now()}`);
  await button(page, "Continue").click();
  await page.getByText("No email came?").click();
  await sound(page);
  await page.getByLabel("I will come by").check();
  await button(page, "Ask for help").click();
  await page.getByText("say at the desk that no email came").waitFor();
  await sound(page);
  await page.reload();
  await page.getByText("No email came?").click();
  await page.getByText("We have your request for help").waitFor();
  assert.equal(await button(page, "Ask for help").count(), 0);
});
