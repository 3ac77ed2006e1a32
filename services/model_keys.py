"""Which keys a pydantic model knows at a place of the data that it reads.

Owns the way through fields, mappings, lists and unions. Knows nothing of what the keys mean.
"""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from schemas.pack_checks import Place

_NOT_WRITTEN: Final = ("holiday_files", "regime_files")
"""Keys that a loader fills in: nobody is told to write them."""


def fields_at(model: type[BaseModel], place: Place) -> tuple[str, ...]:
    """The keys that the model knows at a place; none where it takes any."""
    kind: Any = model
    for step in place:
        kind = _inside(kind, step)
    return (
        tuple(key for key in kind.model_fields if key not in _NOT_WRITTEN)
        if _is_model(kind)
        else ()
    )


def _inside(kind: Any, step: str | int) -> Any:
    """What stands at one step inside a type: a field, a value of a mapping, an item of a list."""
    if _is_model(kind):
        field = kind.model_fields.get(step)
        return _bare(field.annotation) if field is not None else None
    inner = [_bare(argument) for argument in get_args(kind) if argument is not Ellipsis]
    if get_origin(kind) is dict:
        return inner[1]
    return inner[0] if get_origin(kind) is tuple and inner else None


def _bare(kind: Any) -> Any:
    """A type without what is said about it, and without `None`."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return _bare(next(each for each in get_args(kind) if each is not type(None)))
    return kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
