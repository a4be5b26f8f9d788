// How an answer sounds: a high note for done, two for look here, a low one for refused.

const LOUDNESS = 0.15;
// Of each note its hertz, after how many seconds it begins, and for how many it lasts.
const NOTES = {
  good: [[880, 0, 0.09]],
  info: [[660, 0, 0.05]],
  caution: [[520, 0, 0.08], [520, 0.13, 0.08]],
  bad: [[180, 0, 0.35]],
};

let context;
let hasSound = true;

export const isLoud = () => hasSound;

/** Sound or be silent from now on; the button says which. */
export function setSound(button, isOn) {
  hasSound = isOn;
  button.textContent = `Sound: ${hasSound ? "on" : "off"}`;
  button.setAttribute("aria-pressed", String(hasSound));
}

export function beep(tone) {
  if (!hasSound || !window.AudioContext) return;
  context ??= new AudioContext();
  for (const [hertz, after, lasts] of NOTES[tone]) {
    const note = context.createOscillator();
    const loudness = context.createGain();
    loudness.gain.value = LOUDNESS;
    note.frequency.value = hertz;
    note.connect(loudness).connect(context.destination);
    note.start(context.currentTime + after);
    note.stop(context.currentTime + after + lasts);
  }
}
