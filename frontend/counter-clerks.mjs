// Clerks whom this browser can recognise without a line: those who showed their badge to it while there was one. What is
// kept of a badge is a slow salted hash, of no use anywhere else; the badge itself has 80 random bits.
import * as queue from "./counter-queue.mjs";

const ROUNDS = 200_000;
const MOST = 30;
// As long as the service takes an act on a clerk's signed token (fleet/counter/clerks.py).
const GOOD_FOR_MS = 7 * 86_400_000;

const inHex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A clerk's badge and name, remembered with the token that the service signed for them. */
export async function remember(badge, clerk, token) {
  if (!crypto.subtle || !token) return;
  const salt = inHex(crypto.getRandomValues(new Uint8Array(16)));
  const known = (await queue.get("clerks")) ?? [];
  const others = known.filter((other) => other.clerk !== clerk).slice(-MOST + 1);
  await queue.put("clerks", [...others, { clerk, token, salt, hash: await hashed(badge, salt), at: Date.now() }]);
}

/** Whose badge this is: {clerk, token}; null if this browser cannot tell. */
export async function recognise(badge) {
  if (!crypto.subtle) return null;
  for (const known of (await queue.get("clerks")) ?? []) {
    const isGood = Date.now() - known.at < GOOD_FOR_MS;
    if (isGood && (await hashed(badge, known.salt)) === known.hash) return { clerk: known.clerk, token: known.token };
  }
  return null;
}

async function hashed(badge, salt) {
  const text = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", text.encode(badge.toUpperCase()), "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt: text.encode(salt), iterations: ROUNDS };
  return inHex(await crypto.subtle.deriveBits(parameters, key, 256));
}
