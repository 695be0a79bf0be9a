// What changes on a page is told over one stream, and asked for while there is none. A page that
// nobody looks at has no stream: a browser keeps few lines to one host, for all of its tabs.
"use strict";

const live = (() => {
  const TRY_AGAIN_MS = 30000;

  // `tell` gets what a stream says, `ask` fetches the same, `say` is told how things stand.
  const follow = ({ address, tell, ask, say, askMs = 5000 }) => {
    let stream = null;
    let asking = null;
    let again = null;

    const stopAsking = () => { clearTimeout(asking); asking = null; };
    const askOn = async () => {
      if (document.hidden) { asking = null; return; }
      try {
        await ask();
        say("asking");
      } catch {
        say("lost");
      }
      if (asking !== null) asking = setTimeout(askOn, askMs);
    };
    const startAsking = () => { if (asking === null) asking = setTimeout(askOn, 0); };

    const close = () => {
      stopAsking();
      clearTimeout(again);
      if (stream) stream.close();
      stream = null;
    };
    const open = () => {
      close();
      stream = new EventSource(address());
      stream.onopen = () => { stopAsking(); say("live"); };
      stream.onmessage = (event) => { stopAsking(); say("live"); tell(JSON.parse(event.data)); };
      stream.onerror = () => {
        // A line that broke is tried again by the browser itself, with what was told last.
        if (stream.readyState === EventSource.CLOSED) again = setTimeout(open, TRY_AGAIN_MS * (0.5 + Math.random()));
        startAsking();
      };
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
    if (!document.hidden) open();
  };

  // --- pages whose parts are told as the server wrote them

  // What its reader is busy with waits until they are done.
  const waiting = new Map();
  const isBusy = (part) => part.contains(document.activeElement) || part.querySelector("input:checked") !== null;

  const put = (name, html) => {
    const part = document.getElementById(name);
    if (!part) return;
    if (isBusy(part)) { waiting.set(name, html); return; }
    waiting.delete(name);
    const next = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    if (!next || next.outerHTML === part.outerHTML) return;
    const open = new Map([...part.querySelectorAll("details[data-key]")].map((one) => [one.dataset.key, one.open]));
    part.replaceWith(document.adoptNode(next));
    for (const one of next.querySelectorAll("details[data-key]")) if (open.has(one.dataset.key)) one.open = open.get(one.dataset.key);
  };
  const take = (parts) => {
    for (const [name, html] of Object.entries(parts)) put(name, html);
    document.dispatchEvent(new Event("live"));
  };
  const here = () => location.pathname + location.search;
  const ask = async () => {
    const answer = await fetch(here(), { headers: { Accept: "text/html" } });
    // Whoever is led to the login, or into another page, has to see that.
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    take(Object.fromEntries([...fresh.querySelectorAll("[data-live]")].map((one) => [one.id, one.outerHTML])));
  };
  const say = (word) => {
    const line = document.querySelector("[data-live-word]");
    if (line) line.textContent = line.dataset[`${word}Word`];
  };
  const start = () => {
    if (!document.querySelector("[data-live]")) return;
    setInterval(() => { for (const [name, html] of [...waiting]) put(name, html); }, 1000);
    follow({ address: here, tell: (told) => take(told.parts), ask, say });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
  return { follow };
})();
