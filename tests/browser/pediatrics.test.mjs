// "Resetting patient and practice portal passwords": a parent who cannot sign in, one who can, a parent whom the practice helps, and a
// member of staff.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, administrator, button, call, clicks, client, mailed, register, see, settled, sound, staff, told, visit } from "./support.mjs";

const NEW = "seven lanterns under snow";
const ANSWER = "Biscuit";

/** Answers the question and chooses a password, on the page that a link leads to. */
async function recover(page, password) {
  await see(page, "Choose a new password");
  await page.locator("#answer").fill(ANSWER);
  await page.locator("#new_password").fill(password);
  await page.locator("#again").fill(password);
  await sound(page);
  await button(page, "Save my password").click();
  await see(page, "Your new password is set");
}

for (const [portal, username] of [["client", "jane"], ["staff", "casey"]]) {
  test(`whoever cannot sign in at the ${portal} portal gets a link for 48 hours and is asked the question`, async (t) => {
    const page = await visit(t);
    await page.goto(`/p/pediatrics/${portal}`);
    await page.getByRole("link", { name: "I forgot my password" }).click();
    await page.locator("#identifier").fill(`${username}@pediatrics.test`);
    await button(page, "Continue").click();
    await see(page, "Check your email");
    await page.goto(await mailed(`${username}@pediatrics.test`, "link"));
    await recover(page, NEW);
    const again = await client(t, "pediatrics", username, NEW, portal);
    await see(again, portal === "staff" ? "Clients" : "My account");
  });
}

test("a parent who is signed in changes the password in my account", async (t) => {
  const page = await client(t, "pediatrics", "lily", PASSWORD);
  await see(page, "My account");
  await page.getByRole("link", { name: "Change my password" }).first().click();
  await page.locator("#current_password").fill(PASSWORD);
  await page.locator("#new_password").fill(NEW);
  await page.locator("#again").fill(NEW);
  await button(page, "Change my password").click();
  await see(page, "Your password is changed");
});

test("the practice finds the patient, follows the association to the parent and sends a link", async (t) => {
  const bearer = await administrator("pediatrics");
  const { id } = await register("pediatrics", { display_name: "Mia Okafor" });
  const parent = await register("pediatrics", { display_name: "Ada Okafor" });
  const path = `/v1/admin/accounts/${id}/associations/${parent.id}`;
  assert.equal((await call("PUT", path, { bearer, body: { relationship: "parent" } })).status, 204);
  const desk = await staff(t, "pediatrics", "admin");
  const count = await clicks(desk);
  await desk.getByRole("link", { name: "All clients" }).click();
  await desk.locator("#q").fill("mia");
  await desk.getByRole("link", { name: "Mia Okafor" }).click();
  await settled(desk);
  await sound(desk);
  await desk.locator("#associations-list").getByRole("link", { name: "Ada Okafor" }).click();
  await desk.getByRole("heading", { level: 1, name: "Ada Okafor" }).waitFor();
  await settled(desk);
  await button(desk, "Send a reset link").click();
  await told(desk, /A reset link has been sent to/);
  assert.ok(count() <= 4);
  await mailed(parent.email, "token", 2);
});
