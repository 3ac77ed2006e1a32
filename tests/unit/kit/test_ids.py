"""Ids of the kit are the ids that `uuid` makes."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit import ids


@given(st.uuids(), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_derived_id_is_version_5_of_its_name(namespace: uuid.UUID, name: str) -> None:
    assert ids.derive(namespace, name) == uuid.uuid5(namespace, name)


@given(st.uuids())
def test_an_id_that_was_read_is_that_id(id: uuid.UUID) -> None:
    found = ids.read(str(id))
    assert (found, hash(found), str(found), found.bytes) == (id, hash(id), str(id), id.bytes)
    assert isinstance(found, uuid.UUID)


@pytest.mark.parametrize("text", ["", "7", "not-an-id-but-as-long-as-an-id-would"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid UUID"):
        ids.read(text)
