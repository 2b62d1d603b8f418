// The backend of a pack: items stand in the page, votes stay in this browser until they are saved as a file.
"use strict";

const pack = JSON.parse(document.getElementById("pack").textContent);
const place = `affinage-votes-${pack.pack_id}`;

/** Votes so far, in order: `{id, said, ms, at}`. A browser that keeps nothing for files keeps them while the page is open. */
let votes = [];
try { votes = JSON.parse(localStorage.getItem(place)) ?? []; } catch { votes = []; }

function keep() {
  try { localStorage.setItem(place, JSON.stringify(votes)); } catch { /* kept while the page is open */ }
}

function current() {
  const said = new Set(votes.map((vote) => vote.id));
  const item = pack.items.find((candidate) => !said.has(candidate.id)) ?? null;
  return { total: pack.items.length, pairs: pack.pairs_shown, is_author: pack.is_author, own_first: pack.own_first, done: votes.length, skipped: votes.filter((vote) => vote.said === "skip").length, item, can_undo: votes.length > 0 };
}

const backend = {
  async state() {
    return { ...current(), place: "Nothing is sent anywhere: at the end you save a file and give it back to whoever sent you this page." };
  },
  async vote(id, said, ms) {
    votes.push({ id, said, ms, at: new Date().toISOString() });
    keep();
    return current();
  },
  async undo() {
    votes.pop();
    keep();
    return current();
  },
  async again() {
    votes = votes.filter((vote) => vote.said !== "skip");
    keep();
    return current();
  },
  async end(state, undo, again) {
    const text = JSON.stringify({ affinage_votes: 1, pack_id: pack.pack_id, voter: pack.voter, pairs: pack.pairs, votes });
    const name = `votes-${pack.voter.replace(/^[a-z]+:/, "")}.json`;
    const link = element("a", { class: "button", href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: name,
      onclick: () => say(`${name} is among your downloads: send it back`) }, `Save ${name}`);
    return element("section", { class: "end" },
      element("h1", {}, state.skipped ? `Done, ${skippedWords(state)}` : "Done, thank you"),
      state.skipped ? element("p", {}, missingWords(state), " ", element("button", { onclick: again }, state.skipped === 1 ? "Vote on it now" : "Vote on them now")) : null,
      element("p", {}, "Save your votes and send the file back. Who wrote what is shown to you by the person who asked you: it is not in this page."),
      element("p", { class: "row" }, link, element("button", { onclick: undo }, "Take the last one back")));
  },
};
