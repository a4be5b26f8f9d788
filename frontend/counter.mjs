// The counter: catches every scan, sends them one after another, shows each answer.
//
// A scanner is a fast keyboard: it types about a character every 8 ms and ends with Enter. Scans that arrive while one
// is being handled wait in a queue. Each has an id and, once it was sent, a body of its own, so that one whose answer was
// lost is sent again, the very same, and carried out once. The queue outlives a reload.

const REPEATED_WITHIN_MS = 5_000;
const VISIT_ENDS_MS = 60_000;
const LONGEST_LIST = 200;
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
const KEPT = "counter";

const counter = document.getElementById("counter");
const part = (name) => document.getElementById(`counter-${name}`);
const box = part("box");
const csrfToken = document.querySelector("meta[name=csrf-token]").content;
const idleMs = Number(counter.dataset.idleS) * 1_000;
const undoMs = Number(counter.dataset.undoS) * 1_000;
const clerkName = () => part("clerk").textContent;
const isBadge = (text) => /^\*?CLERK-/i.test(text);

const queue = [];
let state = {};
let lastScan = { text: "", at: -Infinity };
let kit = null;
let scannedAt = 0;
let isWorking = false;
let isLocked = false;
let hasSound = true;
let idleTimer;
let undoTimer;
let visitTimer;

// ---- Catching scans -------------------------------------------------------------------------------------------------

function newId() {
  // crypto.randomUUID needs https or localhost; a store's intranet may have neither.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function enqueue(typed) {
  const text = typed.trim();
  if (!text) return;
  const at = performance.now();
  const repeated = text.toUpperCase() === lastScan.text && at - lastScan.at < REPEATED_WITHIN_MS;
  lastScan = { text: text.toUpperCase(), at };
  if (isLocked && !isBadge(text)) return say("bad", "Locked", "Scan your badge first.");
  // Only who has seen the question can answer it; a label that the scanner read twice has not.
  const answers = Boolean(state.take_over) && !queue.length && !isWorking;
  const scan = { id: newId(), text, repeated, answers, shown: isBadge(text) ? "badge" : text };
  if (isBadge(text) && isLocked) queue.unshift(scan);
  else queue.push(scan);
  scanned();
  keep();
  showWaiting();
  work();
}

part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  enqueue(box.value);
  box.value = "";
});

// A key that types a character belongs to the box, wherever the focus is: moving the focus while the key goes down
// lets the browser put the character there. So a scan's Enter finds the box, never a button. A space presses the
// button it is on, as anybody who works by keyboard expects.
document.addEventListener(
  "keydown",
  (event) => {
    const typesCharacter = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!typesCharacter || event.target === box || event.isComposing) return;
    if (event.key === " " && event.target !== document.body) return;
    box.focus();
  },
  true,
);

// ---- Sending them ---------------------------------------------------------------------------------------------------

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function work() {
  if (isWorking) return;
  isWorking = true;
  while (queue.length && !(isLocked && !isBadge(queue[0].text))) {
    const scan = queue[0];
    const outcome = await sent(scan);
    if (outcome.problem?.status === 423 || outcome.problem?.status === 401) {
      // The scan waits, unchanged, until somebody unlocks the counter; a new key, since this one's answer is the lock.
      scan.id = newId();
      scan.body = undefined;
    } else {
      queue.splice(queue.indexOf(scan), 1);
    }
    show(scan, outcome);
    showWaiting();
  }
  isWorking = false;
}

/** Send a scan until the service has answered it: {answer} or {problem}. */
async function sent(scan) {
  scan.body ??= JSON.stringify({ scan: scan.text, repeated: scan.repeated, answers: scan.answers, state });
  keep();
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await fetch("/counter/scans", {
        method: "POST",
        headers: {
          Accept: "application/json",
          "Content-Type": "application/json",
          "X-CSRFToken": csrfToken,
          "Idempotency-Key": scan.id,
        },
        body: scan.body,
        redirect: "error",
      });
      const isForLater = response.status === 503 || response.status === 502 || response.status === 504;
      if (!isForLater) return response.ok ? { answer: await response.json() } : { problem: await problemOf(response) };
    } catch {
      // The network is gone, or the answer was cut off: the same id makes sending it again harmless.
    }
    showWaiting("The service does not answer. What was scanned is kept here and sent again.");
    await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
  }
}

async function problemOf(response) {
  try {
    const problem = await response.json();
    return { status: response.status, title: problem.title, detail: problem.detail, rule: problem.rule, mend: problem.mend };
  } catch {
    return { status: response.status, title: "Refused", detail: `The service answered ${response.status}.` };
  }
}

// ---- Showing what happened ------------------------------------------------------------------------------------------

function show(scan, { answer, problem }) {
  if (problem) return showProblem(scan, problem);
  if (answer.kit || answer.state.officer !== state.officer) kit = answer.kit;
  state = answer.state;
  if (answer.clerk) part("clerk").textContent = answer.clerk;
  if (isLocked) unlock();
  const due = answer.due_back ? `, due back ${clockTime(answer.due_back)}` : "";
  say(answer.tone, answer.title, answer.detail + due);
  list(answer.tone, answer.title, answer.detail + due);
  showState();
  offerUndo();
  keep();
}

function showProblem(scan, problem) {
  if (problem.status === 401) return lock("Your session is over. Sign in again to go on.");
  if (problem.status === 423) return lock("Scan your badge to go on.");
  // A refusal is no answer: whoever was asked for one more scan has given another one.
  state = { ...state, take_over: null };
  const rule = problem.rule ? ` (rule ${problem.rule})` : "";
  const title = problem.status >= 500 ? "Not done" : problem.status === 404 ? "Not known" : "Refused";
  say("bad", title, `${problem.detail}${rule}`, problem.mend);
  list("bad", title, `${scan.shown}: ${problem.detail}${rule}`);
  keep();
}

function say(tone, word, detail, mend) {
  part("answer").className = `counter__answer counter__answer--${tone}`;
  part("word").textContent = word;
  part("detail").textContent = detail;
  part("mend").textContent = mend ? `Who can mend this: ${mend}` : "";
  part("mend").hidden = !mend;
  beep(tone);
}

function list(tone, word, detail) {
  const entry = document.createElement("li");
  entry.className = `counter__entry counter__entry--${tone}`;
  for (const [name, text] of [["time", clockTime(new Date())], ["what", word], ["detail", detail]]) {
    const span = document.createElement("span");
    span.className = `counter__entry-${name}`;
    span.textContent = text;
    entry.append(span, " ");
  }
  part("list").prepend(entry);
  part("empty").hidden = true;
  while (part("list").children.length > LONGEST_LIST) part("list").lastChild.remove();
}

function clockTime(instant) {
  const date = new Date(instant);
  const isToday = date.toDateString() === new Date().toDateString();
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return isToday ? time : `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

function showState() {
  part("officer").textContent = state.officer ?? "Nobody yet.";
  part("officer").classList.toggle("counter__officer", Boolean(state.officer));
  part("kit").replaceChildren(...(state.officer ? (kit ?? []) : []).map(kitItem));
  const says = [];
  if (state.mode && state.mode !== "normal") says.push(`Mode: ${state.mode} – scan “normal” to end it`);
  if (state.dock) says.push(`Docking into ${state.dock}`);
  part("banner").textContent = says.join(" · ");
  part("banner").hidden = !says.length;
}

function kitItem(item) {
  const entry = document.createElement("li");
  const late = item.due_back && new Date(item.due_back) < new Date();
  const due = item.due_back ? `, due back ${clockTime(item.due_back)}${late ? " – overdue" : ""}` : "";
  entry.textContent = `${item.serial} (${item.kind}${item.active ? "" : ", inactive"})${due}`;
  return entry;
}

function showWaiting(why) {
  const behind = queue.length > 1 ? `${queue.length} scans are waiting.` : "";
  const text = [why, behind].filter(Boolean).join(" ");
  part("waiting").textContent = text;
  part("waiting").hidden = !text;
}

// ---- Sound: a high note for done, two for look here, a low one for refused -------------------------------------------

const NOTES = {
  good: [[880, 0, 0.09]],
  info: [[660, 0, 0.05]],
  caution: [[520, 0, 0.08], [520, 0.13, 0.08]],
  bad: [[180, 0, 0.35]],
};
let sound;

function beep(tone) {
  if (!hasSound || !window.AudioContext) return;
  sound ??= new AudioContext();
  for (const [hertz, after, lasts] of NOTES[tone]) {
    const note = sound.createOscillator();
    const loudness = sound.createGain();
    loudness.gain.value = 0.15;
    note.frequency.value = hertz;
    note.connect(loudness).connect(sound.destination);
    note.start(sound.currentTime + after);
    note.stop(sound.currentTime + after + lasts);
  }
}

part("sound").addEventListener("click", () => {
  hasSound = !hasSound;
  part("sound").textContent = `Sound: ${hasSound ? "on" : "off"}`;
  part("sound").setAttribute("aria-pressed", String(hasSound));
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
  }, undoMs);
}

part("undo").addEventListener("click", () => {
  enqueue("undo");
  box.focus();
});

// An officer who has left must not be given the next one's camera. What is still being handled belongs to the visit.
function endVisit() {
  if (isWorking || queue.length) return scanned();
  if (!state.officer) return;
  state = { ...state, officer: null, issued: [], take_over: null };
  showState();
  say("info", "Next", "The visit ended. Scan an officer or a camera.");
  keep();
}

function scanned() {
  scannedAt = Date.now();
  clearTimeout(visitTimer);
  visitTimer = setTimeout(endVisit, VISIT_ENDS_MS);
  active();
}

function active() {
  clearTimeout(idleTimer);
  idleTimer = setTimeout(() => (isWorking || queue.length ? active() : lockNow()), idleMs);
}

async function lockNow() {
  lock("Scan your badge to go on.");
  try {
    const headers = { Accept: "application/json", "X-CSRFToken": csrfToken };
    await fetch("/counter/lock", { method: "POST", headers });
  } catch {
    // The service locks by itself what was idle for as long.
  }
}

function lock(why) {
  isLocked = true;
  state = { mode: state.mode };
  kit = null;
  part("locked").hidden = false;
  part("locked-text").textContent = why;
  for (const element of [counter, document.querySelector("header"), document.querySelector("footer")]) {
    element.classList.add("counter-hidden");
  }
  part("list").replaceChildren();
  part("empty").hidden = false;
  showState();
  say("info", "Locked", "");
  keep();
}

function unlock() {
  isLocked = false;
  part("locked").hidden = true;
  document.querySelectorAll(".counter-hidden").forEach((element) => element.classList.remove("counter-hidden"));
  box.focus();
}

part("lock").addEventListener("click", lockNow);
document.addEventListener("keydown", active);

// ---- A reload finds the visit as it was -----------------------------------------------------------------------------

function keep() {
  // A badge opens the counter, and is not for the browser to keep.
  const waiting = queue.filter((scan) => !isBadge(scan.text));
  const kept = { clerk: clerkName(), scannedAt, state, kit, queue: waiting, hasSound };
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
}

function restore() {
  let kept = {};
  try {
    kept = JSON.parse(sessionStorage.getItem(KEPT)) ?? {};
  } catch {
    // What cannot be read is forgotten.
  }
  const isSameClerk = kept.clerk === clerkName();
  const isSameVisit = isSameClerk && Date.now() - kept.scannedAt < VISIT_ENDS_MS;
  const { mode, dock } = kept.state ?? {};
  // What was asked, and what could be undone, belongs to the page that is gone; a visit to its clerk and its minute.
  if (isSameVisit) state = { ...kept.state, take_over: null, last_act: null };
  else state = isSameClerk ? { mode, dock } : { mode };
  if (isSameVisit) kit = kept.kit;
  if (isSameClerk) queue.push(...(kept.queue ?? []));
  hasSound = kept.hasSound ?? true;
  if (!hasSound) part("sound").textContent = "Sound: off";
  showState();
  offerUndo();
}

restore();
if (counter.dataset.locked === "true") lock("Scan your badge to go on.");
if (state.officer) visitTimer = setTimeout(endVisit, VISIT_ENDS_MS);
active();
box.focus();
counter.dataset.ready = "true";
showWaiting();
work();
