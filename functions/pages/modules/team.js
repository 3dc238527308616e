// Staff's accounts: a search as one types, and the way to each account.
import { announce, by, call, make, say } from "rekey/core.js";
import { administrator, pages } from "rekey/console.js";
import { growing, mailState, pageOf, setup, standing } from "rekey/people.js";

/** @import { Schemas } from "./types" */

const TYPING = 250;
const HEADINGS = ["clients-name", "clients-username", "person-role", "clients-setup", "clients-mail"];
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
  let isMore = false;
  const found = make("div");
  const show = growing(say("team-list"), HEADINGS.map((name) => say(name)), row);
  by("people").setAttribute("aria-busy", "true");
  await pages(
    found,
    async (cursor) => {
      const answer = await call("get", "/v1/admin/accounts", { query: { ...query, cursor } });
      if (!answer.ok) return answer;
      isMore = answer.body.next_cursor !== null;
      return { items: answer.body.accounts, next: answer.body.next_cursor };
    },
    (accounts) => {
      count += accounts.length;
      if (mine === searches) by("count").textContent = say(isMore ? "clients-found-more" : "clients-found", { count });
      return show(accounts);
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
function row(account) {
  const { id, display_name, username, email, role } = account;
  const marks = standing(account).flatMap((mark) => [" ", mark]);
  const name = make("span", {}, make("a", { href: pageOf(id) }, display_name), id === me?.id && ` (${say("team-you")})`, ...marks);
  const names = make("div", {}, username, email && email !== username ? make("small", {}, email) : false);
  return [name, names, say(`person-role-${role ?? "staff"}`), setup(account), mailState(account)];
}
