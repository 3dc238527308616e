// What the pages of people who get in share: their views, a new password, and the security question. It is sent as a part of the
// file of core.js, so it imports that file as a whole.
import * as core from "rekey/core.js";

/** @import { Refused, Wrong } from "./types" */

// ---- Views

/** Shows one section of the page, whose heading is then the page's title. @param {string} id */
export function show(id) {
  for (const section of core.all("main > section")) section.hidden = section.id !== id;
  core.showOnly(id, []);
  core.entitle(core.by(id).querySelector("h1")?.textContent ?? "");
  scrollTo(0, 0);
}

/** The input with this id. @param {string} id */
export function input(id) {
  const found = core.by(id);
  if (!(found instanceof HTMLInputElement)) throw new Error(`${id} is no input`);
  return found;
}

/** What a next step says and where it leads. @type {Record<string, [string, string]>} */
const STEPS = { link: ["ask-link", "/forgot"], code: ["ask-code", "/forgot"], recover: ["choose-password", "/forgot"], sign: ["sign-in", ""] };
/** The next steps of what is over, the first of them first. By default it is another link or code. @type {Record<string, string[]>} */
const NEXT = {
  "token-used_token": ["sign", "link"],
  "token-idempotency_key_reused": ["sign"],
  "token-question_not_set": [],
  "code-idempotency_key_reused": ["sign"],
  "code-question_not_set": [],
  "repudiate-expired_token": ["recover"],
  "repudiate-revoked_token": [],
  "repudiate-invalid_token": [],
  "not-me": [],
};

/** The end of a link or a code: why, and the next step. @param {"token" | "code" | "repudiate" | "not-me"} kind @param {string} code */
export function showOver(kind, code) {
  const names = [`${kind}-${code}`, kind, `token-${code}`];
  const name = names.find((name) => core.knows(`over-${name}`)) ?? "token-invalid_token";
  core.by("over-heading").textContent = core.say(`over-${name}`);
  core.by("over-text").textContent = core.say(`over-${name}-text`);
  const steps = NEXT[name] ?? [kind === "code" ? "code" : "link"];
  const links = steps.map((step, at) => {
    const [message, path] = STEPS[step] ?? ["sign-in", ""];
    return core.make("p", {}, core.make("a", { href: core.page.base + path, class: at === 0 ? "action" : undefined }, core.say(message)));
  });
  core.by("over-next").replaceChildren(...links);
  core.by("over-contact").hidden = steps.length > 0;
  show("over");
}

// ---- A new password

/** The length of a password as the API counts it. @param {string} text */
export const lengthOf = (text) => [...text.normalize("NFC")].length;

/** Says beside the fields what the new password still needs while it is typed, and aloud when the typing pauses. */
export function sayRules() {
  const [first, again] = [input("new_password"), input("again")];
  const least = core.page.password_policy.min_length;
  const left = () => Math.max(0, least - lengthOf(first.value));
  const rules = [
    { text: core.say("rule-length", { count: least }), isMet: () => left() === 0 },
    { text: core.say("rule-same"), isMet: () => first.value !== "" && first.value === again.value },
  ];
  const update = () =>
    core.by("rules").replaceChildren(
      ...rules.map(({ text, isMet }) => {
        const mark = core.make("span", { class: "mark", "aria-hidden": "true" }, isMet() ? "✓" : "○");
        return core.make("li", isMet() ? { class: "met" } : {}, mark, text, core.make("span", { class: "sr-only" }, isMet() ? core.say("rule-met") : ""));
      }),
    );
  let said = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pause;
  first.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => {
      const text = left() ? core.say("rule-left", { count: left() }) : core.say("rule-enough");
      if (text !== said && first.value) core.announce(text);
      said = text;
    }, 1500);
  });
  for (const field of [first, again]) field.addEventListener("input", update);
  update();
}

/** What is wrong with a new password that this page can see. @param {{ new_password: string, again: string }} values @returns {Wrong[]} */
export function checkNew({ new_password, again }) {
  const { min_length, max_length } = core.page.password_policy;
  const length = lengthOf(new_password);
  if (length < min_length) return [{ field: "new_password", text: core.say("weak-too_short", { count: min_length }) }];
  if (length > max_length) return [{ field: "new_password", text: core.say("weak-too_long", { count: max_length }) }];
  return new_password === again ? [] : [{ field: "again", text: core.say("again-differs") }];
}

// ---- The security question

/** A question in the language of the page, if it is one of those that are offered. @param {string} question */
export function inWords(question) {
  const at = core.page.security_questions.indexOf(question);
  return core.knows(`question-${at + 1}`) ? core.say(`question-${at + 1}`) : question;
}

/** @typedef {{ question: string, own_question: string, question_answer: string }} Chosen */

/** Fills the choice of a security question. @param {boolean} isRequired */
export function offerQuestions(isRequired) {
  const choice = core.by("question");
  const first = core.make("option", { value: "" }, core.say(isRequired ? "question-choose" : "question-none"));
  const offered = core.page.security_questions.map((question) => core.make("option", {}, inWords(question)));
  choice.replaceChildren(first, ...offered, core.make("option", { value: "own" }, core.say("question-own")));
  const own = core.by("own-part");
  choice.addEventListener("change", () => (own.hidden = !(choice instanceof HTMLSelectElement && choice.value === "own")));
}

/** What is wrong with a chosen question. @param {Chosen} values @param {boolean} isRequired @returns {Wrong[]} */
export function checkQuestion({ question, own_question, question_answer }, isRequired) {
  if (!question) return isRequired ? [{ field: "question", text: core.say("question-missing") }] : [];
  const wrong = [];
  if (question === "own" && !own_question.trim()) wrong.push({ field: "own_question", text: core.say("own-question-missing") });
  if (!/[\p{L}\p{N}]/u.test(question_answer)) wrong.push({ field: "question_answer", text: core.say("answer-letters") });
  return wrong;
}

/** The question as it is sent. @param {Chosen} values */
export function chosenQuestion({ question, own_question, question_answer }) {
  return question ? { question: question === "own" ? own_question : question, answer: question_answer } : undefined;
}

// ---- The page that takes a token

/** What ends a token, so that the form is of no use any more. */
const ENDS = ["expired_token", "used_token", "revoked_token", "invalid_token", "question_not_set", "idempotency_key_reused"];
const SOON = 120_000;
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Has a person choose a password with a token: what it is for, the question where one is asked, and what comes of it.
 * @param {string} token @param {"token" | "code"} kind what has led here: a link, or a code
 */
export async function choosePassword(token, kind) {
  core.kept.fragment = `#token=${token}`;
  const answer = await core.call("post", "/v1/password/reset/preview", { body: { token } });
  if (!answer.ok) return ENDS.includes(answer.code) || answer.code === "invalid_request" ? showOver(kind, answer.code) : showRefused(answer, token, kind);
  const { purpose, practice, username, expires_at, question } = answer.body;
  // A page of one practice must not speak for another.
  if (practice.slug !== core.page.practice) return showOver(kind, "invalid_token");
  const isNew = purpose === "invitation";
  const mode = core.page.security_question;
  const setsQuestion = isNew && mode !== "off" && document.getElementById("question-part") !== null;
  core.by("choose-heading").textContent = core.say(isNew ? "invitation-heading" : "reset-heading");
  if (isNew) core.by("choose-save").textContent = core.say("invitation-save");
  core.by("choose-text").textContent = core.say(isNew ? "invitation-text" : "reset-text", { practice: practice.name });
  core.by("choose-end").replaceChildren(core.say(kind === "code" ? "code-until" : "link-until"), " ", core.when(expires_at), ".");
  input("username").value = username;
  if (question !== null) {
    core.by("answer-part").hidden = false;
    const label = document.querySelector("label[for=answer]");
    if (label) label.textContent = inWords(question);
  }
  if (setsQuestion) {
    core.by("question-part").hidden = false;
    offerQuestions(mode === "required");
  }
  sayRules();
  tellTheEnd(token, kind, expires_at);

  /** @type {string | undefined} */
  let key;
  core.form("choose-form", {
    fields: { answer: question === null ? "" : "answer-missing", new_password: "new-password-missing", again: "again-missing", question: "", own_question: "", question_answer: "" },
    check: (values) => [...(setsQuestion ? checkQuestion(values, mode === "required") : []), ...checkNew(values)],
    async send(values) {
      // A repeat after a lost answer has the same key, so that it is told what has become of the first.
      key ??= crypto.randomUUID();
      const chosen = setsQuestion ? chosenQuestion(values) : undefined;
      const body = { token, new_password: values.new_password, ...(question === null ? {} : { answer: values.answer }), ...(chosen ? { security_question: chosen } : {}) };
      const answer = await core.call("post", "/v1/password/reset", { body, key });
      if (answer.ok) return showDone(isNew);
      if (answer.status !== 0 && answer.status < 500) key = undefined;
      if (answer.attempts_left === 0) return showOver(kind, "answers_spent");
      if (ENDS.includes(answer.code)) return showOver(kind, answer.code);
      return core.problem(answer, { weak_password: "new_password", wrong_answer: "answer" });
    },
  });
  show("choose");
}

/** @param {boolean} isNew */
function showDone(isNew) {
  core.kept.fragment = "";
  core.by("done-heading").textContent = core.say(isNew ? "account-ready" : "password-set");
  core.by("done-text").textContent = core.say(isNew ? "account-ready-text" : "password-set-text");
  show("done");
  core.by("choose").remove();
  core.doubt();
}

/** @param {Refused} refused @param {string} token @param {"token" | "code"} kind */
function showRefused(refused, token, kind) {
  core.by("refused-text").textContent = core.problem(refused)[0]?.text ?? "";
  const again = core.make("button", { type: "button" }, core.say("try-again"));
  core.press(again, () => choosePassword(token, kind));
  core.by("refused-next").replaceChildren(again);
  show("refused");
}

/** Tells when a token is about to end, and when it has. @param {string} token @param {"token" | "code"} kind @param {string} end */
function tellTheEnd(token, kind, end) {
  const left = Date.parse(end) - core.now();
  const inTime = (/** @type {number} */ wait, /** @type {() => void} */ then) => {
    const isOpen = () => document.getElementById("choose")?.hidden === false;
    if (wait > 0 && wait < LONGEST_TIMER) setTimeout(() => isOpen() && then(), wait);
  };
  inTime(left - SOON, () => {
    core.by("choose-soon").hidden = false;
    core.by("choose-soon").textContent = core.say(kind === "code" ? "code-soon" : "link-soon");
  });
  // The clock of this device may be wrong, so the API is asked.
  inTime(left, async () => {
    const answer = await core.call("post", "/v1/password/reset/preview", { body: { token } });
    if (!answer.ok && ENDS.includes(answer.code)) showOver(kind, answer.code);
  });
}
