// The whole recovery with a client of orval: by link, by code, sign-in, and a link of staff's.

import {
  createLink, createSession, forgotPassword, listAccounts, previewReset, resetPassword, verifyCode,
} from "../generated/orval/client.js";
import { code, mailed, must, newPassword, oldPassword, token } from "./portal.js";

export async function byLink(): Promise<void> {
  const asked = await forgotPassword({ practice: "veterinary", identifier: "jane", method: "link" });
  must(asked.status === 202 && asked.data.method === "link", "a link is on its way");
  const link = await mailed("jane@veterinary.test", token);
  const preview = await previewReset({ token: link });
  must(preview.status === 200 && preview.data.question === null, "the preview has no question");
  const weak = await resetPassword({ token: link, new_password: "short" });
  must(weak.status === 422 && weak.data.code === "weak_password", "a short password is refused");
  const reason: "too_short" | "too_common" | "context_word" | "same_as_current" | undefined = weak.data.reasons[0]?.code;
  must(reason === "too_short", "the reason is its length");
  const headers = { "Idempotency-Key": "three" };
  const set = await resetPassword({ token: link, new_password: newPassword }, { headers });
  must(set.status === 204, "the password is set");
}

export async function byCode(): Promise<void> {
  const asked = await forgotPassword({ practice: "therapy", identifier: "jane" });
  must(asked.status === 202, "a code is on its way");
  const request_id = asked.data.request_id;
  const right = await mailed("jane@therapy.test", code);
  const refused = await verifyCode({ request_id, code: "00000000" });
  must(refused.status === 400 && refused.data.code === "invalid_code", "another code is refused");
  const left: number = refused.data.attempts_left;
  must(left === 4, "four attempts are left");
  const verified = await verifyCode({ request_id, code: right });
  must(verified.status === 200, "the code is right");
  const tokens: string[] =
    "accounts" in verified.data ? verified.data.accounts.map((account) => account.token) : [verified.data.token];
  must(tokens.length === 1, "one account");
}

export async function signIn(): Promise<void> {
  const session = await createSession({ practice: "veterinary", identifier: "jane", password: newPassword });
  must(session.status === 201 && session.data.next === null, "nothing comes first");
}

export async function staffLink(): Promise<void> {
  const session = await createSession({ practice: "veterinary", portal: "staff", identifier: "admin", password: oldPassword });
  must(session.status === 201 && session.data.token !== undefined, "the administrator signs in");
  const headers = { authorization: `Bearer ${session.data.token}` };
  const found = await listAccounts({ q: "jane", caseload: "all" }, { headers });
  must(found.status === 200, "jane is found");
  const id = found.data.accounts[0]?.id;
  must(id !== undefined, "jane has an id");
  const expires_at = new Date(Date.now() + 6 * 3_600_000).toISOString();
  const link = await createLink(id, { expires_at, deliver: "copy" }, { headers });
  must(link.status === 201 && link.data.url !== undefined, "the link is shown once");
}
