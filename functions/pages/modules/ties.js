// Who belongs to a person: guardians and clients, caseload, and what a member of staff leaves behind.
import * as top from "rekey/core.js";
import * as rooms from "rekey/console.js";
import * as folk from "rekey/people.js";

/** @import { Schemas } from "./types" */
/** @typedef {import("./giving.js").Here} Here */

/** A small button of a row. @param {string} text @param {() => unknown} act @param {string} about whom it is about, for those who do not see the row */
const small = (text, act, about) =>
  top.make("button", { type: "button", class: "secondary outline small", click: () => void act() }, text, about ? top.make("span", { class: "sr-only" }, ` ${about}`) : false);

/** A table whose rows read as cards on a narrow screen. @param {string} caption @param {string[]} headings @param {(Node | string)[][]} rows */
const cards = (caption, headings, rows) => folk.growing(caption, headings, (/** @type {(Node | string)[]} */ row) => row)(rows);

/** The guardians of a client, and the clients for whom they act. @param {Here} here @param {HTMLElement} place */
export async function showAssociations(here, place) {
  const { make, say } = top;
  const { person } = here;
  const list = async (/** @type {boolean} */ areGuardians) => {
    const those = person.associations.filter(({ acts }) => acts === areGuardians);
    const names = await Promise.all(those.map(({ account }) => folk.ownerOf(account)));
    const rows = those.map((it, at) => {
      const name = names[at];
      const end = () => dissociate(here, it, name ?? say("ties-unseen"));
      const link = name ? make("a", { href: folk.pageOf(it.account) }, name) : say("ties-unseen");
      return [link, it.relationship, say(`ties-role-${it.role}`), it.until ? top.day(it.until) : say("ties-no-end"), name ? small(say("ties-end"), end, name) : "–"];
    });
    const headings = ["ties-name", "ties-relationship", "ties-role", "ties-until", "tickets-action"].map((name) => say(name));
    return rows.length ? cards(say(areGuardians ? "ties-guardians" : "ties-clients"), headings, rows) : undefined;
  };
  const [guardians, clients] = await Promise.all([list(true), list(false)]);
  const heading = (/** @type {string} */ text) => make("h3", {}, text);
  const add = (/** @type {boolean} */ isGuardian) => make("button", { type: "button", class: "secondary outline", click: () => void associate(here, isGuardian) }, say(isGuardian ? "ties-add-guardian" : "ties-add-client"));
  place.replaceChildren(
    ...(guardians ? [heading(say("ties-guardians")), guardians] : []),
    ...(clients ? [heading(say("ties-clients")), clients] : []),
    ...(guardians || clients ? [] : [make("p", { class: "quiet" }, say("ties-none"))]),
    make("p", { class: "buttons" }, add(true), add(false)),
  );
}

/** @param {Here} here @param {boolean} isGuardian whether the other one is the guardian */
async function associate(here, isGuardian) {
  const { call, make, say } = top;
  const { person } = here;
  const relations = make("datalist", { id: "relations" }, ...["parent", "guardian", "partner", "carer"].map((it) => make("option", { value: say(`ties-as-${it}`) })));
  const isDone = await rooms.ask({
    heading: say(isGuardian ? "ties-add-guardian" : "ties-add-client"),
    content: [
      folk.finder("other", say(isGuardian ? "ties-find-guardian" : "ties-find-client"), "client", person.id),
      folk.entry("relationship", say("ties-relationship"), { hint: say("ties-relationship-hint"), list: "relations", maxlength: 60 }), relations,
      folk.picker("role", say("ties-role"), [["acts", say("ties-role-acts")], ["views", say("ties-role-views")]]),
      folk.entry("until", say("ties-until"), { type: "date", hint: say("ties-until-hint"), min: folk.clockText(top.now() + 86_400_000).slice(0, 10) }),
    ],
    yes: say("ties-add"),
    async send(form) {
      const [other, relationship, role, until] = ["other", "relationship", "role", "until"].map((name) => folk.entered(form, name));
      if (!other) return [{ field: "other", text: say("find-missing") }];
      if (!relationship) return [{ field: "relationship", text: say("ties-relationship-missing") }];
      if (until && !(folk.momentOf(until) > top.now())) return [{ field: "until", text: say("staff-rule-until") }];
      const [id, account_id] = isGuardian ? [person.id, other] : [other, person.id];
      const body = { relationship, role: /** @type {Schemas["GuardianRole"]} */ (role), ...(until ? { until: new Date(folk.momentOf(until)).toISOString() } : {}) };
      const answer = await call("put", "/v1/admin/accounts/{id}/associations/{account_id}", { at: { id, account_id }, body });
      return answer.ok ? undefined : folk.explain(answer);
    },
  });
  if (isDone) await told(here, "ties-added");
}

/** @param {Here} here @param {Schemas["AssociationFacts"]} tie @param {string} name */
async function dissociate(here, tie, name) {
  const { call, make, say } = top;
  const { person } = here;
  const [id, account_id] = tie.acts ? [person.id, tie.account] : [tie.account, person.id];
  const [client, guardian] = tie.acts ? [person.display_name, name] : [name, person.display_name];
  const isDone = await rooms.ask({
    heading: say("ties-end-heading"),
    content: [make("p", {}, say("ties-end-text", { guardian, client })), make("p", {}, say("ties-end-more", { client }))],
    yes: say("ties-end-yes"),
    danger: true,
    async send() {
      const answer = await call("delete", "/v1/admin/accounts/{id}/associations/{account_id}", { at: { id, account_id } });
      return answer.ok ? undefined : folk.explain(answer);
    },
  });
  if (isDone) await told(here, "ties-ended");
}

/** @param {Here} here @param {string} message @param {Record<string, string | number>} [values] */
async function told(here, message, values) {
  await here.refresh();
  here.tell("done", top.say(message, values));
}

/** Who looks after a client. @param {Here} here @param {HTMLElement} place @param {string} me */
export async function showCaseload(here, place, me) {
  const { make, say, day } = top;
  const { person, isAdmin, policy } = here;
  const mayAssign = isAdmin || !policy.caseload_scoped;
  const names = await Promise.all(person.caseload.map(({ staff }) => (isAdmin && staff !== me ? folk.ownerOf(staff) : undefined)));
  const rows = person.caseload.map(({ staff, role, assigned_at }, at) => {
    const name = names[at];
    const shown = staff === me ? say("caseload-you") : name ? make("a", { href: folk.pageOf(staff) }, name) : say("person-colleague");
    const about = staff === me ? say("caseload-you") : (name ?? say("person-colleague"));
    const change = () => assign(here, { staff, role: role ?? "", name: about });
    const buttons = make("div", { class: "buttons" }, small(say("caseload-change"), change, about), small(say("caseload-remove"), () => unassign(here, staff, about), about));
    return mayAssign ? [shown, role ?? "–", day(assigned_at), buttons] : [shown, role ?? "–", day(assigned_at)];
  });
  const headings = ["caseload-name", "caseload-role", "caseload-since", ...(mayAssign ? ["tickets-action"] : [])].map((name) => say(name));
  const isMine = person.caseload.some(({ staff }) => staff === me);
  const mine = make("button", { type: "button", class: "secondary outline", click: () => void assign(here, { staff: me, role: "", name: say("caseload-you"), heading: say("caseload-mine") }) }, say("caseload-mine"));
  const other = make("button", { type: "button", class: "secondary outline", click: () => void assign(here) }, say("caseload-other"));
  place.replaceChildren(
    rows.length ? cards(say("caseload-caption"), headings, rows) : make("p", { class: "quiet" }, say("caseload-none")),
    make("p", { class: "buttons" }, ...(mayAssign && !isMine ? [mine] : []), ...(isAdmin ? [other] : [])),
  );
}

/** @param {Here} here @param {{ staff: string, role: string, name: string, heading?: string }} [one] who it is, or else that is asked */
async function assign(here, one) {
  const { call, make, say } = top;
  const isDone = await rooms.ask({
    heading: one ? (one.heading ?? say("caseload-heading", { name: one.name })) : say("caseload-other"),
    content: [
      one ? make("p", {}, say("caseload-text", { name: here.person.display_name })) : folk.finder("other", say("caseload-find"), "staff", ""),
      folk.entry("role", say("caseload-role"), { hint: say("caseload-role-hint"), value: one?.role ?? "", maxlength: 60 }),
    ],
    yes: say("person-save"),
    async send(form) {
      const staff_id = one?.staff ?? folk.entered(form, "other");
      if (!staff_id) return [{ field: "other", text: say("find-missing") }];
      const answer = await call("put", "/v1/admin/accounts/{id}/caseload/{staff_id}", { at: { id: here.person.id, staff_id }, body: { role: folk.entered(form, "role") || null } });
      return answer.ok ? undefined : folk.explain(answer);
    },
  });
  if (isDone) await told(here, "caseload-saved");
}

/** @param {Here} here @param {string} staff_id @param {string} name */
async function unassign(here, staff_id, name) {
  const { call, make, say } = top;
  const isDone = await rooms.ask({
    heading: say("caseload-remove-heading"),
    content: [make("p", {}, say("caseload-remove-text", { name, client: here.person.display_name }))],
    yes: say("caseload-remove"),
    danger: true,
    async send() {
      const answer = await call("delete", "/v1/admin/accounts/{id}/caseload/{staff_id}", { at: { id: here.person.id, staff_id } });
      return answer.ok ? undefined : folk.explain(answer);
    },
  });
  if (isDone) await told(here, "caseload-removed");
}

/** What a member of staff has issued and nobody has used. @param {string} id @param {HTMLElement} place */
export function showIssued(id, place) {
  const { call, make, say, when } = top;
  const row = (/** @type {Schemas["IssuedFacts"]} */ { account, handed_over, ticket }) => [
    folk.named(account, say("ties-unseen")), make("div", {}, say(`tickets-kind-${ticket.kind}`), handed_over ? make("small", {}, say("issued-seen")) : false), when(ticket.expires_at),
  ];
  const read = async (/** @type {string | undefined} */ cursor) => {
    const answer = await call("get", "/v1/admin/accounts/{id}/issued", { at: { id }, query: { limit: "10", cursor } });
    return answer.ok ? { items: answer.body.issued, next: answer.body.next_cursor } : answer;
  };
  return folk.refill(place, (fresh) => rooms.pages(fresh, read, folk.growing(say("issued-caption"), ["issued-for", "tickets-kind", "tickets-ends"].map((name) => say(name)), row), say("issued-none")));
}

/** Gives the clients of a member of staff to another one. @param {Here} here */
export async function handOver(here) {
  const { call, make, say } = top;
  const { person } = here;
  let moved = 0;
  const isDone = await rooms.ask({
    heading: say("hand-over-heading", { name: person.display_name }),
    content: [make("p", {}, say("hand-over-text")), folk.finder("other", say("caseload-find"), "staff", person.id)],
    yes: say("hand-over-yes"),
    async send(form) {
      const to = folk.entered(form, "other");
      if (!to) return [{ field: "other", text: say("find-missing") }];
      for (let isMore = true; isMore; ) {
        const answer = await call("post", "/v1/admin/accounts/{id}/hand-over", { at: { id: person.id }, body: { to } });
        if (!answer.ok) return folk.explain(answer);
        moved += answer.body.moved;
        isMore = answer.body.more;
      }
    },
  });
  if (isDone) await told(here, "hand-over-done", { count: moved });
}
