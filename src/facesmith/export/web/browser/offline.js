// Keeps the files of this site in the browser, so that it works without a network.
//
// `facesmith export-web` writes the list: each file, and the start of its SHA-256. A change of any
// changes this script, so that the browser takes up the new files together.

const FILES = {}; // written by facesmith export-web
const PREFIX = `facesmith ${new URL(registration.scope).pathname} `;
const NAME = PREFIX + "VERSION";

addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil(forget().then(() => self.clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || !address.href.startsWith(registration.scope)) return;
  address.search = address.hash = "";
  if (address.href === registration.scope) address.href += "index.html";
  const name = address.href.slice(registration.scope.length);
  if (Object.hasOwn(FILES, name)) event.respondWith(answer(address, request));
});

async function keep() {
  const cache = await caches.open(NAME);
  const addresses = Object.keys(FILES).map((name) => new URL(name, registration.scope));
  // The browser's own cache may hold a file of an earlier version: the server is asked for each.
  await cache.addAll(addresses.map((address) => new Request(address, { cache: "no-cache" })));
}

async function forget() {
  const names = await caches.keys();
  await Promise.all(
    names
      .filter((name) => name.startsWith(PREFIX) && name !== NAME)
      .map((name) => caches.delete(name)),
  );
}

async function answer(address, request) {
  const kept = await caches.open(NAME).then((cache) => cache.match(address));
  return kept ?? fetch(request);
}
