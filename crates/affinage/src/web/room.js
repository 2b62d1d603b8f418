// What all pages of the room share: requests to this server, elements, and saying that the server is gone.
"use strict";

/** GET of `path?key=value`; gives the JSON, throws an Error with the server's own words. */
async function get(path, query = {}) {
  const pairs = new URLSearchParams(query).toString();
  return reply(() => fetch(pairs ? `${path}?${pairs}` : path));
}

/** POST of a JSON body; the window hears `stored` when it is answered. */
async function post(path, body = {}) {
  const answered = await reply(() => fetch(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }));
  dispatchEvent(new Event("stored"));
  return answered;
}

async function reply(send) {
  let response;
  try {
    response = await send();
  } catch {
    lost(true);
    throw new Error("affinage does not answer");
  }
  lost(false);
  const value = await response.json();
  if (!response.ok) throw new Error(value.hint ? `${value.error}. ${capital(value.hint)}` : value.error);
  return value;
}

/** Shows or takes back the banner that nothing can be saved. */
function lost(is) {
  let banner = document.querySelector(".lost");
  if (is && !banner) {
    banner = element("div", { class: "lost", role: "alert" },
      "affinage was closed, so nothing can be saved now. Everything up to here is saved: start it again in the terminal and open the new address.");
    document.body.prepend(banner);
  } else if (!is && banner) {
    banner.remove();
  }
}

/** An element with attributes (`onclick` and the like are functions) and children: elements, texts, or nothing. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A text with what stands between backticks set as code. */
function inCode(text) {
  return text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));
}

/** 12345 as `12,345`. */
function number(value) {
  return new Intl.NumberFormat("en").format(value);
}

/** `1 card`, `2 cards`. */
function counted(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** A text as the beginning of a sentence; a name, which has a digit or a hyphen, stays as it is. */
function capital(text) {
  const isName = /^\S*(\d|_|\/|\w[-.]\w)/.test(text);
  return isName || !text ? text : text[0].toUpperCase() + text.slice(1);
}
