/*
 * Keeps the files of the build. The build writes two tables before this, of the path of each file and the hash of its
 * content: AT_ONCE, what the page is made of, and WHEN_USED, what is large and may never be asked for.
 */

const FILES = { ...AT_ONCE, ...WHEN_USED };
const SCOPE = registration.scope;
const CACHE = `infini-transformer ${SCOPE}`;

/** Where a file is kept: content that has not changed is not fetched again for a new version. */
const keyOf = (path) => `${SCOPE}${path}?${FILES[path]}`;

addEventListener("install", (event) => event.waitUntil(keepAll(Object.keys(AT_ONCE))));
addEventListener("activate", (event) => event.waitUntil(Promise.all([clients.claim(), forgetFormer()])));
// Sent where the runtime of WebGPU is used, which it may have been before this worker was there to keep it.
addEventListener("message", (event) => event.waitUntil(keepAll(Object.keys(WHEN_USED).filter(isAsset))));
addEventListener("fetch", (event) => {
  const path = pathOf(event.request);
  if (path === undefined) return;
  // Files whose name has their hash never change; of the others the host has the newest.
  event.respondWith(isAsset(path) ? keptFirst(event, path) : hostFirst(event, path));
});

function isAsset(path) {
  return path.startsWith("assets/");
}

async function keepAll(paths) {
  const cache = await caches.open(CACHE);
  for (const path of paths) {
    if (await cache.match(keyOf(path))) continue;
    const response = await fetchOnce(path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    await cache.put(keyOf(path), response);
  }
}

/** What the page has just fetched is taken from the browser's own cache, of any age, if it is what the build has. */
async function fetchOnce(path) {
  const response = await fetch(SCOPE + path, { cache: "force-cache" });
  return (await hashOf(response.clone())) === FILES[path] ? response : fetch(SCOPE + path, { cache: "reload" });
}

/** As the build makes it. */
async function hashOf(response) {
  const hash = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .slice(0, 16);
}

async function forgetFormer() {
  const cache = await caches.open(CACHE);
  const current = new Set(Object.keys(FILES).map(keyOf));
  for (const { url } of await cache.keys()) if (!current.has(url)) await cache.delete(url);
}

async function keptFirst(event, path) {
  return (await kept(path)) ?? fetchToKeep(event, path);
}

async function hostFirst(event, path) {
  return fetchToKeep(event, path).catch(async () => (await kept(path)) ?? Response.error());
}

async function kept(path) {
  const cache = await caches.open(CACHE);
  return cache.match(keyOf(path));
}

async function fetchToKeep(event, path) {
  const response = await fetch(event.request);
  if (path in WHEN_USED && response.ok) event.waitUntil(keep(path, response.clone()));
  return response;
}

async function keep(path, response) {
  const cache = await caches.open(CACHE);
  await cache.put(keyOf(path), response);
}

/** The path of a file of the build, or nothing. That of the page is empty: some hosts redirect `index.html`. */
function pathOf({ method, url }) {
  const [address] = url.split(/[?#]/);
  if (method !== "GET" || !address.startsWith(SCOPE)) return undefined;
  const path = address.slice(SCOPE.length).replace(/^index\.html$/, "");
  return path in FILES ? path : undefined;
}
