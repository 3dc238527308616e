// Change the password, by choice or after a temporary one.
import { askSession, by, call, form, problem, say, whoseSession } from "rekey/core.js";
import { checkNew, input, sayRules, show } from "rekey/password.js";

const whose = await whoseSession();
if (whose) {
  const isForced = whose === "forced";
  by("forced").hidden = !isForced;
  by("to-account").hidden = isForced;
  by("username-part").hidden = isForced;
  if (!isForced) input("username").value = whose.username;
  const label = document.querySelector("label[for=current_password]");
  if (isForced && label) label.textContent = say("temporary-password");
  sayRules();
  show("change");
}

form("change-form", {
  fields: { current_password: "current-missing", new_password: "new-password-missing", again: "again-missing" },
  check: (values) => checkNew(values),
  async send({ current_password, new_password }) {
    const answer = await call("post", "/v1/password/change", { body: { current_password, new_password } });
    if (!answer.ok) {
      const isWrong = answer.code === "invalid_credentials";
      return problem(isWrong ? { ...answer, code: "current_password" } : answer, { current_password: "current_password", weak_password: "new_password" });
    }
    const account = await askSession();
    by("changed-mail").hidden = !(account.ok && account.body.email);
    show("changed");
    by("change").remove();
  },
});
