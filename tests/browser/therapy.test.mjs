// "Set up and access profiles in the client portal", of a therapy practice: the invitation and its state, the account that is created,
// a code for whoever forgets the password, and a link with a date that staff copy or mail.

import assert from "node:assert/strict";
import { test } from "node:test";
import { administrator, button, call, clicks, client, mailed, register, see, settled, sound, staff, told, visit } from "./support.mjs";

const NEW = "seven lanterns under snow";

test("an invitation is sent, its state is seen, and the account is created", async (t) => {
  const bearer = await administrator("therapy");
  const body = { username: "noor", email: "noor@therapy.test", display_name: "Noor Amin", invite: false };
  assert.equal((await call("POST", "/v1/admin/accounts", { bearer, body })).status, 201);
  const desk = await staff(t, "therapy", "admin");
  const count = await clicks(desk);
  await desk.getByRole("link", { name: "All clients" }).click();
  await desk.getByRole("link", { name: "Noor Amin" }).click();
  await settled(desk);
  await desk.locator("#badges").getByText("To be signed up").waitFor();
  await button(desk, "Send the invitation").click();
  await told(desk, /An invitation has been sent to n…@t….test/);
  assert.ok(count() <= 3);
  await desk.locator("#badges").getByText("Invited").waitFor();
  await sound(desk);

  const page = await visit(t);
  await page.goto(await mailed("noor@therapy.test", "link"));
  await see(page, "Create your account");
  await sound(page);
  await desk.reload();
  await settled(desk);
  await desk.locator("#badges").getByText("Sign-up started").waitFor();
  await page.locator("#new_password").fill(NEW);
  await page.locator("#again").fill(NEW);
  await button(page, "Create my account").click();
  await see(page, "Your account is ready");
  await desk.reload();
  await settled(desk);
  await desk.locator("#badges").getByText("Signed up").waitFor();
  await see(await client(t, "therapy", "noor@therapy.test", NEW), "My account");
});

test("whoever forgets the password enters a code", async (t) => {
  const page = await visit(t);
  await page.goto("/p/therapy/client");
  await page.getByRole("link", { name: "I forgot my password" }).click();
  await page.locator("#identifier").fill("jane@therapy.test");
  await button(page, "Continue").click();
  await see(page, "Enter your code");
  await sound(page);
  await page.locator("#code").fill(await mailed("jane@therapy.test", "code"));
  await button(page, "Continue").click();
  await see(page, "Choose a new password");
  await page.locator("#new_password").fill(NEW);
  await page.locator("#again").fill(NEW);
  await button(page, "Save my password").click();
  await see(page, "Your new password is set");
});

test("an administrator makes a link with a date, copies it, and another is mailed", async (t) => {
  const person = await register("therapy", { display_name: "Ola Berg" });
  const desk = await staff(t, "therapy", "admin");
  await desk.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await desk.getByRole("link", { name: "All clients" }).click();
  await desk.locator("#q").fill("ola");
  await desk.getByRole("link", { name: "Ola Berg" }).click();
  await settled(desk);
  const count = await clicks(desk);
  await button(desk, "Make a link with an end date").click();
  const dialog = desk.getByRole("dialog");
  await dialog.getByLabel("I copy it and pass it on").check();
  await sound(desk);
  await button(dialog, "Make the link").click();
  await button(desk, "Copy").click();
  await desk.getByText("The link is copied.").waitFor();
  assert.ok(count() <= 4);
  const copied = await desk.evaluate(() => navigator.clipboard.readText());
  await desk.reload();
  await settled(desk);
  assert.ok(!(await desk.content()).includes(copied.split("#token=")[1]), "it is shown once");
  await desk.locator("#tickets-list").getByText("Reset link").first().waitFor();
  const page = await visit(t);
  await page.goto(copied);
  await see(page, "Choose a new password");
  await button(desk, "Make a link with an end date").click();
  await dialog.getByLabel(/By email to/).check();
  await button(dialog, "Make the link").click();
  await told(desk, /A reset link has been sent to/);
  await mailed(person.email, "token", 2);
});
