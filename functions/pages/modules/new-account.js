// Registers a client, or a colleague, and invites them.
import { by, call, form, go } from "rekey/core.js";
import { confirmed, staff } from "rekey/console.js";
import { explain, meant } from "rekey/people.js";

/** @import { Schemas } from "./types" */

const me = await staff();
if (me) start(me.role === "admin");

/** @param {boolean} isAdmin */
function start(isAdmin) {
  const register = /** @type {HTMLFormElement} */ (by("new-account"));
  const box = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (by(name));
  const isStaff = () => new FormData(register).get("portal") === "staff";
  if (isAdmin && new URLSearchParams(location.search).get("portal") === "staff") box("portal-staff").checked = true;
  by("portals").hidden = !isAdmin;

  const update = () => {
    by("role-field").hidden = !isStaff();
    by("representative-field").hidden = isStaff();
    by("record-field").hidden = isStaff();
    const hasEmail = box("email").value.trim() !== "";
    box("invite").disabled = !hasEmail;
    by("invite-none").hidden = hasEmail;
  };
  register.addEventListener("input", update);
  update();
  register.hidden = false;
  by("waiting").hidden = true;

  form("new-account", {
    fields: { display_name: "person-name-missing", username: "person-username-missing", email: "", record_email: "", locale: "", role: "" },
    async send({ display_name, username, email, record_email, locale, role }) {
      const given = new FormData(register);
      /** @type {Schemas["NewAccount"]} */
      const body = {
        portal: isStaff() ? "staff" : "client",
        display_name: display_name.trim(),
        username: username.trim(),
        ...(email.trim() ? { email: email.trim(), invite: given.has("invite") } : {}),
        ...(locale ? { locale } : {}),
        ...(isStaff() ? { role: /** @type {Schemas["Role"]} */ (role) } : { representative: given.has("representative"), ...(record_email.trim() ? { record_email: record_email.trim() } : {}) }),
      };
      const answer = await confirmed(() => meant((isMeant) => call("post", "/v1/admin/accounts", { body: { ...body, ...isMeant } })));
      if (!answer.ok) return explain(answer, { username_taken: "username", address_proven: "email" });
      go(`client?account=${answer.body.id}#registered`);
    },
  });
}
