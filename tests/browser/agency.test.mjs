// "Reset a client portal password", as an agency's staff and its client read it: the face sheet, the temporary password, the change
// of the password by the client, and both logs. One test, from the first step to the last.

import assert from "node:assert/strict";
import { test } from "node:test";
import { button, clicks, client, mailed, mails, register, see, settled, sound, staff, told } from "./support.mjs";

const NEW = "seven lanterns under snow";
const LATER = "nine herons over ice";

test("a client portal password is reset from the face sheet, changed in the portal, and read in both logs", async (t) => {
  const person = await register("agency", { display_name: "Cora Malek", record_email: "cora.at.home@agency.test" });

  // From the face sheet: search and select the client, edit the portal login, reset the password, take the address of the
  // current residence, save.
  const desk = await staff(t, "agency", "casey");
  const count = await clicks(desk);
  await desk.getByRole("link", { name: "All clients" }).click();
  await desk.locator("#q").fill("cora");
  await desk.getByRole("link", { name: "Cora Malek" }).click();
  await settled(desk);
  await sound(desk);
  await button(desk, "Edit portal login").click();
  const login = desk.getByRole("dialog");
  await login.getByLabel("Reset password").check();
  await login.getByLabel("Representative").check();
  await button(login, "Use the record’s address").click();
  assert.equal(await login.locator("#email").inputValue(), "cora.at.home@agency.test");
  await sound(desk);
  await button(login, "Save").click();
  await told(desk, /A temporary password has been sent to c…@a….test/);
  assert.ok(count() <= 8, "no more clicks than the document has steps, with its two fields");
  const temporary = await mailed("cora.at.home@agency.test", "temporary");
  assert.ok(!(await desk.content()).includes(temporary), "staff never see it");

  // The person signs in with the temporary password and has to choose another.
  const page = await client(t, "agency", person.username, temporary);
  await see(page, "Change your password");
  await sound(page);
  await page.goto("/p/agency/client/account");
  await see(page, "Change your password");
  await page.locator("#current_password").fill(temporary);
  await page.locator("#new_password").fill(NEW);
  await page.locator("#again").fill(NEW);
  await button(page, "Change my password").click();
  await see(page, "Your password is changed");
  await sound(page);

  // From the portal: reset password, current and new one twice, a mail that confirms it.
  await page.getByRole("link", { name: "Continue" }).click();
  await see(page, "My account");
  await page.getByRole("link", { name: "Change my password" }).first().click();
  await see(page, "Change your password");
  await page.locator("#current_password").fill(NEW);
  await page.locator("#new_password").fill(LATER);
  await page.locator("#again").fill(LATER);
  await button(page, "Change my password").click();
  await see(page, "Your password is changed");
  await mailed("cora.at.home@agency.test", "repudiate", 2);

  // Activity, in the portal.
  await page.getByRole("link", { name: "Continue" }).click();
  const events = page.locator("#events");
  await events.getByText("Password changed").first().waitFor();
  await sound(page);

  // The log of changes: by whom, from when, apply.
  const admin = await staff(t, "agency", "admin");
  await admin.getByRole("link", { name: "Change log" }).click();
  await see(admin, "Change log");
  await admin.locator("#entries li").first().waitFor();
  await admin.getByLabel("Changes to one account").fill(person.username);
  await admin.getByLabel("Changes by").selectOption({ label: "Casey Morgan (casey)" });
  await button(admin, "Apply filters").click();
  await admin.locator("#entries").getByText("Account added").first().waitFor({ state: "detached" });
  const log = await admin.locator("#entries").innerText();
  assert.match(log, /Email address: p…@a….test → c…@a….test/, "the old and the new address, as everybody in the practice may see them");
  assert.ok(!log.includes("by the operator") && log.includes("by Casey Morgan (casey)"));
  await sound(admin);
  const [table] = await Promise.all([admin.waitForEvent("download"), button(admin, "Download as a table").click()]);
  assert.match(table.suggestedFilename(), /\.csv$/);
  assert.ok((await mails("cora.at.home@agency.test")).every((mail) => !mail.text.includes(LATER)));
});
