// At the counter: the panel stands while something was issued in the visit. By scanner and keypad alone: “pin”, then the
// PIN; “attest” is a scan like any other. What is given waits in the counter's queue behind the scans before it.
import { acknowledgePanel } from "./counter-panel.mjs";
import { acknowledge, present, scanned, takeEntries } from "./counter.mjs";

const PIN_WITHIN_MS = 60_000;
const PIN = /^[0-9]{6,12}$/;
const box = document.getElementById("counter-box");
const label = document.querySelector("label[for=counter-box]");
const usualLabel = label.textContent;
const hint = document.getElementById("counter-hint");
const usualHint = hint.textContent;
let asksPin = false;
let pinTimer;

const panel = acknowledgePanel({ give: acknowledge, onUse: scanned, onPin: () => askPin(true) });

document.addEventListener("counter:refused", ({ detail: { act, problem } }) => {
  if (act.given) panel.say(problem.detail);
});

function askPin(asks) {
  asksPin = asks;
  clearTimeout(pinTimer);
  // What is typed now is nobody else's to read, nor the browser's to remember.
  box.type = asks ? "password" : "text";
  box.inputMode = asks ? "numeric" : "text";
  label.textContent = asks ? "The officer’s PIN, then Enter" : usualLabel;
  hint.textContent = asks ? "What is typed is not shown. Escape, or any other scan, goes on without it." : usualHint;
  box.value = "";
  box.focus();
  if (asks) pinTimer = setTimeout(() => askPin(false), PIN_WITHIN_MS);
}

takeEntries((text) => {
  const word = text.replace(/^\*(.+)\*$/, "$1").toLowerCase();
  if (word === "pin") {
    askPin(true);
    scanned();
    return true;
  }
  if (word === "sign") {
    askPin(false);
    panel.open("sign");
    scanned();
    return true;
  }
  const isPin = asksPin && PIN.test(text);
  // Anything else than a PIN is the next scan: whoever was asked has gone on.
  if (asksPin) askPin(false);
  if (isPin) acknowledge({ method: "pin", pin: text, terms: panel.terms() });
  return isPin;
});

box.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && asksPin) askPin(false);
});

let visit = null;
let version = null;

function show({ state, isLocked, session }) {
  const isAsked = session && session.acknowledgement !== "off" && !isLocked;
  const issued = isAsked && state.visit ? (state.issued ?? []) : [];
  panel.panel.hidden = !issued.length;
  document.getElementById("acknowledge-what").textContent = issued.length
    ? `${state.officer} has ${issued.join(", ")} from this visit.`
    : "";
  const terms = session?.terms ?? null;
  if (terms?.version !== version) panel.showTerms(terms);
  version = terms?.version;
  // What one officer began to draw or type is not for the next.
  if (state.visit === visit && issued.length) return;
  visit = state.visit;
  panel.close();
}

document.addEventListener("counter:state", ({ detail }) => show(detail));
show(present());
