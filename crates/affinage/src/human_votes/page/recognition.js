// Which one did the author write? Nothing is sent; what was tapped stays in this browser.
"use strict";

const pack = JSON.parse(document.getElementById("pack").textContent);
const place = `affinage-recognition-${pack.pack_id}`;
const main = document.getElementById("main");
const author = pack.called ?? "the author";

/** The opening that was tapped on each screen so far: 0 or 1. */
let tapped = [];
try { tapped = JSON.parse(localStorage.getItem(place)) ?? []; } catch { tapped = []; }
tapped = tapped.slice(0, pack.items.length);

function keep() {
  try { localStorage.setItem(place, JSON.stringify(tapped)); } catch { /* kept while the page is open */ }
}

function draw() {
  const bar = document.getElementById("done");
  bar.max = pack.items.length;
  bar.value = tapped.length;
  document.getElementById("count").textContent = `${tapped.length} of ${pack.items.length}`;
  if (tapped.length < pack.items.length) screen(pack.items[tapped.length]);
  else end();
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function start() {
  main.replaceChildren(element("section", { class: "start" },
    element("h1", {}, `Which one did ${author} write?`),
    element("p", {}, `You see ${pack.items.length} questions, each with the beginnings of two answers. One was written by ${author}, the other by a small language model that learnt from other texts of ${author}. Tap the one that is real.`),
    element("p", { class: "soft" }, "Both beginnings are cut to the same length. Nothing is sent anywhere."),
    element("button", { class: "main", onclick: draw }, "Begin")));
  main.querySelector("button").focus();
}

function screen(item) {
  const card = (opening, index) => element("article", { class: "answer", role: "button", tabindex: "0", "aria-label": `Text ${index + 1} is real`, onclick: () => tap(index),
    onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); tap(index); } } },
  element("h2", {}, `Text ${index + 1}`), element("div", { class: "text" }, opening));
  main.replaceChildren(
    element("section", { class: "asked" }, element("p", { class: "what" }, `Which one did ${author} write?`),
      element("p", { class: item.question.length > 420 ? "turn long" : "turn" }, item.question)),
    element("div", { class: "answers" }, item.openings.map(card)),
    element("p", { class: "row" }, tapped.length ? element("button", { onclick: back }, "Take the last one back") : ""));
}

function tap(index) {
  tapped.push(index);
  keep();
  draw();
}

function back() {
  tapped.pop();
  keep();
  draw();
}

/** The chance that guessing alone is right in at least `right` of `all`. */
function byGuessing(right, all) {
  let ways = 1;
  let sum = 0;
  for (let k = 0; k <= all; k += 1) {
    if (k >= right) sum += ways;
    ways = (ways * (all - k)) / (k + 1);
  }
  return sum / 2 ** all;
}

function end() {
  const isRight = pack.items.map((item, i) => item.real === tapped[i]);
  const right = isRight.filter(Boolean).length;
  const all = pack.items.length;
  const share = Math.round(100 * byGuessing(right, all));
  const guessing = right > all / 2 ? `Whoever only guesses gets ${right} or more right in ${share < 1 ? "less than 1" : share} of 100 tries.`
    : "Whoever only guesses gets half of them right.";
  const canvas = element("canvas", { class: "picture", width: "1080", height: "1080", role: "img", "aria-label": `${right} of ${all} recognised` });
  paint(canvas, isRight);
  const save = element("button", { class: "main", onclick: () => canvas.toBlob((blob) => {
    const link = element("a", { href: URL.createObjectURL(blob), download: "which-one.png" });
    link.click();
    URL.revokeObjectURL(link.href);
  }) }, "Save the picture");
  main.replaceChildren(element("section", { class: "end" },
    element("h1", {}, `${right} of ${all} recognised`), element("p", {}, guessing),
    canvas, element("p", { class: "row" }, save, element("button", { onclick: back }, "Take the last one back")),
    element("p", { class: "soft" }, "The picture holds the figure alone, no word of any text."),
    element("details", { class: "looked" }, element("summary", {}, "Which was which"),
      pack.items.map((item, i) => element("article", {}, element("h2", {}, `${i + 1}. ${isRight[i] ? "recognised" : "not recognised"}`), element("p", { class: "soft" }, item.question),
        element("p", { class: "soft" }, `${capital(author)} wrote:`), element("div", { class: "text" }, item.openings[item.real]),
        element("p", { class: "soft" }, "The model wrote:"), element("div", { class: "text" }, item.openings[1 - item.real]))))));
}

/** The figure as a square picture. */
function paint(canvas, isRight) {
  const [ink, soft, good, rule] = ["#1e1c19", "#655f55", "#2c6e3f", "#8f8776"];
  const at = canvas.getContext("2d");
  at.fillStyle = "#fffefa";
  at.fillRect(0, 0, 1080, 1080);
  at.textAlign = "center";
  const line = (text, y, font, colour) => { at.font = font; at.fillStyle = colour; at.fillText(text, 540, y, 960); };
  line(`Which one did ${author} write?`, 220, "600 64px Georgia, serif", ink);
  line(`${isRight.filter(Boolean).length} of ${isRight.length}`, 520, "600 220px Georgia, serif", ink);
  line("recognised; guessing gets half", 610, "44px sans-serif", soft);
  const gap = Math.min(96, 900 / isRight.length);
  const radius = gap * 0.36;
  isRight.forEach((is, i) => {
    at.beginPath();
    at.arc(540 + (i - (isRight.length - 1) / 2) * gap, 760, radius, 0, 2 * Math.PI);
    at.lineWidth = 6;
    at.strokeStyle = is ? good : rule;
    at.stroke();
    if (is) { at.fillStyle = good; at.fill(); }
  });
  line("real text or trained model · affinage", 960, "36px sans-serif", soft);
}

if (tapped.length) draw();
else start();
