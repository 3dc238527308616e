// "How do I reset my password?", of a veterinary clinic: forgot password, and a person whose mail does not come and whom the office
// helps from the staff list or from the client's profile.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, button, clicks, client, mailed, see, settled, sound, staff, told, visit } from "./support.mjs";

const NEW = "seven lanterns under snow";

test("a client follows a link, and signs in with the new password", async (t) => {
  const page = await visit(t);
  await page.goto("/p/veterinary/client");
  await page.getByRole("link", { name: "I forgot my password" }).click();
  await page.locator("#identifier").fill("jane");
  await button(page, "Continue").click();
  await see(page, "Check your email");
  await page.getByText("No email came?").click();
  await page.getByText("look in your spam or junk folder").waitFor();
  await sound(page);
  await page.goto(await mailed("jane@veterinary.test", "link"));
  await see(page, "Choose a new password");
  await page.locator("#new_password").fill(NEW);
  await page.locator("#again").fill(NEW);
  await button(page, "Save my password").click();
  await see(page, "Your new password is set");
  await page.getByRole("link", { name: "Sign in" }).click();
  await page.locator("#identifier").fill("jane");
  await page.locator("#password").fill(NEW);
  await button(page, "Sign in").click();
  await see(page, "My account");
});

test("the office sends a colleague a link from the staff list", async (t) => {
  const desk = await staff(t, "veterinary", "admin");
  const count = await clicks(desk);
  await desk.getByRole("link", { name: "Team" }).click();
  await see(desk, "Team");
  await sound(desk);
  await desk.getByRole("link", { name: "Casey Morgan" }).click();
  await settled(desk);
  await button(desk, "Send a reset link").click();
  await told(desk, /A reset link has been sent to c…@v….test/);
  assert.ok(count() <= 3);
  const page = await visit(t);
  await page.goto(await mailed("casey@veterinary.test", "link"));
  await see(page, "Choose a new password");
});

test("one click in the client's profile sends a link", async (t) => {
  const desk = await staff(t, "veterinary", "casey", PASSWORD);
  await desk.getByRole("link", { name: "All clients" }).click();
  await desk.getByRole("link", { name: "Sam Rivera" }).click();
  await settled(desk);
  await button(desk, "Send a reset link").click();
  await told(desk, /A reset link has been sent to s…@v….test/);
  const page = await visit(t);
  await page.goto(await mailed("sam@veterinary.test", "link"));
  await see(page, "Elija una contraseña nueva");
  assert.match(page.url(), /lang=es/, "the link says the language of its reader");
});
