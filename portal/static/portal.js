// Keeps what is live fresh: fetches the page that is open and swaps the parts marked data-live. Without it, reload.
"use strict";

const slowest = 60;
const every = Math.min(...[...document.querySelectorAll("[data-refresh]")].map((part) => Number(part.dataset.refresh)));

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || part.contains(document.activeElement) || part.querySelector("details[open]")) continue;
    if (fresh.outerHTML !== part.outerHTML) part.replaceWith(document.adoptNode(fresh));
  }
}

async function keepFresh(wait) {
  await new Promise((done) => setTimeout(done, wait * 1000));
  let next = every;
  if (!document.hidden) {
    try {
      await refresh();
      document.documentElement.classList.remove("stale");
    } catch {
      document.documentElement.classList.add("stale");
      next = Math.min(wait * 2, slowest);
    }
  }
  keepFresh(next);
}

if (Number.isFinite(every)) keepFresh(every);
