import { staff } from "rekey/console.js";

await staff();
