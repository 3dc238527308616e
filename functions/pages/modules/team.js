// Staff's accounts: a search as one types, and the way to each account.
import { announce, by, call, make, page, say } from "rekey/core.js";
import { administrator, badge, pages } from "rekey/console.js";

/** @import { Schemas } from "./types" */

const TYPING = 250;
const words = /** @type {HTMLInputElement} */ (by("q"));
const status = /** @type {HTMLSelectElement} */ (by("status"));
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let searches = 0;

const me = await administrator();
if (me) {
  by("search").addEventListener("submit", (event) => {
    event.preventDefault();
    void search();
  });
  words.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void search(), TYPING);
  });
  status.addEventListener("change", () => void search());
  await search();
}

/** Lists whom the words and the status pick. The answer to an earlier search is dropped. */
async function search() {
  clearTimeout(timer);
  searches += 1;
  const mine = searches;
  const query = { portal: "staff", q: words.value.trim(), status: status.value };
  let count = 0;
  const found = make("div");
  by("people").setAttribute("aria-busy", "true");
  await pages(
    found,
    async (cursor) => {
      const answer = await call("get", "/v1/admin/accounts", { query: { ...query, cursor } });
      return answer.ok ? { items: answer.body.accounts, next: answer.body.next_cursor } : answer;
    },
    (accounts) => {
      count += accounts.length;
      if (mine === searches) by("count").textContent = say("team-count", { count });
      return make("ul", { class: "people" }, ...accounts.map(person));
    },
    say(query.q || query.status ? "team-none-found" : "team-none"),
  );
  if (mine !== searches) return;
  if (!count) by("count").textContent = "";
  by("people").removeAttribute("aria-busy");
  by("people").replaceChildren(found);
  if (!count) announce(found.textContent ?? "");
}

/** @param {Schemas["AdminAccount"]} account */
function person(account) {
  const { id, display_name, username, email, role, setup, mail } = account;
  const states = [badge(setup === "signed_up" ? "good" : "open", say(`team-setup-${setup}`))];
  if (!account.active) states.unshift(badge("bad", say("team-closed")));
  if (account.frozen_at) states.unshift(badge("bad", say("team-frozen")));
  if (email && mail !== "ok") states.push(badge("bad", say(`team-mail-${mail}`)));
  return make("li", {},
    make("div", {},
      make("a", { href: `${page.base}/client?account=${id}` }, display_name), id === me?.id && ` (${say("team-you")})`,
      make("div", { class: "quiet" }, username, make("br"), email ?? say("team-no-email"))),
    make("div", {}, say(`team-role-${role ?? "staff"}`)),
    make("div", { class: "badges" }, ...states));
}
