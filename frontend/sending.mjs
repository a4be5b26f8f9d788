// What it takes to send something until it is answered, and have it done once: an id of its own, and waits in between.

/** 32 hexadecimal digits. */
export function newId() {
  // crypto.randomUUID needs https or localhost; a store's intranet may have neither.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** How many milliseconds to wait after an attempt, the first being 0; after the last of `waits` always as long. */
export const waitAfter = (waits, attempt) => waits[Math.min(attempt, waits.length - 1)];

export const pauseAfter = (waits, attempt) => pause(waitAfter(waits, attempt));
