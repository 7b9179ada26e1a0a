"""Walks parsed files: collects what names are bound to, and the expressions that may emit an event.

Keeps a stack of its own, so that deep nesting does not exhaust Python's. Resolves nothing.
"""

import ast
from collections.abc import Iterable
from typing import NamedTuple

from auditwright_generator.coverage.names import Binding, Bindings, File
from auditwright_generator.findings import Position

Owner = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | None
"""The class, or the function without a return annotation, whose body a node is in."""


class Use(NamedTuple):
    """An expression that is read, with attributes of it, such as `audit` with `shop` and `orders`."""

    base: ast.expr
    names: tuple[str, ...]
    spots: tuple[tuple[int, int], ...]
    """Line and byte column of the base and of each name."""
    file: File
    call: ast.Call | None
    is_dynamic: bool
    """Whether getattr reads another attribute, whose name is not a literal."""

    def position(self, number: int) -> Position:
        """The position of the base, which is 0, or of a name."""
        return self.file.position(*self.spots[number])


def split(node: ast.expr) -> tuple[ast.expr, tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Separates attributes from what they belong to. getattr with a literal name counts as an attribute."""
    names: list[str] = []
    spots: list[tuple[int, int]] = []
    while True:
        match node:
            case ast.Attribute(inner, name):
                start = (node.end_col_offset or 0) - len(name.encode("utf-8", "replace"))
                spots.append((node.end_lineno or node.lineno, max(0, start)))
            case ast.Call(ast.Name("getattr"), [inner, ast.Constant(str(name)) as text, *_]):
                spots.append((text.lineno, text.col_offset))
            case _:
                spots.append((node.lineno, node.col_offset))
                return node, tuple(names[::-1]), tuple(spots[::-1])
        names.append(name)
        node = inner


def label(node: ast.expr) -> str:
    """The last name in an expression: of a variable, an attribute, what is called, or a literal key."""
    while isinstance(node, ast.Call | ast.Await):
        node = node.func if isinstance(node, ast.Call) else node.value
    match node:
        case ast.Name(name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(str(name))):
            return name
    return ""


class Walker:
    """Walks one file after the other."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.keys: list[tuple[ast.expr, File]] = []
        """Of events: in an entry's JSON form, or as an argument of a method of the log."""
        self.attributes: Bindings = {}
        """What classes and assignments give an attribute of a name, whatever the object."""
        self._stack: list[tuple[ast.AST, Owner]] = []

    def walk(self, tree: ast.Module, file: File, folder: tuple[str, ...]) -> None:
        """Adds what a file has. Relative imports start in the folder."""
        self._file, self._folder = file, folder
        self._push([tree], None)
        while self._stack:
            self._visit(*self._stack.pop())

    def _push(self, nodes: Iterable[ast.AST | None], owner: Owner) -> None:
        self._stack += [(node, owner) for node in nodes if node is not None][::-1]

    def _visit(self, node: ast.AST, owner: Owner) -> None:
        match node:
            case ast.Name() | ast.Constant() | ast.expr_context():
                pass
            case ast.Attribute(ctx=ast.Load()):
                self._use(node)
            case ast.Call():
                self._call(node)
            case ast.Lambda():
                self._parameters(node.args)
                self._push([node.body], None)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                # A function stands for what it returns, with or without a call.
                self._bind(node.name, None, owner, node.returns)
                self._parameters(node.args)
                self._push(node.body, None if node.returns else node)
                self._push(node.decorator_list, owner)
            case ast.ClassDef(name=name, bases=bases):
                for base in (*bases, None):  # it may have more attributes than its bases
                    self._bind(name, base, owner)
                self._push(node.body, node)
                self._push((*bases, *node.keywords, *node.decorator_list), owner)
            case _:
                self._bindings(node, owner)
                self._push(ast.iter_child_nodes(node), owner)

    def _bind(
        self,
        target: ast.expr | str,
        value: ast.expr | tuple[str, ...] | None,
        owner: Owner = None,
        hint: ast.expr | None = None,
    ) -> None:
        binding = Binding(self._file, value, hint)
        match target:
            case str(name) | ast.Name(name):
                names = self.attributes if isinstance(owner, ast.ClassDef) else self._file.names
                names.setdefault(name, []).append(binding)
            case ast.Attribute(attr=name):
                self.attributes.setdefault(name, []).append(binding)
            case ast.Tuple(targets) | ast.List(targets):
                several = value.elts if isinstance(value, ast.Tuple | ast.List) else []
                parts = several if len(several) == len(targets) else [None] * len(targets)
                for each, part in zip(targets, parts, strict=True):
                    self._bind(each, part, owner)

    def _bindings(self, node: ast.AST, owner: Owner) -> None:
        match node:
            case ast.Assign(targets=targets):
                for each in targets:
                    self._bind(each, node.value, owner)
            case ast.AnnAssign():
                self._bind(node.target, node.value, owner, node.annotation)
            case ast.NamedExpr():
                self._bind(node.target, node.value)
            case ast.withitem(optional_vars=ast.expr() as target):
                self._bind(target, node.context_expr)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                for element in node.iter.elts if isinstance(node.iter, ast.Tuple | ast.List) else [None]:
                    self._bind(node.target, element)
            case ast.Return(ast.expr() as returned) if owner:
                for names in (self._file.names, self.attributes):
                    names.setdefault(owner.name, []).append(Binding(self._file, returned))
            case ast.Import():
                for alias in node.names:
                    parts = tuple(alias.name.split("."))
                    self._bind(alias.asname or parts[0], parts if alias.asname else parts[:1])
            case ast.ImportFrom(module=name, level=level):
                parts = self._folder[: max(0, len(self._folder) - level + 1)] if level else ()
                parts += tuple(name.split(".")) if name else ()
                self._file.stars += [parts for alias in node.names if alias.name == "*"]
                for alias in node.names:
                    self._bind(alias.asname or alias.name, (*parts, alias.name))
            case _ if type(node).__name__ == "TypeAlias":  # `type A = B`, of Python 3.12
                self._bind(vars(node)["name"], vars(node)["value"])
            case ast.Dict(keys, values):
                pairs = zip(keys, values, strict=True)
                form = {key.value: value for key, value in pairs if isinstance(key, ast.Constant)}
                # An entry has an event and metadata, or includes another dict, whose key is None.
                if "event" in form and ("metadata" in form or None in keys):
                    self.keys.append((form["event"], self._file))

    def _parameters(self, arguments: ast.arguments) -> None:
        several = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for each in (*several, arguments.vararg, arguments.kwarg):
            if each is not None:
                self._bind(each.arg, None, hint=each.annotation)
        self._push((*arguments.defaults, *arguments.kw_defaults), None)

    def _use(self, node: ast.expr, call: ast.Call | None = None, is_dynamic: bool = False) -> None:
        base, names, spots = split(node)
        self.uses.append(Use(base, names, spots, self._file, call, is_dynamic))
        self._push([base], None)

    def _call(self, node: ast.Call) -> None:
        arguments = [*node.args, *(each.value for each in node.keywords)]
        match node:
            case ast.Call(ast.Name("getattr"), [_, ast.Constant(str()), *arguments]):
                self._use(node)
            case ast.Call(ast.Name("getattr"), [owner, _, *_]):
                self._use(owner, is_dynamic=True)
                arguments.remove(owner)
            case ast.Call(ast.Name() | ast.Attribute() | ast.Call()):
                self._use(node.func, node)
            case _:
                self._push([node.func], None)
        if label(node.func) in ("record_event", "record_event_async") and node.args:
            self.keys.append((node.args[0], self._file))
        self._push(arguments, None)
