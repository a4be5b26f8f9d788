// The number of the tab, made at random.
import { newId } from "./sending.mjs";

/** A tab has a number of its own, kept through reloads; a copy of a tab gets another. */
export async function numberOf() {
  const kept = sessionStorage.getItem("counter tab");
  for (const number of [kept, newId()]) {
    if (number && (await isOwn(number))) {
      sessionStorage.setItem("counter tab", number);
      return number;
    }
  }
  return newId();
}

function isOwn(number) {
  if (!navigator.locks) return true;
  return new Promise((resolve) => {
    // Waits a moment for the page before this one to let go of it; then holds it for as long as this page lives.
    const signal = AbortSignal.timeout(500);
    const held = navigator.locks.request(`fleet-counter-tab-${number}`, { signal }, () => {
      resolve(true);
      return new Promise(() => {});
    });
    held.catch(() => resolve(false));
  });
}
