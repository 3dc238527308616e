// Sign in.
import { by, call, enter, form, page, problem, say, showWhy } from "rekey/core.js";

showWhy(by("why"));

form("sign-in", {
  fields: { identifier: "identifier-missing", password: "password-missing" },
  async send({ identifier, password }) {
    const { practice, portal } = page;
    const answer = await call("post", "/v1/sessions", {
      body: { practice, portal, identifier, password, transport: "cookie" },
    });
    if (!answer.ok) return [...problem(answer), ...(answer.code === "too_many_requests" ? [{ text: say("recover-instead") }] : [])];
    enter(answer.body);
  },
});
