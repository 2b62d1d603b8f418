// The backend of the page in the room: every vote is one request, which is answered after it is stored.
"use strict";

const backend = {
  async state() {
    return { ...await get("api/state"), place: "Every vote is saved at once on this machine; close the page when you like and come back." };
  },
  async vote(id, said, ms) { return post("api/vote", { id, said, ms }); },
  async undo() { return post("api/undo"); },
  async end(state, undo) {
    if (!state.total) {
      return element("section", { class: "end" }, element("h1", {}, "There is nothing to vote on"),
        element("p", {}, "The answers of this evaluation are equal, or there are none."));
    }
    const section = element("section", { class: "end" },
      element("h1", {}, "Done"),
      element("p", {}, "You have been through all pairs. Once you have seen who wrote what, your votes can no longer be taken back."),
      element("button", { class: "main", onclick: () => show(section) }, "Show who wrote what"), " ",
      element("button", { onclick: undo, disabled: !state.can_undo }, "Take the last one back"));
    if (state.is_revealed) await show(section);
    return section;
  },
};

/** A text with what stands between backticks set as code. */
function names(text) {
  return text.split("`").map((part, i) => i % 2 ? element("code", {}, part) : part);
}

async function show(section) {
  const found = await post("api/reveal");
  section.replaceChildren(
    element("h1", {}, "Who wrote what"),
    element("p", { class: "verdict" }, names(found.sentence)),
    ...found.checks.map((line) => element("p", {}, line)),
    element("h2", {}, "Do the judges agree with you?"),
    found.agreement.length ? element("table", {},
      element("tr", {}, element("th", {}, "judge"), element("th", { class: "num" }, "same winner"), element("th", { class: "num" }, "95 %"), element("th", { class: "num" }, "pairs")),
      found.agreement.map((row) => element("tr", {}, element("td", {}, row.judge), element("td", { class: "num" }, row.share), element("td", { class: "num" }, row.interval), element("td", { class: "num" }, row.pairs))))
      : element("p", {}, "No judge has voted on these pairs yet."),
    element("p", { class: "soft" }, names(found.report)));
  say("");
}
