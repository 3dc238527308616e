// Writes a picture of every page into target/screenshots, and those of the README beside the pages:
// `node tests/browser/screenshots.mjs`, against a running `cargo dev`. Those of
// `agency` have no brand. `veterinary` is given one for the pages of a practice with a brand.

import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { administrator, call, visit } from "./support.mjs";
import { EVERY, signInAs, where } from "./every.mjs";

const FOLDER = new URL("../../target/screenshots/", import.meta.url).pathname;
const BRANDED = ["sign-in", "forgot", "account", "clients", "client"];
/** Those of the README, which are kept beside the pages. */
const KEPT = {
  "agency-forgot-360-light": "forgot",
  "agency-forgot-code-360-light": "code",
  "agency-client-360-light": "client",
  "veterinary-sign-in-360-dark": "brand",
};
const BESIDE = new URL("../../functions/pages/screenshots/", import.meta.url).pathname;

test("every page has its picture", async (t) => {
  await mkdir(FOLDER, { recursive: true });
  const bearer = await administrator("veterinary");
  await call("PATCH", "/v1/admin/practice", { bearer, body: { brand: { color: "#0b5d3b" } } });
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [360, 1280]) {
      for (const practice of ["agency", "veterinary"]) {
        const pages = new Map();
        for (const [name, { portal, as, open }] of Object.entries(EVERY)) {
          if (practice === "veterinary" && !BRANDED.includes(name)) continue;
          const place = where(practice, portal);
          const key = `${portal} ${as}`;
          if (!pages.has(key)) {
            const page = await visit(t, { colorScheme, reducedMotion: "reduce", viewport: { width, height: width === 360 ? 740 : 900 } });
            if (as) await signInAs(page, place, as);
            pages.set(key, page);
          }
          const page = pages.get(key);
          await open(page, place);
          const picture = `${practice}-${name}-${width}-${colorScheme}`;
          await page.screenshot({ path: `${FOLDER}${picture}.png`, fullPage: true });
          if (KEPT[picture]) await page.screenshot({ path: `${BESIDE}${KEPT[picture]}.png` });
        }
      }
    }
  }
});
