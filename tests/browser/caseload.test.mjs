// "How to reset a client portal password", of a practice whose staff work on a caseload: the second mail never came, or the password
// is forgotten. Select the client from the caseload, verify the address, reset and send new.

import assert from "node:assert/strict";
import { test } from "node:test";
import { button, clicks, client, mailed, see, settled, sound, staff, told } from "./support.mjs";

const NEW = "seven lanterns under snow";

test("a client of the caseload is sent a new password after the address is verified", async (t) => {
  const desk = await staff(t, "caseload", "casey");
  const count = await clicks(desk);
  await see(desk, "Clients");
  await desk.getByRole("table").waitFor();
  assert.deepEqual(await desk.locator("tbody tr").count(), 1, "the caseload, and nobody else");
  assert.match(await desk.locator("tbody tr").innerText(), /Primary Case Manager/);
  await sound(desk);
  await desk.getByRole("link", { name: "Jane Doe" }).click();
  await settled(desk);
  await desk.locator("#facts").getByText("jane@caseload.test").waitFor();
  await button(desk, "Reset and send new password").click();
  const alert = desk.getByRole("dialog", { name: "Reset the password and send a new one?" });
  await alert.getByText("You are about to reset the password of Jane Doe").waitFor();
  await sound(desk);
  await button(alert, "Cancel").click();
  await alert.waitFor({ state: "detached" });
  assert.equal(await desk.locator("#told").innerText(), "", "nothing has happened");
  await button(desk, "Reset and send new password").click();
  await button(alert, "Reset and send").click();
  await told(desk, /A temporary password has been sent to j…@c….test/);
  assert.ok(count() <= 5, "three clicks, and two for the one that was called off");

  const page = await client(t, "caseload", "jane", "walk the green river");
  await page.locator(".errors:visible").getByText("The username or the password is not right").waitFor();
  await page.locator("#password").fill(await mailed("jane@caseload.test", "temporary"));
  await button(page, "Sign in").click();
  await see(page, "Change your password");
  await page.locator("#current_password").fill(await mailed("jane@caseload.test", "temporary"));
  await page.locator("#new_password").fill(NEW);
  await page.locator("#again").fill(NEW);
  await button(page, "Change my password").click();
  await see(page, "Your password is changed");
});

test("who is on nobody's caseload is not found there, and is found by an administrator", async (t) => {
  const desk = await staff(t, "caseload", "casey");
  await desk.getByRole("table").waitFor();
  assert.equal(await desk.getByRole("link", { name: "All clients" }).count(), 0);
  await desk.locator("#q").fill("sam");
  await desk.getByText("Nobody was found").waitFor();
  const admin = await staff(t, "caseload", "admin");
  await admin.getByRole("link", { name: "All clients" }).click();
  await admin.locator("#q").fill("sam");
  await admin.getByRole("link", { name: "Sam Rivera" }).waitFor();
});
