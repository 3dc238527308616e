// The practice's settings: all of them in words, and for administrators a form for each group of them.
import { all, by, call, form, knows, listed, make, page, problem, say, showOnly, showWrong, span } from "rekey/core.js";
import { confirmed, facts, nameOf, staff, tell, valueOf } from "rekey/console.js";

/** @import { Wrong } from "./types" */

/** @typedef {Record<string, any>} Settings */
/**
 * A setting: its path, the kind of its field, and its bounds, in seconds where it is a length of time.
 * @typedef {"line" | "email" | "tel" | "url" | "zone" | "language" | "number" | "time" | "choice"} Kind
 * @typedef {{ path: string, kind: Kind, isNeeded?: boolean, low?: number, high?: number, usual?: number, options?: string[] }} Member
 */

const YES_OR_NO = ["true", "false"];
/** @param {string} name @param {number} low @param {number} high @param {number} usual @returns {Member} */
const time = (name, low, high, usual) => ({ path: `policy.${name}`, kind: "time", low, high, usual });
/** @param {string} name @param {number} low @param {number} high @param {number} usual @returns {Member} */
const number = (name, low, high, usual) => ({ path: `policy.${name}`, kind: "number", low, high, usual });
/** @param {string} name @param {string[]} [options] @returns {Member} */
const choice = (name, options = YES_OR_NO) => ({ path: `policy.${name}`, kind: "choice", options });
/** @param {string} portal @returns {Member[]} */
const addresses = (portal) => ["url", "recovery_url", "change_password_url"].map((name) => ({ path: `portals.${portal}.${name}`, kind: "url" }));

const HOUR = 3600;
const DAY = 24 * HOUR;
/** @type {Record<string, Member[]>} */
const GROUPS = {
  practice: [
    { path: "name", kind: "line", isNeeded: true, high: 100 },
    { path: "support.phone", kind: "tel", high: 40 },
    { path: "support.email", kind: "email", high: 254 },
    { path: "support.url", kind: "url" },
  ],
  place: [{ path: "time_zone", kind: "zone" }, { path: "locale", kind: "language" }],
  recovery: [
    choice("recovery_methods", ["link code", "code link", "link", "code"]),
    time("link_ttl", 600, 2 * DAY, DAY),
    time("code_ttl", 300, HOUR, 600),
    number("code_length", 6, 10, 8),
    choice("security_question", ["off", "optional", "required"]),
  ],
  passwords: [
    number("password_min_length", 8, 64, 15),
    time("temporary_password_ttl", HOUR, 3 * DAY, DAY),
    choice("temporary_password_voids_current"),
    time("session_idle", 60, 12 * HOUR, 900),
    time("session_absolute", 300, 30 * DAY, 12 * HOUR),
  ],
  desk: [
    choice("help_requests"),
    choice("caller_proof", ["off", "recorded", "required"]),
    time("address_hold", 0, 3 * DAY, DAY),
    time("admin_link_max", HOUR, 30 * DAY, 7 * DAY),
    time("invitation_ttl", HOUR, 30 * DAY, 7 * DAY),
    choice("caseload_scoped"),
  ],
  portals: [...addresses("client"), ...addresses("staff")],
  sender: [{ path: "sender", kind: "email", high: 254 }],
};
/** @type {Record<string, number>} */
const UNITS = { minute: 60, hour: HOUR, day: DAY };

/** @type {Settings} */
let settings = {};
/** The group that is edited. */
let group = "";
let isAdmin = false;

/** Reads the settings. */
async function load() {
  const answer = await call("get", "/v1/admin/practice");
  if (answer.ok) settings = answer.body;
  else {
    const again = make("button", { type: "button", class: "secondary outline", click: () => location.reload() }, say("try-again"));
    by("groups").replaceChildren(make("p", { role: "alert" }, problem(answer)[0]?.text), again);
  }
  return answer.ok;
}

/** The value of a setting. @param {string} path */
const at = (path, of = settings) => path.split(".").reduce((value, name) => value?.[name], /** @type {any} */ (of));

// ---- All settings

/** @param {string} to the group that is to be edited, or nothing */
function go(to) {
  history.pushState(undefined, "", location.pathname + (to ? `?group=${to}` : ""));
  show();
}

function show() {
  const asked = new URLSearchParams(location.search).get("group") ?? "";
  const was = group;
  group = isAdmin && Object.hasOwn(GROUPS, asked) ? asked : "";
  if (group) {
    edit();
    showOnly("editing", ["overview", "editing"]);
    return;
  }
  by("said").hidden = true;
  by("groups").replaceChildren(...Object.keys(GROUPS).map(section), fixed());
  by("overview").hidden = false;
  by("editing").hidden = true;
  if (was) document.getElementById(`change-${was}`)?.focus();
}

/** @param {string} name */
function section(name) {
  const id = `group-${name}`;
  const heading = say(`settings-group-${name}`);
  const change = make("button", {
    id: `change-${name}`, type: "button", class: "secondary outline", "aria-label": say("settings-change-of", { group: heading }), click: () => go(name),
  }, say("settings-change"));
  const members = GROUPS[name] ?? [];
  return make("section", { class: `card of-${name}`, "aria-labelledby": id },
    make("div", { class: "heading" }, make("h2", { id }, heading), isAdmin && change),
    facts(members.map(({ path }) => [nameOf(path), shown(path)])));
}

/** A setting in words. @param {string} path @param {Settings} [of] @returns {string} */
function shown(path, of = settings) {
  const value = at(path, of);
  const [first, portal = ""] = path.split(".");
  if (first === "portals" && !of["portals"]?.[portal]) return own(path);
  if (path === "sender" && !value) return say("settings-sender-none");
  if (path === "time_zone") return String(value).replaceAll("_", " ");
  if (path === "locale") return languageOf(String(value));
  if (path.endsWith("change_password_url") && !value) return say("settings-front-page");
  return valueOf(path, value);
}

/** Where a portal's page is while the settings have no address of it. @param {string} path */
function own(path) {
  const [, portal = "", name = ""] = path.split(".");
  const ends = { url: "", recovery_url: "/reset", change_password_url: "/change-password" };
  return say("settings-own-page", { address: `${location.origin}/p/${page.practice}/${portal}${ends[/** @type {"url"} */ (name)]}` });
}

/** @param {string} tag */
function languageOf(tag) {
  try {
    const name = new Intl.DisplayNames(page.language, { type: "language" }).of(tag) ?? tag;
    return name.charAt(0).toLocaleUpperCase(page.language) + name.slice(1);
  } catch {
    return tag;
  }
}

/** What an administrator cannot change here: the operator's part, and the look, which has a page of its own. */
function fixed() {
  const domains = settings["domains"]?.length ? listed(settings["domains"]) : say("value-none");
  const look = make("section", { class: "card" },
    make("h2", {}, say("settings-brand")),
    make("p", {}, say("settings-brand-text")),
    make("p", {}, make("a", { href: `${page.base}/brand` }, say("settings-brand-link"))));
  const operator = make("section", { class: "card" },
    make("h2", {}, say("settings-operator")),
    make("p", {}, say("settings-operator-text")),
    facts([[say("settings-slug"), settings["slug"]], [say("settings-domains"), domains], [say("settings-senders"), senders()]]));
  const sections = make("div", {}, operator);
  if (isAdmin) sections.prepend(look);
  return sections;
}

/** The addresses that the sender may be. */
function senders() {
  const of = (/** @type {string} */ sender) => (sender.startsWith("*@") ? say("settings-any-sender", { domain: sender.slice(2) }) : sender);
  return settings["senders"]?.length ? listed(settings["senders"].map(of)) : say("value-none");
}

// ---- A group in a form

function edit() {
  const members = GROUPS[group] ?? [];
  showWrong(/** @type {HTMLFormElement} */ (by("group")), []);
  const intro = knows(`settings-intro-${group}`) ? [make("p", {}, say(`settings-intro-${group}`))] : [];
  by("group-heading").textContent = say(`settings-group-${group}`);
  by("members").replaceChildren(...intro, ...members.map(field));
}

/** @param {Member} member */
function field(member) {
  const { path, kind } = member;
  const text = hint(member);
  const small = text ? [make("small", { id: `${path}-hint` }, text)] : [];
  const error = make("p", { class: "error", id: `${path}-error`, hidden: true });
  if (kind === "choice") return radios(member, small, error);
  const describedBy = text ? `${path}-hint` : undefined;
  const label = make("label", { for: path }, nameOf(path));
  return make("div", { class: "field" }, label, ...small, error, ...inputs(member, describedBy));
}

/** @param {Member} member */
function hint({ path, kind, low = 0, high = 0, usual = 0 }) {
  const parts = [];
  const name = `about-${path.replaceAll(".", "-")}`;
  const isOwn = path.startsWith("portals.") && !at(path.slice(0, path.lastIndexOf(".")));
  if (isOwn) parts.push(own(path));
  else if (knows(name)) parts.push(say(name));
  const shownAs = (/** @type {number} */ value) => (kind === "time" ? (value ? span(value) : "0") : String(value));
  if (kind === "time" || kind === "number") parts.push(say("settings-bounds", { low: shownAs(low), high: shownAs(high), usual: shownAs(usual) }));
  if (path === "sender" && settings["senders"]?.length) parts.push(say("settings-senders-hint", { senders: senders() }));
  return parts.join(" ");
}

/** @param {Member} member @param {string | undefined} describedBy */
function inputs({ path, kind, high }, describedBy) {
  const value = at(path);
  const shared = { id: path, name: path, "aria-describedby": describedBy };
  const option = (/** @type {string} */ it, /** @type {string} */ text, /** @type {boolean} */ isIt) => make("option", { value: it, selected: isIt }, text);
  if (kind === "zone") return [make("select", shared, ...zones(String(value)))];
  if (kind === "language") {
    const tags = new Set(["en", "es", String(value)]);
    return [make("select", shared, ...[...tags].map((tag) => option(tag, languageOf(tag), tag === value)))];
  }
  if (kind === "time") {
    const unit = ["day", "hour", "minute"].find((it) => value && value % (UNITS[it] ?? 1) === 0 && (it !== "day" || value > 2 * DAY)) ?? "hour";
    const count = make("input", { ...shared, type: "text", inputmode: "decimal", value: value / (UNITS[unit] ?? 1), autocomplete: "off" });
    const units = make("select", { name: `${path}-unit`, "aria-label": say("settings-unit", { name: nameOf(path) }) });
    units.append(...Object.keys(UNITS).map((it) => option(it, say(`unit-${it}`), it === unit)));
    return [make("div", { class: "length" }, count, units)];
  }
  if (kind === "number") return [make("input", { ...shared, class: "short", type: "text", inputmode: "numeric", value, autocomplete: "off" })];
  const type = kind === "line" ? "text" : kind;
  return [make("input", { ...shared, type, value: value ?? "", maxlength: high ?? 300, autocomplete: "off", spellcheck: kind === "line" ? undefined : "false" })];
}

/** Every time zone, by region. @param {string} present */
function zones(present) {
  const names = [...new Set([present, ...Intl.supportedValuesOf("timeZone"), "UTC"])].sort();
  const regions = Map.groupBy(names, (name) => (name.includes("/") ? name.slice(0, name.indexOf("/")) : say("settings-zone-other")));
  return [...regions].map(([region, zones]) =>
    make("optgroup", { label: region }, ...zones.map((zone) => make("option", { value: zone, selected: zone === present }, zone.replaceAll("_", " ")))));
}

/** @param {Member} member @param {Node[]} small @param {Node} error */
function radios({ path, options = [] }, small, error) {
  const present = String(Array.isArray(at(path)) ? at(path).join(" ") : at(path));
  const last = path.slice(path.lastIndexOf(".") + 1);
  const radio = (/** @type {string} */ option, /** @type {number} */ place) => {
    const id = `${path}-${place}`;
    const meaning = `choice-${last}-${option.replaceAll(" ", "-")}`;
    const input = make("input", { id, type: "radio", name: path, value: option, checked: option === present, "aria-describedby": knows(meaning) && `${id}-hint` });
    const text = knows(meaning) && make("small", { id: `${id}-hint` }, say(meaning));
    return make("div", { class: "choice" }, make("label", { for: id }, input, valueOf(path, option)), text);
  };
  const legend = make("legend", {}, nameOf(path));
  return make("fieldset", { id: path, class: "field", role: "radiogroup", tabindex: -1 }, legend, ...small, error, ...options.map(radio));
}

/**
 * What the form says, by path, and what is wrong with it.
 * @returns {{ values: [Member, unknown][], wrong: Wrong[] }}
 */
function read() {
  const given = new FormData(/** @type {HTMLFormElement} */ (by("group")));
  /** @type {Wrong[]} */
  const wrong = [];
  const refuse = (/** @type {string} */ field, /** @type {string} */ text) => void wrong.push({ field, text });
  /** @type {[Member, unknown][]} */
  const values = (GROUPS[group] ?? []).map((member) => {
    const { path, kind, low = 0, high = 0, isNeeded } = member;
    const text = String(given.get(path) ?? "").trim();
    const name = nameOf(path);
    if (kind === "choice") return [member, path.endsWith("recovery_methods") ? text.split(" ") : text === "true" || (text !== "false" && text)];
    if (kind !== "time" && kind !== "number") {
      if (isNeeded && !text) refuse(path, say("settings-missing", { name }));
      else if (kind === "url" && text && !/^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])/.test(text)) refuse(path, say("settings-not-https", { name }));
      return [member, text || null];
    }
    const size = kind === "time" ? (UNITS[String(given.get(`${path}-unit`))] ?? 1) : 1;
    const value = /^\d+([.,]\d+)?$/.test(text) ? toWhole(Number(text.replace(",", ".")) * size) : Number.NaN;
    const shownAs = (/** @type {number} */ it) => (kind === "time" && it ? span(it) : String(it));
    if (!Number.isInteger(value)) refuse(path, say("settings-no-number", { name }));
    else if (value < low || value > high) refuse(path, say("settings-out-of-bounds", { name, low: shownAs(low), high: shownAs(high) }));
    return [member, value];
  });
  if (group === "practice" && !values.slice(1).some(([, value]) => value)) refuse("support.phone", say("settings-no-support"));
  if (group === "portals") {
    for (const portal of ["client", "staff"]) {
      const of = values.filter(([{ path }]) => path.startsWith(`portals.${portal}.`));
      if (!of.some(([, value]) => value)) continue;
      for (const [{ path }, value] of of.slice(0, 2)) if (!value) refuse(path, say("settings-portal-half"));
    }
  }
  return { values, wrong };
}

/** A number of seconds without what a fraction of hours adds to it: 1.1 hours are 3960.0000000000005 s. @param {number} seconds */
const toWhole = (seconds) => (Math.abs(seconds - Math.round(seconds)) < 1e-6 ? Math.round(seconds) : seconds);

/** The merge patch of what differs. @param {[Member, unknown][]} values */
function patchOf(values) {
  /** @type {Settings} */
  const patch = {};
  for (const [{ path }, value] of values) {
    if (JSON.stringify(at(path) ?? null) === JSON.stringify(value)) continue;
    const names = path.split(".");
    const last = names.pop() ?? "";
    names.reduce((into, name) => (into[name] ??= {}), patch)[last] = value;
  }
  for (const [portal, urls] of Object.entries(patch["portals"] ?? {})) {
    const isEmpty = values.every(([{ path }, value]) => !path.startsWith(`portals.${portal}.`) || !value);
    if (isEmpty) patch["portals"][portal] = null;
    else if (!settings["portals"]?.[portal] && !urls.change_password_url) delete urls.change_password_url;
  }
  return patch;
}

/** @returns {Promise<Wrong[] | void>} */
async function save() {
  const members = GROUPS[group] ?? [];
  const patch = patchOf(read().values);
  const was = settings;
  if (Object.keys(patch).length) {
    const answer = await confirmed(() => call("patch", "/v1/admin/practice", { body: patch }));
    if (!answer.ok) return refused(answer);
    settings = answer.body;
  }
  const differs = members.filter(({ path }) => JSON.stringify(at(path, was)) !== JSON.stringify(at(path)));
  const line = (/** @type {string} */ path) =>
    make("li", {}, make("strong", {}, nameOf(path)), ": ", say("log-from-to", { from: shown(path, was), to: shown(path) }));
  go("");
  if (!differs.length) return tell("warning", make("p", {}, say("settings-nothing-changed")));
  const lines = make("ul", {}, ...differs.map(({ path }) => line(path)));
  tell("done", make("p", {}, say("settings-saved")), lines, make("p", { class: "quiet" }, say("settings-within-a-minute")));
}

/** A refusal at its field: its detail begins with the setting's path. @param {import("./types").Refused} answer @returns {Wrong[]} */
function refused(answer) {
  const [path = "", rule] = (answer.detail ?? "").split(/: (.*)/s);
  if (answer.code !== "invalid_setting" || !rule) return problem(answer);
  const field = all("[id]", by("members")).find(({ id }) => id === path || id.startsWith(`${path}.`))?.id;
  const known = ["domains", "senders"].find((it) => rule.includes(`practice's ${it}`));
  const text = known ? say(`settings-beyond-${known}`) : say("settings-refused", { rule });
  return [field ? { field: field.replace(/-(hint|error)$/, ""), text } : { text: `${nameOf(path)}: ${text}` }];
}

const me = await staff();
if (me) {
  isAdmin = me.role === "admin";
  by("read-only").hidden = isAdmin;
  form("group", { fields: {}, check: () => read().wrong, send: save });
  by("cancel").addEventListener("click", () => go(""));
  by("back").addEventListener("click", (event) => {
    event.preventDefault();
    go("");
  });
  addEventListener("popstate", show);
  if (await load()) show();
}
