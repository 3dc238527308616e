// What staff give a person to get in with: a link, a temporary password, an invitation; and how its outcome is shown.
import * as its from "rekey/core.js";
import * as office from "rekey/console.js";
import * as people from "rekey/people.js";

/** @import { Refused, Schemas } from "./types" */
/**
 * @typedef {{
 *   person: Schemas["AdminAccount"],
 *   isAdmin: boolean,
 *   policy: Schemas["Policy"],
 *   tell: (kind: "done" | "warning" | "danger", heading: string, ...content: (Node | string)[]) => void,
 *   refresh: () => Promise<unknown>,
 * }} Here a page about one person: `tell` shows an outcome and moves the focus there, `refresh` reads the account again
 */

const DAY = 86_400;

/** Says what is wrong, in the place of outcomes. @param {Here} here @param {Refused} refused */
export function fail({ tell }, refused) {
  tell("danger", its.say("person-not-done"), its.make("p", {}, people.explain(refused)[0]?.text ?? ""));
}

/** Says where something was sent and until when it works. @param {Here} here @param {Schemas["Issued"]} issued @param {string} what */
export async function sent(here, issued, what) {
  const { make, say, when } = its;
  await here.refresh();
  const until = make("p", {}, say("sent-until"), " ", when(issued.expires_at));
  const warning = issued.warning && make("p", {}, make("strong", {}, say(`person-warning-${issued.warning.mail}`)));
  here.tell(warning ? "warning" : "done", say(`sent-${what}`, { address: issued.sent_to ?? "" }), until, ...(warning ? [warning] : []));
}

/** Mails a link that works as long as the practice's links do. @param {Here} here */
export async function sendLink(here) {
  const { person, policy } = here;
  // One of more than a day needs a reason. Of the others, a few minutes are left for the way there.
  const usual = Math.min(policy.link_ttl, policy.admin_link_max - 300);
  const isLong = usual > DAY;
  const seconds = isLong ? usual : Math.max(Math.min(usual, DAY - 300), 900);
  const body = { expires_at: new Date(its.now() + seconds * 1000).toISOString(), deliver: /** @type {const} */ ("email"), ...(isLong ? { reason: its.say("link-usual") } : {}) };
  const answer = await people.attempt(person, here.isAdmin, (known) => its.call("post", "/v1/admin/accounts/{id}/links", { at: { id: person.id }, body: { ...body, ...known } }));
  return answer.ok ? sent(here, answer.body, "link") : fail(here, answer);
}

/** Mails the invitation, first or again. @param {Here} here */
export async function invite(here) {
  const answer = await its.call("post", "/v1/admin/accounts/{id}/invitation", { at: { id: here.person.id } });
  if (answer.ok) return sent(here, answer.body, "invitation");
  // An invitation takes no proof. A link does, and it is an invitation for somebody who has never signed up.
  return answer.code === "proof_required" ? sendLink(here) : fail(here, answer);
}

/** Mails a temporary password, once it is confirmed. @param {Here} here */
export async function sendPassword(here) {
  const { make, say, span } = its;
  const { person, policy } = here;
  const isVoid = policy.temporary_password_voids_current;
  /** @type {Schemas["Issued"] | undefined} */
  let issued;
  const isDone = await office.ask({
    heading: say("temporary-heading"),
    content: [
      make("p", {}, say("temporary-text", { name: person.display_name, address: person.email ?? "" })),
      make("ul", {}, make("li", {}, say(isVoid ? "temporary-voids" : "temporary-keeps")), make("li", {}, say("temporary-once", { span: span(policy.temporary_password_ttl) }))),
      people.proofLine(person, here.isAdmin, policy),
    ],
    yes: say("temporary-yes"),
    danger: isVoid,
    async send() {
      const answer = await passwordFor(person, here.isAdmin);
      if (!answer.ok) return people.explain(answer);
      issued = answer.body;
    },
  });
  if (isDone && issued) await sent(here, issued, "password");
}

/** @param {Schemas["AdminAccount"]} person @param {boolean} isAdmin */
export const passwordFor = (person, isAdmin) =>
  people.attempt(person, isAdmin, (known) => its.call("post", "/v1/admin/accounts/{id}/temporary-password", { at: { id: person.id }, body: { ...known } }));

/** Makes a link with an end that staff choose, to be mailed, copied or printed. @param {Here} here */
export async function makeLink(here) {
  const { say } = its;
  const { person, policy } = here;
  const soonest = its.now() + 11 * 60_000;
  const latest = its.now() + policy.admin_link_max * 1000;
  const usual = Math.min(its.now() + Math.min(policy.link_ttl, DAY - 300) * 1000, latest - 300_000);
  const ways = /** @type {const} */ (["email", "copy", "print"]).filter((way) => way !== "email" || people.canMail(person));
  const end = people.entry("expires_at", say("link-end"), {
    type: "datetime-local", value: people.clockText(usual), min: people.clockText(soonest), max: people.clockText(latest),
    hint: say("link-end-hint", { zone: its.zoneName(), latest: its.whenText(new Date(latest).toISOString()) }),
  });
  const asked = people.choices("deliver", say("link-deliver"), ways.map((way) => [way, say(`link-deliver-${way}`, { address: person.email ?? "" })]), ways[0]);
  /** @type {Schemas["Issued"] | undefined} */
  let issued;
  const isDone = await office.ask({
    heading: say("link-heading", { name: person.display_name }),
    content: [end, asked, people.entry("reason", say("link-reason"), { hint: say("link-reason-hint"), maxlength: 200 }), people.proofLine(person, here.isAdmin, policy)],
    yes: say("link-yes"),
    async send(form) {
      const [text, deliver, reason] = [people.entered(form, "expires_at"), people.entered(form, "deliver"), people.entered(form, "reason")];
      const moment = text ? people.momentOf(text) : NaN;
      if (Number.isNaN(moment)) return [{ field: "expires_at", text: say("link-end-missing") }];
      if (moment < its.now() + 10 * 60_000 || moment > latest) return [{ field: "expires_at", text: say("link-end-wrong", { latest: its.whenText(new Date(latest).toISOString()) }) }];
      const isLong = moment > its.now() + DAY * 1000;
      if (isLong && deliver === "print") return [{ field: "expires_at", text: say("link-end-print") }];
      if (isLong && !reason) return [{ field: "reason", text: say("link-reason-missing") }];
      const body = { expires_at: new Date(moment).toISOString(), deliver: /** @type {Schemas["Delivery"]} */ (deliver), ...(reason ? { reason } : {}) };
      const answer = await people.attempt(person, here.isAdmin, (known) => its.call("post", "/v1/admin/accounts/{id}/links", { at: { id: person.id }, body: { ...body, ...known } }));
      if (!answer.ok) return people.explain(answer);
      issued = answer.body;
    },
  });
  if (!isDone || !issued) return;
  if (issued.url) return copied(here, issued, issued.url);
  if (issued.slip) return printed(here, issued, issued.slip);
  await sent(here, issued, "link");
}

/** Shows a link this once. @param {Here} here @param {Schemas["Issued"]} issued @param {string} url */
async function copied(here, issued, url) {
  const { make, say, when } = its;
  await here.refresh();
  const field = make("input", { id: "url", class: "code", value: url, readonly: true, "aria-label": say("copy-label") });
  const told = make("p", { role: "status" });
  const copy = make("button", { type: "button", click: async () => {
    field.select();
    const isCopied = await navigator.clipboard.writeText(url).then(() => true, () => false);
    told.textContent = say(isCopied ? "copy-done" : "copy-by-hand");
    if (!isCopied) field.focus();
  } }, say("copy-yes"));
  here.tell("done", say("copy-heading"), make("p", {}, say("copy-text")), make("div", { class: "shown" }, field, copy), told, make("p", {}, say("sent-until"), " ", when(issued.expires_at)));
}

/** Shows a slip this once, to be printed alone. @param {Here} here @param {Schemas["Issued"]} issued @param {Schemas["PrintedSlip"]} slip */
async function printed(here, issued, slip) {
  const { make, say, when } = its;
  await here.refresh();
  const page = make("div", { class: "slip" }, make("pre", { tabindex: 0, "aria-label": say("slip-label") }, slip.text), make("img", { src: `data:image/svg+xml,${encodeURIComponent(slip.qr_svg)}`, alt: say("slip-code") }));
  const print = make("button", { type: "button", click: () => window.print() }, say("slip-print"));
  here.tell("done", say("slip-heading"), make("p", {}, say("copy-text")), make("p", {}, print), make("p", {}, say("sent-until"), " ", when(issued.expires_at)), page);
}

// ---- What has been given

/** The list of what was issued for the person. @param {Here} here @param {HTMLElement} place */
export function showTickets(here, place) {
  const { call, make, say, when } = its;
  const id = here.person.id;
  const over = ["used", "revoked", "expired", "superseded"];
  const headings = ["tickets-kind", "tickets-state", "tickets-issued", "tickets-ends", "tickets-by", "tickets-action"].map((name) => say(name));
  const row = (/** @type {Schemas["TicketFacts"]} */ ticket) => {
    const by = ticket.issued_by ? people.named(ticket.issued_by, say("person-colleague")) : say(`tickets-by-${ticket.issuer}`);
    const fate = ticket.mail && ticket.mail !== ticket.state && over.concat("opened").includes(ticket.state) ? make("small", {}, say(`tickets-mail-${ticket.mail}`)) : "";
    const kind = ["used", "delivered", "opened", "sent"].includes(ticket.state) ? "good" : ["bounced", "complained", "not_sent"].includes(ticket.state) ? "bad" : "open";
    const back = () => void takeBack(here, ticket, place);
    const action = over.includes(ticket.state) || Date.parse(ticket.expires_at) < its.now() ? "–" : make("button", { type: "button", class: "secondary outline small", click: back }, say("tickets-revoke"));
    const reason = ticket.reason ? make("small", {}, ticket.reason) : "";
    return [make("div", {}, say(`tickets-kind-${ticket.kind}`), reason), make("div", {}, office.badge(kind, say(`tickets-state-${ticket.state}`)), fate), when(ticket.issued_at), when(ticket.expires_at), by, action];
  };
  const read = async (/** @type {string | undefined} */ cursor) => {
    const answer = await call("get", "/v1/admin/accounts/{id}/tickets", { at: { id }, query: { limit: "10", cursor } });
    return answer.ok ? { items: answer.body.tickets, next: answer.body.next_cursor } : answer;
  };
  return people.refill(place, (fresh) => office.pages(fresh, read, people.growing(say("tickets-caption"), headings, row), say("tickets-none")));
}

/** @param {Here} here @param {Schemas["TicketFacts"]} ticket @param {HTMLElement} place */
async function takeBack(here, ticket, place) {
  const { call, make, say } = its;
  const isAgreed = await office.ask({
    heading: say("revoke-heading"),
    content: [make("p", {}, say("revoke-text", { kind: say(`tickets-kind-${ticket.kind}`) }))],
    yes: say("tickets-revoke"),
    danger: true,
    async send() {
      const answer = await call("delete", "/v1/admin/accounts/{id}/tickets/{ticket_id}", { at: { id: here.person.id, ticket_id: ticket.id } });
      return answer.ok ? undefined : people.explain(answer);
    },
  });
  if (!isAgreed) return;
  await showTickets(here, place);
  its.announce(say("revoke-done"));
  place.focus();
}

/** What was done to the account and by it. @param {Here} here @param {HTMLElement} place */
export function showActivity(here, place) {
  const { call, make, say, when } = its;
  const headings = ["happened-what", "happened-when", "happened-who"].map((name) => say(name));
  const row = (/** @type {Schemas["ChangeEvent"]} */ event) => {
    const words = its.knows(`log-action-${event.action}`) && its.page.language !== "en" ? say(`log-action-${event.action}`) : make("span", { lang: "en" }, event.description);
    const changes = event.changes.filter(({ from, to }) => from || to).map(({ member, from, to }) => make("small", {}, `${office.nameOf(member)}: `, say("log-from-to", { from: office.valueOf(member, from), to: office.valueOf(member, to) })));
    const note = event.note ? [make("small", {}, event.note)] : [];
    const who = event.by && event.actor === "staff" ? people.named(event.by, say("person-colleague")) : say(`happened-by-${event.actor}`);
    return [make("div", {}, words, ...changes, ...note), when(event.at), make("div", {}, who, event.ip ? make("small", {}, event.ip) : false)];
  };
  const read = async (/** @type {string | undefined} */ cursor) => {
    const answer = await call("get", "/v1/admin/accounts/{id}/activity", { at: { id: here.person.id }, query: { limit: "10", cursor } });
    return answer.ok ? { items: answer.body.events, next: answer.body.next_cursor } : answer;
  };
  return people.refill(place, (fresh) => office.pages(fresh, read, people.growing(say("happened-caption"), headings, row), say("happened-none")));
}
