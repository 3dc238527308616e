// Builds the HTML reference of the contract document: one file that holds Redoc and the document, and loads nothing else.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const [document, page] = process.argv.slice(2);
const bundle = readFileSync(new URL("node_modules/redoc/bundles/redoc.standalone.js", import.meta.url), "utf8");
const description = JSON.parse(readFileSync(document, "utf8"));

// Neither may end the script that it stands in.
const inScript = (text) => text.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");

// The one picture that Redoc loads from elsewhere. It hides the picture when it cannot be shown.
const logo = "https://cdn.redoc.ly/redoc/logo-mini.svg";
if (!bundle.includes(logo)) throw new Error("Redoc has another logo: see what it loads");
const scripts = [
  inScript(bundle.replaceAll(logo, "data:,")),
  `Redoc.init(${inScript(JSON.stringify(description))}, { hideDownloadButton: true, requiredPropsFirst: true }, document.getElementById("reference"));`,
];
const hashes = scripts.map((script) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`);
const policy = [
  "default-src 'none'",
  `script-src ${hashes.join(" ")}`,
  "style-src 'unsafe-inline'",
  "img-src data:",
  "worker-src blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

mkdirSync(dirname(page), { recursive: true });
writeFileSync(
  page,
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<title>${description.info.title}: the API</title>
<link rel="icon" href="data:,">
<style>body { margin: 0 }</style>
</head>
<body>
<div id="reference"></div>
${scripts.map((script) => `<script>${script}</script>`).join("\n")}
</body>
</html>
`,
);
