// What changes by itself is fetched again. Every page works without this as well.
"use strict";

const live = document.getElementById("live");
if (live) {
  const seconds = Number(live.dataset.refresh);
  const stale = document.getElementById("stale");
  const said = stale.textContent;
  // A reader is told by what changes: so it is empty until something is the matter.
  stale.textContent = "";
  stale.hidden = false;
  const isInUse = () => live.contains(document.activeElement) || live.querySelector("details[open]");
  setInterval(async () => {
    if (document.hidden || isInUse()) return;
    try {
      // Nobody has asked for it: it keeps no login alive.
      const answer = await fetch(location.href, { redirect: "error", headers: { "X-Refresh": "1" } });
      if (!answer.ok) throw new Error(answer.status);
      if (stale.textContent) stale.textContent = "";
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("live");
      if (!fresh || isInUse()) return;
      live.replaceChildren(...fresh.childNodes);
      const nav = document.querySelector("nav");
      if (!nav.contains(document.activeElement)) nav.replaceChildren(...page.querySelector("nav").childNodes);
    } catch {
      // What is shown stays, with the time at which it was looked at.
      if (!stale.textContent) stale.textContent = said;
    }
  }, seconds * 1000);
}
