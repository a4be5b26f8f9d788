// The little that the page knows of the register, and what a scan means by that when there is no line.
//
// The block list holds what may not go out, who may not be given a camera, and who has what; the service decides how much
// of that is worth keeping. What is not on it is accepted, as not checked. The decisions are those of the service
// (fleet/counter/scans.py); whatever it knows better when the act arrives, it refuses then.

const MODES = {
  normal: "An officer, then a camera, issues. A camera that is out returns.",
  return: "Every camera scanned is returned, in good condition.",
  faulty: "Every camera scanned is returned as faulty and quarantined.",
  personal: "Every camera issued is a personal issue.",
  pool: "Every camera issued is a pool loan.",
  helmet: "Every camera issued is a pool loan for helmet-mounted work: a Flex 2.",
};
const ATTESTED_BY_SCAN = "Others were waiting at the counter.";
const UNCHECKED = [8, "{} was returned and not checked since. Dock it."];
const QUARANTINED = [8, "{} is quarantined."];
const EMPTY = {
  made_at: null, reasons: [], cameras: {}, out: {}, officers: {}, tags: {}, shapes: {}, waits_for_check: false,
  complete: {},
};

let list = EMPTY;

/** Take in a block list, and over it what this counter did since that the service does not know yet. */
export function use(blockList, waiting = []) {
  list = { ...EMPTY, ...blockList };
  // What is noted here must not change the list that is kept.
  list.out = { ...list.out };
  list.cameras = { ...list.cameras };
  for (const act of waiting) noteAct(act);
}

/** When the list was made, as an instant's text; null when there is none. */
export const madeAt = () => list.made_at;

/** A scan in the one spelling of identifiers, without the asterisks of Code 39. */
export function spelled(text) {
  const trimmed = text.trim();
  const bare = trimmed.length > 2 && trimmed.startsWith("*") && trimmed.endsWith("*") ? trimmed.slice(1, -1) : trimmed;
  return bare.normalize("NFC").toUpperCase().normalize("NFC").trim();
}

/** What an identifier looks like: the letters it begins with, then 9 or A for every digit or letter. */
export function shape(identifier) {
  const head = /^\p{L}*/u.exec(identifier)[0];
  return head + identifier.slice(head.length).replace(/[0-9]/g, "9").replace(/\p{L}/gu, "A");
}

/** What a scan names, as far as the list can tell; null when it cannot. */
function kindOf(word) {
  if (word in list.cameras || word in list.out || word in list.tags) return "camera";
  if (word in list.officers) return "officer";
  return list.shapes[shape(word)] ?? null;
}

const serialOf = (word) => list.tags[word] ?? word;
const holderOf = (serial) => list.out[serial]?.[0] ?? null;

/** The cameras that an officer has, by the list. */
export function kitOf(officer) {
  return Object.entries(list.out)
    .filter(([, [holder]]) => holder === officer)
    .map(([serial, [, kind]]) => ({ serial, kind: kind === "p" ? "personal" : "pool", active: true }));
}

/** Remember who has a camera now, or that nobody has. */
export function note(serial, holder, kind = "l") {
  if (holder) list.out[serial] = [holder, kind];
  else delete list.out[serial];
}

/** Remember what an act that waits has done. */
export function noteAct({ kind, body }) {
  if (kind === "issue" || kind === "take-over") return note(serialOf(body.camera), body.officer, body.mode === "personal" ? "p" : "l");
  if (kind !== "return") return undefined;
  const serial = serialOf(body.camera);
  const wasLoan = list.out[serial]?.[1] !== "p";
  note(serial, null);
  if (body.mode === "faulty") return block(serial, QUARANTINED);
  return list.waits_for_check && wasLoan ? block(serial, UNCHECKED) : undefined;
}

/** Forget what an act that was undone has done: who has the camera is as it was before. */
export function forgetAct({ kind, body, before }) {
  if (!["issue", "return", "take-over"].includes(kind)) return;
  const serial = serialOf(body.camera);
  note(serial, before?.[0] ?? null, before?.[1]);
  if (kind === "return") delete list.cameras[serial];
}

function block(serial, reason) {
  list.reasons = [...list.reasons, reason];
  list.cameras[serial] = list.reasons.length - 1;
}

// ---- What a scan means ----------------------------------------------------------------------------------------------

const says = (tone, title, detail, state, act = null) => ({ tone, title, detail, state, act });
const refuses = (detail, state, rule = null) => ({ ...says("bad", "Refused", detail, state), rule });

/**
 * What a scan means without a line: {tone, title, detail, state, act}. `act` is {kind, body} to be sent when the line
 * returns, or null when there is nothing to send.
 */
export function decide({ id, text, repeated, answers }, given) {
  const word = spelled(text);
  if (repeated && !answers) {
    return says("caution", "Scanned twice", `${word} was scanned a moment ago. Nothing was done.`, given);
  }
  const asked = answers ? given.take_over : null;
  const state = { ...given, take_over: null };
  return command(word, state) ?? thing(word, asked, state, { id, text });
}

function command(word, state) {
  const name = word.toLowerCase();
  if (Object.hasOwn(MODES, name)) {
    const isNormal = name === "normal";
    const dock = isNormal ? null : (state.dock ?? null);
    const operation = isNormal ? null : (state.operation ?? null);
    return says("info", `Mode: ${name}`, MODES[name], { ...state, mode: name, dock, operation });
  }
  if (name === "done") {
    const { mode, dock, operation, last_act } = state;
    return says("info", "Next", "Scan an officer or a camera.", { mode, dock, operation, last_act });
  }
  if (name === "attest") return acknowledged({ method: "attestation", reason: ATTESTED_BY_SCAN }, state.visit, state);
  return name === "undo" ? undo(state) : null;
}

/** What is given for a visit waits with what was issued in it; a PIN cannot, since only the service can tell it. */
export function acknowledged(given, visit, state) {
  if (!visit || !(state.issued ?? []).length) return refuses("Nothing was issued in this visit. Scan an officer, then a camera.", state);
  if (given.method === "pin") return refuses("A PIN cannot be checked without a line. Sign, or the clerk attests.", state);
  const { officer, issued, mode, dock, last_act } = state;
  const how = given.method === "signature" ? "by signature" : "by the clerk";
  const detail = `${officer} has ${issued.length === 1 ? "1 camera" : `${issued.length} cameras`}, ${how}`;
  return says("good", "Acknowledged", detail, { mode, dock, operation: state.operation, last_act }, { kind: "acknowledge", body: { visit, given } });
}

function undo(state) {
  const last = state.last_act;
  if (!last) return refuses("There is nothing to undo.", state);
  const after = { ...state, last_act: null };
  if (typeof last === "string") return says("good", "Undone", "The last act will be undone", after, { kind: "undo", body: { last_act: last } });
  const issued = (state.issued ?? []).filter((serial) => serial !== last.camera);
  const body = { of: last.waiting, kind: last.kind, camera: last.camera, officer: last.officer };
  return says("good", "Undone", `${last.camera} is as it was before`, { ...after, issued }, { kind: "withdraw", body });
}

function thing(word, asked, state, { id, text }) {
  const kind = kindOf(word);
  if (kind === "officer") return officer(word, state, id);
  if (kind === "dock") return says("info", `Dock ${word}`, "Returned cameras go into this dock now.", { ...state, dock: word });
  if (kind === "taser") return refuses(`${word} is a Taser. The counter issues cameras; Tasers belong to the armoury.`, state);
  if (kind === "camera" && !state.unsure) return camera(serialOf(word), asked, state);
  return unknown(word, state, text);
}

/** Neither the scan nor what follows it can be told before the service is asked; an officer or “done” ends that. */
function unknown(word, state, text) {
  const body = { scan: text, repeated: false, answers: false };
  return says("caution", "Kept, not checked", `${word} is not known here. The service decides when the line is back.`, { ...state, unsure: true }, { kind: "scan", body });
}

/** A new officer is a new visit, which is called after this scan; the same one again goes on with theirs. */
function officer(collar, state, id) {
  const isSame = state.officer === collar;
  const after = { ...state, officer: collar, visit: isSame ? state.visit : id, issued: isSame ? (state.issued ?? []) : [], unsure: false };
  const barred = inTheWayOf(collar);
  if (barred) return says("caution", `${collar}: no camera`, `${barred.what}${barred.rule ? ` (rule ${barred.rule})` : ""}`, after);
  return says("info", `Officer ${collar}`, "Scan a camera.", after);
}

function camera(serial, asked, state) {
  const holder = holderOf(serial);
  if (state.mode === "return" || state.mode === "faulty") return giveBack(serial, holder, state);
  if (!state.officer) return holder ? giveBack(serial, holder, state) : perhapsOut(serial, state);
  if (!holder) return issue(serial, state);
  if (holder !== state.officer) return asked === serial ? takeOver(serial, holder, state) : ask(serial, holder, state);
  if ((state.issued ?? []).includes(serial)) {
    return says("caution", "Issued already", `${serial} was issued to ${holder} in this visit. Nothing was done.`, state);
  }
  return giveBack(serial, holder, state);
}

/** The list does not know it to be out; another counter may have issued it since. The service decides, as it would now. */
function perhapsOut(serial, state) {
  const detail = `${serial} is not out by the list that is kept here. If it is, it is returned when the line is back.`;
  const body = { scan: serial, repeated: false, answers: false };
  return says("caution", "Kept, not checked", detail, state, { kind: "scan", body });
}

/** Why a camera may not go out, or an officer may not be given one: {rule, what}; null where nothing is known. */
function inTheWayOf(identifier) {
  const reason = list.reasons[list.cameras[identifier] ?? list.officers[identifier]];
  return reason ? { rule: reason[0], what: reason[1].replaceAll("{}", identifier) } : null;
}

const bodyOf = (serial, holder, state) => ({
  camera: serial, officer: state.officer ?? null, visit: state.visit ?? null, mode: state.mode ?? "normal",
  dock: state.dock ?? null, operation: state.operation ?? null, holder,
});

function issue(serial, state) {
  const blocked = inTheWayOf(serial);
  if (blocked) return refuses(blocked.what, state, blocked.rule);
  const barred = inTheWayOf(state.officer);
  if (barred) return refuses(barred.what, state, barred.rule);
  const loan = kitOf(state.officer).find(({ kind }) => kind === "pool");
  if (loan) return refuses(`${state.officer} already has ${loan.serial} (pool).`, state, 7);
  const after = { ...state, issued: [...(state.issued ?? []), serial] };
  return says("good", "Issued", `${serial} to ${state.officer}`, after, { kind: "issue", body: bodyOf(serial, null, state) });
}

function giveBack(serial, holder, state) {
  const isFaulty = state.mode === "faulty";
  const issued = (state.issued ?? []).filter((other) => other !== serial);
  const body = { ...bodyOf(serial, holder, state), officer: null };
  const detail = `${serial}${holder ? ` from ${holder}` : ""}${isFaulty ? ": put it aside, it is quarantined" : ""}`;
  return says("good", isFaulty ? "Returned, faulty" : "Returned", detail, { ...state, issued }, { kind: "return", body });
}

function ask(serial, holder, state) {
  const detail = `${serial} is out to ${holder}. Scan it once more to return it and issue it to ${state.officer}.`;
  return says("caution", `Out to ${holder}`, detail, { ...state, take_over: serial });
}

function takeOver(serial, holder, state) {
  const barred = inTheWayOf(state.officer);
  if (barred) return refuses(barred.what, state, barred.rule);
  const after = { ...state, issued: [...(state.issued ?? []), serial] };
  const act = { kind: "take-over", body: bodyOf(serial, holder, state) };
  return says("good", `Taken over from ${holder}`, `${serial} to ${state.officer}`, after, act);
}

/** Who has the camera of an act before it, so that undoing the act can say so again. */
export const before = ({ body }) => (body?.camera ? (list.out[serialOf(body.camera)] ?? null) : null);
