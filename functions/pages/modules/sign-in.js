// Sign in.
import { by, call, enter, form, page, problem, say, showWhy } from "rekey/core.js";

/** Under this name the browser keeps what it is known by where somebody tries many passwords. It says nothing of anybody, and signs nobody in. */
const DEVICE = `rekey-device ${page.practice}`;

/** @returns {{ device_id?: string }} */
function device() {
  try {
    const device_id = localStorage.getItem(DEVICE);
    return device_id ? { device_id } : {};
  } catch {
    // A browser that keeps nothing is unknown each time.
    return {};
  }
}

/** @param {string | undefined} device_id */
function keepDevice(device_id) {
  try {
    if (device_id) localStorage.setItem(DEVICE, device_id);
  } catch {
    // It may be full, or forbidden.
  }
}

showWhy(by("why"));

form("sign-in", {
  fields: { identifier: "identifier-missing", password: "password-missing" },
  async send({ identifier, password }) {
    const { practice, portal } = page;
    const answer = await call("post", "/v1/sessions", {
      body: { practice, portal, identifier, password, transport: "cookie", ...device() },
    });
    if (!answer.ok) return [...problem(answer), ...(answer.code === "too_many_requests" ? [{ text: say("recover-instead") }] : [])];
    keepDevice(answer.body.device_id);
    enter(answer.body);
  },
});
