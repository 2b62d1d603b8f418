// Goes the whole way through the studio in a browser, once with the mouse alone and once with the keyboard alone.
//
// usage: node check_studio.mjs AFFINAGE SHOTS [PLAYWRIGHT_CORE [CHROMIUM [AXE]]]
//
// AFFINAGE is the program, SHOTS a folder for pictures. PLAYWRIGHT_CORE (else $PLAYWRIGHT_CORE, else `playwright-core`) is the
// folder of that package, CHROMIUM (else $CHROMIUM, else /usr/bin/chromium) the browser, AXE (else $AXE) the file
// axe.min.js; without it axe-core is not run.
//
// Everything happens in new folders below the system's temporary one, with the model of testdata/golden/tiny-qwen2 and made-up
// notes: a project, another model, bring, choose, train, talk, compare, vote, report, an export. The mouse walks at 1280
// pixels, the keyboard at 390; every screen is looked at in both widths, light and dark. Exits 1 and says where: an error of a
// script or of the console, sideways scrolling, a control without a name, a focus that cannot be seen, a finding of axe-core.

import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const [program, shots, playwright = process.env.PLAYWRIGHT_CORE ?? "playwright-core", browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium", axePath = process.env.AXE] = process.argv.slice(2);
if (!program || !shots) {
  console.error("usage: node check_studio.mjs AFFINAGE SHOTS [PLAYWRIGHT_CORE [CHROMIUM [AXE]]]");
  process.exit(2);
}
const { chromium } = createRequire(path.join(process.cwd(), "x.js"))(playwright);
const axe = axePath ? fs.readFileSync(axePath, "utf8") : null;
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const SETS = ["train.max-seq-tokens=128", "train.max-steps=6", "generate.max-new-tokens=24", "eval.suites=[\"in-domain\"]", "eval.prompts-per-suite=3"];
const findings = [];
const find = (where, what) => { const text = `${where}: ${what}`; if (!findings.includes(text)) { findings.push(text); console.error(`FOUND ${text}`); } };

/** The committed tiny Qwen2 with a tokenizer of one token a character and a ChatML template, as tests/it/tiny.rs has it. */
function writeModel(folder) {
  const golden = path.join(root, "testdata/golden/tiny-qwen2");
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(path.join(golden, "model.safetensors"), path.join(folder, "model.safetensors"));
  const write = (name, value) => fs.writeFileSync(path.join(folder, name), JSON.stringify(value));
  for (const name of ["config.json", "generation_config.json"]) {
    write(name, { ...JSON.parse(fs.readFileSync(path.join(golden, name), "utf8")), eos_token_id: 2 });
  }
  const special = ["<pad>", "<|im_start|>", "<|im_end|>"];
  const signs = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).filter((c) => !"^`~".includes(c)).concat("Ġ", "Ċ");
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  write("tokenizer.json", {
    version: "1.0", truncation: null, padding: null, normalizer: null, pre_tokenizer: bytes, post_processor: null, decoder: bytes,
    added_tokens: special.map((content, id) => ({ id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false })),
    model: { type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false,
      vocab: Object.fromEntries([...special, ...signs].map((token, id) => [token, id])), merges: [] },
  });
  write("tokenizer_config.json", { eos_token: "<|im_end|>", chat_template: "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}" });
}

/** Made-up dialogues, the same in every run. */
function dialogues(count) {
  const syllables = ["ka", "lo", "mi", "ren", "tu", "sa", "vel", "do", "ri", "pan", "es", "um", "tor", "lin", "ga", "be"];
  let state = 1;
  const next = () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return syllables[state >>> 28]; };
  const words = (many) => Array.from({ length: many }, () => next() + next()).join(" ");
  const row = () => JSON.stringify({ messages: [{ role: "user", content: `What is ${words(4)}?` }, { role: "assistant", content: `It is ${words(8)}.` }] });
  return Array.from({ length: count }, row).join("\n") + "\n";
}

/** Starts the studio of a folder; gives its address and what ends it. */
async function studio(folder) {
  const child = spawn(path.resolve(program), ["-C", folder, ...SETS.flatMap((set) => ["--set", set]), "studio", "--no-open"], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, XDG_STATE_HOME: path.join(folder, "..", "state"), XDG_DATA_HOME: path.join(folder, "..", "data") } });
  const url = await new Promise((done, failed) => {
    child.stdout.once("data", (data) => done(String(data).trim().split("\n")[0]));
    child.once("exit", (code) => failed(new Error(`affinage ended with ${code}`)));
  });
  return { url, close: () => new Promise((done) => { child.once("exit", done); child.kill("SIGINT"); }) };
}

/** A person with one way to use the page: `mouse` or `keyboard`. */
class Person {
  constructor(page, hand) { Object.assign(this, { page, hand, at: "" }); }

  /** The next Tab, with a look at whether what has the focus can be told from the rest. */
  async tab(key) {
    await this.page.keyboard.press(key);
    const seen = await this.page.evaluate(() => {
      const at = document.activeElement;
      if (!at || at === document.body || at.id === "main") return null;
      const style = getComputedStyle(at);
      const box = at.getBoundingClientRect();
      const isVisible = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
      return isVisible && box.width > 0 && box.height > 0 ? null : at.outerHTML.slice(0, 90);
    });
    if (seen) find(this.at, `the focus cannot be seen on ${seen}`);
  }

  async reach(target) {
    await target.waitFor({ state: "visible" });
    for (const key of ["Tab", "Shift+Tab"]) {
      for (let i = 0; i < 160; i += 1) {
        if (await target.evaluate((one) => one === document.activeElement || (one.name && one.type === "radio" && document.activeElement.name === one.name))) return;
        await this.tab(key);
      }
    }
    throw new Error(`${this.at}: the keyboard does not reach ${target}`);
  }

  async use(target, key = "Enter") {
    const one = target.first();
    await one.waitFor({ state: "visible" });
    if (this.hand === "mouse") return one.click();
    await this.reach(one);
    return this.page.keyboard.press(key);
  }

  /** Replaces what a field holds. */
  async write(target, text) {
    await this.use(target, "End");
    await this.page.keyboard.press("ControlOrMeta+A");
    await this.page.keyboard.type(text);
  }

  /** A room, by the strip. */
  async go(room) {
    this.at = `${this.hand}, ${room}`;
    const title = room[0].toUpperCase() + room.slice(1);
    await this.use(this.page.locator("nav.strip a", { has: this.page.locator(".strip-title", { hasText: title }) }));
    await this.page.locator("nav.strip a[aria-current] .strip-title", { hasText: title }).waitFor();
    await this.page.waitForLoadState("networkidle").catch(() => {});
  }

  /** Waits until nothing works; what failed is a finding. */
  async rest() {
    const base = this.page.url().split("#")[0].replace(/(choose|vote)\/$/, "");
    for (let i = 0; i < 1200; i += 1) {
      const jobs = await (await this.page.request.get(`${base}api/jobs`)).json();
      const failed = jobs.find((job) => job.state === "failed");
      if (failed) throw new Error(`${this.at}: ${failed.command} failed: ${failed.lines.join(" | ")}`);
      if (jobs.length && jobs.every((job) => job.state === "finished" || job.state === "stopped")) {
        await this.page.waitForTimeout(900);
        return;
      }
      await this.page.waitForTimeout(200);
    }
    throw new Error(`${this.at}: the work does not end`);
  }

  /** Looks at the screen in both widths, light and dark. */
  async look(name) {
    const { page } = this;
    const before = page.viewportSize();
    for (const width of [1280, 390]) {
      for (const colorScheme of ["light", "dark"]) {
        const where = `${this.hand}, ${name}, ${width}, ${colorScheme}`;
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        await page.waitForTimeout(150);
        await page.screenshot({ path: path.join(shots, `${this.hand}-${name}-${width}-${colorScheme}.png`), fullPage: true });
        const { over, nameless } = await page.evaluate(() => {
          const named = (one) => one.getAttribute("aria-label") || one.textContent.trim() || one.title || [...(one.labels ?? [])].some((label) => label.textContent.trim());
          const controls = [...document.querySelectorAll("button, a[href], input, select, textarea, summary, [role=button]")];
          return {
            over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
            nameless: controls.filter((one) => one.offsetParent && !(one.tagName === "SELECT" || one.tagName === "TEXTAREA" ? one.getAttribute("aria-label") || one.labels.length : named(one))).map((one) => one.outerHTML.slice(0, 90)),
          };
        });
        if (over > 0) find(where, `it scrolls sideways, by ${over} pixels`);
        nameless.forEach((one) => find(where, `no name: ${one}`));
        if (axe) {
          if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
          const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
          for (const { id, help, nodes } of violations) find(where, `axe ${id}: ${help}: ${nodes.slice(0, 2).map((node) => node.html.slice(0, 120)).join(" ")}`);
        }
      }
    }
    await page.setViewportSize(before);
    await page.emulateMedia({ colorScheme: "light" });
  }
}

/** The whole way. */
async function walk(browser, hand) {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), "affinage-studio-"));
  const folder = path.join(base, "voice");
  fs.mkdirSync(folder);
  writeModel(path.join(folder, "model"));
  const notes = path.join(base, "dialogues.jsonl");
  fs.writeFileSync(notes, dialogues(60));
  const { url, close } = await studio(folder);
  const context = await browser.newContext({ viewport: { width: hand === "mouse" ? 1280 : 390, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  const me = new Person(page, hand);
  const listen = (one) => {
    one.on("pageerror", (error) => find(me.at, `error of a script: ${error.message}`));
    one.on("console", (message) => { if (message.type() === "error") find(me.at, `error of the console: ${message.text()}`); });
  };
  listen(page);
  const named = (role, name) => page.getByRole(role, { name, exact: typeof name === "string" });
  try {
    me.at = `${hand}, start`;
    await page.goto(url);
    await page.locator("tbody input[type=radio]").first().waitFor();
    await me.look("begin");
    // No room but this one has anything to do yet.
    await me.go("talk");
    await me.use(page.locator("main").getByRole("link", { name: "To Start" }));
    await page.locator("tbody input[type=radio]").first().waitFor();
    if ((await page.evaluate(() => document.activeElement?.tagName)) !== "H1") find(me.at, "the focus is not on the heading of the room");
    await me.use(named("button", "Make it a project"));
    await me.use(page.locator("summary", { hasText: "Another model" }));
    await page.locator("tbody input[type=radio]").first().waitFor();
    await me.look("model");
    await me.write(page.getByLabel("Its name, or the path"), "model");
    await me.use(named("button", "Train this model"));
    await page.locator(".facts dd", { hasText: /^model/ }).waitFor();
    await me.look("start");

    await me.go("bring");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), me.use(named("button", "Choose files"))]);
    await chooser.setFiles(notes);
    await me.rest();
    await me.look("bring");

    await me.go("choose");
    await page.locator("#keys button").first().waitFor();
    await me.look("choose");
    await page.goto(`${url}choose/#freeze`);
    await me.use(page.locator("article.freeze input[type=checkbox]"), "Space");
    await me.use(page.locator("article.freeze button.main"));
    await page.locator("h2", { hasText: "Frozen:" }).waitFor();
    await me.look("freeze");

    await me.go("train");
    await me.write(named("textbox", /^A prompt that is answered/), "What is kalo?");
    await me.use(named("button", "Train"));
    await me.rest();
    await page.locator("table.trainings").waitFor();
    await me.look("train");

    await me.go("talk");
    await me.write(named("textbox", "What you say"), "What is kalo?");
    await me.use(named("button", "Ask"));
    await page.waitForFunction(async () => (await (await fetch("api/talk")).json()).said.turns[0]?.answers.every((answer) => answer.is_whole));
    await me.look("talk");
    await me.write(named("textbox", "What you say"), "What is lomi?");
    await me.use(named("button", "Ask as a blind pair"));
    await named("button", "A is better").waitFor();
    if (/step-|base/.test(await page.locator("section.talk").textContent())) find(me.at, "a blind pair tells who wrote it");
    await me.look("blind");
    await me.use(named("button", "A is better"));
    await page.locator("h2", { hasText: "Your blind choices" }).waitFor();
    await me.look("told");

    await me.go("compare");
    await page.locator("h2", { hasText: "What it costs" }).waitFor();
    await me.look("plan");
    await me.use(named("button", "Compare"));
    await me.rest();
    await me.look("compare");

    await me.go("vote");
    const box = page.getByLabel("wrote the training texts");
    await me.use(box, "Space");
    if (!(await box.isChecked())) find(me.at, "the box of who wrote the training texts cannot be ticked");
    if (!(await page.locator("main code", { hasText: "--author" }).count())) find(me.at, "the command does not say that the author votes");
    await me.use(page.locator("main").getByRole("button", { name: "Vote", exact: true }));
    await page.waitForURL("**/vote/");
    await me.look("vote-begin");
    await me.use(page.locator("main button.main"));
    const count = page.locator("#count");
    for (const [key, i] of [["1", 0], ["0", 1], ["2", 2]]) {
      await page.locator("article.answer").first().waitFor();
      await page.waitForTimeout(600);
      if (i === 0) await me.look("vote");
      const before = await count.textContent();
      if (hand === "mouse") await page.locator("#keys button", { has: page.locator(`kbd:text-is("${key}")`) }).click();
      else await page.keyboard.press(key);
      await page.waitForFunction((text) => document.getElementById("count").textContent !== text, before);
    }

    await me.go("report");
    await me.use(named("button", /^Draw (it again|the report)$/));
    await page.waitForTimeout(2500);
    const [report] = await Promise.all([context.waitForEvent("page"), me.use(named("link", "Read the report"))]);
    listen(report);
    await report.waitForLoadState();
    if (!(await report.locator("h1").count())) find(me.at, "the report has no title");
    await new Person(report, hand).look("paper");
    await report.close();
    await me.use(page.locator(".cards button").first());
    await me.rest();
    await me.look("report");
    if (!fs.existsSync(path.join(folder, "exports"))) find(me.at, "nothing was exported");
  } catch (error) {
    find(me.at, error.message);
    await page.screenshot({ path: path.join(shots, `${hand}-failed.png`), fullPage: true }).catch(() => {});
  } finally {
    await context.close();
    await close();
    fs.rmSync(base, { recursive: true, force: true });
  }
}

fs.mkdirSync(shots, { recursive: true });
const browser = await chromium.launch({ executablePath: browserPath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
for (const hand of ["mouse", "keyboard"]) {
  const began = Date.now();
  await walk(browser, hand);
  console.log(`${hand}: ${((Date.now() - began) / 1000).toFixed(0)} s`);
}
await browser.close();
console.log(findings.length ? `${findings.length} findings` : `ok: pictures in ${shots}`);
process.exit(findings.length ? 1 : 0);
