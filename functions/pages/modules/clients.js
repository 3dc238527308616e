// The list of clients: one's own or all, found as one types.
import { all, announce, by, call, day, make, page, say } from "rekey/core.js";
import { pages, staff } from "rekey/console.js";
import { explain, growing, later, mailState, pageOf, refill, setup, standing } from "rekey/people.js";

/** @import { Schemas } from "./types" */
/** @typedef {Schemas["AdminAccount"]} Person */

const me = await staff();
if (me) await start(me);

/** @param {Schemas["AccountFacts"]} me */
async function start(me) {
  const practice = await call("get", "/v1/admin/practice");
  // Whoever sees only their own clients has no other list.
  const isScoped = me.role !== "admin" && practice.ok && practice.body.policy.caseload_scoped;
  const search = /** @type {HTMLFormElement} */ (by("search"));
  const asked = new URLSearchParams(location.search);
  let list = isScoped ? "mine" : (asked.get("list") ?? (me.role === "admin" ? "all" : "mine"));
  let latest = 0;

  for (const name of ["status", "mail"]) {
    const select = search.elements.namedItem(name);
    if (select instanceof HTMLSelectElement) select.value = asked.get(name) ?? "";
  }
  const value = (/** @type {string} */ name) => String(new FormData(search).get(name) ?? "").trim();

  async function look() {
    const turn = ++latest;
    const [q, status, mail, of] = [value("q"), value("status"), value("mail"), list];
    remember({ list: of, status, mail });
    let count = 0;
    let isMore = false;
    let isRead = false;
    const isMine = of === "mine";
    const found = () => say(isMore ? "clients-found-more" : "clients-found", { count });
    const read = async (/** @type {string | undefined} */ cursor) => {
      // A search that another one has replaced goes on no more.
      if (turn !== latest) return { items: [], next: null };
      const answer = await call("get", "/v1/admin/accounts", { query: { portal: "client", caseload: isMine ? "mine" : undefined, q, status, mail, cursor } });
      isRead = answer.ok;
      if (!answer.ok) return answer;
      count += answer.body.accounts.length;
      isMore = answer.body.next_cursor !== null;
      if (cursor && count && turn === latest) announce(found());
      return { items: answer.body.accounts, next: answer.body.next_cursor };
    };
    const isFiltered = Boolean(q || status || mail);
    const show = growing(say(isMine ? "clients-mine" : "clients-all"), headings(isMine), (/** @type {Person} */ person) => row(person, isMine, me.id));
    await refill(by("results"), async (place) => {
      await pages(place, read, show, say(isFiltered ? "clients-none-found" : isMine ? "clients-none-mine" : "clients-none"));
      if (count > 0 || !isMine || isScoped) return;
      place.append(make("p", {}, make("button", { type: "button", click: () => choose("all") }, say(isFiltered ? "clients-search-all" : "clients-show-all"))));
    });
    // The answer to what was typed before comes too late.
    if (turn === latest) announce(isRead ? found() : "");
  }

  function choose(/** @type {string} */ chosen) {
    list = chosen;
    mark();
    void look();
  }
  function mark() {
    for (const link of all("[data-list]")) {
      if (link.dataset["list"] === list) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
  for (const link of all("[data-list]")) {
    if (isScoped && link.dataset["list"] === "all") link.hidden = true;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      choose(link.dataset["list"] ?? "all");
    });
  }
  mark();
  search.addEventListener("submit", (event) => { event.preventDefault(); void look(); });
  by("q").addEventListener("input", later(look));
  for (const name of ["status", "mail"]) by(name).addEventListener("change", () => void look());
  by("clients").hidden = false;
  if (!practice.ok) announce(explain(practice)[0]?.text ?? "");
  await look();
}

/** Keeps the list that is shown for the way back; what was typed is not kept. @param {Record<string, string>} shown */
function remember(shown) {
  const query = new URLSearchParams(Object.entries(shown).filter(([, value]) => value));
  history.replaceState(history.state, "", `${page.base}/clients?${query}`);
}

/** @param {boolean} isMine */
function headings(isMine) {
  return ["clients-name", "clients-username", "clients-setup", "clients-mail", ...(isMine ? ["clients-role", "clients-since"] : [])].map((name) => say(name));
}

/** @param {Person} person @param {boolean} isMine @param {string} me */
function row(person, isMine, me) {
  const mine = person.caseload.find(({ staff }) => staff === me);
  const marks = standing(person).flatMap((mark) => [" ", mark]);
  const name = make("span", {}, make("a", { href: pageOf(person.id) }, person.display_name), ...marks);
  return [name, person.username, setup(person), mailState(person), ...(isMine ? [mine?.role ?? "–", mine ? day(mine.assigned_at) : "–"] : [])];
}
