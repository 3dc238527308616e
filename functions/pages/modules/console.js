// What the pages of staff's console share: who is signed in, tables, lists that go on, and dialogs.
import * as core from "rekey/core.js";

/** @import { Refused, Schemas, Wrong } from "./types" */

/**
 * The member of staff who is signed in. The navigation shows what they may do.
 * @returns {Promise<Schemas["AccountFacts"] | undefined>}
 */
export async function staff() {
  const account = await core.signedIn();
  if (!account) return undefined;
  for (const link of core.all("[data-admin]")) link.hidden = account.role !== "admin";
  return account;
}

/**
 * The administrator who is signed in. Other staff are told that the page is not theirs.
 * @returns {Promise<Schemas["AccountFacts"] | undefined>}
 */
export async function administrator() {
  const { by, make, page, say } = core;
  const account = await staff();
  if (!account || account.role === "admin") return account;
  const back = make("a", { href: `${page.base}/clients` }, say("admins-only-back"));
  by("main").replaceChildren(make("h1", {}, say("admins-only")), make("p", {}, say("admins-only-text")), make("p", {}, back));
  return undefined;
}

/**
 * Says at the top of a page what was done, and moves the focus there.
 * @param {"done" | "warning"} kind @param {...(Node | string)} content
 */
export function tell(kind, ...content) {
  const place = core.by("said");
  place.className = `notice ${kind}`;
  place.replaceChildren(...content);
  place.hidden = false;
  place.focus();
}

/** The name of a setting, or of a member of an account. @param {string} member its path */
export function nameOf(member) {
  const name = `member-${member.replaceAll(".", "-")}`;
  return core.knows(name) ? core.say(name) : member;
}

/**
 * A value of a setting or of an account's member, in words.
 * @param {string} member its path @param {unknown} value @returns {string}
 */
export function valueOf(member, value) {
  const { knows, say, span } = core;
  if (value === undefined || value === null || value === "") return say("value-none");
  const text = String(Array.isArray(value) ? value.join(" ") : value).replaceAll(/[[\]"]/g, "").replaceAll(",", " ");
  const last = member.slice(member.lastIndexOf(".") + 1);
  const name = `value-${last}-${text.replaceAll(" ", "-")}`;
  if (knows(name)) return say(name);
  if (text === "true" || text === "false") return say(`value-${text}`);
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text)) return core.whenText(text);
  if (/^(.*_ttl|address_hold|admin_link_max|session_\w+)$/.test(last)) return Number(text) ? span(Number(text)) : say("value-none");
  return String(value);
}

/** A table with a caption. @param {string} caption @param {string[]} headings @param {(Node | string)[][]} rows */
export function table(caption, headings, rows) {
  const { make } = core;
  const head = make("thead", {}, make("tr", {}, ...headings.map((heading) => make("th", { scope: "col" }, heading))));
  const cells = (/** @type {(Node | string)[]} */ row) => row.map((cell, at) => (at ? make("td", {}, cell) : make("th", { scope: "row" }, cell)));
  const body = make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row))));
  return make("div", { class: "scrolled", tabindex: 0, role: "region", "aria-label": caption }, make("table", {}, make("caption", { class: "sr-only" }, caption), head, body));
}

/** Facts, each with its name. Those without a value are left out. @param {[string, Node | string | undefined | null | false][]} facts */
export function facts(facts) {
  const { make } = core;
  const shown = facts.flatMap(([name, value]) => (value ? [make("div", {}, make("dt", {}, name), make("dd", {}, value))] : []));
  return make("dl", { class: "facts" }, ...shown);
}

/** A state in words; its color says nothing more. @param {"good" | "bad" | "open"} kind @param {string} text */
export const badge = (kind, text) => core.make("span", { class: `badge ${kind}` }, text);

/**
 * Shows a dialog with a form and waits for its end.
 * @param {{ heading: string, content: (Node | string)[], yes: string, danger?: boolean, send?: (form: HTMLFormElement) => Promise<Wrong[] | void> }} asked
 *   `send` is run when the form is sent: what it says is wrong keeps the dialog open.
 * @returns {Promise<boolean>} whether it was agreed to
 */
export function ask({ heading, content, yes, danger = false, send }) {
  const { make, say } = core;
  // A dialog can ask from within another one.
  const id = `dialog-heading-${document.querySelectorAll("dialog").length}`;
  /** @type {HTMLDialogElement} */
  const dialog = make("dialog", { "aria-labelledby": id });
  const errors = make("div", { class: "errors", role: "alert", tabindex: -1, hidden: true }, make("ul"));
  const button = make("button", { type: "submit", class: danger ? "danger" : "" }, yes);
  const cancel = make("button", { type: "button", class: "secondary outline", click: () => dialog.close() }, say("cancel"));
  const form = make("form", { novalidate: true, method: "dialog" }, errors, ...content, make("p", { class: "buttons" }, button, cancel));
  const title = make("h2", { id }, heading);
  dialog.append(make("article", {}, title, form, make("div", { class: "sr-only announcer", role: "status" })));
  let isAgreed = false;
  /** @type {Promise<void> | undefined} */
  let sending;
  const attempt = async () => {
    const wrong = await core.working(button, async () => send?.(form));
    isAgreed = !wrong?.length;
    if (isAgreed) dialog.close();
    else if (dialog.open) core.showWrong(form, wrong ?? []);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sending ??= attempt().finally(() => { sending = undefined; });
  });
  // Where there is nothing to fill in, a key that is pressed twice does no harm.
  cancel.autofocus = danger && !form.querySelector("input, select, textarea");
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", async () => {
      // The title no longer says that something is wrong.
      core.showWrong(form, []);
      dialog.remove();
      // What was sent may be done although the dialog was left, and whoever left it has to learn that.
      await sending;
      resolve(isAgreed);
    });
  });
}

/**
 * Makes a call, and asks for the password again if it needs that.
 * @template A
 * @param {() => Promise<A | Refused>} send
 * @returns {Promise<A | Refused>}
 */
export async function confirmed(send) {
  const answer = await send();
  const needs = typeof answer === "object" && answer && "code" in answer && answer.code === "confirmation_required";
  if (!needs) return answer;
  return (await askPassword()) ? send() : answer;
}

function askPassword() {
  const { make, say } = core;
  const input = make("input", { id: "again", name: "again", type: "password", autocomplete: "current-password", required: true });
  const field = make("div", { class: "field" }, make("label", { for: "again" }, say("confirm-password-label")), make("p", { class: "error", id: "again-error", hidden: true }), input);
  return ask({
    heading: say("confirm-password-heading"),
    content: [make("p", {}, say("confirm-password-text")), field],
    yes: say("confirm-password-yes"),
    async send() {
      if (!input.value) return [{ field: "again", text: say("password-missing") }];
      const answer = await core.call("post", "/v1/sessions/current/confirm", { body: { current_password: input.value } });
      return answer.ok ? undefined : core.problem(answer, { invalid_credentials: "again" });
    },
  });
}

/** How many further pages of a list are read at once when one after another has nothing to show. */
const MOST_READS = 20;

/**
 * A list that goes on: shows each page of it as it is asked for.
 * @template T
 * @param {HTMLElement} place where the pages are put
 * @param {(cursor: string | undefined) => Promise<{ items: T[], next: string | null | undefined } | Refused>} read
 * @param {(items: T[]) => Node} show
 * @param {string} empty what is said when there is nothing
 */
export async function pages(place, read, show, empty) {
  const { make, say } = core;
  let isEmpty = true;
  const failed = (/** @type {Refused} */ answer) => make("p", { role: "alert" }, core.problem(answer)[0]?.text);
  const next = async (/** @type {string | undefined} */ cursor, /** @type {boolean} */ isFirst) => {
    place.setAttribute("aria-busy", "true");
    let answer = await read(cursor);
    // With filters, a page may have nothing although the list goes on.
    for (let more = MOST_READS; more && !("code" in answer) && !answer.items.length && answer.next; more -= 1) {
      cursor = answer.next;
      answer = await read(cursor);
    }
    place.removeAttribute("aria-busy");
    if ("code" in answer) {
      const again = make("button", { type: "button", class: "secondary outline", click: () => { notice.remove(); void next(cursor, isFirst); } }, say("try-again"));
      const notice = make("div", {}, failed(answer), again);
      return void place.append(notice);
    }
    const hasMore = answer.items.length > 0;
    isEmpty &&= !hasMore;
    const none = isEmpty && !answer.next && make("p", { class: "quiet" }, empty);
    const shown = hasMore ? show(answer.items) : (none || "");
    place.append(shown);
    // Who has asked for more goes on reading where it begins.
    const first = !isFirst && (shown instanceof HTMLElement ? (shown.querySelector("tbody tr, li, article") ?? shown) : !hasMore && place);
    if (first instanceof HTMLElement) {
      first.tabIndex = -1;
      first.focus();
    }
    const cursorOfNext = answer.next;
    if (!cursorOfNext) return;
    const more = make("button", { type: "button", class: "secondary outline", click: () => { more.remove(); void next(cursorOfNext, false); } }, say("more"));
    place.append(more);
  };
  place.replaceChildren();
  await next(undefined, true);
}
