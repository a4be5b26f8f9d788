// Sends what was scanned, in order, each until it is answered. A scan is *live* while its clerk waits for the answer;
// without a line the page decides what it means, and it becomes a *late* act, which is sent when the line is back. Late
// acts of all tabs are one queue, and one tab at a time sends.
import * as line from "./counter-line.mjs";
import * as queue from "./counter-queue.mjs";
import { pause, pauseAfter, waitAfter } from "./sending.mjs";

const RETRY_MS = [500, 1_000, 2_000];
const DECIDE_AFTER_MS = 3_000;
const PROBE_MS = [1_000, 2_000, 4_000, 8_000];
const HEARTBEAT_MS = 60_000;
const FAILURES = 3;
const NOBODY = [401, 403, 423];

export const live = [];
let late = [];
let isUp = true;
let isLocked = false;
let isSending = false;
let isStale = false;
let hooks;
let probeTimer;
let heartbeatTimer;
let ownTab;

export const waiting = () => late;
const isKept = (act) => !act.isBadge && !act.isSecret;
export const lineIsUp = () => isUp;
/**
 * Whether the service is to be asked what a scan means: not while acts wait that were made before it. An act that is
 * apart, of another part of the page, changes nothing of what a scan means.
 */
export const mayAsk = () => isUp && late.every(({ isApart }) => isApart);
export const isIdle = () => !isSending && !live.length;

/**
 * Begin with what an earlier page of this tab left, and with what all tabs wait for. `page` is what the counter does:
 * state(), decide(act), answered(act, found), delivered(act, result), lock(status), stuck(), changed(), heard().
 */
export async function begin(page, tab, clerk) {
  hooks = page;
  ownTab = tab;
  await reload();
  const own = (act) => !act.late && act.tab === tab && act.clerk === clerk;
  const acts = await queue.all();
  live.push(...acts.filter(own));
  await adoptOrphans(acts.filter((act) => !own(act)));
  queue.onChange(() => {
    isStale = true;
    if (!isSending) reload().then(hooks.changed);
  });
  window.addEventListener("online", () => probe(0, 0));
  window.addEventListener("offline", goDown);
  heartbeat();
}

async function reload() {
  isStale = false;
  late = (await queue.all()).filter((act) => act.late);
}

/** Scans that a page left which is gone, or another clerk's, mean what they mean when they arrive. */
async function adoptOrphans(acts) {
  const alive = await tabsAlive();
  const orphans = acts.filter((act) => !act.late && (act.tab === ownTab || !alive(act)));
  for (const act of orphans) {
    if (live.includes(act)) continue;
    Object.assign(act, { late: true, ...asLate(act) });
    await queue.change(act);
    late.push(act);
  }
}

function asLate({ given, visit, text, repeated }) {
  if (given) return { kind: "acknowledge", body: { given, visit } };
  return { kind: "scan", body: { scan: text, repeated, answers: false } };
}

async function tabsAlive() {
  if (!navigator.locks) return (act) => Date.now() - act.wall < 2 * HEARTBEAT_MS;
  const held = new Set((await navigator.locks.query()).held.map(({ name }) => name));
  return ({ tab }) => held.has(`fleet-counter-tab-${tab}`);
}

/** A scan whose clerk waits. */
export function push(act, { first = false } = {}) {
  if (first) live.unshift(act);
  else live.push(act);
  // A badge opens the counter, a PIN speaks for an officer: neither is for the browser to keep.
  if (isKept(act)) queue.add(act);
  return work();
}

/** An act that waits for the line: kept first, and answered whether the disk has it. */
export async function hold(act) {
  act.late = true;
  late.push(act);
  const isKept = await (act.seq === undefined ? queue.add(act) : queue.change(act));
  work();
  return isKept;
}

/** Take an act back that was not answered yet; `undo` is the act that says so to the service. */
export async function withdraw(id, undo) {
  const act = late.find((other) => other.id === id);
  late = late.filter((other) => other !== act);
  undo.late = true;
  late.push(undo);
  const isKept = act ? await queue.replace(act, undo) : await queue.add(undo);
  work();
  return isKept;
}

/** The counter was locked, or opened again. */
export function setLocked(isNow) {
  isLocked = isNow;
  if (!isNow) work();
}

// ---- Sending --------------------------------------------------------------------------------------------------------

const alone = (task) => (navigator.locks ? navigator.locks.request("fleet-counter-sender", task) : task());

function next() {
  if (!isUp) return null;
  if (isLocked) return live[0]?.isBadge ? live[0] : null;
  return late.find((act) => !act.isStuck) ?? live[0] ?? null;
}

/** Send everything that can be sent now. */
export async function work() {
  if (isSending) return;
  isSending = true;
  try {
    while (next()) await alone(sendAll);
  } finally {
    isSending = false;
    hooks.changed();
  }
}

async function sendAll() {
  // What another tab sent meanwhile is gone; what it left is ours to send as well.
  if (isStale) await reload();
  for (let act = next(); act; act = next()) {
    if (!(act.late ? await deliver(act) : await answer(act))) return;
    if (isStale) return;
  }
}

async function answer(act) {
  act.state ??= hooks.state();
  if (isKept(act)) queue.change(act);
  const { id, text, repeated, answers, given, state, made_at, isBadge } = act;
  const path = given ? "/counter/acknowledgements" : "/counter/scans";
  const scan = { scan: text, repeated, answers, ...(isBadge ? {} : { id, made_at }) };
  const body = JSON.stringify({ ...(given ? { given } : scan), state: plain(state) });
  const headers = isBadge ? { "Idempotency-Key": id } : {};
  const began = performance.now();
  for (let attempt = 0; ; attempt += 1) {
    const found = await line.ask(path, { body, headers });
    if (found) return answered(act, found);
    hooks.stuck();
    if (!navigator.onLine || performance.now() - began > DECIDE_AFTER_MS) return goDown();
    await pauseAfter(RETRY_MS, attempt);
  }
}

function answered(act, found) {
  const isRefusedBadge = (act.isBadge || act.given) && found.status === 403;
  if (NOBODY.includes(found.status) && !isRefusedBadge) {
    // The scan waits, unchanged, until somebody opens the counter; whose it is, is theirs to say by their badge.
    act.state = null;
    isLocked = true;
    hooks.lock(found.status);
    return false;
  }
  live.splice(live.indexOf(act), 1);
  if (isKept(act)) queue.remove(act);
  hooks.answered(act, found);
  return true;
}

async function deliver(act) {
  const { id, kind, made_at, clock_offset_s, token } = act;
  const content = kind === "scan" ? { ...act.body, state: plain(act.state ?? {}) } : act.body;
  const body = JSON.stringify({ id, kind, body: content, made_at, clock_offset_s, clerk: token });
  const found = await line.ask("/counter/acts", { body });
  if (!found) return goDown();
  if (NOBODY.includes(found.status)) {
    isLocked = true;
    hooks.lock(found.status);
    return false;
  }
  if (found.status !== 200) return putAside(act, found);
  late = late.filter((other) => other.id !== act.id);
  chain(act, found.json.answer?.state);
  queue.remove(act);
  hooks.delivered(act, found.json);
  return true;
}

/** What the service cannot take, through a fault of its own, must not hold up what was scanned after it, nor be lost. */
async function putAside(act, found) {
  act.failures = (act.failures ?? 0) + 1;
  act.isStuck = act.failures % FAILURES === 0;
  act.trouble = found.json.detail;
  if (!act.isStuck) await pause(RETRY_MS[0]);
  return true;
}

/**
 * A scan that means what the service says begins where the one before it ended. One that the page gave a state of its
 * own gets the kit whose parts are being checked off, of which the service alone knows.
 */
function chain(act, state) {
  const follower = late.find((other) => other.kind === "scan" && other.tab === act.tab);
  if (follower?.state) follower.state = { ...follower.state, kit: kitAfter(act, state, follower.state.kit) };
  else if (follower && act.kind === "scan") follower.state = state ?? act.state;
  else return;
  queue.change(follower);
}

/** The kit that is being checked off after an act; `kit` was before it. Only a scan that the service made out ends that. */
export const kitAfter = (act, state, kit) => (act.kind === "scan" && state ? state.kit : (state?.kit ?? kit)) ?? null;

/** A state as the service takes it: what only this page knows is left out. */
function plain({ officer, visit, mode, dock, operation, kit, issued, take_over, last_act } = {}) {
  const state = { officer: officer ?? null, visit: visit ?? null, mode: mode ?? "normal", dock: dock ?? null, issued: issued ?? [] };
  const more = { operation: operation ?? null, kit: kit ?? null, take_over: take_over ?? null };
  return { ...state, ...more, last_act: typeof last_act === "string" ? last_act : null };
}

// ---- The line -------------------------------------------------------------------------------------------------------

/** There is no line: whoever waits is told what the page makes of it. */
function goDown() {
  if (!isUp) return false;
  isUp = false;
  for (const act of live.filter(({ isBadge }) => !isBadge)) {
    live.splice(live.indexOf(act), 1);
    hooks.decide(act);
  }
  for (const badge of live.splice(0)) hooks.decide(badge);
  hooks.changed();
  probe(0);
  return false;
}

export const loseLine = goDown;

function probe(attempt, after = waitAfter(PROBE_MS, attempt)) {
  if (isUp) return;
  clearTimeout(probeTimer);
  probeTimer = setTimeout(async () => {
    const found = await line.refresh();
    if (isUp) return;
    if (found) cameBack(found);
    else probe(attempt + 1);
  }, after);
}

function cameBack(found) {
  isUp = true;
  for (const act of late) act.isStuck = false;
  if (found.status !== 200 || found.json.locked) {
    isLocked = true;
    hooks.lock(found.status === 200 ? 423 : found.status);
  }
  hooks.heard();
  hooks.changed();
  work();
}

/** Once a minute: whether there is a line, what time it is there, and what the register says. */
function heartbeat() {
  clearTimeout(heartbeatTimer);
  heartbeatTimer = setTimeout(async () => {
    heartbeat();
    await adoptOrphans((await queue.all()).filter((act) => act.tab !== ownTab));
    for (const act of late) act.isStuck = false;
    if (!isUp || isSending) return;
    const found = await line.refresh();
    if (!found) goDown();
    else if (found.status === 200) hooks.heard();
    work();
  }, HEARTBEAT_MS);
}
