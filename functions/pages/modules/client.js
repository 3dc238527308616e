// A person: whether it is the right one, a way back in, and everything else about their account.
import { by, call, carried, day, listed, make, now, page, say, whenPressed, whenText } from "rekey/core.js";
import { ask, facts, staff } from "rekey/console.js";
import { attempt, askProof, canMail, choices, entry, explain, isOpen, isTicked, languages, mailState, meant, pageOf, picker, proofLine, setup, standing, tick, entered } from "rekey/people.js";
import { fail, invite, makeLink, passwordFor, sendLink, sendPassword, sent, showActivity, showTickets } from "rekey/giving.js";
import { handOver, showAssociations, showCaseload, showIssued } from "rekey/ties.js";

/** @import { Refused, Schemas, Wrong } from "./types" */
/** @typedef {Schemas["AdminAccount"]} Person */

const at = { id: new URLSearchParams(location.search).get("account") ?? "" };
const me = await staff();
/** @type {import("rekey/giving.js").Here} */
let here;
let etag = "";

if (me) await start(me.role === "admin");

/** @param {boolean} isAdmin */
async function start(isAdmin) {
  if (!/^[0-9A-Z]{26}$/.test(at.id)) return missing({ ok: false, status: 404, code: "not_found" });
  const [answer, practice] = await Promise.all([call("get", "/v1/admin/accounts/{id}", { at }), call("get", "/v1/admin/practice")]);
  if (!answer.ok || !practice.ok) return missing(answer.ok ? /** @type {Refused} */ (practice) : answer);
  here = { person: answer.body, isAdmin, policy: practice.body.policy, tell, refresh };
  etag = answer.etag ?? "";
  const isClient = here.person.portal === "client";
  by("back").replaceChildren(make("a", { href: `${page.base}/${isClient ? "clients" : "team"}` }, say(isClient ? "person-back-clients" : "person-back-team")));
  for (const id of ["associations", "caseload"]) by(id).hidden = !isClient;
  by("closing-part").hidden = here.person.id === me?.id;
  by("leaving").hidden = isClient || here.person.id === me?.id;
  show();
  by("person").hidden = false;
  by("waiting").hidden = true;
  if (carried.has("registered")) tell("done", say(here.person.setup === "not_invited" ? "new-registered" : "new-registered-invited", { address: here.person.email ?? "" }));
  showLists();
}

function showLists() {
  void showTickets(here, by("tickets-list"));
  void showActivity(here, by("activity-list"));
  if (here.person.portal === "staff" && here.isAdmin) void showIssued(here.person.id, by("issued-list"));
}

/** @param {Refused} refused */
function missing(refused) {
  by("waiting").replaceChildren(make("p", { class: "notice danger", role: "alert" }, explain(refused)[0]?.text ?? ""), make("p", {}, make("a", { href: `${page.base}/clients` }, say("person-back-clients"))));
}

/** Reads the account again. */
async function refresh() {
  const answer = await call("get", "/v1/admin/accounts/{id}", { at });
  if (!answer.ok) return answer;
  here.person = answer.body;
  etag = answer.etag ?? "";
  show();
  showLists();
  return answer;
}

/** @type {import("rekey/giving.js").Here["tell"]} */
function tell(kind, heading, ...content) {
  const told = make("section", { class: `notice ${kind}`, tabindex: -1, "aria-labelledby": "told-heading" }, make("h2", { id: "told-heading" }, heading), ...content);
  by("told").replaceChildren(told);
  told.focus();
}

// ---- What is shown

/** @param {string} name */
function label(name) {
  return make("span", { class: "badge" }, say(name));
}

function show() {
  const { person, isAdmin } = here;
  const isOwn = person.id === me?.id;
  by("name").textContent = person.display_name;
  const marks = [setup(person), mailState(person), ...standing(person)];
  by("badges").replaceChildren(...marks, ...(person.representative ? [label("person-representative")] : []), ...(person.role === "admin" ? [label("person-admin")] : []));
  by("notices").replaceChildren(...notices(person));
  by("facts").replaceChildren(known(person, isOwn));
  by("actions").replaceChildren(...actions(person, isOwn));
  by("closing").replaceChildren(...closing(person, isOwn));
  if (person.portal === "client") {
    void showAssociations(here, by("associations-list"));
    void showCaseload(here, by("caseload-list"), me?.id ?? "");
  } else if (isAdmin && !isOwn) {
    by("hand-over").replaceChildren(make("button", { type: "button", class: "secondary outline", click: () => void handOver(here) }, say("hand-over")));
  }
}

/** @param {Person} person @param {boolean} isOwn */
function known(person, isOwn) {
  const proven = person.email_proven_at ? say("person-proven", { day: day(person.email_proven_at) }) : say("person-unproven");
  const shared = make("small", { class: "shared" });
  const email = person.email && make("div", {}, person.email, make("small", {}, proven), person.signs_in_by_email ? false : make("small", {}, say("person-by-username")), shared);
  if (person.email) void showShared(person, shared);
  const isOther = person.record_email && person.record_email !== person.email;
  const use = make("button", { type: "button", class: "secondary outline small", click: () => void useRecord(person) }, say("address-use"));
  const record = person.record_email && make("div", {}, person.record_email, isOther ? (isOwn ? false : make("div", {}, use)) : make("small", {}, say("record-same")));
  const locale = languages().find(([tag]) => tag === (person.locale?.slice(0, 2) ?? ""))?.[1];
  const shown = facts([
    [say("person-username"), person.username],
    [say("person-email"), email || say("person-no-email")],
    [say("person-record"), record || say("person-no-record")],
    [say("person-role"), person.role && say(`person-role-${person.role}`)],
    [say("person-locale"), locale ?? person.locale],
    [say("person-since"), day(person.created_at)],
  ]);
  const button = make("button", { type: "button", class: "secondary outline", click: () => void edit() }, say("edit-open"));
  return make("div", {}, shown, isOwn ? "" : make("p", {}, button));
}

/** Names who shares the mailbox, of those that the caller may see. @param {Person} person @param {HTMLElement} place */
async function showShared(person, place) {
  const answer = await call("get", "/v1/admin/accounts", { query: { portal: person.portal, q: person.email ?? "" } });
  if (!answer.ok) return;
  const others = answer.body.accounts.filter(({ id, email }) => id !== person.id && email?.toLowerCase() === person.email?.toLowerCase());
  if (!others.length) return;
  const links = others.map(({ id, display_name }) => make("a", { href: pageOf(id) }, display_name));
  place.replaceChildren(say("person-shared"), " ", ...links.flatMap((link, at) => (at ? [", ", link] : [link])));
}

/** What keeps the person from getting in, and what to do about it. @param {Person} person */
function notices(person) {
  const { email, mail, frozen_at, needs_proof, address_held_until: held } = person;
  const notice = (/** @type {string} */ text, /** @type {(HTMLElement | false)[]} */ ...more) => make("div", { class: "notice warning" }, make("p", {}, text), ...more);
  const mayLift = mail !== "shared_mailbox" || here.isAdmin;
  const lift = mayLift && make("p", {}, make("button", { type: "button", class: "secondary outline small", click: () => void liftMark() }, say("mail-lift")));
  return [
    !isOpen(person) && notice(say("todo-closed", { reason: say(person.refused ? "close-reason-refused" : `close-reason-${person.closed_reason ?? "other"}`) })),
    frozen_at && notice(say("todo-frozen", { when: whenText(frozen_at) }), needs_proof && make("p", {}, say("todo-needs-proof"))),
    held && Date.parse(held) > now() && notice(say("todo-held", { until: whenText(held) })),
    !email && notice(say("todo-no-email")),
    email && mail !== "ok" && notice(say(`todo-${mail}`), lift),
  ].filter((it) => it instanceof HTMLElement);
}

/** @param {Person} person @param {boolean} isOwn */
function actions(person, isOwn) {
  if (isOwn) return [make("p", {}, say("person-own")), make("p", {}, make("a", { href: `${page.base}/account` }, say("person-own-page")))];
  if (!isOpen(person)) return [make("p", {}, say("person-reopen-first")), acts("person-reopen", reopen)];
  const mayMail = canMail(person);
  const isNew = person.setup !== "signed_up";
  const first = !mayMail ? undefined : isNew ? acts(person.setup === "not_invited" ? "do-invite" : "do-invite-again", () => invite(here)) : acts("do-send-link", () => sendLink(here));
  const hint = first && make("p", { class: "quiet" }, say("person-goes-to", { address: person.email ?? "" }));
  const rest = [mayMail && opens("do-send-password", () => sendPassword(here)), opens("do-make-link", () => makeLink(here), Boolean(first)), opens("do-check-caller", checkCaller)];
  return [first, hint, ...rest].filter((it) => it instanceof HTMLElement);
}

/** A button that asks something first. @param {string} name @param {() => unknown} act @param {boolean} [isQuiet] */
function opens(name, act, isQuiet = true) {
  return make("button", { type: "button", class: isQuiet ? "secondary outline" : "", click: () => void act() }, say(name));
}

/** A button that acts at once, and once. @param {string} name @param {() => Promise<unknown>} act */
function acts(name, act) {
  const it = make("button", { type: "button" }, say(name));
  whenPressed(it, act);
  return it;
}

/** @param {Person} person @param {boolean} isOwn */
function closing(person, isOwn) {
  if (isOwn) return [];
  return [opens("do-sign-out-all", endSessions), ...(isOpen(person) ? [opens("close-yes", close)] : [])];
}

async function checkCaller() {
  if (await askProof(here.person, here.isAdmin)) tell("done", say("proof-done"), make("p", {}, say("proof-counts")));
}

// ---- What is changed

/**
 * Changes the account. If somebody else has changed it, reads it again.
 * @param {Schemas["AccountPatch"]} body
 */
async function save(body) {
  const answer = await attempt(here.person, here.isAdmin, (known) =>
    meant((isMeant) => call("patch", "/v1/admin/accounts/{id}", { at, etag, body: { ...body, ...("email" in body ? { ...known, ...isMeant } : {}) } })));
  if (answer.ok) await refresh();
  return answer;
}

/** What is wrong with a change; after somebody else's, what is there now. @param {Refused} refused @returns {Promise<Wrong[]>} */
async function wrongOf(refused) {
  if (refused.code !== "precondition_failed") return explain(refused, { username_taken: "username", address_proven: "email" });
  const old = here.person;
  await refresh();
  const members = /** @type {const} */ (["username", "display_name", "email", "record_email", "active", "refused", "representative", "locale", "role"]);
  const labels = {
    username: say("person-username"), display_name: say("person-name"), email: say("person-email"), record_email: say("person-record"),
    active: say("edit-active"), refused: say("edit-refused"), representative: say("edit-representative"), locale: say("person-locale"), role: say("person-role"),
  };
  const now = (/** @type {string | boolean | null | undefined} */ value) => (typeof value === "boolean" ? say(value ? "person-yes" : "person-no") : (value ?? "–"));
  const changed = members.filter((member) => old[member] !== here.person[member]).map((member) => say("edit-changed-now", { member: labels[member], now: now(here.person[member]) }));
  return [{ text: say("edit-changed") }, ...changed.map((text) => ({ text }))];
}

/** Says what a change has come to. @param {string} heading @param {Schemas["IssuedEnd"]} [issued] */
function saved(heading, issued) {
  const held = here.person.address_held_until;
  const lines = [held && say("edit-held", { until: whenText(held) }), issued && say(issued.complete ? "edit-revoked" : "edit-revoked-later", { count: issued.revoked })];
  tell("done", heading, ...lines.flatMap((line) => (line ? [make("p", {}, line)] : [])));
}

/** Another address, before it is saved. @param {string | null} from @param {string} to */
function compared(from, to) {
  return [facts([[say("address-old"), from ?? "–"], [say("address-new"), to || "–"]]), make("p", {}, make("strong", {}, say("address-sure")))];
}

/** @param {Person} person */
async function useRecord(person) {
  const email = person.record_email ?? "";
  const send = async () => {
    const answer = await save({ email });
    return answer.ok ? undefined : wrongOf(answer);
  };
  const isDone = await ask({ heading: say("address-use-heading"), content: [...compared(person.email, email), proofLine(person, here.isAdmin, here.policy)], yes: say("address-use-yes"), send });
  if (isDone) saved(say("address-saved"));
}

async function edit() {
  const { person, isAdmin } = here;
  const isClient = person.portal === "client";
  const email = entry("email", say("person-email"), { type: "email", value: person.email ?? "", ...(person.record_email ? { besides: make("button", { type: "button", class: "secondary outline", click: populate }, say("address-use")) } : {}) });
  const change = make("div", { class: "notice", hidden: true });
  const input = email.querySelector("input");
  function populate() {
    if (input) input.value = person.record_email ?? "";
    compare();
  }
  const line = proofLine(person, isAdmin, here.policy);
  const compare = () => {
    change.hidden = (input?.value.trim() || null) === person.email;
    change.replaceChildren(...compared(person.email, input?.value.trim() ?? ""), line);
  };
  input?.addEventListener("input", compare);
  const reason = picker("closed_reason", say("close-reason"), reasons(), person.closed_reason ?? "other");
  const states = make("div", {}, tick("active", say("edit-active"), person.active), isClient && tick("refused", say("edit-refused"), person.refused), reason);
  states.addEventListener("change", () => { reason.hidden = isOpen({ ...person, active: states.querySelector("#active:checked") !== null, refused: states.querySelector("#refused:checked") !== null }); });
  reason.hidden = isOpen(person);
  const tags = languages();
  if (person.locale && !tags.some(([tag]) => tag === person.locale)) tags.push([person.locale, person.locale]);
  /** @type {[string, string][]} */
  const roles = [["staff", say("person-role-staff")], ["admin", say("person-role-admin")]];
  /** @type {Schemas["Issued"] | undefined} */
  let issued;
  /** The account as the form was filled from it, or as the form has changed it since. */
  let base = person;
  /** Why no temporary password was sent. */
  let unsent = "";
  const isDone = await ask({
    heading: say("edit-heading"),
    content: [
      entry("username", say("person-username"), { value: person.username, maxlength: 64, autocapitalize: "none" }),
      tick("reset", say("edit-reset"), false, say(here.policy.temporary_password_voids_current ? "edit-reset-hint" : "edit-reset-hint-keeps")),
      ...(isClient ? [tick("representative", say("edit-representative"), person.representative)] : [picker("role", say("person-role"), roles, person.role ?? "staff")]),
      states, email, change,
      entry("display_name", say("person-name"), { value: person.display_name, maxlength: 100 }),
      entry("record_email", say("person-record"), { type: "email", value: person.record_email ?? "", hint: say("edit-record-hint") }),
      picker("locale", say("person-locale"), tags, person.locale ?? ""),
    ],
    yes: say("person-save"),
    async send(form) {
      unsent = "";
      const text = (/** @type {string} */ name) => entered(form, name);
      if (!text("username")) return [{ field: "username", text: say("person-username-missing") }];
      if (!text("display_name")) return [{ field: "display_name", text: say("person-name-missing") }];
      if (isTicked(form, "reset") && !text("email")) return [{ field: "email", text: say("edit-reset-email") }];
      /** @type {Record<string, string | boolean | null>} */
      const wanted = {
        username: text("username"), display_name: text("display_name"), email: text("email") || null, record_email: text("record_email") || null, locale: text("locale") || null,
        active: isTicked(form, "active"), ...(isClient ? { refused: isTicked(form, "refused"), representative: isTicked(form, "representative") } : { role: text("role") }),
      };
      // What was not touched here keeps what somebody else has made of it in the meantime.
      const body = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== base[/** @type {keyof Person} */ (name)]));
      const closes = !wanted["active"] || wanted["refused"];
      if (closes && text("closed_reason") !== base.closed_reason) body["closed_reason"] = text("closed_reason");
      const left = Object.entries(body).filter(([name, value]) => value !== here.person[/** @type {keyof Person} */ (name)]);
      if (left.length) {
        const answer = await save(Object.fromEntries(left));
        if (!answer.ok) return wrongOf(answer);
        base = { ...base, ...Object.fromEntries(left) };
      }
      if (!isTicked(form, "reset")) return;
      const answer = await passwordFor(here.person, isAdmin);
      if (!answer.ok) {
        const wrong = explain(answer);
        unsent = wrong[0]?.text ?? "";
        return wrong;
      }
      issued = answer.body;
    },
  });
  // What was saved before something else was refused is saved, also for whoever then leaves the form.
  if (!isDone && base === person) return;
  if (!isDone && unsent) return tell("warning", say("edit-done"), make("p", {}, `${say("edit-reset")}: ${unsent}`));
  if (!issued) return saved(say("edit-done"));
  await sent(here, issued, "password");
}

/** @returns {[string, string][]} */
function reasons() {
  return /** @type {const} */ (["left", "deceased", "duplicate", "other"]).map((reason) => [reason, say(`close-reason-${reason}`)]);
}

async function close() {
  const { person } = here;
  const isStaff = person.portal === "staff";
  const issued = make("div", {});
  if (isStaff) void showIssued(person.id, issued);
  /** @type {Schemas["IssuedEnd"] | undefined} */
  let end;
  const isDone = await ask({
    heading: say("close-heading", { name: person.display_name }),
    content: [
      make("p", {}, say("close-text")), choices("closed_reason", say("close-reason"), reasons(), "left"), make("p", {}, say("close-deceased")),
      ...(isStaff ? [make("h3", {}, say("close-issued")), issued, tick("revoke", say("close-revoke"), true, say("close-revoke-hint"))] : []),
    ],
    yes: say("close-yes"),
    danger: true,
    async send(form) {
      const closed_reason = /** @type {Schemas["ClosedReason"]} */ (entered(form, "closed_reason"));
      const answer = await save({ active: false, closed_reason, ...(isStaff && !isTicked(form, "revoke") ? { revoke_issued: false } : {}) });
      if (!answer.ok) return wrongOf(answer);
      end = answer.body.issued;
    },
  });
  if (isDone) saved(say("close-done"), end);
}

async function reopen() {
  const answer = await save({ active: true, ...(here.person.refused ? { refused: false } : {}) });
  if (answer.ok) return saved(say(here.person.setup === "signed_up" && !here.person.frozen_at ? "person-reopen-done" : "person-reopen-new"));
  const [first, ...others] = await wrongOf(answer);
  tell("danger", say("person-not-done"), make("p", {}, first?.text ?? ""), make("p", {}, listed(others.map(({ text }) => text))));
}

async function endSessions() {
  const send = async () => {
    const answer = await call("delete", "/v1/admin/accounts/{id}/sessions", { at });
    return answer.ok ? undefined : explain(answer);
  };
  const isDone = await ask({ heading: say("sign-out-all-heading"), content: [make("p", {}, say("sign-out-all-text"))], yes: say("sign-out-all"), danger: true, send });
  if (isDone) tell("done", say("sign-out-all-done"), make("p", {}, say("sign-out-all-more")));
}

async function liftMark() {
  const answer = await attempt(here.person, here.isAdmin, () => call("post", "/v1/admin/accounts/{id}/mail", { at, body: { status: "ok" } }));
  if (!answer.ok) return fail(here, answer.code === "no_address" ? { ...answer, code: "address_shared" } : answer);
  await refresh();
  tell("done", say("mail-lift-done"));
}

