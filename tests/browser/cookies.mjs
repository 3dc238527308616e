// Sign-in by cookie from a portal's page, in a real browser, against `cargo dev --portal http://localhost:3000`.
//
//   node tests/browser/cookies.mjs [--browser chromium|firefox-esr|PATH] [--api URL] [--page URL] [--elsewhere URL] [--mailbox URL]
//
// It serves a page at the portal's address, opens it in a headless browser with an empty profile, and prints what the page saw.
// The page reports by itself, so any browser can be tried that can be started with an address, and nothing has to be installed
// beside it and Node.js 20. The exit code is 0 when every step went as expected, and 1 otherwise.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";

const PATIENCE = 60_000;
const { values: options } = parseArgs({
  options: {
    browser: { type: "string", default: "chromium" },
    api: { type: "string", default: "http://localhost:9000" },
    page: { type: "string", default: "http://localhost:3000" },
    elsewhere: { type: "string", default: "http://localhost:3999" },
    mailbox: { type: "string", default: "http://localhost:8025" },
  },
});

/** Serves the page at an address of this machine. Calls `report` with each report of a page. */
async function serve(address, report) {
  const journey = await readFile(new URL("journey.js", import.meta.url));
  const page = '<!doctype html><meta charset="utf-8"><title>Portal</title><script type="module" src="/journey.js"></script>';
  const server = createServer(async (request, response) => {
    if (request.method === "POST") {
      const chunks = await request.toArray();
      report(JSON.parse(Buffer.concat(chunks)));
      return response.writeHead(204).end();
    }
    const isPage = new URL(request.url, address).pathname === "/";
    response.writeHead(200, { "content-type": isPage ? "text/html" : "text/javascript" }).end(isPage ? page : journey);
  });
  server.listen(Number(new URL(address).port), "localhost");
  await once(server, "listening");
  return server;
}

/** The arguments that open an address without a window and without calls to the browser's maker. */
function argumentsFor(browser, profile, address) {
  if (browser.includes("firefox")) return ["--headless", "--no-remote", "--profile", profile, address];
  // Chromium's sandbox does not start as root, which test machines often are.
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
  const more = ["--disable-component-update", "--disable-sync", `--user-data-dir=${profile}`];
  return ["--headless", ...sandbox, ...quiet, ...more, address];
}

/** Opens an address in a browser, and returns what `work` leads to. The browser ends with it. */
async function browse(browser, address, work) {
  const profile = await mkdtemp(join(tmpdir(), "rekey-browser-"));
  const child = spawn(browser, argumentsFor(browser, profile, address), { stdio: "ignore" });
  const ended = once(child, "exit");
  const early = ended.then(([code]) => Promise.reject(new Error(`${browser} has ended with ${code}`)));
  const late = AbortSignal.timeout(PATIENCE);
  try {
    return await Promise.race([work, early, once(late, "abort").then(() => Promise.reject(late.reason))]);
  } finally {
    if (child.exitCode === null && child.kill()) await ended.catch(() => {});
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The reports of the two pages, in the order in which they come. */
async function trial() {
  const reports = [];
  let finish;
  const both = new Promise((resolve) => (finish = resolve));
  const report = (one) => reports.push(one) === 2 && finish();
  const servers = [await serve(options.page, report), await serve(options.elsewhere, report)];
  const other = `${options.elsewhere}/?api=${encodeURIComponent(options.api)}`;
  const address = `${options.page}/?api=${encodeURIComponent(options.api)}&next=${encodeURIComponent(other)}`;
  try {
    await browse(options.browser, address, both);
  } finally {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  }
  return reports;
}

/** The links in the mails to the person whose recovery the page has asked for. The mailer works after the answer. */
async function mailedLinks() {
  for (const end = Date.now() + PATIENCE; Date.now() < end; await wait(200)) {
    const mails = await (await fetch(`${options.mailbox}/messages`)).json();
    const texts = mails.filter((mail) => mail.to.includes("jane@agency.test")).map((mail) => mail.text);
    const links = texts.flatMap((text) => text.match(/https?:\S*#token=/g) ?? []);
    if (links.length > 0) return links;
  }
  throw new Error("no mail has come");
}

const version = spawnSync(options.browser, ["--version"], { encoding: "utf8" }).stdout?.trim().split("\n").pop();
console.log(`${version || options.browser}, page at ${options.page}, API at ${options.api}`);
let failed = 0;
try {
  for (const { origin, steps } of await trial()) {
    for (const { name, problem } of steps) {
      failed += problem === null ? 0 : 1;
      console.log(`  ${problem === null ? "ok    " : "FAILED"} ${origin}: ${name}${problem === null ? "" : `: ${problem}`}`);
    }
  }
  const outside = (await mailedLinks()).filter((link) => !link.startsWith(`${options.page}/reset#`));
  failed += outside.length;
  console.log(outside.length === 0 ? "  ok     every mailed link leads to the page" : `  FAILED links lead elsewhere: ${outside.join(" ")}`);
} catch (error) {
  failed += 1;
  console.log(`  FAILED ${error.message ?? error}`);
}
console.log(failed === 0 ? "verdict: cookies work" : `verdict: ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
