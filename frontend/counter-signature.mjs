// A pad to sign on with a finger, a pen or the mouse. What was drawn is kept as strokes of whole numbers, in units of
// the pad's own (data-width by data-height), so that it looks the same at any size.

const MOST_POINTS = 5_000;
const MOST_STROKES = 100;

/** Watch `pad` and draw into `ink`; `onDraw` is told that somebody is drawing. */
export function signaturePad(pad, ink, onDraw = () => {}) {
  const width = Number(pad.dataset.width);
  const height = Number(pad.dataset.height);
  const clamp = (value, highest) => Math.min(Math.max(Math.round(value), 0), highest);
  let strokes = [];
  let points = 0;
  let pointer = null;

  function pointOf({ clientX, clientY }) {
    const box = pad.getBoundingClientRect();
    return [
      clamp(((clientX - box.left) / box.width) * width, width),
      clamp(((clientY - box.top) / box.height) * height, height),
    ];
  }

  function show() {
    const moves = strokes.map(([first, ...rest]) => `M${first.join(" ")}` + (rest.length ? rest : [first]).map((to) => `L${to.join(" ")}`).join(""));
    ink.setAttribute("d", moves.join(""));
    pad.setAttribute("aria-label", strokes.length ? "Signature: something is drawn" : "Signature: empty");
  }

  function add(event) {
    const stroke = strokes.at(-1);
    const point = pointOf(event);
    const last = stroke.at(-1);
    if (points >= MOST_POINTS || (last && last[0] === point[0] && last[1] === point[1])) return;
    stroke.push(point);
    points += 1;
  }

  pad.addEventListener("pointerdown", (event) => {
    // One pointer at a time: the ball of a hand beside the pen draws nothing.
    if (pointer !== null || event.button !== 0 || strokes.length >= MOST_STROKES || points >= MOST_POINTS) return;
    pointer = event.pointerId;
    // A touch belongs to where it began anyway (Pointer Events 3, 10.3).
    if (event.pointerType !== "touch") pad.setPointerCapture(pointer);
    strokes.push([]);
    add(event);
    show();
    onDraw();
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    for (const one of event.getCoalescedEvents?.() ?? []) add(one);
    add(event);
    show();
    onDraw();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    pad.addEventListener(name, (event) => {
      if (event.pointerId === pointer) pointer = null;
    });
  }

  return {
    strokes: () => strokes,
    clear() {
      strokes = [];
      points = 0;
      pointer = null;
      show();
    },
  };
}
