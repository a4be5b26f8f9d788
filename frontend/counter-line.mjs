// The line to the service: who is here as the service sees it, what time it is there, and whether it answers at all.
import * as queue from "./counter-queue.mjs";

const PATIENCE_MS = 5_000;
// A page's clock that went back by more than this was set; a clock that went forward may as well have slept.
const SET_BACK_MS = 2_000;

let session = null;
let contact = null;
let keptOffsetMs = 0;

/** What the service last said of this browser's session; what was kept of it when there was no line since. */
export const here = () => session;

/** Take in what the service says of the session, and keep what a page without a line needs. */
export function adopt(found, sentAt = performance.now()) {
  session = { ...session, ...found };
  const server = Date.parse(found.now);
  // The answer was on its way for half of the time that passed, as far as anybody can know.
  const underWay = (performance.now() - sentAt) / 2;
  contact = { server: server + underWay, wall: Date.now(), perf: performance.now() };
  keptOffsetMs = contact.server - contact.wall;
  // The CSRF token stays out: it belongs to a session, and a new one is fetched when the line is back.
  const { csrf: _, ...kept } = session;
  queue.put("session", { ...kept, offset_ms: keptOffsetMs });
}

/** Go on with what was kept, as there is no line. Answers whether there was anything. */
export async function recall() {
  const kept = await queue.get("session");
  if (!kept) return false;
  keptOffsetMs = kept.offset_ms ?? 0;
  session = { ...kept, csrf: null };
  return true;
}

/** Act for another clerk from now on, whom this browser recognised by itself. */
export function become(clerk, token) {
  session = { ...session, clerk, token, locked: false };
  const { csrf: _, ...kept } = session;
  queue.put("session", { ...kept, offset_ms: keptOffsetMs });
}

/** This instant by the service's clock, and by how many seconds the page's own was corrected for that. */
export function instant() {
  const wall = Date.now();
  let at = wall + keptOffsetMs;
  if (contact) {
    const steady = contact.server + performance.now() - contact.perf;
    const byWall = contact.server + wall - contact.wall;
    at = byWall < steady - SET_BACK_MS ? steady : byWall;
  }
  return { made_at: new Date(at).toISOString(), clock_offset_s: Math.round(at - wall) / 1_000 };
}

/** Ask who is here. Answers whether the service did; a refusal is an answer. */
export async function refresh() {
  const sentAt = performance.now();
  const answer = await ask("/counter/session");
  if (!answer) return null;
  if (answer.status === 200) adopt(answer.json, sentAt);
  return answer;
}

/** One request: {status, json}, or null when nobody answers, or only something on the way to the service. */
export async function ask(path, { body, method = body ? "POST" : "GET", headers = {}, isAgain = false } = {}) {
  const named = { Accept: "application/json", ...headers };
  if (method !== "GET") named["X-CSRFToken"] = session?.csrf ?? "";
  if (body) named["Content-Type"] = "application/json";
  let response;
  try {
    const signal = AbortSignal.timeout?.(PATIENCE_MS);
    response = await fetch(path, { method, headers: named, body, redirect: "error", cache: "no-cache", signal });
  } catch {
    return null;
  }
  if ([502, 503, 504].includes(response.status)) return null;
  const json = await jsonOf(response);
  // A token of a session that was renewed elsewhere: once is enough to get the new one.
  if (response.status === 400 && method !== "GET" && !isAgain && (await refresh())?.status === 200) {
    return ask(path, { body, method, headers, isAgain: true });
  }
  return { status: response.status, json };
}

async function jsonOf(response) {
  try {
    return await response.json();
  } catch {
    return { title: "Refused", detail: `The service answered ${response.status}.`, status: response.status };
  }
}
