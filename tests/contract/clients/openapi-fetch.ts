// The whole recovery with a client of openapi-typescript and openapi-fetch: by link, by code, sign-in, and a link of staff's.

import createClient from "openapi-fetch";
import type { paths } from "../generated/openapi-typescript/schema.js";
import { api, code, mailed, must, never, newPassword, oldPassword, token } from "./portal.js";

const client = createClient<paths>({ baseUrl: api });

async function byLink(): Promise<void> {
  const asked = await client.POST("/v1/password/forgot", {
    body: { practice: "veterinary", identifier: "sam", method: "link" },
  });
  must(asked.data?.method === "link", "a link is on its way");
  const link = await mailed("sam@veterinary.test", token);
  const preview = await client.POST("/v1/password/reset/preview", { body: { token: link } });
  must(preview.data !== undefined && preview.data.question === null, "the preview has no question");
  const least: number = preview.data.policy.min_length;
  must(least === 15, "a password has at least 15 characters here");

  const weak = await client.POST("/v1/password/reset", { body: { token: link, new_password: "short" } });
  must(weak.error !== undefined, "a short password is refused");
  switch (weak.error.code) {
    case "weak_password": {
      const reasons: ("too_short" | "too_common" | "context_word" | "same_as_current")[] = weak.error.reasons.map(
        (reason) => reason.code,
      );
      must(reasons[0] === "too_short", "the reason is its length");
      break;
    }
    case "wrong_answer":
      throw new Error(`${weak.error.attempts_left} answers are left`);
    case "question_not_set":
      throw new Error(weak.error.support.email ?? "call the practice");
    default:
      throw new Error(weak.error.title);
  }
  const set = await client.POST("/v1/password/reset", {
    params: { header: { "Idempotency-Key": "one" } },
    body: { token: link, new_password: newPassword },
  });
  must(set.response.status === 204, "the password is set");
}

async function byCode(): Promise<void> {
  const asked = await client.POST("/v1/password/forgot", {
    body: { practice: "therapy", identifier: "family@therapy.test" },
  });
  must(asked.data !== undefined, "a code is on its way");
  const request_id = asked.data.request_id;
  const right = (await mailed("family@therapy.test", code)).replaceAll(" ", "");
  const wrong = right.startsWith("0") ? `1${right.slice(1)}` : `0${right.slice(1)}`;
  const refused = await client.POST("/v1/password/verify-code", { body: { request_id, code: wrong } });
  must(refused.error?.code === "invalid_code", "another code is refused");
  const left: number = refused.error.attempts_left;
  must(left === 4, "four attempts are left");

  const verified = await client.POST("/v1/password/verify-code", { body: { request_id, code: right } });
  must(verified.data !== undefined, "the code is right");
  const accounts = "accounts" in verified.data ? verified.data.accounts : [];
  const lily = accounts.find((account) => account.username === "lily");
  must(lily !== undefined, "lily shares the mailbox");
  const set = await client.POST("/v1/password/reset", { body: { token: lily.token, new_password: newPassword } });
  must(set.error === undefined, "her password is set");
}

async function signIn(): Promise<void> {
  const failed = await client.POST("/v1/sessions", {
    body: { practice: "therapy", identifier: "lily", password: oldPassword },
  });
  must(failed.error?.code === "invalid_credentials", "the old password is void");
  const session = await client.POST("/v1/sessions", {
    body: { practice: "therapy", identifier: "lily", password: newPassword, transport: "bearer" },
  });
  must(session.data?.token !== undefined, "the new one signs in");
  switch (session.data.next) {
    case null:
      break;
    case "change_password":
      throw new Error("the password was not a temporary one");
    default:
      never(session.data.next);
  }
  const headers = { authorization: `Bearer ${session.data.token}` };
  const activity = await client.GET("/v1/activity", { params: { query: { limit: 10 } }, headers });
  must(activity.data?.events[0]?.action === "authn_login_success", "the log has it");
}

async function staffLink(): Promise<void> {
  const session = await client.POST("/v1/sessions", {
    body: { practice: "veterinary", portal: "staff", identifier: "admin", password: oldPassword },
  });
  must(session.data?.token !== undefined, "the administrator signs in");
  const headers = { authorization: `Bearer ${session.data.token}` };
  const query = { portal: "client", q: "lily", status: "signed_up" } as const;
  const found = await client.GET("/v1/admin/accounts", { params: { query }, headers });
  const id = found.data?.accounts[0]?.id;
  must(id !== undefined, "lily is found");
  const expires_at = new Date(Date.now() + 6 * 3_600_000).toISOString();
  const link = await client.POST("/v1/admin/accounts/{id}/links", {
    params: { path: { id } },
    body: { expires_at, deliver: "copy" },
    headers,
  });
  must(link.data?.url !== undefined && token.test(link.data.url), "the link is shown once");
  const changes = await client.GET("/v1/admin/changes", {
    params: { query: { type: "authn_token_created", actor: "anonymous", limit: 5 } },
    headers,
  });
  must(changes.data !== undefined, "the log is read");
}

await byLink();
await byCode();
await signIn();
await staffLink();
console.log("openapi-fetch: by link, by code, sign-in and a link of staff's");
