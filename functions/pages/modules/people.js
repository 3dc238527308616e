// What the pages about people share: words for an account, names, fields of dialogs, times of the practice, and how a caller is known.
import * as kit from "rekey/core.js";
import * as desk from "rekey/console.js";

/** @import { Done, Refused, Schemas, Wrong } from "./types" */
/** @typedef {Schemas["AdminAccount"]} Person */

// ---- Words

/** A refusal in words for staff. @param {Refused} refused @param {Record<string, string>} [fields] the field that a code is about @returns {Wrong[]} */
export function explain(refused, fields = {}) {
  const field = fields[refused.code];
  const wrong = (/** @type {string} */ text) => [field ? { text, field } : { text }];
  const left = refused.attempts_left;
  const name = `staff-error-${refused.code}${left === undefined ? "" : "-left"}`;
  if (kit.knows(name)) return wrong(kit.say(name, { count: left ?? 0 }));
  const member = refused.code === "invalid_request" ? (refused.detail?.split(":")[0] ?? "") : "";
  const rule = `staff-rule-${member}`;
  return kit.knows(rule) ? [{ text: kit.say(rule), field: member }] : kit.problem(refused, fields);
}

/** How far the set-up has come. @param {Person} person */
export const setup = ({ setup }) => desk.badge(setup === "signed_up" ? "good" : "open", kit.say(`person-setup-${setup}`));

/** What is known of mail to the address. @param {Person} person */
export function mailState({ email, mail }) {
  if (!email) return desk.badge("open", kit.say("person-mail-none"));
  return desk.badge(mail === "ok" ? "good" : "bad", kit.say(`person-mail-${mail}`));
}

/** Whether somebody can sign in at all. @param {Person} person */
export const isOpen = ({ active, refused }) => active && !refused;

/** Whether a mail to the address can reach nobody but the person. @param {Person} person */
export const canMail = ({ email, mail }) => Boolean(email) && mail !== "wrong_person" && mail !== "shared_mailbox";

/** Why somebody cannot sign in, as badges. @param {Person} person */
export function standing(person) {
  const { say } = kit;
  const closed = person.closed_reason === "deceased" ? "deceased" : person.refused ? "refused" : "closed";
  return [!isOpen(person) && desk.badge("bad", say(`person-${closed}`)), person.frozen_at && desk.badge("bad", say("person-frozen"))].filter((it) => it instanceof Node);
}

/** The page of an account. @param {string} id */
export const pageOf = (id) => `${kit.page.base}/client?account=${id}`;

/** @type {Map<string, Promise<string | undefined>>} */
const names = new Map();

/** The name of an account's owner, or nothing where the caller may not see it. @param {string} id */
export function ownerOf(id) {
  const known = names.get(id);
  if (known) return known;
  const asked = kit.call("get", "/v1/admin/accounts/{id}", { at: { id } }).then((answer) => (answer.ok ? answer.body.display_name : undefined));
  names.set(id, asked);
  return asked;
}

/** A link to an account, which shows the name once it is known. @param {string} id @param {string} unseen what is said where it may not be seen */
export function named(id, unseen) {
  const place = kit.make("span", {}, "…");
  void ownerOf(id).then((name) => place.replaceChildren(name ? kit.make("a", { href: pageOf(id) }, name) : unseen));
  return place;
}

// ---- Lists

/**
 * A table that further pages of a list are added to, for `pages()`.
 * @template T
 * @param {string} caption @param {string[]} headings @param {(item: T) => (Node | string)[]} row
 */
export function growing(caption, headings, row) {
  /** @type {Element | null} */
  let body = null;
  return (/** @type {T[]} */ items) => {
    const shown = desk.table(caption, headings, items.map(row));
    shown.classList.add("cards");
    for (const it of kit.all("tbody tr", shown)) kit.all("th, td", it).forEach((cell, at) => { cell.dataset["label"] = headings[at] ?? ""; });
    if (!body) {
      body = shown.querySelector("tbody");
      return shown;
    }
    const added = kit.all("tbody tr", shown);
    body.append(...added);
    const first = added[0]?.querySelector("th");
    first?.setAttribute("tabindex", "-1");
    queueMicrotask(() => first?.focus());
    return document.createDocumentFragment();
  };
}

/** @type {WeakMap<HTMLElement, object>} */
const latest = new WeakMap();

/** Fills a place anew, and leaves what is there until that is done. @param {HTMLElement} place @param {(fresh: HTMLElement) => Promise<unknown>} fill */
export async function refill(place, fill) {
  const fresh = kit.make("div");
  latest.set(place, fresh);
  if (!place.hasChildNodes()) place.setAttribute("aria-busy", "true");
  await fill(fresh);
  if (latest.get(place) !== fresh) return;
  place.removeAttribute("aria-busy");
  place.replaceChildren(fresh);
}

// ---- Fields

/** What a form has in a field. @param {HTMLFormElement} form @param {string} name */
export const entered = (form, name) => String(new FormData(form).get(name) ?? "").trim();
/** Whether a box of a form is ticked. @param {HTMLFormElement} form @param {string} name */
export const isTicked = (form, name) => new FormData(form).has(name);

/** @param {string} name @param {string} label @param {string} hint @param {...HTMLElement} inputs */
function field(name, label, hint, ...inputs) {
  const { make } = kit;
  const said = hint && make("small", { id: `${name}-hint` }, hint);
  return make("div", { class: "field" }, make("label", { for: name }, label), said || false, make("p", { class: "error", id: `${name}-error`, hidden: true }), ...inputs);
}

/**
 * A field for a line of text, a day or a time.
 * @param {string} name @param {string} label
 * @param {{ hint?: string, value?: string, type?: string, besides?: HTMLElement } & Record<string, any>} [how] the rest are further attributes
 */
export function entry(name, label, { hint = "", value = "", type = "text", besides, ...more } = {}) {
  const described = hint ? { "aria-describedby": `${name}-hint` } : {};
  const input = kit.make("input", { id: name, name, type, value, autocomplete: "off", spellcheck: "false", ...described, ...more });
  return field(name, label, hint, besides ? kit.make("div", { class: "shown" }, input, besides) : input);
}

/** A choice in a list. @param {string} name @param {string} label @param {[string, string][]} options @param {string} [value] @param {string} [hint] */
export function picker(name, label, options, value = "", hint = "") {
  const described = hint ? { "aria-describedby": `${name}-hint` } : {};
  const chosen = options.map(([key, text]) => kit.make("option", { value: key, selected: key === value }, text));
  return field(name, label, hint, kit.make("select", { id: name, name, ...described }, ...chosen));
}

/** A box to tick. @param {string} name @param {string} label @param {boolean} isOn @param {string} [hint] */
export function tick(name, label, isOn, hint = "") {
  const { make } = kit;
  const box = make("input", { id: name, name, type: "checkbox", checked: isOn, ...(hint ? { "aria-describedby": `${name}-hint` } : {}) });
  return make("div", { class: "field tick" }, make("label", {}, box, label), hint ? make("small", { id: `${name}-hint` }, hint) : false);
}

/** A choice of one, all of them seen. @param {string} name @param {string} legend @param {[string, string][]} options @param {string} [value] */
export function choices(name, legend, options, value = "") {
  const { make } = kit;
  const boxes = options.map(([key, text], at) => make("label", {}, make("input", { id: at ? `${name}-${key}` : name, name, type: "radio", value: key, checked: key === value }), text));
  return make("fieldset", { class: "field" }, make("legend", {}, legend), make("p", { class: "error", id: `${name}-error`, hidden: true }), ...boxes);
}

/** The languages of mails. @returns {[string, string][]} */
export const languages = () => [["", kit.say("person-locale-default")], ["en", "English"], ["es", "Español"]];

/** A search for an account, of which one is picked. @param {string} name @param {string} label @param {"client" | "staff"} portal @param {string} except */
export function finder(name, label, portal, except) {
  const { call, make, say } = kit;
  const found = make("div", { class: "found" });
  const input = make("input", { id: name, type: "search", autocomplete: "off", spellcheck: "false", "aria-describedby": `${name}-hint` });
  const look = async () => {
    const asked = input.value.trim();
    const answer = await call("get", "/v1/admin/accounts", { query: { portal, q: asked } });
    if (asked !== input.value.trim()) return;
    if (!answer.ok) return found.replaceChildren(make("p", { class: "error" }, explain(answer)[0]?.text ?? ""));
    const people = answer.body.accounts.filter(({ id }) => id !== except).slice(0, 8);
    const boxes = people.map(({ id, display_name, username }) => make("label", {}, make("input", { type: "radio", name, value: id }), `${display_name} (${username})`));
    found.replaceChildren(...(boxes.length ? boxes : [make("p", { class: "quiet" }, say("find-none"))]));
    kit.announce(say("clients-found", { count: people.length }));
  };
  input.addEventListener("input", later(look));
  input.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  if (portal === "staff") void look();
  return make("fieldset", {}, make("legend", { class: "sr-only" }, label), field(name, label, say("find-hint"), input), found);
}

/** Does something once nothing more has been typed for a moment. @param {() => unknown} what */
export function later(what) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(what, 300);
  };
}

// ---- Times of the practice

const clock = new Intl.DateTimeFormat("en-CA", {
  timeZone: kit.page.time_zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
});

/** A moment as the practice's clock shows it, in the form of a field for times. @param {number} moment */
export function clockText(moment) {
  const parts = Object.fromEntries(clock.formatToParts(moment).map(({ type, value }) => [type, value]));
  return `${parts["year"]}-${parts["month"]}-${parts["day"]}T${parts["hour"]}:${parts["minute"]}`;
}

/** The moment at which the practice's clock shows a time, and none for a year that nobody means. @param {string} text */
export function momentOf(text) {
  if (!/^[12]\d{3}-/.test(text)) return Number.NaN;
  const shown = Date.parse(`${text.length === 10 ? `${text}T00:00` : text}Z`);
  const guess = (/** @type {number} */ moment) => shown - (Date.parse(`${clockText(moment)}Z`) - Math.floor(moment / 60_000) * 60_000);
  return guess(guess(shown));
}

// ---- How a caller is known, and what needs it

/** @type {{ proof: Schemas["NewProof"], until: number } | undefined} */
let known;
const COUNTS = 15 * 60_000;

/** How the person is known for whom staff act now. @returns {Schemas["NewProof"] | undefined} */
export const proof = () => (known && known.until > kit.now() ? known.proof : undefined);

/** Says how the caller is known, with a button that asks, where the practice records it. @param {Person} person @param {boolean} isAdmin @param {Schemas["Policy"]} policy */
export function proofLine(person, isAdmin, policy) {
  const { make, say } = kit;
  if (policy.caller_proof === "off") return make("span");
  const text = make("span", {});
  const button = make("button", { type: "button", class: "secondary outline small", click: async () => { if (await askProof(person, isAdmin)) update(); button.focus(); } });
  const update = () => {
    const now = proof();
    text.textContent = now ? say("proof-known", { how: say(`proof-by-${now.method}`) }) : say("proof-unknown");
    button.textContent = say(now ? "proof-again" : "proof-ask");
  };
  update();
  return make("p", { class: "proof" }, text, " ", button);
}

/**
 * Asks how the person is known. What was said counts for what follows on this page.
 * @param {Person} person @param {boolean} isAdmin
 */
export function askProof(person, isAdmin) {
  const { make, say, call } = kit;
  const at = { id: person.id };
  /** @type {string | undefined} */
  let check;
  const told = make("p", { role: "status" });
  const send = make("button", { type: "button", class: "secondary outline" }, say("proof-send", { address: person.email ?? "" }));
  kit.whenPressed(send, async () => {
    const answer = await call("post", "/v1/admin/accounts/{id}/caller-check", { at });
    // To an address that is new, a code proves nothing.
    if (!answer.ok) return void (told.textContent = answer.code === "proof_required" ? say("proof-no-code") : (explain(answer)[0]?.text ?? ""));
    check = answer.body.check_id;
    const { warning, sent_to: address, expires_at } = answer.body;
    told.textContent = [say("proof-sent", { address, until: kit.whenText(expires_at) }), warning && say(`person-warning-${warning.mail}`)].filter(Boolean).join(" ");
    send.textContent = say("proof-send-again");
    document.getElementById("code")?.focus();
  });
  const mailed = make("div", { class: "inset" }, make("p", {}, send), told, entry("code", say("proof-code"), { inputmode: "numeric", hint: say("proof-code-hint"), maxlength: 12 }));
  const note = entry("note", say("proof-note"), { hint: say("proof-note-hint"), maxlength: 200 });
  const ways = /** @type {const} */ (["mailed_code", "in_person", "identity_document", "called_back", "overruled"]);
  const offered = ways.filter((way) => (way !== "mailed_code" || person.email) && (way !== "overruled" || isAdmin));
  const asked = choices("method", say("proof-legend"), offered.map((way) => [way, say(`proof-way-${way}`)]), offered[0]);
  const show = () => {
    const isMailed = asked.querySelector("input:checked")?.getAttribute("value") === "mailed_code";
    mailed.hidden = !isMailed;
    note.hidden = isMailed;
  };
  asked.addEventListener("change", show);
  show();
  return desk.ask({
    heading: say("proof-heading", { name: person.display_name }),
    content: [asked, mailed, note],
    yes: say("proof-yes"),
    async send(form) {
      const method = /** @type {Schemas["ProofMethod"]} */ (entered(form, "method"));
      const words = entered(form, "note");
      if (method !== "mailed_code") {
        if (method === "overruled" && !words) return [{ field: "note", text: say("proof-note-missing") }];
        if (words.replace(/\D/g, "").length > 4) return [{ field: "note", text: say("proof-note-digits") }];
        known = { proof: words ? { method, note: words } : { method }, until: kit.now() + COUNTS };
        return;
      }
      if (!check) return [{ field: "code", text: say("proof-code-first") }];
      const code = entered(form, "code");
      if (!code) return [{ field: "code", text: say("proof-code-missing") }];
      const answer = await call("post", "/v1/admin/accounts/{id}/caller-check/{check_id}", { at: { ...at, check_id: check }, body: { code } });
      if (!answer.ok) return explain(answer, { invalid_code: "code", code_expired: "code", invalid_request: "code" });
      known = { proof: { method: "mailed_code", check_id: check }, until: Date.parse(answer.body.expires_at) };
    },
  });
}

/**
 * Makes a change, and asks for what it needs: the password again, or how the caller is known.
 * @template B
 * @param {Person} person @param {boolean} isAdmin
 * @param {(known: { proof?: Schemas["NewProof"] }) => Promise<Done<B> | Refused>} send
 * @returns {Promise<Done<B> | Refused>}
 */
export async function attempt(person, isAdmin, send) {
  const answer = await desk.confirmed(() => send(proof() ? { proof: /** @type {Schemas["NewProof"]} */ (proof()) } : {}));
  if (answer.ok || answer.code !== "proof_required") return answer;
  known = undefined;
  return (await askProof(person, isAdmin)) ? attempt(person, isAdmin, send) : answer;
}

/**
 * Gives an account an address, and asks first if it is somebody else's.
 * @template B
 * @param {(isMeant: { shares_address?: true }) => Promise<Done<B> | Refused>} send
 * @returns {Promise<Done<B> | Refused>}
 */
export async function meant(send) {
  const { make, say } = kit;
  const answer = await send({});
  if (answer.ok || answer.code !== "address_proven") return answer;
  const other = answer.account;
  const link = other && make("p", {}, make("a", { href: pageOf(other), target: "_blank" }, say("shared-see")));
  const isMeant = await desk.ask({ heading: say("shared-heading"), content: [make("p", {}, say("shared-text")), ...(link ? [link] : [])], yes: say("shared-yes") });
  return isMeant ? send({ shares_address: true }) : answer;
}
