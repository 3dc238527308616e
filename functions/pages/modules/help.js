// Help requests: who waits, why no mail came and what to do about it, and what a member of staff does with a task.
import { ago, by, call, knows, make, page, problem, say, when } from "rekey/core.js";
import { ask, badge, facts, nameOf as nameOfMember, pages, staff, tell } from "rekey/console.js";

/** @import { Refused, Schemas } from "./types" */

const STATES = /** @type {const} */ (["open", "taken", "done", "refused"]);
const query = new URLSearchParams(location.search);
const state = STATES.find((it) => it === query.get("state")) ?? "open";

const me = await staff();
const isAdmin = me?.role === "admin";
const portal = isAdmin && query.get("portal") === "staff" ? "staff" : "client";
/** The names of colleagues whose tasks are shown. @type {Map<string, string>} */
const colleagues = new Map();

if (me) {
  showViews();
  await load();
}

/** The lists that there are, as links. */
function showViews() {
  const link = (/** @type {string} */ text, /** @type {boolean} */ isHere, /** @type {Record<string, string>} */ to) =>
    make("a", { href: `?${new URLSearchParams(to)}`, "aria-current": isHere && "page" }, text);
  const list = (/** @type {Node[]} */ links) => make("ul", {}, ...links.map((it) => make("li", {}, it)));
  const of = (/** @type {string} */ it) => (it === "staff" ? { portal: it } : undefined);
  const views = by("views");
  if (isAdmin) {
    const links = ["client", "staff"].map((it) => link(say(`tasks-portal-${it}`), it === portal, { state, ...of(it) }));
    views.append(list(links));
  }
  views.append(list(STATES.map((it) => link(say(`tasks-state-${it}`), it === state, { state: it, ...of(portal) }))));
  views.hidden = false;
}

async function load() {
  await pages(
    by("tasks"),
    async (cursor) => {
      const answer = await call("get", "/v1/admin/help-requests", { query: { state, portal, cursor } });
      if (!answer.ok) return answer;
      await learn(answer.body.help_requests);
      return { items: answer.body.help_requests, next: answer.body.next_cursor };
    },
    (tasks) => make("div", { class: "cards" }, ...tasks.map(card)),
    say(`tasks-none-${state}`),
  );
}

/** Reads the names of the colleagues who have acted. Only administrators may. @param {Schemas["HelpRequest"][]} tasks */
async function learn(tasks) {
  const unknown = new Set(tasks.flatMap(({ by: id }) => (id && id !== me?.id && !colleagues.has(id) ? [id] : [])));
  if (!isAdmin) return;
  await Promise.all([...unknown].map(async (id) => {
    const answer = await call("get", "/v1/admin/accounts/{id}", { at: { id } });
    if (answer.ok) colleagues.set(id, answer.body.display_name);
  }));
}

/** @param {Schemas["HelpRequest"]} task */
function nameOf({ accounts: [first, ...more], identifier }) {
  if (first && !more.length) return first.display_name;
  return identifier ? say("tasks-typed-name", { name: identifier }) : say("tasks-nobody");
}

/** @param {Schemas["HelpRequest"]} task */
function card(task) {
  const { accounts, identifier, reach } = task;
  const id = `task-${task.id}`;
  const [only, ...more] = accounts;
  const single = more.length ? undefined : only;
  const heading = single ? make("a", { href: `${page.base}/client?account=${single.id}` }, single.display_name) : nameOf(task);
  const todo = `tasks-todo-${task.cause}`;
  const buttons = [];
  if (task.state === "open") buttons.push(button(task, "take", false));
  if (task.state === "open" || task.state === "taken") buttons.push(button(task, "done", task.state === "open"), button(task, "refuse", true));
  return make("article", { class: "card", "aria-labelledby": id },
    make("div", { class: "heading" }, make("h2", { id }, heading), badge(task.cause === "asked" ? "open" : "bad", say(`tasks-cause-${task.cause}`))),
    make("p", { class: "quiet" }, say("tasks-received"), " ", ago(task.asked_at), " (", when(task.asked_at), ")"),
    knows(todo) && make("p", {}, say(todo)),
    single && single.why !== task.cause && make("p", {}, say(`tasks-why-${single.why}`)),
    facts([
      [nameOfMember("username"), single?.username],
      [say("tasks-reach"), reach && say(`tasks-reach-${reach}`)],
      [say("tasks-typed"), identifier],
    ]),
    task.no_such_name && make("p", {}, say("tasks-no-such-name")),
    more.length > 0 && make("ul", { class: "accounts" }, ...accounts.map(account)),
    accounts.length === 0 && !task.no_such_name && make("p", { class: "quiet" }, say("tasks-not-yours")),
    acted(task),
    !!task.note && make("p", {}, make("strong", {}, say("tasks-note")), " ", task.note),
    buttons.length > 0 && make("p", { class: "buttons" }, ...buttons));
}

/** @param {Schemas["HelpAccount"]} account */
function account({ id, username, display_name, why }) {
  const link = make("a", { href: `${page.base}/client?account=${id}` }, display_name);
  return make("li", {}, link, " ", make("span", { class: "quiet" }, username), make("br"), say(`tasks-why-${why}`));
}

/** Who acted last, and when. @param {Schemas["HelpRequest"]} task */
function acted({ state, by: id, acted_at: at }) {
  if (!id || !at) return false;
  const who = id === me?.id ? say("tasks-you") : (colleagues.get(id) ?? say("tasks-colleague"));
  return make("p", {}, say(`tasks-acted-${state}`, { who }), " ", make("span", { class: "quiet" }, ago(at), " (", when(at), ")"));
}

/** @param {Schemas["HelpRequest"]} task @param {Schemas["HelpAct"]} action @param {boolean} isQuiet */
function button(task, action, isQuiet) {
  const label = say(`tasks-${action}-of`, { name: nameOf(task) });
  return make("button", { type: "button", class: isQuiet ? "secondary outline" : "", "aria-label": label, click: () => void act(task, action) }, say(`tasks-${action}`));
}

/** @param {Schemas["HelpRequest"]} task @param {Schemas["HelpAct"]} action */
async function act(task, action) {
  const name = nameOf(task);
  const text = make("textarea", { id: "note", name: "note", rows: 3, maxlength: 200, "aria-describedby": "note-hint" });
  const note = make("div", { class: "field" },
    make("label", { for: "note" }, say("tasks-note-label")),
    make("small", { id: "note-hint" }, say("tasks-note-hint")),
    make("p", { class: "error", id: "note-error", hidden: true }),
    text);
  /** @type {Refused | undefined} */
  let refused;
  const isDone = await ask({
    heading: say(`tasks-${action}-heading`, { name }),
    content: [make("p", {}, say(`tasks-${action}-text`)), note],
    yes: say(`tasks-${action}-yes`),
    async send() {
      const written = text.value.trim();
      const answer = await call("post", "/v1/admin/help-requests/{id}", { at: { id: task.id }, body: { action, ...(written ? { note: written } : {}) } });
      if (answer.ok) return undefined;
      if (answer.code === "invalid_request") return [{ field: "note", text: say("tasks-note-wrong") }];
      if (answer.status !== 409 && answer.code !== "not_found") return problem(answer);
      refused = answer;
      return undefined;
    },
  });
  if (!isDone) return;
  await load();
  if (refused) tell("warning", problem(refused)[0]?.text ?? "");
  else tell("done", say(`tasks-${action}-done`, { name }));
}
