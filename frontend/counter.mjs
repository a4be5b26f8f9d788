// The counter: catches every scan, has each carried out in order, shows each answer.
//
// A scanner is a fast keyboard: it types about a character every 8 ms and ends with Enter. Each scan has an id, under
// which the service carries it out once, however often it is sent. What a scan means the service says; without a line
// the page says it, from the little that it keeps of the register, and the act waits. Other modules of the page put acts
// of their own into the same queue with `enqueueAct`, and hear `counter:visit-ended` on the document.
import { box, catchScans } from "./counter-box.mjs";
import * as clerks from "./counter-clerks.mjs";
import * as line from "./counter-line.mjs";
import * as queue from "./counter-queue.mjs";
import * as register from "./counter-register.mjs";
import * as sender from "./counter-sender.mjs";
import { numberOf } from "./counter-tab.mjs";
import {
  actsWait, clearList, clockTime, cover, fill, lineText, list, part, say, showExceptions, showKept, showState, showText, uncover,
} from "./counter-view.mjs";
import { newId } from "./sending.mjs";
import { isLoud, setSound } from "./sound.mjs";

const REPEATED_WITHIN_MS = 5_000;
const VISIT_ENDS_MS = 60_000;

const counter = document.getElementById("counter");
const clerkName = () => part("clerk").textContent;
const isBadge = (text) => /^\*?CLERK-/i.test(text);
// Whatever takes an entry before it becomes a scan: a PIN, or the word that asks for one.
let takesEntry = () => false;

let state = {};
let kit = null;
let lastScan = { text: "", at: -Infinity };
let scannedAt = 0;
let isLocked = false;
let isPersistent = true;
let idleTimer;
let undoTimer;
let visitTimer;
let tab;
const lines = new Map();

// ---- Catching scans -------------------------------------------------------------------------------------------------

function newAct(more) {
  const { clerk = "", token = null } = line.here() ?? {};
  return { id: newId(), tab, clerk, token, wall: Date.now(), ...line.instant(), ...more };
}

function enqueue(typed) {
  const text = typed.replace(/\p{C}/gu, "").trim();
  if (!text || (!isLocked && takesEntry(text))) return;
  const at = performance.now();
  const repeated = text.toUpperCase() === lastScan.text && at - lastScan.at < REPEATED_WITHIN_MS;
  lastScan = { text: text.toUpperCase(), at };
  scanned();
  if (isBadge(text)) {
    const act = newAct({ text, repeated, answers: false, isBadge: true });
    if (sender.lineIsUp()) sender.push(act, { first: isLocked });
    else openHere(text);
  } else if (isLocked) {
    say("bad", "Locked", "Scan your badge first.");
  } else {
    // Only who has seen the question can answer it; a label that the scanner read twice has not.
    const act = newAct({ text, repeated, answers: Boolean(state.take_over) && sender.isIdle() });
    if (sender.mayAsk()) sender.push(act);
    else decide(act);
  }
  showWaiting();
}

/** Put an act of another part of this page into the queue: it is carried out once, now or when the line is back. */
export async function enqueueAct(kind, body) {
  return sender.hold(newAct({ kind, body, isApart: true }));
}

/** Let `takes` have every entry first; true keeps it from being a scan. */
export function takeEntries(takes) {
  takesEntry = takes;
}

/** What the counter knows now: its state, whether it is locked, and what the service said of this browser. */
export const present = () => ({ state, isLocked, session: line.here() });

/**
 * The officer acknowledges: in its turn behind the scans before it. Without a line it waits as an act, but for a PIN,
 * which no browser keeps.
 */
export function acknowledge(given) {
  scanned();
  const act = newAct({ text: given.method, given, visit: state.visit, isSecret: given.method === "pin" });
  if (sender.mayAsk()) sender.push(act);
  else decide(act);
  showWaiting();
}

catchScans(enqueue);

// ---- What a scan came to --------------------------------------------------------------------------------------------

/** The service answered a scan whose clerk waits. */
function answered(act, { status, json }) {
  if (status !== 200) return refused(act, json);
  if (json.kit || json.state.officer !== state.officer) kit = json.kit;
  if (json.clerk) part("clerk").textContent = json.clerk;
  setState(json.state);
  if (json.tone === "good" && json.camera) register.note(json.camera, state.issued?.includes(json.camera) ? state.officer : null);
  if (act.isBadge) openedBy(act.text, json.clerk);
  const due = json.due_back ? `, due back ${clockTime(json.due_back)}` : "";
  say(json.tone, json.title, json.detail + due);
  list(json.tone, json.title, json.detail + due);
}

function refused(act, problem) {
  // A refusal is no answer: whoever was asked for one more scan has given another one.
  setState({ ...state, take_over: null });
  const rule = problem.rule ? ` (rule ${problem.rule})` : "";
  const title = problem.status >= 500 ? "Not done" : problem.status === 404 ? "Not known" : "Refused";
  say("bad", title, `${problem.detail}${rule}`, problem.mend);
  list("bad", title, `${act.isBadge ? "badge" : act.text}: ${problem.detail}${rule}`);
  document.dispatchEvent(new CustomEvent("counter:refused", { detail: { act, problem } }));
}

/** There is no line: what a scan means is decided here, and the act waits. */
async function decide(scan) {
  if (scan.isBadge) return openHere(scan.text);
  const found = scan.given ? register.acknowledged(scan.given, scan.visit, state) : register.decide(scan, state);
  const at = new Date(scan.made_at);
  // Told only when it is kept; what comes next is decided from this at once.
  const isKept = found.act ? keepAct(scan, found) : queue.remove(scan);
  setState(found.state);
  kit = state.officer ? register.kitOf(state.officer) : null;
  showState(state, kit);
  const rule = found.rule ? ` (rule ${found.rule})` : "";
  const waits = Boolean(found.act);
  const entry = list(found.tone, found.title, found.detail + rule, { at, waits });
  if (waits) lines.set(scan.id, { entry, at, found });
  await isKept;
  say(found.tone, found.title, found.detail + rule + (waits ? ". It waits for the line." : ""));
  return undefined;
}

function keepAct(scan, found) {
  const { kind, body } = found.act;
  if (kind === "withdraw") {
    const undone = sender.waiting().find(({ id }) => id === body.of);
    if (undone) register.forgetAct(undone);
    lines.get(body.of)?.entry.classList.add("counter__entry--undone");
    return sender.withdraw(body.of, { ...scan, kind, body, state: null });
  }
  Object.assign(scan, { kind, body, before: register.before({ body }) });
  scan.state = kind === "scan" && !state.unsure ? state : null;
  register.noteAct(scan);
  if (body.camera) found.state.last_act = { waiting: scan.id, kind, camera: body.camera, officer: body.officer };
  return sender.hold(scan);
}

/** A late act arrived: its line in the list says what became of it. */
function delivered(act, { outcome, answer, problem, exceptions }) {
  showExceptions(exceptions);
  const { entry, at, found } = lines.get(act.id) ?? {};
  lines.delete(act.id);
  if (outcome === "done" && state.last_act?.waiting === act.id) setState({ ...state, last_act: answer?.state?.last_act ?? null });
  const when = at ?? new Date(act.made_at);
  const isGood = outcome === "done" || outcome === "withdrawn";
  if (!isGood) takeBack(act);
  const tone = isGood ? (answer?.tone ?? "good") : "bad";
  const title = isGood ? (answer?.title ?? found?.title ?? "Sent") : "Refused afterwards";
  const detail = answer?.detail ?? problem?.detail ?? "";
  fill(entry ?? list(tone, title, detail, { at: when }), tone, title, detail, when);
  // Whoever brought a kit back is asked for its parts, which only the service knew.
  if (act.tab === tab) state = { ...state, kit: sender.kitAfter(act, answer?.state, state.kit) };
  if (!entry || !isGood || answer?.state?.kit) say(tone, title, detail, problem?.mend);
  document.dispatchEvent(new CustomEvent("counter:act-delivered", { detail: { id: act.id, kind: act.kind, outcome, answer, problem } }));
}

/** What was told and then refused is no part of the visit, nor of what the page knows of the register. */
function takeBack(act) {
  if (!act.body?.camera) return;
  register.forgetAct(act);
  const last_act = state.last_act?.waiting === act.id ? null : state.last_act;
  kit = state.officer ? (kit ?? []).filter(({ serial }) => serial !== act.body.camera) : null;
  setState({ ...state, issued: state.issued?.filter((serial) => serial !== act.body.camera), last_act });
}

function setState(next) {
  const before = state;
  state = next;
  if (before.officer && before.officer !== state.officer) endedVisit(before);
  showState(state, kit);
  offerUndo();
  keep();
  document.dispatchEvent(new CustomEvent("counter:state", { detail: present() }));
}

/** Other parts of the page hear who left with what. */
function endedVisit({ officer, issued = [] }) {
  document.dispatchEvent(new CustomEvent("counter:visit-ended", { detail: { officer, issued, clerk: clerkName() } }));
}

function showWaiting(why) {
  const { length } = sender.waiting();
  const behind = sender.live.length > 1 ? `${sender.live.length} scans are waiting.` : "";
  showText("waiting", [why, behind].filter(Boolean).join(" "));
  const stuck = sender.waiting().find(({ isStuck }) => isStuck);
  showText("line", lineText({ isUp: sender.lineIsUp(), length, madeAt: register.madeAt(), trouble: stuck?.trouble }));
  document.documentElement.dataset.waiting = String(length);
}

const showStorage = () => showKept(queue.problem(), isPersistent);

part("sound").addEventListener("click", () => {
  setSound(part("sound"), !isLoud());
  keep();
  box.focus();
});

// ---- Undo, the end of a visit, the lock -----------------------------------------------------------------------------

function offerUndo() {
  clearTimeout(undoTimer);
  part("undo").disabled = !state.last_act;
  if (!state.last_act) return;
  undoTimer = setTimeout(() => {
    state = { ...state, last_act: null };
    part("undo").disabled = true;
    keep();
  }, (line.here()?.undo_s ?? 60) * 1_000);
}

part("undo").addEventListener("click", () => {
  enqueue("undo");
  box.focus();
});

// An officer who has left must not be given the next one's camera. What is still being handled belongs to the visit.
function endVisit() {
  if (!sender.isIdle() && sender.lineIsUp()) return scanned();
  if (!state.officer) return undefined;
  setState({ ...state, officer: null, visit: null, issued: [], take_over: null, unsure: false });
  return say("info", "Next", "The visit ended. Scan an officer or a camera.");
}

/** Somebody is still here: the visit goes on for another minute. */
export function scanned() {
  scannedAt = Date.now();
  clearTimeout(visitTimer);
  visitTimer = setTimeout(endVisit, VISIT_ENDS_MS);
  active();
}

function active() {
  clearTimeout(idleTimer);
  if (!isLocked) idleTimer = setTimeout(() => (sender.live.length ? active() : lockNow()), (line.here()?.idle_s ?? 300) * 1_000);
}

async function lockNow() {
  lock("Scan your badge to go on.");
  // Without a line the service locks by itself what was idle for as long.
  await line.ask("/counter/lock", { method: "POST" });
}

function lock(why) {
  const { length } = sender.waiting();
  isLocked = true;
  sender.setLocked(true);
  kit = null;
  setState({ mode: state.mode });
  cover(length ? `${why} ${actsWait(length)} to be sent.` : why);
  clearList();
  lines.clear();
  say("info", "Locked", "");
  keep();
}

function unlock() {
  isLocked = false;
  uncover();
  sender.setLocked(false);
  box.focus();
}

/** A badge opened the counter: its clerk acts from now on, also without a line. */
async function openedBy(badge, clerk) {
  for (const act of sender.live) if (!act.isBadge) Object.assign(act, { clerk, token: null });
  unlock();
  await line.refresh();
  for (const act of sender.live) act.token ??= line.here().token;
  await clerks.remember(badge, clerk, line.here().token);
}

/** A badge without a line: this browser knows the clerks who showed theirs to it. */
async function openHere(badge) {
  const known = await clerks.recognise(register.spelled(badge));
  if (!known) return say("bad", "Not known", "Without a line this browser knows only badges that were shown to it before.");
  line.become(known.clerk, known.token);
  part("clerk").textContent = known.clerk;
  setState({ mode: state.mode });
  unlock();
  return say("info", `Clerk ${known.clerk}`, "The counter is yours. Scan an officer or a camera.");
}

function lockedBy(status) {
  const says = { 401: "Your session is over. Sign in again to go on.", 403: "You may not use the counter. Another clerk must sign in." };
  lock(says[status] ?? "Scan your badge to go on.");
}

part("lock").addEventListener("click", lockNow);
document.addEventListener("keydown", active);
document.querySelector("form[action='/sign-out']")?.addEventListener("submit", () => queue.put("session", null));

// ---- A reload finds the visit as it was -----------------------------------------------------------------------------

function keep() {
  // By tab: each has a visit of its own.
  const kept = { clerk: clerkName(), scannedAt, state, kit, hasSound: isLoud(), isLocked };
  queue.put(`visit ${tab}`, kept);
  queue.put("last active", { at: Date.now(), isLocked });
}

async function restore() {
  const kept = (await queue.get(`visit ${tab}`)) ?? {};
  const isSameClerk = kept.clerk === clerkName();
  const isSameVisit = isSameClerk && Date.now() - kept.scannedAt < VISIT_ENDS_MS;
  const { mode, dock, operation } = kept.state ?? {};
  // What was asked, and what could be undone, belongs to the page that is gone; a visit to its clerk and its minute.
  if (isSameVisit) state = { ...kept.state, take_over: null, last_act: null };
  else state = isSameClerk ? { mode, dock, operation } : { mode };
  if (isSameVisit) kit = kept.kit;
  scannedAt = kept.scannedAt ?? 0;
  setSound(part("sound"), kept.hasSound ?? true);
  showState(state, kit);
  if (state.officer) visitTimer = setTimeout(endVisit, VISIT_ENDS_MS);
}

/** What this page needs of the register when the line goes; the kept one until the service gives a newer one. */
async function refreshRegister() {
  const known = await queue.get("register");
  if (known && !register.madeAt()) register.use(known.list, sender.waiting());
  if (isLocked || !sender.lineIsUp()) return;
  const found = await line.ask("/counter/block-list");
  // Another process of the service may still have an older one.
  if (found?.status === 200 && !(Date.parse(found.json.made_at) < Date.parse(register.madeAt()))) {
    register.use(found.json, sender.waiting());
    await queue.put("register", { list: found.json });
  }
  showWaiting();
}

async function start() {
  queue.onProblem(showStorage);
  await queue.open();
  tab = await numberOf();
  await beginSession();
  part("clerk").textContent = line.here()?.clerk ?? "";
  await restore();
  await sender.begin(
    { state: () => state, decide, answered, delivered, lock: lockedBy, changed: showWaiting, stuck, heard },
    tab,
    clerkName(),
  );
  if (!counter.dataset.session) sender.loseLine();
  showExceptions(line.here()?.exceptions);
  if (isLocked) lock(line.here() ? "Scan your badge to go on." : "This browser has never been a counter. It needs the line once.");
  active();
  box.focus();
  counter.dataset.ready = "true";
  heard();
  sender.work();
  // The page took a while to come and to begin; this tells the service's time better.
  if (sender.lineIsUp()) line.refresh();
  isPersistent = await queue.persist();
  showStorage();
}

/** Who is here: as the service's page says; else as the browser keeps it, unless the counter was locked or left alone. */
async function beginSession() {
  if (counter.dataset.session) {
    line.adopt(JSON.parse(counter.dataset.session));
    isLocked = line.here().locked;
    queue.put("last active", { at: Date.now(), isLocked });
    return;
  }
  const isKnown = await line.recall();
  const last = await queue.get("last active");
  const isLeft = !last || last.isLocked || Date.now() - last.at > (line.here()?.idle_s ?? 0) * 1_000;
  isLocked = !isKnown || isLeft;
}

function stuck() {
  showWaiting("The service does not answer. What was scanned is kept here and sent again.");
}

function heard() {
  document.dispatchEvent(new CustomEvent("counter:state", { detail: present() }));
  showExceptions(line.here()?.exceptions);
  if (sender.lineIsUp() && line.here()?.clerk && !isLocked) part("clerk").textContent = line.here().clerk;
  refreshRegister();
}

if ("serviceWorker" in navigator) navigator.serviceWorker.register("/counter-worker.js", { scope: "/counter" }).catch(() => {});
start();
