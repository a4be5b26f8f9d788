// The ways to acknowledge a visit, as the counter and a visit's own page show them: PIN, signature, attestation.
import { signaturePad } from "./counter-signature.mjs";

const part = (name) => document.getElementById(`acknowledge-${name}`);
const WAYS = ["pin", "sign", "attest"];

/**
 * Make the panel work. `give` gets what the API takes as an acknowledgement, `onUse` hears that somebody is at it, and
 * `onPin` asks for a PIN where the panel's own box is not the place.
 */
export function acknowledgePanel({ give, onUse = () => {}, onPin }) {
  const panel = document.getElementById("acknowledge");
  // The version that is shown now; what is given says which one was.
  let terms = panel.dataset.terms ? Number(panel.dataset.terms) : null;
  const pad = signaturePad(part("pad"), part("ink"), onUse);

  function open(way) {
    for (const name of WAYS) {
      part(name).hidden = name !== way;
      part(`by-${name}`).setAttribute("aria-expanded", String(name === way));
    }
    say("");
    if (way === "pin") part("pin-box").focus();
    if (way === "attest") part("reason").focus();
    if (way === "sign") part("sign").scrollIntoView({ block: "nearest" });
  }

  function close() {
    open(null);
    part("pin-box").value = "";
    part("reason").value = "";
    pad.clear();
  }

  function say(text) {
    part("problem").textContent = text;
    part("problem").hidden = !text;
  }

  for (const name of WAYS) {
    part(`by-${name}`).addEventListener("click", () => {
      onUse();
      if (name === "pin" && onPin) {
        open(null);
        return onPin();
      }
      open(part(name).hidden ? name : null);
    });
  }
  panel.addEventListener("input", onUse);

  part("pin").addEventListener("submit", (event) => {
    event.preventDefault();
    const pin = part("pin-box").value;
    part("pin-box").value = "";
    if (!pin) return say("Type the officer’s PIN.");
    say("");
    give({ method: "pin", pin, terms });
  });
  part("sign").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!pad.strokes().length) return say("Nothing was drawn. Sign on the line.");
    say("");
    give({ method: "signature", strokes: pad.strokes(), terms });
  });
  part("attest").addEventListener("submit", (event) => {
    event.preventDefault();
    const reason = part("reason").value.trim();
    if (!reason) return say("Say why the officer does not acknowledge.");
    say("");
    give({ method: "attestation", reason, terms });
  });
  part("clear").addEventListener("click", () => {
    pad.clear();
    say("");
    onUse();
  });

  /** Show other terms, or none. */
  function showTerms(shown) {
    terms = shown?.version ?? null;
    part("terms").hidden = !shown;
    part("version").textContent = terms ?? "";
    part("text").textContent = shown?.text ?? "";
  }

  return { panel, open, close, say, showTerms, terms: () => terms };
}
