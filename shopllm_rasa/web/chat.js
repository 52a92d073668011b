"use strict";

const TIMEOUT_MS = 30000;
const SENDER_KEY = "shop-chat-sender";
const COUNTER_FROM = 900; // the limit only matters to someone close to it

const byId = (id) => document.getElementById(id);
const page = byId("page");
const scroller = byId("scroll");
const log = byId("log");
const typing = byId("typing");
const input = byId("input");
const sendButton = byId("send");

let config = null;
let pending = null; // AbortController of the request under way
let failed = null; // what the next message takes off the page after a failure
let sender = null; // the id of this conversation

/* ---------- small helpers ---------- */
/** Build an element; strings become text nodes, so nothing is read as HTML. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

/**
 * Return an address that is safe to use, or null: http(s), or root-relative where the shop's own address is
 * known. This page may stand somewhere else, and a link that leads nowhere is worse than none.
 */
function safeUrl(value) {
  if (typeof value !== "string" || !/^(https?:\/\/|\/)/i.test(value)) return null;
  if (value.startsWith("/") && !hasText(config.shop_url)) return null;
  try {
    const url = new URL(value, config.shop_url);
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

const isObject = (value) => typeof value === "object" && value !== null;
const hasText = (value) => typeof value === "string" && value.trim() !== "";
const titled = (list) => (Array.isArray(list) ? list.filter((item) => isObject(item) && hasText(item.title)) : []);

function pill(title, onClick, testId = "choice") {
  const node = el("button", { type: "button", class: "pill", "data-testid": testId }, title);
  node.addEventListener("click", onClick);
  return node;
}

/** A safe address gets a link, anything else plain text. */
function linkOrText(url, attributes, ...children) {
  const href = safeUrl(url);
  if (!href) return el("span", attributes, ...children);
  return el("a", { ...attributes, href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

function formatPrice(price) {
  const amount = Number(price);
  if (Number.isNaN(amount)) return price; // a text that already names its currency
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency: config.currency }).format(amount);
  } catch {
    return String(price); // no valid currency in the settings
  }
}

/* ---------- the customer's id ---------- */
/** randomUUID is missing on plain http pages, getRandomValues is not. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function senderId() {
  try {
    sender ||= sessionStorage.getItem(SENDER_KEY) || randomId();
    sessionStorage.setItem(SENDER_KEY, sender);
  } catch {
    sender ||= randomId(); // storage is blocked: the id lasts until the page is left
  }
  return sender;
}

function forgetSender() {
  sender = null;
  try {
    sessionStorage.removeItem(SENDER_KEY);
  } catch {
    // Storage is blocked, so nothing was kept.
  }
}

/* ---------- drawing one answer ---------- */
function botBubble(text) {
  const bubble = el("p", { class: "bubble bot", "data-testid": "bot-message" });
  text.trim().split(/\r?\n/).forEach((line, index) => {
    if (index > 0) bubble.append("\n");
    bubble.append(/^sources?:/i.test(line) ? el("span", { class: "source-line" }, line) : line);
  });
  return bubble;
}

function picture(url, alt, className) {
  return el("img", { class: className, src: url, alt, referrerpolicy: "no-referrer" });
}

/** Stands in for a missing picture; a title always gets the same colour. */
function letterTile(title) {
  const letters = [...title.trim()];
  const hue = letters.reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  const bag = byId("bag").content.cloneNode(true);
  const tile = el("div", { class: "tile", "aria-hidden": "true" }, bag, letters[0].toUpperCase());
  tile.style.setProperty("--hue", hue);
  return tile;
}

function cardPicture(card) {
  const url = safeUrl(card.image_url);
  if (!url) return letterTile(card.title);
  const image = picture(url, "", "tile"); // the title beside it says the same
  image.addEventListener("error", () => image.replaceWith(letterTile(card.title)), { once: true });
  return image;
}

function ratingLine({ rating, rating_count: count }) {
  if (typeof rating !== "number") return null;
  const counted = typeof count === "number";
  const label = `${rating} out of 5 stars${counted ? `, ${count} ratings` : ""}`;
  const stars = el("span", { class: "stars" }, "★★★★★");
  stars.style.setProperty("--rating", Math.min(5, Math.max(0, rating)));
  const line = el("p", { class: "rating", role: "img", "aria-label": label }, stars, ` ${rating.toFixed(1)}`);
  if (counted) line.append(` (${count.toLocaleString()})`);
  return line;
}

function stockLine(inStock) {
  if (typeof inStock !== "boolean") return null;
  return el("p", { class: inStock ? "stock yes" : "stock no" }, inStock ? "In stock" : "Out of stock");
}

function priceLine(price) {
  const known = typeof price === "number" || hasText(price);
  return known ? el("p", { class: "price" }, formatPrice(price)) : null;
}

function productCard(card, index) {
  const facts = el("div", { class: "card-text" },
    el("h3", {}, linkOrText(card.item_url, {}, card.title)),
    hasText(card.subtitle) ? el("p", { class: "subtitle" }, card.subtitle) : null,
    priceLine(card.price),
    ratingLine(card),
    stockLine(card.in_stock));
  const buttons = titled(card.buttons).map((button) => pill(button.title, () => pressed(button)));
  if (buttons.length) facts.append(el("div", { class: "card-buttons" }, ...buttons));
  const badge = el("span", { class: "badge" }, String(index + 1)); // customers say "the second one"
  return el("li", { class: "card", "data-testid": "product-card" }, badge, cardPicture(card), facts);
}

function cardRow(cards) {
  const label = cards.length === 1 ? "1 product" : `${cards.length} products, scroll sideways`;
  return el("ol", { class: "cards", role: "list", tabindex: "0", "aria-label": label }, ...cards.map(productCard));
}

/** One choice per question: the first click switches the whole group off. */
function choiceButtons(choices) {
  const group = el("div", { class: "choices", role: "group", "aria-label": "Choices" });
  const choose = (choice, node) => {
    if (!pressed(choice)) return;
    node.classList.add("chosen");
    for (const each of group.children) each.disabled = true;
  };
  group.append(...choices.map((choice) => pill(choice.title, (event) => choose(choice, event.currentTarget))));
  return group;
}

function sourceChips(sources) {
  const chips = sources.map((source) => {
    const label = hasText(source.section) ? `${source.title} › ${source.section}` : source.title;
    return el("li", {}, linkOrText(source.url, { class: "source-chip", "data-testid": "source-chip" }, label));
  });
  return el("ul", { class: "sources", role: "list", "aria-label": "Sources" }, ...chips);
}

/** Sources may come as a message of their own, after cards or buttons. */
function addSources(turn, sources) {
  const chips = sourceChips(sources);
  const bubble = [...turn.querySelectorAll(".bubble.bot")].at(-1);
  if (bubble) bubble.after(chips);
  else turn.append(chips);
}

function addImage(turn, url) {
  const image = picture(url, "Picture from the shop", "shared-image");
  image.addEventListener("load", () => showTurn(turn), { once: true }); // it has a height only now
  turn.append(image);
}

function addBotMessage(turn, message) {
  const [cards, choices, sources] = [message.elements, message.buttons, message.custom?.sources].map(titled);
  const image = safeUrl(message.image);
  if (hasText(message.text)) turn.append(botBubble(message.text));
  if (image) addImage(turn, image);
  if (cards.length) turn.append(cardRow(cards));
  if (sources.length) addSources(turn, sources);
  if (choices.length) turn.append(choiceButtons(choices));
}

function addAnswer(turn, messages) {
  turn.append(el("span", { class: "sr-only" }, "Shop assistant:"));
  const before = turn.childElementCount;
  messages.filter(isObject).forEach((message) => addBotMessage(turn, message));
  if (turn.childElementCount === before) turn.append(botBubble("I have no answer to that. Could you put it another way?"));
}

/* ---------- the conversation ---------- */
/** Scroll to the end, but never past the start of the newest turn. */
function showTurn(turn) {
  const end = scroller.scrollHeight - scroller.clientHeight;
  scroller.scrollTop = Math.min(end, turn.offsetTop - 12);
}

function startTurn(shown) {
  const bubble = el("p", { class: "bubble user", "data-testid": "user-message" }, shown);
  const turn = el("div", { class: "turn" }, el("span", { class: "sr-only" }, "You:"), bubble);
  log.append(turn);
  page.classList.add("started");
  return turn;
}

function setPending(controller) {
  pending = controller;
  typing.replaceChildren();
  if (controller) typing.append(el("span", { class: "sr-only" }, "The assistant is writing"), el("i"), el("i"), el("i"));
  page.classList.toggle("waiting", controller !== null);
  refreshComposer();
}

/** Every failure leaves here as one sentence for the customer. */
async function post(message, signal) {
  const response = await fetch(`${config.rasa_url.replace(/\/+$/, "")}/webhooks/web/webhook`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sender: senderId(), message }),
    signal,
  }).catch(() => {
    throw new Error("The shop assistant cannot be reached right now; your message is kept.");
  });
  if (!response.ok) throw new Error(`The shop assistant has a problem (error ${response.status}); your message is kept.`);
  const messages = await response.json().catch(() => null);
  if (Array.isArray(messages)) return messages;
  throw new Error("The shop assistant sent an answer that this page cannot read; your message is kept.");
}

async function deliver(message) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort("timeout"), TIMEOUT_MS);
  setPending(controller);
  showTurn(message.turn);
  try {
    addAnswer(message.turn, await post(message.payload, controller.signal));
  } catch (error) {
    if (controller.signal.reason === "reset") return; // the customer has started afresh
    const late = controller.signal.aborted;
    showFailure(message, late ? "No answer came within 30 seconds; your message is kept." : error.message);
  } finally {
    clearTimeout(timer);
    if (pending === controller) setPending(null);
  }
  showTurn(message.turn);
}

function showFailure(message, sentence) {
  const box = el("div", { class: "failure", "data-testid": "chat-error" }, el("p", {}, sentence));
  box.append(pill("Try again", () => tryAgain(message, box), "chat-retry"));
  message.turn.append(box);
  const givenBack = message.typed && input.value === "";
  if (givenBack) setInput(message.payload);
  failed = givenBack ? message.turn : box; // text that is back in the input would show twice
}

function tryAgain(message, box) {
  if (pending) return;
  box.remove();
  failed = null;
  if (message.typed && input.value === message.payload) setInput("");
  scroller.focus({ preventScroll: true });
  deliver(message);
}

/** Send a message unless one is under way; says whether it was sent. */
function send(payload, shown, typed) {
  if (pending || !config) return false;
  failed?.remove();
  failed = null;
  deliver({ payload, typed, turn: startTurn(shown) });
  return true;
}

/** Focus goes to the conversation: the input would open a phone's keyboard. */
function pressed({ title, payload }) {
  const sent = send(hasText(payload) ? payload : title, title, false);
  if (sent) scroller.focus({ preventScroll: true });
  return sent;
}

function newConversation() {
  pending?.abort("reset");
  setPending(null);
  forgetSender();
  failed = null;
  log.replaceChildren();
  page.classList.remove("started");
  scroller.scrollTop = 0;
  setInput("");
  input.focus();
}

/* ---------- the message box ---------- */
function setInput(text) {
  input.value = text;
  refreshComposer();
}

function refreshComposer() {
  const length = input.value.length;
  sendButton.disabled = !config || pending !== null || input.value.trim() === "";
  byId("counter").hidden = length < COUNTER_FROM;
  byId("counter").textContent = `${length} / ${input.maxLength}`;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`; // the style sheet sets the limit
}

function submit(event) {
  event.preventDefault();
  const text = input.value.trim();
  if (text && send(text, text, true)) setInput("");
}

function submitOnEnter(event) {
  // isComposing: Enter also confirms a word in Chinese or Japanese input.
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
}

/* ---------- start ---------- */
async function loadConfig() {
  const response = await fetch("config.json", { cache: "no-store" });
  const settings = await response.json();
  if (!response.ok || typeof settings.rasa_url !== "string") throw new Error("unusable config.json");
  return settings;
}

function showShop() {
  if (hasText(config.shop_name)) {
    byId("shop-name").textContent = config.shop_name;
    byId("welcome-name").textContent = `, and welcome to ${config.shop_name}`;
    document.title = `${config.shop_name}: shop assistant`;
  }
  const texts = Array.isArray(config.suggestions) ? config.suggestions.filter(hasText) : [];
  byId("suggestions").append(...texts.map((text) => pill(text, () => pressed({ title: text }), "suggestion")));
}

function closeShop() {
  const sentence = "The chat is closed because the shop's settings (config.json) could not be read.";
  log.append(el("p", { class: "failure", "data-testid": "chat-error" }, sentence));
  byId("welcome").hidden = true;
  byId("new-conversation").disabled = true;
  input.disabled = true;
}

async function start() {
  byId("composer").addEventListener("submit", submit);
  byId("new-conversation").addEventListener("click", newConversation);
  input.addEventListener("input", refreshComposer);
  input.addEventListener("keydown", submitOnEnter);
  config = await loadConfig().catch(() => null);
  if (config) showShop();
  else closeShop();
  refreshComposer();
}

start();
