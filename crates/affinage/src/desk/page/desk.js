// The desk: one card at a time, a key for everything, and nothing kept in the page that the library does not have.
"use strict";

const desk = { card: null, next: null, chosen: null, busy: false };

async function start() {
  await showProgress();
  show(await get("api/card"));
}

async function showProgress() {
  const summary = await get("api/summary");
  document.getElementById("progress").textContent =
    `${number(summary.accepted)} accepted, ${number(summary.rejected)} rejected, ${counted(summary.candidates, "candidate")}`;
}

function show(card) {
  desk.card = card;
  desk.chosen = card ? (card.decision?.variant ?? card.variants[0].variant) : null;
  desk.next = card ? get("api/next", { of: card.id }) : null;
  draw();
}

function draw() {
  const main = document.getElementById("main");
  main.replaceChildren(desk.card ? cardView(desk.card, desk.chosen) : element("p", {}, "Every candidate has a decision."));
}

async function decide(action) {
  await post("api/decide", { id: desk.card.id, action, variant: action === "accept" ? desk.chosen : null });
  show(await desk.next);
  showProgress();
}

const actions = {
  a: ["Accept", () => decide("accept")],
  x: ["Reject", () => decide("reject")],
  j: ["Next", async () => show(await desk.next)],
  k: ["Previous", async () => { const card = await get("api/previous", { of: desk.card.id }); if (card) show(card); }],
};

async function act(key) {
  if (desk.busy || !desk.card) return;
  desk.busy = true;
  try {
    await actions[key][1]();
  } catch (error) {
    document.getElementById("said").textContent = error.message;
  } finally {
    desk.busy = false;
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const place = Number(event.key);
  if (desk.card && place >= 1 && place <= desk.card.variants.length) {
    desk.chosen = desk.card.variants[place - 1].variant;
    draw();
  } else if (actions[event.key]) {
    event.preventDefault();
    act(event.key);
  }
});

document.getElementById("keys").append(...Object.entries(actions).map(([key, [name]]) =>
  element("button", { onclick: () => act(key) }, element("kbd", {}, key), ` ${name}`)));
start();
