// A stocktake's page: scans are caught wherever the focus is, sent one after the other, and answered in large letters.
// A scan whose answer was lost is sent again under its own key. Counts and list follow what others scan elsewhere.
import { newId, pause, pauseAfter } from "./sending.mjs";
import { beep, isLoud, setSound } from "./sound.mjs";
import { typedInto } from "./typing.mjs";

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000];
const LOOK_AGAIN_MS = 2_000;

const page = document.getElementById("stocktake");
const part = (name) => document.getElementById(`stocktake-${name}`);
const box = part("box");
const here = `/stocktakes/${page.dataset.number}`;
const kept = `stocktake-${page.dataset.number}`;
const csrfToken = document.querySelector("meta[name=csrf-token]").content;

const queue = restored();
let isWorking = false;

// ---- Catching scans -------------------------------------------------------------------------------------------------

part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value.trim();
  box.value = "";
  if (!text) return;
  queue.push({ id: newId(), text });
  keep();
  work();
});

typedInto(box);

// ---- Sending them ---------------------------------------------------------------------------------------------------

async function work() {
  if (isWorking) return;
  isWorking = true;
  while (queue.length) {
    const answer = await sent(queue[0]);
    queue.shift();
    keep();
    say(answer.tone, answer.title, answer.detail);
    showWaiting();
  }
  isWorking = false;
  look();
}

async function sent(scan) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await fetch(`${here}/scans`, {
        method: "POST",
        headers: {
          Accept: "application/json",
          "Content-Type": "application/json",
          "X-CSRFToken": csrfToken,
          "Idempotency-Key": scan.id,
        },
        body: JSON.stringify({ scans: [scan.text] }),
        redirect: "error",
      });
      if (response.ok) return await response.json();
      if (response.status === 401 || response.status === 423) return location.reload();
      if (response.status < 500) {
        const problem = await response.json();
        return { tone: "bad", title: "Refused", detail: `${scan.text}: ${problem.detail}` };
      }
    } catch {
      // The network is gone, or the answer was cut off: the same key makes sending it again harmless.
    }
    showWaiting("The service does not answer. What was scanned is kept here and sent again.");
    await pauseAfter(RETRY_MS, attempt);
  }
}

function keep() {
  sessionStorage.setItem(kept, JSON.stringify(queue));
}

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(kept)) ?? [];
  } catch {
    return [];
  }
}

// ---- Showing what happened ------------------------------------------------------------------------------------------

function say(tone, word, detail) {
  part("answer").className = `counter__answer counter__answer--${tone} stocktake-answer`;
  part("word").textContent = word;
  part("detail").textContent = detail;
  beep(tone);
}

function showWaiting(why) {
  const behind = queue.length > 1 ? `${queue.length} scans are waiting.` : "";
  const text = [why, behind].filter(Boolean).join(" ");
  part("waiting").textContent = text;
  part("waiting").hidden = !text;
}

part("sound").addEventListener("click", () => {
  setSound(part("sound"), !isLoud());
  box.focus();
});

// ---- Following what others scan -------------------------------------------------------------------------------------

/** Put counts and list as they are now in place; the list stays while somebody chooses in it. */
async function look() {
  try {
    const response = await fetch(`${here}/live${location.search || `?list=${page.dataset.list}`}`);
    if (!response.ok) return;
    const now = new DOMParser().parseFromString(await response.text(), "text/html");
    part("counts").replaceWith(now.getElementById("stocktake-counts"));
    const list = part("list");
    const isInUse = list.contains(document.activeElement) || list.querySelector("input:checked");
    if (!isInUse) list.replaceWith(now.getElementById("stocktake-list"));
  } catch {
    // The next look may find the service again.
  }
}

async function follow() {
  for (;;) {
    await pause(LOOK_AGAIN_MS);
    if (!document.hidden && !isWorking) await look();
  }
}

box.focus();
page.dataset.ready = "true";
work();
follow();
