/* Keeps every file of the build. The build writes FILES before this: the path of each, and the hash of its content. */

const SCOPE = registration.scope;
const CACHE = `infini-transformer ${SCOPE}`;

/** Where a file is kept: content that has not changed is not fetched again for a new version. */
const keyOf = (path) => `${SCOPE}${path}?${FILES[path]}`;

addEventListener("install", (event) => event.waitUntil(keepAll()));
addEventListener("activate", (event) => event.waitUntil(forgetFormer()));
addEventListener("fetch", (event) => {
  const path = pathOf(event.request);
  if (path in FILES) event.respondWith(respond(event.request, path));
});

async function keepAll() {
  const cache = await caches.open(CACHE);
  for (const path of Object.keys(FILES)) {
    if (await cache.match(keyOf(path))) continue;
    const response = await fetch(SCOPE + path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    await cache.put(keyOf(path), response);
  }
}

async function forgetFormer() {
  const cache = await caches.open(CACHE);
  const kept = new Set(Object.keys(FILES).map(keyOf));
  for (const { url } of await cache.keys()) if (!kept.has(url)) await cache.delete(url);
}

/** Files whose name has their hash never change; of the others the host has the newest. */
async function respond(request, path) {
  const kept = () => caches.open(CACHE).then((cache) => cache.match(keyOf(path)));
  if (path.startsWith("assets/")) return (await kept()) ?? fetch(request);
  return fetch(request).catch(async () => (await kept()) ?? Response.error());
}

function pathOf({ method, url }) {
  const [address] = url.split(/[?#]/);
  if (method !== "GET" || !address.startsWith(SCOPE)) return "";
  return address.slice(SCOPE.length) || "index.html";
}
