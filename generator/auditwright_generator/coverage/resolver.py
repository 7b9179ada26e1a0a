"""What expressions stand for, as far as the catalog's events are concerned.

Follows names through assignments, annotations, imports and returned values, but not from an argument to a
parameter. A name has every value that its file gives it, and an attribute every value that any file gives an
attribute of that name: scopes, classes and the order of statements do not matter.
"""

import ast
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from auditwright_generator.coverage.catalog_index import CatalogIndex
from auditwright_generator.coverage.names import UNKNOWN, Binding, Bindings, File, Generated, Value, Values
from auditwright_generator.coverage.walker import label, split

MAX_DEPTH = 50
"""How many names and calls are followed from one to the next."""
MAX_VALUES = 32
"""A name or attribute with more values counts as unknown."""
_TYPE_FORMS = frozenset({"Annotated", "Optional", "Union", "Final", "ClassVar", "InitVar"})
"""Their first argument counts."""


class Resolver:
    """Resolves each name of a file and each attribute once."""

    def __init__(
        self, index: CatalogIndex, files: Mapping[tuple[str, ...], File], attributes: Bindings
    ) -> None:
        self._files = files
        self._attributes = attributes
        self._index = index
        self._resolved: dict[Hashable, Values] = {}
        self._depth = 0

    def resolve(self, node: ast.expr, file: File, is_type: bool = False) -> Values:
        """Everything that the expression may be. None is among it if it may be something else."""
        return self._deeper(lambda: self._resolve(node, file, is_type))

    def follow(self, base: ast.expr, names: Sequence[str], file: File) -> list[Values]:
        """What the base is, and then each attribute of the one before."""
        owner = label(base)
        steps = [self._or_guess(self.resolve(base, file), "", owner)]
        for name in names:
            found = _union(self._attribute(each, name) for each in steps[-1])
            steps.append(self._or_guess(found, owner, name))
            owner = name
        return steps

    def _or_guess(self, values: Values, owner: str, name: str) -> Values:
        """The values, or if there are none what level and category in a row or the word "audit" suggest.

        Without levels that would be category and event in a row, which other code has too: `session.closed`.
        """
        known = {each for each in values if each}
        strange = all(isinstance(each, tuple) and self._index.package not in each for each in known)
        if strange and self._index.has_levels and name in self._index.below.get((owner,), ()):
            return frozenset({Generated((owner, name), sure=False)})
        if not known and "audit" in name.lower().split("_"):
            return frozenset({Generated((), sure=False)})
        return values or UNKNOWN

    def _deeper(self, resolve: Callable[[], Values]) -> Values:
        if self._depth >= MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            return resolve()
        finally:
            self._depth -= 1

    def _once(self, key: Hashable, resolve: Callable[[], Values]) -> Values:
        """Resolves what the key stands for, unless that is done or under way: a cycle adds no value."""
        if key not in self._resolved:
            self._resolved[key] = frozenset()
            found = self._deeper(resolve)
            self._resolved[key] = found if len(found) <= MAX_VALUES else UNKNOWN
        return self._resolved[key]

    def _resolve(self, node: ast.expr, file: File, is_type: bool) -> Values:
        match node:
            case ast.Name(name):
                return self._name(file, name)
            case ast.Attribute() | ast.Call(ast.Name("getattr")):
                base, names, _ = split(node)
                return self.follow(base, names, file)[-1] if names else UNKNOWN
            case ast.Call(function, [type_, _]) if label(function) == "cast":
                return self.resolve(type_, file, is_type=True)
            case ast.Await(inner) | ast.NamedExpr(value=inner):
                return self.resolve(inner, file)
            case ast.IfExp(body=first, orelse=second) | ast.BinOp(first, ast.BitOr(), second):
                return self.resolve(first, file, is_type) | self.resolve(second, file, is_type)
            case ast.BoolOp(values=several):
                return _union(self.resolve(each, file) for each in several)
            case ast.Subscript(base, ast.Tuple([first, *_]) | first) if label(base) in _TYPE_FORMS:
                return self.resolve(first, file, is_type=True)
            case ast.Subscript(value=base) | ast.Call(func=base):
                found = self.resolve(base, file)
                return frozenset(each if isinstance(each, Generated) else None for each in found)
            case ast.Constant(None):
                return frozenset()
            case ast.Constant(str(text)) if self._index.looks_like_key(text):
                return frozenset({text})
            case ast.Constant(str(text)) if is_type:
                try:
                    return self.resolve(ast.parse(text.strip(), mode="eval").body, file, is_type)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    return UNKNOWN
        return UNKNOWN

    def _bound(self, binding: Binding) -> Values:
        if binding.annotation is not None:
            found = self.resolve(binding.annotation, binding.file, is_type=True)
            if found - UNKNOWN:
                return found
        match binding.value:
            case ast.expr() as node:
                return self.resolve(node, binding.file)
            case (*module, name):
                return self._of_module((*module,), name)
            case value:
                return frozenset({value})

    def _name(self, file: File, name: str) -> Values:
        """What a file gives a name, or else what `from ... import *` gives it."""
        if name in file.names:
            return self._once((file, name), lambda: _union(map(self._bound, file.names[name])))
        found = self._once((file, name), lambda: _union(self._of_module(each, name) for each in file.stars))
        return frozenset(each for each in found if not isinstance(each, tuple)) or UNKNOWN

    def _attribute(self, value: Value, name: str) -> Values:
        match value:
            case Generated(is_model=True) if name.startswith(("model_validate", "model_construct")):
                return frozenset({value})
            case Generated(parts):
                # Under an owner that is a guess, a level and a category that fit are enough to be sure.
                is_sure = value.sure or (self._index.has_levels and len(parts) == 1)
                below = Generated((*parts, name), is_sure)
                return frozenset({below if name in self._index.below.get(parts, ()) else None})
            case tuple():
                return self._of_module(value, name)
            case str() if name == "value":  # of an enum's member
                return frozenset({value})
        return self._once((".", name), lambda: self._of_any(name)) or UNKNOWN

    def _of_any(self, name: str) -> Values:
        """What an attribute of anything may be."""
        found = _union(map(self._bound, self._attributes.get(name, ())))
        return frozenset(
            Generated(each.parts, False) if isinstance(each, Generated) else each for each in found
        )

    def _of_module(self, module: tuple[str, ...], name: str) -> Values:
        """What a module has under a name: the generated package, a file, or one that is not read."""
        parts = (*module, name)
        if self._index.package in module:
            below = parts[len(parts) - parts[::-1].index(self._index.package) :]
            return frozenset({self._index.generated(below) or parts})
        file = self._files.get(module)
        found = self._name(file, name) if file else UNKNOWN
        return found if found != UNKNOWN or len(parts) > MAX_DEPTH else frozenset({parts})


def _union(found: Iterable[Values]) -> Values:
    return frozenset[Value]().union(*found)
