// The armoury takes scans without leaving the page: a browser drops what is typed while it goes to another, and a
// scanner is quicker than that. Each scan is sent when the one before it was answered, with what that one found.
import { typedInto } from "./typing.mjs";

const form = document.getElementById("scan-form");
const box = document.getElementById("scanned");
const label = document.querySelector("label[for=scanned]");

let last = Promise.resolve();

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = box.value.trim();
  box.value = "";
  if (text) last = last.then(() => take(text));
});

typedInto(box);

async function take(text) {
  // What was found so far lies in hidden fields of the part that the answer replaces.
  const body = new FormData(form);
  body.set("scanned", text);
  try {
    const answer = await fetch("/armoury", { method: "POST", body, headers: { "HX-Request": "true" } });
    if (answer.status === 401) return window.location.reload();
    if (!answer.ok) throw new Error(`${answer.status}`);
    show(await answer.text());
  } catch {
    const status = document.getElementById("page-status");
    status.textContent = `The scan ${text} could not be taken. Scan it again.`;
    status.hidden = false;
  }
}

function show(html) {
  const state = document.getElementById("scan-state");
  state.outerHTML = html;
  const shown = document.getElementById("scan-state");
  window.htmx.process(shown);
  label.textContent = shown.dataset.asks;
  document.getElementById("page-status").hidden = true;
}
