// The whole recovery with a client of hey-api: by link, by code, sign-in, and a link of staff's.

import { createClient } from "../generated/hey-api/client/index.js";
import {
  createLink, createSession, forgotPassword, listAccounts, previewReset, resetPassword, verifyCode,
} from "../generated/hey-api/index.js";
import { api, code, mailed, must, newPassword, oldPassword, token } from "./portal.js";

const client = createClient({ baseUrl: api });

export async function byLink(): Promise<void> {
  const asked = await forgotPassword({ client, body: { practice: "veterinary", identifier: "tom", method: "link" } });
  must(asked.data?.method === "link", "a link is on its way");
  const link = await mailed("family@veterinary.test", token);
  const preview = await previewReset({ client, body: { token: link } });
  must(preview.data?.question === null, "the preview has no question");
  const weak = await resetPassword({ client, body: { token: link, new_password: "short" } });
  must(weak.error?.code === "weak_password", "a short password is refused");
  const reason: "too_short" | "too_common" | "context_word" | "same_as_current" | undefined = weak.error.reasons[0]?.code;
  must(reason === "too_short", "the reason is its length");
  const headers = { "Idempotency-Key": "two" };
  const set = await resetPassword({ client, headers, body: { token: link, new_password: newPassword } });
  must(set.error === undefined, "the password is set");
}

export async function byCode(): Promise<void> {
  const asked = await forgotPassword({ client, body: { practice: "therapy", identifier: "sam" } });
  must(asked.data !== undefined, "a code is on its way");
  const request_id = asked.data.request_id;
  const right = await mailed("sam@therapy.test", code);
  const refused = await verifyCode({ client, body: { request_id, code: "00000000" } });
  must(refused.error?.code === "invalid_code", "another code is refused");
  const left: number = refused.error.attempts_left;
  must(left === 4, "four attempts are left");
  const verified = await verifyCode({ client, body: { request_id, code: right } });
  must(verified.data !== undefined, "the code is right");
  const tokens: string[] =
    "accounts" in verified.data ? verified.data.accounts.map((account) => account.token) : [verified.data.token];
  must(tokens.length === 1, "one account");
}

export async function signIn(): Promise<void> {
  const session = await createSession({ client, body: { practice: "veterinary", identifier: "tom", password: newPassword } });
  const next: "change_password" | null | undefined = session.data?.next;
  must(next === null, "nothing comes first");
}

export async function staffLink(): Promise<void> {
  const body = { practice: "veterinary", portal: "staff", identifier: "admin", password: oldPassword } as const;
  const auth = (await createSession({ client, body })).data?.token;
  const found = await listAccounts({ client, auth, query: { q: "tom", caseload: "all" } });
  const id = found.data?.accounts[0]?.id;
  must(id !== undefined, "tom is found");
  const expires_at = new Date(Date.now() + 6 * 3_600_000).toISOString();
  const link = await createLink({ client, auth, path: { id }, body: { expires_at, deliver: "copy" } });
  const url: string | undefined = link.data?.url;
  must(url !== undefined, "the link is shown once");
}
