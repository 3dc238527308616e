// The types of the pages: those of the API are made from the contract document.
import type { components, paths } from "rekey/schema";

declare global {
  /** The address's fragment, which a script in the head of the page has taken out of it. */
  const fragment: string;
}

export type Schemas = components["schemas"];
export type Path = keyof paths;
export type Method = "get" | "post" | "put" | "patch" | "delete";

/** The operation of a method at a path. */
type Operation<M extends Method, P extends Path> = M extends keyof paths[P] ? NonNullable<paths[P][M]> : never;
type Json<T> = T extends { content: { "application/json": infer Body } } ? Body : undefined;
type Success<Responses> = {
  [Status in keyof Responses]: Status extends 200 | 201 | 202 | 204 ? Json<Responses[Status]> : never;
}[keyof Responses];

/** The body that an operation takes. */
export type Body<M extends Method, P extends Path> =
  Operation<M, P> extends { requestBody?: infer Request } ? Json<NonNullable<Request>> : undefined;
/** The body that an operation answers with when it succeeds. */
export type Result<M extends Method, P extends Path> =
  Operation<M, P> extends { responses: infer Responses } ? Success<Responses> : never;

/** What a call sends besides its body. */
export interface Sent<M extends Method, P extends Path> {
  /** The values of the path's parameters. */
  at?: Record<string, string>;
  query?: Record<string, string | undefined>;
  body?: Body<M, P>;
  /** The tag of the version that is changed. */
  etag?: string;
  /** One key for every attempt at the same change. */
  key?: string;
}

/** A refusal of the API, or of the network. */
export interface Refused {
  ok: false;
  /** 0 when nobody answered. */
  status: number;
  code: string;
  detail?: string;
  attempts_left?: number;
  account?: string | null;
  reasons?: Schemas["Weakness"][];
  support?: Schemas["Support"];
  /** The number of seconds after which a repeat can succeed. */
  retryAfter?: number;
}
export interface Done<B> {
  ok: true;
  status: number;
  body: B;
  etag?: string;
}
export type Answer<M extends Method, P extends Path> = Done<Result<M, P>> | Refused;

/** What is wrong with a form; without a field, with all of it. */
export interface Wrong {
  text: string;
  field?: string;
}

/** A message, or one for each plural category of the variable `by`. */
export type Message = string | { by: string; of: Record<string, string> };

/** What the server says to the page's script. */
export interface Given {
  practice: string;
  portal: "client" | "staff";
  /** The path of the portal's pages. */
  base: string;
  language: "en" | "es";
  time_zone: string;
  /** In seconds. */
  code_ttl: number;
  password_policy: { min_length: number; max_length: number };
  security_question: "off" | "optional" | "required";
  security_questions: string[];
  help_requests: boolean;
  /** In seconds. */
  session_idle: number;
  messages: Record<string, Message>;
}
