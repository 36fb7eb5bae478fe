// What changes by itself is fetched again. Every page works without this as well.
"use strict";

const live = document.getElementById("live");
if (live) {
  const seconds = Number(live.dataset.refresh);
  const stale = document.getElementById("stale");
  const said = stale.textContent;
  // A reader is told by what changes: so it is empty until something is the matter.
  const tell = (words) => {
    if (stale.textContent !== words) stale.textContent = words;
  };
  tell("");
  stale.hidden = false;
  let shownSince = Date.now();
  // Whoever reads a detail, or stands on a link, does not have it taken away.
  const isInUse = () => live.contains(document.activeElement) || live.querySelector("details[open]");
  const isOld = () => Date.now() - shownSince > Number(live.dataset.old) * 1000;
  setInterval(async () => {
    if (document.hidden) return;
    try {
      // Nobody has asked for it: it keeps no login alive.
      const answer = await fetch(location.href, { redirect: "error", headers: { "X-Refresh": "1" } });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("live");
      if (!fresh) throw new Error("another page");
      if (isInUse()) {
        tell(isOld() ? stale.dataset.kept : "");
        return;
      }
      live.replaceChildren(...fresh.childNodes);
      shownSince = Date.now();
      tell("");
      const nav = document.querySelector("nav");
      if (!nav.contains(document.activeElement)) nav.replaceChildren(...page.querySelector("nav").childNodes);
    } catch {
      // What is shown stays, with the time at which it was looked at.
      tell(said);
    }
  }, seconds * 1000);
}
