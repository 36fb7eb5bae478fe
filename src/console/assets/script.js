// What changes by itself is fetched again. Every page works without this as well.
"use strict";

const live = document.getElementById("live");
if (live) {
  const seconds = Number(live.dataset.refresh);
  setInterval(async () => {
    if (document.hidden || live.contains(document.activeElement)) return;
    try {
      const answer = await fetch(location.href, { redirect: "error" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("live");
      if (fresh) live.replaceChildren(...fresh.childNodes);
    } catch {
      // Not to be had, or logged out: what is shown stays, with the time at which it was looked at.
    }
  }, seconds * 1000);
}
