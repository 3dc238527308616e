// Staff's console, in a browser, where it is refused: another's change, a proof or the password that is wanted, a task that somebody
// else took, limits and a network that fails; and the settings with the practice's look.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { administrator, button, call, client, dialog, mailed, open, problem, register, see, settled, sound, staff, told } from "./support.mjs";

test("a change that somebody else was faster with keeps what was typed, and says what is there now", async (t) => {
  const person = await register("agency", { display_name: "Uma Field" });
  const desk = await open(t, "agency", person);
  await button(desk, "Edit portal login").click();
  await dialog(desk).locator("#display_name").fill("Uma Fields");
  const bearer = await administrator("agency");
  const { body } = await call("GET", `/v1/admin/accounts/${person.id}`, { bearer });
  assert.equal(body.display_name, "Uma Field");
  const response = await fetch(`${new URL(desk.url()).origin}/v1/admin/accounts/${person.id}`, { headers: { authorization: `Bearer ${bearer}` } });
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json", "if-match": response.headers.get("etag") };
  const changed = await fetch(response.url, { method: "PATCH", headers, body: JSON.stringify({ representative: true }) });
  assert.equal(changed.status, 200);
  await button(dialog(desk), "Save").click();
  await dialog(desk).locator(".errors").getByText("Somebody else has changed this account").waitFor();
  assert.equal(await dialog(desk).locator("#display_name").inputValue(), "Uma Fields");
  await sound(desk);
  await button(dialog(desk), "Save").click();
  await desk.getByRole("heading", { level: 1, name: "Uma Fields" }).waitFor();
  await settled(desk);
  const after = await call("GET", `/v1/admin/accounts/${person.id}`, { bearer });
  assert.deepEqual([after.body.display_name, after.body.representative], ["Uma Fields", true], "neither change is lost");
});

test("a copied link wants to know who is calling, where the practice asks that", async (t) => {
  const bearer = await administrator("agency");
  assert.equal((await call("PATCH", "/v1/admin/practice", { bearer, body: { policy: { caller_proof: "required" } } })).status, 200);
  t.after(() => call("PATCH", "/v1/admin/practice", { bearer, body: { policy: { caller_proof: "recorded" } } }));
  const person = await register("agency", { display_name: "Rae Lindt" });
  const desk = await open(t, "agency", person);
  await button(desk, "Check who is calling").click();
  await dialog(desk).getByRole("button", { name: /Send a code to/ }).click();
  await dialog(desk).getByText(/A code was sent to/).waitFor();
  const read = (await mailed(person.email, "code")).replace(" ", "");
  await dialog(desk).locator("#code").fill(read === "111111" ? "222222" : "111111");
  await button(dialog(desk), "That is how").click();
  await dialog(desk).locator(".errors").getByText("This code is not right").waitFor();
  await sound(desk);
  await dialog(desk).locator("#code").fill(read);
  await button(dialog(desk), "That is how").click();
  await told(desk, /You have said how you know the person/);
  await button(desk, "Make a link with an end date").click();
  await dialog(desk).getByLabel("I copy it and pass it on").check();
  await button(dialog(desk), "Make the link").click();
  await desk.getByText("Copy this link now").waitFor();
});

test("what needs the password again asks for it, and goes on", async (t) => {
  const desk = await staff(t, "agency", "admin");
  await see(desk, "Clients");
  await desk.goto("/p/agency/staff/brand");
  await desk.locator("#contrast").getByText(/./).waitFor();
  await desk.locator("#color").fill("#ffee00");
  await button(desk, "Save the color").click();
  await desk.locator("#color-error:visible").waitFor();
  await sound(desk);
  let asked = 0;
  await desk.route("**/v1/admin/practice", (route) => {
    const isFirst = route.request().method() === "PATCH" && (asked += 1) === 1;
    return isFirst ? route.fulfill(problem(403, "confirmation_required")) : route.continue();
  });
  await desk.locator("#color").fill("#0b5d3b");
  await button(desk, "Save the color").click();
  await dialog(desk).locator("#again").fill("not the password");
  await button(dialog(desk), "Continue").click();
  await dialog(desk).locator(".errors:visible").waitFor();
  await sound(desk);
  await dialog(desk).locator("#again").fill("walk the green river");
  await button(dialog(desk), "Continue").click();
  await desk.getByText("The color is saved").waitFor();
  assert.equal(asked, 2);
  await button(desk, "Use the standard color").click();
  await desk.getByText("The standard color is used again").waitFor();
});

test("a logo is chosen, shown in the preview of a mail, and taken away; what is no picture is refused", async (t) => {
  const desk = await staff(t, "caseload", "admin");
  await see(desk, "Clients");
  await desk.goto("/p/caseload/staff/brand");
  const picture = await desk.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 120, height: 40 });
    canvas.getContext("2d")?.fillRect(10, 10, 100, 20);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  const choose = (name, bytes) => desk.locator("#file").setInputFiles({ name, mimeType: "image/png", buffer: Buffer.from(bytes) });
  await choose("logo.png", "<svg xmlns='http://www.w3.org/2000/svg'/>");
  await button(desk, "Save the logo").click();
  await desk.locator("#file-error:visible").waitFor();
  await choose("logo.png", picture);
  await button(desk, "Save the logo").click();
  await desk.getByText("The logo is saved").waitFor();
  await desk.locator("#logo").waitFor();
  await desk.locator("#subject").getByText("Your link to choose a new password").waitFor();
  await sound(desk);
  await desk.locator("#locale").selectOption("es");
  await desk.locator("#subject").getByText("Su enlace").waitFor();
  await button(desk, "Remove the logo").click();
  await desk.getByText("You have no logo").waitFor();
});

test("a setting beyond its bounds is refused at its field, and only what was changed is sent", async (t) => {
  const desk = await staff(t, "caseload", "admin");
  await see(desk, "Clients");
  await desk.goto("/p/caseload/staff/settings");
  const name = `Northfield ${Date.now() % 10_000}`;
  const sent = [];
  desk.on("request", (request) => request.method() === "PATCH" && sent.push(request.postDataJSON()));
  await desk.locator("#groups .card, #groups section").first().getByRole("button").click();
  await desk.locator("#group input").first().fill("");
  await button(desk, "Save changes").click();
  await desk.locator(".errors:visible").waitFor();
  assert.deepEqual(sent, [], "what is missing is said before anything is sent");
  await sound(desk);
  await desk.locator("#group input").first().fill(name);
  await button(desk, "Save changes").click();
  await desk.getByText("Your changes are saved").waitFor();
  assert.deepEqual(sent, [{ name }]);
});

test("a person whose mail does not come is in the list of tasks, and one of two colleagues takes it", async (t) => {
  const person = await register("veterinary", { display_name: "Noa Winter" });
  const asked = await call("POST", "/v1/password/forgot", { body: { practice: "veterinary", identifier: person.username } });
  await mailed(person.email, "token", 2);
  assert.equal((await call("POST", "/v1/password/help", { body: { request_id: asked.body.request_id, reach: "call" } })).status, 202);
  const first = await staff(t, "veterinary", "admin");
  await see(first, "Clients");
  const heading = first.getByRole("link", { name: "Noa Winter" });
  const bearer = await administrator("veterinary");
  const listed = async () => (await call("GET", "/v1/admin/help-requests?state=open", { bearer })).body.help_requests;
  const find = async () => (await listed()).find(({ accounts }) => accounts[0]?.id === person.id);
  // The mailer makes the task, as it makes a mail.
  let task = await find();
  for (const end = Date.now() + 15_000; !task && Date.now() < end; task = await find()) await wait(100);
  await first.goto("/p/veterinary/staff/help");
  await heading.waitFor();
  await sound(first);
  await first.getByRole("button", { name: /^Take.*Noa Winter/ }).click();
  assert.equal((await call("POST", `/v1/admin/help-requests/${task.id}`, { bearer, body: { action: "done" } })).status, 200);
  await dialog(first).locator("button[type=submit]").click();
  await first.locator("#said:visible").waitFor();
  assert.equal(await heading.count(), 0, "the list is read again");
});

test("a console whose session has ended leads to the sign-in and back", async (t) => {
  const desk = await staff(t, "caseload", "admin");
  await see(desk, "Clients");
  await desk.context().clearCookies();
  await desk.locator("#q").fill("x");
  await see(desk, "Sign in (staff)");
  assert.equal(await desk.getByText("Jane Doe").count(), 0);
  await desk.locator("#identifier").fill("admin");
  await desk.locator("#password").fill("walk the green river");
  await button(desk, "Sign in").click();
  await see(desk, "Clients");
});

test("a client who tries the console is led away and sees nobody", async (t) => {
  const page = await client(t, "caseload", "sam", "walk the green river");
  await see(page, "Mi cuenta");
  await page.goto("/p/caseload/staff/clients");
  await see(page, "Iniciar sesión (personal)");
});

test("limits, failures and a lost network are said in words, and a second click sends nothing", async (t) => {
  const person = await register("agency", { display_name: "Ivo Lang" });
  const desk = await open(t, "agency", person);
  for (const [answer, words] of [
    [problem(429, "too_many_requests", { headers: { "retry-after": "120" } }), /wait 2 minutes/],
    [problem(503, "unavailable"), /Something is not working/],
    [undefined, /could not reach our server/],
  ]) {
    await desk.route("**/links", (route) => (answer ? route.fulfill(answer) : route.abort()));
    await button(desk, "Send a reset link").click();
    await told(desk, words);
    await desk.unroute("**/links");
  }
  await sound(desk);
  let sent = 0;
  let release = () => {};
  const held = new Promise((resolve) => (release = resolve));
  await desk.route("**/links", async (route) => {
    sent += 1;
    await held;
    await route.continue();
  });
  await button(desk, "Send a reset link").dblclick();
  release();
  await told(desk, /A reset link has been sent/);
  assert.equal(sent, 1);
});
