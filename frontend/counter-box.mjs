// The one box that takes any scan, wherever the focus is.
import { part } from "./counter-view.mjs";

export const box = part("box");

/** Hand every entry to `enqueue`. */
export function catchScans(enqueue) {
  part("form").addEventListener("submit", (event) => {
    event.preventDefault();
    enqueue(box.value);
    box.value = "";
  });
  document.addEventListener("keydown", keyDown, true);
}

// A key that types a character belongs to the box, wherever the focus is: moving the focus while the key goes down
// lets the browser put the character there. So a scan's Enter finds the box, never a button. A space presses the
// button it is on, as anybody who works by keyboard expects. Another part's own fields keep their keys.
function keyDown(event) {
  const typesCharacter = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!typesCharacter || event.target === box || event.isComposing) return;
  if (event.target.closest?.("[data-counter-keys]")) return;
  if (event.key === " " && event.target !== document.body) return;
  box.focus();
}
