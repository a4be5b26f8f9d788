// What the counter shows. Knows nothing of the queue, the line or the register.
import { beep } from "./sound.mjs";

const LONGEST_LIST = 200;
export const part = (name) => document.getElementById(`counter-${name}`);

/** The large answer: its colour, a word or two, a sentence, and who can mend what was refused. */
export function say(tone, word, detail, mend) {
  part("answer").className = `counter__answer counter__answer--${tone}`;
  part("word").textContent = word;
  part("detail").textContent = detail;
  part("mend").textContent = mend ? `Who can mend this: ${mend}` : "";
  part("mend").hidden = !mend;
  beep(tone);
}

/** One line more in the list of scans; answers it, so that what becomes of it later can be shown there too. */
export function list(tone, word, detail, { at = new Date(), waits = false } = {}) {
  const entry = document.createElement("li");
  part("list").prepend(entry);
  fill(entry, tone, word, detail, at, waits);
  part("empty").hidden = true;
  while (part("list").children.length > LONGEST_LIST) part("list").lastChild.remove();
  return entry;
}

/** Write a line of the list. */
export function fill(entry, tone, word, detail, at, waits = false) {
  entry.className = `counter__entry counter__entry--${tone}${waits ? " counter__entry--waits" : ""}`;
  entry.replaceChildren();
  const texts = [["time", clockTime(at)], ["what", word], ["detail", detail]];
  if (waits) texts.push(["waits", "waiting"]);
  for (const [name, text] of texts) {
    const span = document.createElement("span");
    span.className = `counter__entry-${name}`;
    span.textContent = text;
    entry.append(span, " ");
  }
}

export function clearList() {
  part("list").replaceChildren();
  part("empty").hidden = false;
}

/** A time of day, with the day when it is another one. */
export function clockTime(instant) {
  const date = new Date(instant);
  const isToday = date.toDateString() === new Date().toDateString();
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return isToday ? time : `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

/** Whose visit it is, what they have, and the mode. */
export function showState(state, kit) {
  part("officer").textContent = state.officer ?? "Nobody yet.";
  part("officer").classList.toggle("counter__officer", Boolean(state.officer));
  part("kit").replaceChildren(...(state.officer ? (kit ?? []) : []).map(kitItem));
  const says = [];
  if (state.mode && state.mode !== "normal") says.push(`Mode: ${state.mode} – scan “normal” to end it`);
  if (state.dock) says.push(`Docking into ${state.dock}`);
  if (state.operation) says.push(`Issuing for ${state.operation} – scan “normal” to end it`);
  showText("banner", says.join(" · "));
}

function kitItem(item) {
  const entry = document.createElement("li");
  const late = item.due_back && new Date(item.due_back) < new Date();
  const due = item.due_back ? `, due back ${clockTime(item.due_back)}${late ? " – overdue" : ""}` : "";
  entry.textContent = `${item.serial} (${item.kind}${item.active ? "" : ", inactive"})${due}`;
  return entry;
}

/** A part that is there only while it has something to say. */
export function showText(name, text) {
  if (part(name).textContent !== text) part(name).textContent = text;
  part(name).hidden = !text;
}

export const actsWait = (count) => (count === 1 ? "1 act waits" : `${count} acts wait`);

/** What is to be said of the line, of what waits for it, and of how old the page's knowledge is; empty when all is well. */
export function lineText({ isUp, length, madeAt, trouble }) {
  const stuck = trouble ? ` The service cannot take one of them yet: ${trouble}` : "";
  if (isUp) return length ? `${actsWait(length)} to be sent.${stuck}` : "";
  const waits = length
    ? `${actsWait(length)} and will be sent when it is back.`
    : "Go on scanning: it is kept here and sent when the line is back.";
  const known = madeAt
    ? `What is kept of the register is of ${clockTime(madeAt)}.`
    : "Nothing of the register is kept here: scans are not checked.";
  return `No line to the service. ${waits} ${known}${stuck}`;
}

/** Whether what waits outlives this page, and a full disk. */
export function showKept(problem, isPersistent) {
  const mayBeCleared = "This browser may clear what waits if its disk fills up. An installed or often used page is spared.";
  part("kept").textContent = problem || (isPersistent ? "" : mayBeCleared);
  part("kept").classList.toggle("counter__kept--bad", Boolean(problem));
}

/** How many refused acts somebody must settle: a link that cannot be overlooked. */
export function showExceptions(count) {
  part("exceptions-link").textContent = count === 1 ? "1 act was refused: settle it" : `${count} acts were refused: settle them`;
  part("exceptions").hidden = !count;
}

const covered = () => [document.getElementById("counter"), document.querySelector("header"), document.querySelector("footer")];

/** Cover the counter until somebody shows who they are. */
export function cover(why) {
  part("locked").hidden = false;
  part("locked-text").textContent = why;
  covered().forEach((element) => element.classList.add("counter-hidden"));
}

export function uncover() {
  part("locked").hidden = true;
  covered().forEach((element) => element.classList.remove("counter-hidden"));
}
