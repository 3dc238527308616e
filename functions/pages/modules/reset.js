// The page that a mailed link leads to: a new password, "this was not me", or "I am not this person".
import { all, by, call, carried, doubt, kept, press } from "rekey/core.js";
import { choosePassword, show, showOver } from "rekey/password.js";

// Another link that is opened in this tab changes only the fragment.
addEventListener("hashchange", () => location.reload());

/** What has ended a link of these, so that a repeat is of no use. */
const ENDS = ["expired_token", "used_token", "revoked_token", "invalid_token", "invalid_request"];

/**
 * Asks before anything is sent: mail scanners open links.
 * @param {"repudiate" | "not-me"} kind @param {string} token @param {string} done the view of what has come of it
 */
function ask(kind, token, done) {
  kept.fragment = `#${kind}=${token}`;
  press(by(`${kind}-yes`), async () => {
    const path = kind === "repudiate" ? "/v1/password/repudiate" : "/v1/password/not-me";
    const answer = await call("post", path, { body: { token } });
    if (!answer.ok) return ENDS.includes(answer.code) ? showOver(kind, answer.code) : answer;
    kept.fragment = "";
    show(done);
    doubt();
  });
  show(kind);
}

for (const button of all("[data-no]")) button.addEventListener("click", () => show("nothing"));

const token = carried.get("token");
const repudiate = carried.get("repudiate");
const notMe = carried.get("not-me");
if (token) void choosePassword(token, "token");
else if (repudiate) ask("repudiate", repudiate, "locked");
else if (notMe) ask("not-me", notMe, "stopped");
else show("missing");
