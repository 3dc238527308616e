// How the practice looks to its people: its color, its logo, and a preview of its mails.
import { by, call, form, page, problem, request, say, showWrong } from "rekey/core.js";
import { administrator, confirmed, tell } from "rekey/console.js";

/** @import { Schemas, Wrong } from "./types" */

const STANDARD = "#1a56b0";
const LEAST_CONTRAST = 4.5;
const MOST_BYTES = 64 * 1024;
const LOGO = "/v1/admin/practice/logo";

const color = /** @type {HTMLInputElement} */ (by("color"));
const picker = /** @type {HTMLInputElement} */ (by("picker"));
const file = /** @type {HTMLInputElement} */ (by("file"));
const mail = /** @type {HTMLSelectElement} */ (by("mail"));
const locale = /** @type {HTMLSelectElement} */ (by("locale"));

async function load() {
  const answer = await call("get", "/v1/admin/practice");
  if (!answer.ok) return tell("warning", problem(answer)[0]?.text ?? "");
  const brand = answer.body.brand ?? {};
  by("color-standard").hidden = !brand.color;
  pick(brand.color ?? STANDARD);
  color.value = brand.color ?? STANDARD;
  await showLogo(Boolean(brand.logo));
}

// ---- The color

/** The contrast of a color with white, as WCAG 2 reckons it. @param {string} hex */
function contrast(hex) {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}

/** The color that was typed, with its mark. @param {string} typed */
const hexOf = (typed) => `#${typed.trim().replace(/^#/, "").toLowerCase()}`;
const isColor = (/** @type {string} */ hex) => /^#[0-9a-f]{6}$/.test(hex);

/** Shows a color as it is picked, and says whether white text can be read on it. @param {string} typed */
function pick(typed) {
  const hex = hexOf(typed);
  if (!isColor(hex)) return void (by("contrast").textContent = say("brand-color-wrong"));
  if (picker.value !== hex) picker.value = hex;
  if (hexOf(color.value) !== hex) color.value = hex;
  const ratio = contrast(hex);
  by("sample").style.backgroundColor = hex;
  by("sample").hidden = ratio < LEAST_CONTRAST;
  // Cut, not rounded: what is refused must not be shown as just enough.
  const text = new Intl.NumberFormat(page.language, { maximumFractionDigits: 1 }).format(Math.floor(ratio * 10) / 10);
  by("contrast").textContent = say(ratio < LEAST_CONTRAST ? "brand-contrast-low" : "brand-contrast", { ratio: text });
}

/** @param {{ color: string }} values @returns {Wrong[]} */
function checkColor({ color: typed }) {
  const hex = hexOf(typed);
  if (!isColor(hex)) return [{ field: "color", text: say("brand-color-wrong") }];
  return contrast(hex) < LEAST_CONTRAST ? [{ field: "color", text: say("brand-color-pale") }] : [];
}

/** @param {string | null} value */
async function patchColor(value) {
  return confirmed(() => call("patch", "/v1/admin/practice", { body: { brand: { color: value } } }));
}

/** @param {{ color: string }} values @returns {Promise<Wrong[] | void>} */
async function saveColor({ color: typed }) {
  const answer = await patchColor(hexOf(typed));
  if (!answer.ok) return problem(answer, { invalid_setting: "color" });
  await load();
  await preview();
  tell("done", say("brand-color-saved"));
}

async function removeColor() {
  const answer = await patchColor(null);
  if (!answer.ok) return tell("warning", problem(answer)[0]?.text ?? "");
  await load();
  await preview();
  tell("done", say("brand-color-removed"));
}

// ---- The logo

/** A file as an address that an image can have: the page's policy takes no other. @param {Blob} blob @returns {Promise<string>} */
function addressOf(blob) {
  const reader = new FileReader();
  return new Promise((resolve) => {
    reader.addEventListener("load", () => resolve(String(reader.result)));
    reader.readAsDataURL(blob);
  });
}

/** @param {boolean} isThere */
async function showLogo(isThere) {
  const answer = isThere ? await request("GET", LOGO) : undefined;
  const isShown = Boolean(answer?.ok);
  if (answer?.ok) by("logo").setAttribute("src", await addressOf(new Blob([await answer.response.arrayBuffer()], { type: "image/png" })));
  by("logo-shown").hidden = !isShown;
  by("logo-none").hidden = isShown;
}

async function showChosen() {
  showWrong(/** @type {HTMLFormElement} */ (by("logo-form")), []);
  const chosen = file.files?.[0];
  const isGood = chosen && !(await wrongWith(chosen));
  by("logo-chosen").hidden = !isGood;
  if (isGood) by("logo-new").setAttribute("src", await addressOf(chosen));
}

/** @param {File} chosen */
async function wrongWith(chosen) {
  const start = new Uint8Array(await chosen.slice(0, 8).arrayBuffer());
  if ([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].some((byte, at) => start[at] !== byte)) return say("brand-logo-no-png");
  return chosen.size > MOST_BYTES ? say("brand-logo-large", { size: Math.ceil(chosen.size / 1024) }) : "";
}

/** @returns {Wrong[]} */
const checkFile = () => (file.files?.length ? [] : [{ field: "file", text: say("brand-logo-missing") }]);

/** @returns {Promise<Wrong[] | void>} */
async function saveLogo() {
  const chosen = file.files?.[0];
  if (!chosen) return;
  const wrong = await wrongWith(chosen);
  if (wrong) return [{ field: "file", text: wrong }];
  const answer = await confirmed(() => request("PUT", LOGO, { "content-type": "image/png" }, chosen));
  if (!answer.ok) return answer.status === 400 || answer.status === 422 ? [{ field: "file", text: say("brand-logo-no-png") }] : problem(answer);
  file.value = "";
  by("logo-chosen").hidden = true;
  await showLogo(true);
  await preview();
  tell("done", say("brand-logo-saved"));
}

async function removeLogo() {
  const answer = await confirmed(() => request("DELETE", LOGO));
  if (!answer.ok) return tell("warning", problem(answer)[0]?.text ?? "");
  await showLogo(false);
  await preview();
  tell("done", say("brand-logo-removed"));
}

// ---- The preview

let previews = 0;
const root = by("html").attachShadow({ mode: "open" });
/** The policy by which the browser lets a text be parsed as a page: it makes no other. */
const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("mail-preview", { createHTML: (/** @type {string} */ text) => text });
/** The elements that a mail is shown with. Of any other, what is in it is shown. */
const SHOWN = new Set(["p", "a", "strong", "em", "b", "i", "br", "div", "span", "ul", "ol", "li", "table", "thead", "tbody", "tr", "td", "th", "img"]);
const DROPPED = new Set(["script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math"]);

/** Shows a mail as its readers see it. The answer to an earlier question is dropped. */
async function preview() {
  previews += 1;
  const mine = previews;
  by("preview").setAttribute("aria-busy", "true");
  const kind = /** @type {Schemas["MailToPreview"]["mail"]} */ (mail.value);
  const answer = await call("post", "/v1/admin/practice/mail-preview", { body: { mail: kind, locale: locale.value } });
  if (mine !== previews) return;
  by("preview").removeAttribute("aria-busy");
  by("preview-failed").hidden = answer.ok;
  by("preview-mail").hidden = !answer.ok;
  if (!answer.ok) return void (by("preview-failed").textContent = problem(answer)[0]?.text ?? "");
  const { subject, text, html } = answer.body;
  by("subject").textContent = subject;
  by("text").textContent = text;
  for (const id of ["subject", "text", "html"]) by(id).lang = locale.value;
  root.replaceChildren(...copies(parsed(html).body));
}

/**
 * A mail's page as a document in which nothing runs and nothing is loaded. The page's security policy would report each style in it,
 * so they are read under another name.
 * @param {string} html
 */
function parsed(html) {
  const renamed = html.replaceAll(/<(\/?)style\b/gi, "<$1template").replaceAll(/<[^>]+>/g, (tag) => tag.replaceAll(/\sstyle\s*=/gi, " data-style="));
  return new DOMParser().parseFromString(policy ? policy.createHTML(renamed) : renamed, "text/html");
}

/** Copies of what an element has in it. A link leads nowhere. @param {Node} from @returns {(Node | string)[]} */
function copies(from) {
  return [...from.childNodes].flatMap((node) => {
    if (node instanceof Text) return [node.data];
    if (!(node instanceof Element) || DROPPED.has(node.localName)) return [];
    if (!SHOWN.has(node.localName)) return copies(node);
    const copy = document.createElement(node.localName);
    if (copy instanceof HTMLImageElement && !showImage(copy, node)) return [];
    copy.style.cssText = node.getAttribute("data-style") ?? "";
    if (node.localName === "table") copy.setAttribute("role", "presentation");
    if (node.hasAttribute("lang")) copy.lang = node.getAttribute("lang") ?? "";
    copy.append(...copies(node));
    return [copy];
  });
}

/** An image is shown if it is a practice's logo. @param {HTMLImageElement} copy @param {Element} from */
function showImage(copy, from) {
  const { pathname } = new URL(from.getAttribute("src") ?? "", location.origin);
  if (!/^\/v1\/practices\/[a-z0-9-]+\/logo$/.test(pathname)) return false;
  copy.src = pathname;
  copy.alt = from.getAttribute("alt") ?? "";
  for (const side of /** @type {const} */ (["width", "height"])) if (from.hasAttribute(side)) copy.setAttribute(side, from.getAttribute(side) ?? "");
  return true;
}

const me = await administrator();
if (me) {
  form("color-form", { fields: { color: "brand-color-missing" }, check: checkColor, send: saveColor });
  form("logo-form", { fields: {}, check: checkFile, send: saveLogo });
  picker.addEventListener("input", () => pick(picker.value));
  color.addEventListener("input", () => pick(color.value));
  by("color-standard").addEventListener("click", () => void removeColor());
  by("logo-remove").addEventListener("click", () => void removeLogo());
  file.addEventListener("change", () => void showChosen());
  for (const select of [mail, locale]) select.addEventListener("change", () => void preview());
  await load();
  await preview();
}
