// The backend of the page in the room: every vote is one request, which is answered after it is stored.
"use strict";

const backend = {
  async state() {
    const state = await get("api/state");
    const other = state.is_author && !state.done ? " If somebody else wrote the training texts, close this page and vote under another name: affinage vote --as NAME." : "";
    return { ...state, place: `Every vote is saved at once on this machine; close the page when you like and come back.${other}` };
  },
  async vote(id, said, ms) { return post("api/vote", { id, said, ms }); },
  async undo() { return post("api/undo"); },
  async again() { return post("api/again"); },
  async end(state, undo, again) {
    if (!state.total) {
      return element("section", { class: "end" }, element("h1", {}, "There is nothing to vote on"),
        element("p", {}, "The answers of this evaluation are equal, or there are none."));
    }
    const section = element("section", { class: "end" },
      element("h1", {}, state.skipped ? skippedWords(state) : "Done"),
      element("p", {}, state.skipped ? `${missingWords(state)} Once you have seen who wrote what, you can neither vote on ${state.skipped === 1 ? "it" : "them"} nor take a vote back.`
        : "Every pair has your vote. Once you have seen who wrote what, you cannot take a vote back."),
      element("p", { class: "row" }, state.skipped ? element("button", { class: "main", onclick: again }, state.skipped === 1 ? "Vote on it now" : "Vote on them now") : null,
        element("button", { class: state.skipped ? null : "main", onclick: () => show(section) }, "Show who wrote what"),
        element("button", { onclick: undo, disabled: !state.can_undo }, "Take the last one back")));
    if (state.is_revealed) await show(section);
    return section;
  },
};

async function show(section) {
  const found = await post("api/reveal");
  section.replaceChildren(...[
    element("h1", {}, "Who wrote what"),
    element("p", { class: "verdict" }, inCode(found.sentence.replaceAll(" %", "\u202f%"))),
    found.checks.length ? element("h2", {}, "Were the votes given with care?") : null,
    ...found.checks.map((line) => element("p", {}, inCode(line))),
    found.checks.length ? element("p", { class: "soft" }, "To see this, some pairs were shown again, and some were planted: a text beside a damaged copy of it. Neither counts in the figure above.") : null,
    element("h2", {}, found.agreement.length ? "Do the others agree with you?" : "Does anybody agree with you?"),
    found.agreement.length ? element("table", {},
      element("tr", {}, element("th", {}, "who"), element("th", { class: "num" }, "same winner"), element("th", { class: "num" }, "likely between"), element("th", { class: "num" }, "pairs")),
      found.agreement.map((row) => element("tr", {}, element("td", {}, row.judge), element("td", { class: "num" }, row.share), element("td", { class: "num" }, row.interval), element("td", { class: "num" }, row.pairs))))
      : element("p", {}, "Nobody else has compared these pairs yet."),
    typeof strip === "undefined" ? null : element("p", {}, element("a", { class: "button", href: "../#report" }, "To the report")),
    element("p", { class: "soft" }, inCode(found.report))].filter(Boolean));
  say("");
}
