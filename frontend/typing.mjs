// A scanner knows nothing of fields: what it types belongs to the page's box, unless somebody is filling in a form.

/** Have the box get what is typed anywhere on the page but in another field. */
export function typedInto(box) {
  document.addEventListener(
    "keydown",
    (event) => {
      const typesCharacter = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
      const fillsIn = event.target.matches?.("input:not([type=checkbox], [type=radio]), textarea, select");
      if (!typesCharacter || fillsIn || event.isComposing) return;
      if (event.key === " " && event.target !== document.body) return;
      box.focus();
    },
    true,
  );
}
