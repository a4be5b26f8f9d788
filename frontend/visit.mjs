// A visit's own page, where it can still be acknowledged: no queue, the page is loaded again when it is done.
import { acknowledgePanel } from "./counter-panel.mjs";

const csrfToken = document.querySelector("meta[name=csrf-token]").content;
let isSending = false;

const panel = acknowledgePanel({ give });

async function give(given) {
  if (isSending) return;
  isSending = true;
  try {
    const response = await fetch(panel.panel.dataset.href, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": csrfToken },
      body: JSON.stringify(given),
      redirect: "error",
    });
    if (response.ok) return window.location.reload();
    panel.say((await response.json()).detail);
  } catch {
    panel.say("The service does not answer. Nothing is lost: try again in a moment.");
  } finally {
    isSending = false;
  }
}
