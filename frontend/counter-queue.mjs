// What was scanned and is not answered yet, kept in the browser's database: closing the tab, the browser or the laptop
// loses nothing. All tabs of a browser share one queue, in the order of their scans.
//
// Writes are gathered: while one transaction is being written, what comes meanwhile waits for the next. Each is on the
// disk before its promise is kept.

const DATABASE = "fleet-counter";
const CHANNEL = "fleet-counter";
const TRIED_AGAIN_MS = 5_000;

let database = null;
let trouble = "";
let pending = [];
let isWriting = false;
let notice = () => {};
const memory = { acts: new Map(), kept: new Map(), seq: 0 };
const channel = "BroadcastChannel" in window ? new BroadcastChannel(CHANNEL) : null;

/** Open the database. Without one (a private window, a full disk) the queue lives as long as the page, which says so. */
export async function open() {
  try {
    database = await opened();
    database.onversionchange = () => database.close();
  } catch (error) {
    trouble = `This browser cannot keep what is scanned (${error?.name ?? "unknown reason"}).`;
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("acts", { keyPath: "id" });
      request.result.createObjectStore("kept");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

/** Why what is scanned would not outlive this page, just now; empty when it would. */
export const problem = () => trouble;

/** Call back when there is such a reason, or none any more. */
export function onProblem(callback) {
  notice = callback;
}

/** Ask the browser not to throw the queue away when its disk fills up; false when it does not promise that. */
export async function persist() {
  if (!navigator.storage?.persist) return false;
  return (await navigator.storage.persisted()) || navigator.storage.persist();
}

/** Keep a new act, after all that are kept; resolved when it is on the disk, with whether it is. */
export const add = (act) => write({ store: "acts", act, isNew: true });

/** Keep what changed in an act, if it is still there. */
export const change = (act) => write({ store: "acts", act });

/** Forget an act that was answered. */
export const remove = (act) => write({ store: "acts", gone: act.id });

/** Put one act in another's place, both or neither. */
export const replace = (old, act) => Promise.all([remove(old), add(act)]).then((done) => done.every(Boolean));

/** Keep a value under a name. */
export const put = (name, value) => write({ store: "kept", name, value });

/** All acts in the order of their scans. */
export async function all() {
  if (!database) return [...memory.acts.values()];
  const acts = await read("acts", (store) => store.getAll());
  acts.sort((one, other) => one.seq - other.seq);
  // What could not be written yet is the newest, and here all the same.
  const known = new Set(acts.map(({ id }) => id));
  return [...acts, ...pending.filter(({ act, isNew }) => isNew && !known.has(act.id)).map(({ act }) => act)];
}

/** The value that is kept under a name. */
export async function get(name) {
  return database ? read("kept", (store) => store.get(name)) : memory.kept.get(name);
}

/** Call back when another tab changed the queue, or something that is kept. */
export function onChange(callback) {
  channel?.addEventListener("message", ({ data }) => callback(data));
}

/** Tell the other tabs something. */
export const tell = (what) => channel?.postMessage(what);

function read(name, ask) {
  return new Promise((resolve, reject) => {
    const request = ask(database.transaction(name).objectStore(name));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function write(operation) {
  if (!database) {
    remember(operation);
    return Promise.resolve(false);
  }
  return new Promise((resolve) => {
    pending.push({ ...operation, resolve });
    // The disk refuses just now: nobody is kept waiting for what may take long.
    if (trouble) resolve(false);
    flush();
  });
}

/** What serves when there is no database. */
function remember({ store, act, isNew, gone, name, value }) {
  if (store === "kept") memory.kept.set(name, value);
  else if (gone) memory.acts.delete(gone);
  else if (isNew || memory.acts.has(act.id)) {
    if (isNew) act.seq = memory.seq += 1;
    memory.acts.set(act.id, act);
  }
}

function flush() {
  if (isWriting || !pending.length) return;
  isWriting = true;
  const batch = pending;
  pending = [];
  try {
    const transaction = database.transaction(["acts", "kept"], "readwrite", { durability: "strict" });
    transaction.oncomplete = () => written(batch);
    transaction.onabort = () => failed(transaction.error, batch);
    carryOut(transaction, batch);
  } catch (error) {
    failed(error, batch);
  }
}

function written(batch) {
  isWriting = false;
  if (trouble) setTrouble("");
  batch.forEach(({ resolve }) => resolve(true));
  tell("changed");
  flush();
}

function setTrouble(text) {
  trouble = text;
  notice();
}

/** A full disk may have room again: it is tried until it takes it, while the page says what is the matter. */
function failed(error, batch) {
  setTrouble(`What is scanned cannot be kept on this disk (${error?.name ?? "unknown reason"}). Do not close this page.`);
  batch.forEach(({ resolve }) => resolve(false));
  pending = [...batch, ...pending];
  setTimeout(() => {
    isWriting = false;
    flush();
  }, TRIED_AGAIN_MS);
}

function carryOut(transaction, batch) {
  const acts = transaction.objectStore("acts");
  const kept = transaction.objectStore("kept");
  // Tabs take their numbers from one counter, inside the transaction, so that the order is the same for all.
  kept.get("seq").onsuccess = ({ target }) => {
    let seq = target.result ?? 0;
    for (const { store, act, isNew, gone, name, value } of batch) {
      if (store === "kept") kept.put(value, name);
      else if (gone) acts.delete(gone);
      else if (isNew) {
        act.seq = seq += 1;
        acts.put(act);
      } else {
        // Another tab may have sent it meanwhile; what is gone stays gone.
        acts.getKey(act.id).onsuccess = (event) => event.target.result !== undefined && acts.put(act);
      }
    }
    kept.put(seq, "seq");
  };
}
