"""What an entry commits to, and in which spelling."""

import hashlib
import hmac
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tlog.leaf import PERSONAL, Number, Secrets, canonical, field_salt, leaf, read_json

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
ENTRY: dict[str, Any] = {
    "entry": 7, "at": "2026-11-25T12:00:00.000000Z", "event": "camera.issued", "role": None, "subject_kind": "camera",
    "actor": "account:store", "officer": "C1", "subject_key": "X1", "facts": {"kind": "pool"},
}  # fmt: skip
SALT = b"0123456789abcdef"


@given(JSON)
def test_canonical_json_is_sorted_has_no_blanks_and_means_the_same(value: Any) -> None:
    spelled = canonical(value)

    assert json.loads(spelled) == value
    assert spelled == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(read_json(spelled)) == spelled


def test_numbers_stay_as_they_were_written() -> None:
    text = '{"a":0.10,"b":1e3,"c":123456789012345678901234567890.5,"d":' + "9" * 5_000 + "}"

    assert canonical(read_json(text)) == text
    assert canonical(Number("0.1")) != canonical("0.1")


def test_a_leaf_is_canonical_json_with_commitments_for_what_may_be_personal() -> None:
    said = json.loads(leaf(ENTRY, Secrets(SALT)))

    # Worked out by hand from the definition.
    salt = hmac.new(SALT, b"officer", hashlib.sha256).digest()
    assert said["committed"]["officer"] == hmac.new(salt, b'"C1"', hashlib.sha256).hexdigest()
    assert said == {
        "at": ENTRY["at"], "committed": said["committed"], "entry": 7, "event": "camera.issued", "role": None,
        "subject_kind": "camera",
    }  # fmt: skip
    assert set(said["committed"]) == set(PERSONAL)
    assert leaf(ENTRY, Secrets(SALT)) == canonical(said).encode()


@given(st.dictionaries(st.sampled_from(PERSONAL), st.just(None), max_size=4))
def test_an_entry_erased_in_part_has_the_same_leaf(erased: dict[str, None]) -> None:
    whole = Secrets(SALT)
    salts = {name: field_salt(SALT, name) for name in PERSONAL if name not in erased}
    left = {name: whole.commitment(name, ENTRY[name]) for name in erased}
    entry = ENTRY | dict.fromkeys(erased, "[erased]")

    assert leaf(entry, Secrets(None, salts, left)) == leaf(ENTRY, whole)


@given(st.sampled_from(sorted(ENTRY)), st.sampled_from(sorted(ENTRY)))
def test_every_part_of_an_entry_counts_and_no_two_fields_share_a_salt(one: str, other: str) -> None:
    changed = ENTRY | {one: 8 if one == "entry" else "changed"}

    assert leaf(changed, Secrets(SALT)) != leaf(ENTRY, Secrets(SALT))
    assert (field_salt(SALT, one) == field_salt(SALT, other)) == (one == other)
