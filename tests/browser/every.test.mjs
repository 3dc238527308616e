// Every page and its main states: axe finds nothing, nothing has to be scrolled sideways, and the browser has no complaint. Both
// languages, both themes and two widths with REKEY_WHOLE=1, and one of each without it.

import { test } from "node:test";
import { axe, fits, visit } from "./support.mjs";
import { EVERY, signInAs, variants, where } from "./every.mjs";

for (const { language, theme, width } of variants(process.env.REKEY_WHOLE === "1")) {
  test(`every page in ${language}, ${theme}, at ${width} pixels`, async (t) => {
    const options = { locale: language, colorScheme: theme, reducedMotion: "reduce", viewport: { width, height: 900 } };
    const pages = new Map();
    for (const [name, { portal, as, open }] of Object.entries(EVERY)) {
      const place = where("agency", portal);
      const key = `${portal} ${as}`;
      if (!pages.has(key)) {
        const page = await visit(t, options);
        if (as) await signInAs(page, place, as);
        pages.set(key, page);
      }
      const page = pages.get(key);
      await t.test(name, async () => {
        await open(page, place);
        await axe(page);
        await fits(page);
      });
    }
  });
}
