// Keeps the counter's page for when there is no line. The service writes VERSION and KEPT before this: a hash of all that
// the page is made of, and its parts' addresses. What is kept is the same for everybody, and holds nothing of anybody.

const NAME = `counter-${VERSION}`;
const OWN = "/counter/assets/";
const PATIENCE_MS = 4_000;

self.addEventListener("install", (event) => {
  // A scan is never held up by waking this worker first, where the browser lets us say so.
  event.addRoutes?.([{ condition: { requestMethod: "POST" }, source: "network" }]);
  event.waitUntil(keepAll());
});

/** All parts or none: a version that could not be kept whole is tried again at the next visit. */
async function keepAll() {
  const cache = await caches.open(NAME);
  await cache.addAll(KEPT.map((path) => new Request(path, { cache: "no-store", credentials: "omit" })));
  await self.skipWaiting();
}

self.addEventListener("activate", (event) => {
  event.waitUntil(replaceOlder());
});

async function replaceOlder() {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith("counter-") && name !== NAME);
  await Promise.all(older.map((name) => caches.delete(name)));
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin) return;
  if (mode === "navigate" && pathname === "/counter") event.respondWith(page(event.request));
  else if (pathname.startsWith(OWN)) event.respondWith(own(event.request));
  else if (KEPT.includes(pathname)) event.respondWith(shared(event.request));
});

const kept = async (path) => (await caches.open(NAME)).match(path);

/** The service's own page, which knows who is signed in; the kept one when the service does not answer. */
async function page(request) {
  try {
    const response = await inTime(fetch(request));
    if (![502, 503, 504].includes(response.status)) return response;
  } catch {
    // No line: the page that is kept says so.
  }
  return (await kept("/counter/shell")) ?? fetch(request);
}

/** A part of one version never changes, so the kept one is as good as any. */
async function own(request) {
  return (await kept(new URL(request.url).pathname)) ?? fetch(request);
}

/** What every page of the service shares has no version in its address: the service's is the newest. */
async function shared(request) {
  try {
    return await inTime(fetch(request));
  } catch {
    return (await kept(new URL(request.url).pathname)) ?? Response.error();
  }
}

function inTime(answer) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("too late")), PATIENCE_MS));
  return Promise.race([answer, late]);
}
