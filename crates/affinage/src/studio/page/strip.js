// The strip on top of every page of the studio: the rooms in the order of the story, how far each is, and what is next.
// The desk and the vote are pages of their own with names of their own, so nothing here is global but `strip`.
"use strict";

const strip = (() => {
  const base = document.currentScript.getAttribute("src").replace("strip.js", "");
  const signs = { done: "✓", stale: "↻", lacking: "!", next: "→", empty: "" };
  const words = { done: "done", stale: "changed since", lacking: "too little", next: "next", empty: "not yet" };
  const nav = element("nav", { class: "strip", "aria-label": "The rooms of the studio" });
  const list = element("ol", {});
  const sentence = element("p", { class: "strip-says" });
  const listeners = [];
  let state = null;

  /** The room that this page shows. */
  function here() {
    if (base) return location.pathname.split("/").at(-1 - base.length / "../".length);
    return location.hash.slice(1).split("?")[0] || "start";
  }

  function draw() {
    if (!state) return;
    const at = here();
    state.rooms.forEach((room, i) => {
      let item = list.children[i];
      if (!item) {
        item = element("li", {}, element("a", {}, element("span", { class: "strip-sign", "aria-hidden": "true" }), element("span", { class: "strip-title" }), element("span", { class: "hidden" })));
        list.append(item);
      }
      const link = item.firstElementChild;
      const [sign, title, said] = link.children;
      link.setAttribute("href", base + room.href);
      link.title = room.sentence;
      item.className = room.state;
      if (room.name === at) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      put(sign, signs[room.state]);
      put(title, room.title);
      put(said, `, ${words[room.state]}: ${room.sentence}`);
    });
    const next = state.rooms.find((room) => room.state === "next" || room.state === "stale");
    const room = state.rooms.find((one) => one.name === at);
    const says = [room ? `${capital(room.sentence)}${/[.?]$/.test(room.sentence) ? "" : "."}` : "", next && next !== room ? ` Next: ${next.title.toLowerCase()}; ${next.sentence}${/[.?]$/.test(next.sentence) ? "" : "."}` : ""].join("");
    put(sentence, says);
  }

  /** Sets a text where it is another one, so that nothing is read aloud or drawn again in vain. */
  function put(at, text) {
    if (at.textContent !== text) at.textContent = text;
  }

  /** Moves the focus to the heading of what is shown. */
  function toHeading() {
    const at = document.querySelector("main h1") ?? document.getElementById("main") ?? document.querySelector("main");
    if (!at) return;
    at.tabIndex = -1;
    at.focus({ preventScroll: true });
  }

  async function refresh() {
    state = await get(`${base}api/state`);
    draw();
    listeners.forEach((listener) => listener(state));
    return state;
  }

  nav.append(element("a", { class: "strip-name", href: `${base}#start` }, "affinage"), list, sentence);
  document.body.prepend(element("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); toHeading(); } }, "To the content"), nav);
  addEventListener("hashchange", draw);
  addEventListener("focus", () => refresh().catch(() => {}));
  const ready = refresh().catch((error) => { sentence.textContent = error.message; });
  // A vote or a decision is on its page before the strip would look again.
  let soon = null;
  addEventListener("stored", () => {
    if (!["vote", "choose"].includes(here())) return;
    clearTimeout(soon);
    soon = setTimeout(() => refresh().catch(() => {}), 400);
  });
  if (base) setInterval(() => { if (!document.hidden) refresh().catch(() => {}); }, 10000);
  return { refresh, ready, listen: (listener) => listeners.push(listener), now: () => state, put, here, toHeading };
})();
