// The change log: who did what, when and from where, with filters and as a table.
import { by, call, form, knows, make, page, problem, queryOf, request, say, when, whenPressed } from "rekey/core.js";
import { administrator, confirmed, nameOf, pages, tell, valueOf } from "rekey/console.js";
import { refill } from "rekey/people.js";

/** @import { Refused, Schemas, Wrong } from "./types" */

const ACCOUNT = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const OTHERS = ["holder", "anonymous", "operator", "system"];
const FILTERS = /** @type {const} */ (["type", "actor", "from", "to", "account"]);
/** @typedef {Partial<Record<typeof FILTERS[number], string>>} Filters */

/** The usernames of the staff who act, by the ids of their accounts. @type {Map<string, string>} */
const colleagues = new Map();
/** The account that is picked, by what was typed for it. @type {{ id: string, username: string } | undefined} */
let picked;

async function start() {
  by("zone").textContent = say("changes-zone", { zone: page.time_zone.replaceAll("_", " ") });
  await learnColleagues();
  fill("type", Object.keys(page.messages).filter((it) => it.startsWith("log-action-")).map((it) => [it.slice("log-action-".length), say(it)]));
  const staff = [...colleagues].map(([id, name]) => /** @type {[string, string]} */ ([id, name]));
  fill("actor", [...staff, ...["anonymous", "operator", "system"].map((it) => /** @type {[string, string]} */ ([it, say(`log-actor-${it}`)]))], false);
  form("filters", { fields: { type: "", actor: "", from: "", to: "", person: "" }, check: checkDates, send: apply });
  // Until here, what is typed would be lost when the address's filters are shown.
  by("filters").hidden = false;
  by("clear").addEventListener("click", () => open({}));
  whenPressed(by("download"), download);
  addEventListener("popstate", () => void show());
  await show();
}

/** Fills a select after its first option. @param {string} id @param {[string, string][]} options @param {boolean} [isSorted] */
function fill(id, options, isSorted = true) {
  if (isSorted) options.sort(([, a], [, b]) => a.localeCompare(b, page.language));
  by(id).append(...options.map(([value, text]) => make("option", { value }, text)));
}

/** How many pages of a list are read at most. */
const MOST_READS = 20;

/**
 * The pages of a list of accounts, as far as they are wanted and can be read.
 * @param {Record<string, string>} query
 * @returns {AsyncGenerator<Schemas["AdminAccount"][] | Refused>}
 */
async function* accounts(query) {
  /** @type {string | undefined} */
  let cursor;
  for (let read = 0; read < MOST_READS; read += 1) {
    const answer = await call("get", "/v1/admin/accounts", { query: { ...query, cursor } });
    if (!answer.ok) return yield answer;
    yield answer.body.accounts;
    if (!answer.body.next_cursor) return;
    cursor = answer.body.next_cursor;
  }
}

async function learnColleagues() {
  for await (const some of accounts({ portal: "staff" })) {
    if ("code" in some) return;
    for (const { id, display_name, username } of some) colleagues.set(id, `${display_name} (${username})`);
  }
}

// ---- The filters

/** What the address asks for. @returns {Filters} */
function filters() {
  const query = new URLSearchParams(location.search);
  /** @type {Filters} */
  const found = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    const isDay = /^\d{4}-\d{2}-\d{2}$/.test(value ?? "");
    const fits = name === "account" ? ACCOUNT.test(value ?? "") : name === "from" || name === "to" ? isDay : value;
    if (value && fits) found[name] = value;
  }
  return found;
}

/** @param {{ from: string, to: string }} dates @returns {Wrong[]} */
const checkDates = ({ from, to }) => {
  const odd = Object.entries({ from, to }).flatMap(([field, day]) => (day && !/^[12]\d{3}-/.test(day) ? [{ field, text: say("changes-date-odd") }] : []));
  return odd.length || !from || !to || from <= to ? odd : [{ field: "to", text: say("changes-dates-wrong") }];
};

/** @param {Record<"type" | "actor" | "from" | "to" | "person", string>} values */
async function apply({ person, ...values }) {
  const name = person.trim();
  if (name && name !== picked?.username) {
    const found = await findPerson(name);
    if (!found || "code" in found) return found ? problem(found) : [{ field: "person", text: say("changes-person-unknown") }];
    picked = found;
  }
  open({ ...values, ...(name && picked ? { account: picked.id } : {}) });
}

/** The account with a username: a client's, or else one of staff. @param {string} name */
async function findPerson(name) {
  for (const portal of ["client", "staff"]) {
    for await (const some of accounts({ portal, q: name })) {
      if ("code" in some) return some;
      const found = some.find(({ username }) => username.localeCompare(name, undefined, { sensitivity: "accent" }) === 0);
      if (found) return found;
    }
  }
  return undefined;
}

/** Shows the log with other filters, which stay in the address. @param {Filters} picks */
function open(picks) {
  const given = Object.entries(picks).filter(([, value]) => value);
  history.pushState(undefined, "", location.pathname + (given.length ? `?${new URLSearchParams(given)}` : ""));
  void show();
}

/** How often the log has been shown. */
let shows = 0;

/** Shows what the address asks for. The answer to an earlier question is dropped. */
async function show() {
  shows += 1;
  const mine = shows;
  const now = filters();
  by("said").hidden = true;
  for (const name of ["type", "actor", "from", "to"]) {
    /** @type {HTMLInputElement} */ (by(name)).value = now[/** @type {"type"} */ (name)] ?? "";
  }
  if (now.account && now.account !== picked?.id) {
    const answer = await call("get", "/v1/admin/accounts/{id}", { at: { id: now.account } });
    if (mine !== shows) return;
    picked = answer.ok ? answer.body : { id: now.account, username: now.account };
  }
  /** @type {HTMLInputElement} */ (by("person")).value = now.account ? (picked?.username ?? "") : "";
  const isFiltered = Object.keys(now).length > 0;
  let count = 0;
  by("count").textContent = "";
  by("clear").hidden = !isFiltered;
  await refill(by("entries"), (fresh) => pages(
    fresh,
    async (cursor) => {
      const answer = await call("get", "/v1/admin/changes", { query: { ...asked(now), cursor } });
      return answer.ok ? { items: answer.body.events, next: answer.body.next_cursor } : answer;
    },
    (events) => {
      count += events.length;
      if (mine === shows) by("count").textContent = say("changes-count", { count });
      return make("ol", { class: "entries" }, ...events.map(entry));
    },
    say(isFiltered ? "changes-none-found" : "changes-none"),
  ));
}

/** The query of the API: its days begin and end by the practice's clocks. @param {Filters} now */
function asked({ from, to, ...rest }) {
  return { ...rest, from: from && midnight(from, 0), to: to && midnight(to, 1) };
}

/** The moment at which a day begins in the practice's time zone. @param {string} date @param {number} later how many days later */
function midnight(date, later) {
  const [year = 0, month = 1, day = 1] = date.split("-").map(Number);
  const wanted = Date.UTC(year, month - 1, day + later);
  const clock = new Intl.DateTimeFormat("en-US", {
    timeZone: page.time_zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  });
  let moment = wanted;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const parts = Object.fromEntries(clock.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
    const shown = Date.UTC(parts["year"] ?? 0, (parts["month"] ?? 1) - 1, parts["day"], parts["hour"], parts["minute"], parts["second"]);
    moment += wanted - shown;
  }
  return new Date(moment).toISOString();
}

// ---- The list

/** @param {Schemas["ChangeEvent"]} event */
function entry(event) {
  const action = `log-action-${event.action}`;
  const name = event.username ?? (event.account ? say("log-account-gone") : "");
  const about = event.account && make("a", { href: `${page.base}/client?account=${event.account}` }, name);
  const from = event.ip && [" · ", make("span", {}, say("log-from", { address: event.ip }))];
  return make("li", {},
    make("p", { class: "what" }, make("strong", {}, knows(action) ? say(action) : event.description), ...(about ? [": ", about] : [])),
    make("p", { class: "quiet" }, when(event.at), " · ", actor(event), ...(from || [])),
    details(event));
}

/** @param {Schemas["ChangeEvent"]} event */
function actor({ actor, by: id }) {
  if (id === me?.id) return say("log-actor-you");
  const name = id && colleagues.get(id);
  return name ? say("log-actor-named", { name }) : say(OTHERS.includes(actor) ? `log-actor-${actor}` : "log-actor-staff");
}

/** @param {Schemas["ChangeEvent"]} event */
function details({ changes, reason, failures, telling, proof, note, other }) {
  const lines = changes.map(({ member, from, to }) => {
    const name = make("strong", {}, nameOf(member));
    if (from === undefined && to === undefined) return make("li", {}, name, ": ", say("log-changed"));
    return make("li", {}, name, ": ", say("log-from-to", { from: valueOf(member, from), to: valueOf(member, to) }));
  });
  const colleague = other && colleagues.get(other);
  const say2 = (/** @type {string} */ name, /** @type {string} */ text) => make("li", {}, make("strong", {}, say(name)), ": ", text);
  if (colleague) lines.push(say2("log-colleague", colleague));
  if (reason) lines.push(say2("log-reason", say(`log-reason-${reason}`)));
  if (failures && failures > 1) lines.push(say2("log-failures", String(failures)));
  if (telling) lines.push(say2("log-telling", say(`log-telling-${telling}`)));
  if (proof) lines.push(say2("log-proof", say(`log-proof-${proof.method}`) + (proof.note ? ` – ${proof.note}` : "")));
  if (note) lines.push(say2("log-note", note));
  return lines.length > 0 && make("ul", {}, ...lines);
}

// ---- The table

async function download() {
  const answer = await table(asked(filters()));
  if ("code" in answer) return tell("warning", problem(answer)[0]?.text ?? "");
  const name = `${page.practice}-${say("changes-file")}-${new Date().toISOString().slice(0, 10)}.csv`;
  const href = URL.createObjectURL(new Blob(answer.parts, { type: "text/csv;charset=utf-8" }));
  make("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
  tell("done", say("changes-downloaded", { name }));
}

/** The log as a table, in parts of which the first alone has the headings. @param {Record<string, string | undefined>} query */
async function table(query) {
  let next = `/v1/admin/changes${queryOf(query)}`;
  /** @type {string[]} */
  const parts = [];
  while (next) {
    const answer = await confirmed(() => part(next));
    if ("code" in answer) return answer;
    parts.push(parts.length ? answer.text.slice(answer.text.indexOf("\r\n") + 2) : `\ufeff${answer.text.replace("\ufeff", "")}`);
    next = answer.next;
  }
  return { parts };
}

/** @param {string} at @returns {Promise<{ text: string, next: string } | Refused>} */
async function part(at) {
  const answer = await request("GET", at, { accept: "text/csv" });
  if (!answer.ok) return answer;
  const link = /<([^>]+)>;\s*rel="next"/.exec(answer.response.headers.get("link") ?? "")?.[1];
  const next = link ? new URL(link, location.origin + at) : undefined;
  try {
    return { text: await answer.response.text(), next: next ? next.pathname + next.search : "" };
  } catch {
    return { ok: false, status: 0, code: "unreachable" };
  }
}

const me = await administrator();
if (me) await start();
