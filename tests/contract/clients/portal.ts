// What the programs know of the local stack: where it is, and how a mail is waited for.

declare const process: { env: Record<string, string | undefined> };

export const api = process.env.REKEY_API ?? "http://localhost:9000";
const mailbox = process.env.REKEY_MAILBOX ?? "http://localhost:8025";

export const newPassword = "seven lanterns under snow";
export const oldPassword = "walk the green river";

type Mail = { id: string; to: string[]; text: string };

/** The first mail to an address that fits a pattern: what the pattern's group holds. */
export async function mailed(to: string, pattern: RegExp): Promise<string> {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    const mails = (await (await fetch(`${mailbox}/messages`)).json()) as Mail[];
    for (const mail of mails.filter((mail) => mail.to.includes(to))) {
      const found = pattern.exec(mail.text)?.[1];
      if (found !== undefined) return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no mail to ${to} has ${pattern}`);
}

export const token = /#token=([\w-]{86})/;
export const code = /^(\d[\d ]+\d)$/m;

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`not so: ${what}`);
}

export function never(value: never): never {
  throw new Error(`not expected: ${JSON.stringify(value)}`);
}
