// Writes a picture of every page into target/screenshots: `node tests/browser/screenshots.mjs`, against a running `cargo dev`. Those of
// `agency` have no brand. `veterinary` is given one for the pages of a practice with a brand.

import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { administrator, call, visit } from "./support.mjs";
import { EVERY, signInAs, where } from "./every.mjs";

const FOLDER = new URL("../../target/screenshots/", import.meta.url).pathname;
const BRANDED = ["sign-in", "forgot", "account", "clients", "client"];

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
          await page.screenshot({ path: `${FOLDER}${practice}-${name}-${width}-${colorScheme}.png`, fullPage: true });
        }
      }
    }
  }
});
