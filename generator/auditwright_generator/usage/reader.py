"""Takes from a parsed file what may concern events: uses of emitters, keys, and what names stand for.

Walks the tree with a stack of its own, so that no depth exhausts it, and keeps places, not nodes. What a
name comes to is not decided here but in `values.py`, when all files are read.
"""

import ast
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditwright_generator.findings import Position
from auditwright_generator.usage import values
from auditwright_generator.usage.known import Known
from auditwright_generator.usage.sources import Source
from auditwright_generator.usage.values import (
    NOWHERE,
    Called,
    Chain,
    ClassOf,
    Const,
    Either,
    Entered,
    Function,
    Indexed,
    Module,
    Name,
    Nothing,
    Object,
    Prefer,
    Project,
    Term,
    Text,
    Typed,
)

DEPTH = 15
"""How deep an expression is looked into for what a name stands for."""
LONGEST_JSON = 1_000_000
KEY_CALLS = frozenset({"record_event", "record_event_async"})
"""Methods of the log whose first argument is an event's key."""
_FIRST_ARGUMENT = frozenset(
    {"Annotated", "Optional", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly", "InitVar"}
)
_PROPERTIES = frozenset({"property", "cached_property"})
_NONE = Const(Nothing())

Spot = tuple[int, int]
"""A line from 1 and a column in bytes from 0, as trees have them."""
_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Use:
    """A chain of attributes as it is read somewhere."""

    base: Term
    names: tuple[str, ...]
    label: str
    """What the base is called, where it has a name."""
    positions: tuple[Position, ...]
    """Of the base, and of each name."""
    called: bool = False
    passed: bool = False
    """Whether it goes where it cannot be followed: into a call, an attribute, a list."""
    dynamic: bool = False
    """Whether getattr takes something of it by a name that is not written out."""
    fits: tuple[str, ...] = ()
    """The events that it would be a right call of, by its last name and its keywords."""
    has_fields: bool = False
    """Whether the call gives any keyword at all."""


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An event's key where an entry is written out, or passed to the log."""

    key: Term
    position: Position
    log: Term | None
    """What it is passed to; None for an entry in its JSON form."""


@dataclass(slots=True)
class Facts:
    """What one file has."""

    uses: list[Use] = field(default_factory=list)
    keys: list[KeyUse] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Flat:
    """An expression taken apart: what it begins with, and the attributes from there."""

    base: ast.expr
    names: tuple[str, ...]
    spots: tuple[Spot, ...]
    extras: tuple[ast.expr, ...]
    """What else stands in it, such as a default of getattr."""


def read(source: Source, module: int, parts: tuple[str, ...], project: Project) -> Facts:
    """What the file has; its names are added to the project, where `module` is its scope."""
    reader = _Reader(source, parts, project)
    reader.walk(module)
    return reader.facts()


class _Reader:
    def __init__(self, source: Source, parts: tuple[str, ...], project: Project) -> None:
        self._source = source
        self._folder = parts if source.path.endswith("/__init__.py") else parts[:-1]
        self._project = project
        self._known: Known = project.known
        self._uses: list[tuple[int, _Flat, ast.Call | None, bool, bool]] = []
        self._plain: list[tuple[int, ast.Name]] = []
        self._imports: list[Use] = []
        self._keys: list[KeyUse] = []
        self._elsewhere: list[tuple[int, str, bool]] = []
        self._interesting: dict[tuple[int, str], bool] = {}
        self._names_deep = 0
        self._stack: list[tuple[ast.AST, int, bool]] = []

    # --- the walk ----------------------------------------------------------------------------------------

    def walk(self, module: int) -> None:
        """Goes over every node once; the third of a stack's entry says that the value is only named."""
        stack = self._stack
        stack.append((self._source.tree, module, False))
        while stack:
            node, scope, named = stack.pop()
            visit = _VISITORS.get(type(node))
            if visit is not None:
                visit(self, node, scope, named)
            else:
                self._push(ast.iter_child_nodes(node), scope)
        self._move_outside()

    def _push(self, nodes: Iterable[ast.AST | None], scope: int, named: bool = False) -> None:
        """For the walk, which takes the first of them first."""
        self._stack.extend([(node, scope, named) for node in nodes if node is not None][::-1])

    def _place(self, spot: Spot) -> Position:
        return self._source.position(*spot)

    # --- expressions -------------------------------------------------------------------------------------

    def _visit_name(self, node: ast.Name, scope: int, named: bool) -> None:
        if not named and isinstance(node.ctx, ast.Load):
            self._plain.append((scope, node))

    def _visit_attribute(self, node: ast.Attribute, scope: int, named: bool) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note(scope, _flatten(node), None, passed=not named)
        else:
            self._push([node.value], scope, True)

    def _note(
        self, scope: int, flat: _Flat, call: ast.Call | None, passed: bool = False, dynamic: bool = False
    ) -> None:
        self._uses.append((scope, flat, call, passed, dynamic))
        self._push(flat.extras, scope)
        if not isinstance(flat.base, ast.Name):
            self._push([flat.base], scope, True)

    def _visit_call(self, node: ast.Call, scope: int, named: bool) -> None:
        name = _called_name(node)
        if name == "getattr" and isinstance(node.func, ast.Name) and len(node.args) >= 2:
            self._getattr(node, scope, named)
            return
        if name in KEY_CALLS and node.args:
            self._key_call(node, scope)
        elif name == "dict":
            self._json_form(
                {each.arg: each.value for each in node.keywords if each.arg},
                any(each.arg is None for each in node.keywords),
                scope,
            )
        if isinstance(node.func, ast.Name | ast.Attribute | ast.Call):
            self._note(scope, _flatten(node.func), node)
        else:
            self._push([node.func], scope)
        self._push(node.args, scope)
        self._push((each.value for each in node.keywords), scope)

    def _getattr(self, node: ast.Call, scope: int, named: bool) -> None:
        flat = _flatten(node)
        if flat.base is not node:
            self._note(scope, flat, None, passed=not named)
            return
        self._note(scope, _flatten(node.args[0]), None, dynamic=True)
        self._push(node.args[1:], scope)

    def _key_call(self, node: ast.Call, scope: int) -> None:
        first = node.args[0]
        key = self._key(first, scope)
        log = self.term(node.func.value, scope) if isinstance(node.func, ast.Attribute) else NOWHERE
        self._keys.append(KeyUse(key, self._place((first.lineno, first.col_offset)), log))

    def _visit_dict(self, node: ast.Dict, scope: int, named: bool) -> None:
        pairs = zip(node.keys, node.values, strict=True)
        entries: dict[object, ast.expr] = {
            key.value: value for key, value in pairs if isinstance(key, ast.Constant)
        }
        self._json_form(entries, None in node.keys, scope)
        self._push(ast.iter_child_nodes(node), scope)

    def _json_form(self, entries: dict[object, ast.expr], more: bool, scope: int) -> None:
        """An entry's JSON form has an event and metadata, or takes in another dict that may have it."""
        event = entries.get("event")
        if event is None or not (more or "metadata" in entries):
            return
        position = self._place((event.lineno, event.col_offset))
        self._keys.append(KeyUse(self._key(event, scope), position, None))

    def _key(self, node: ast.expr, scope: int) -> Term:
        text = _text_of(node)
        return self.term(node, scope) if text is None else Const(Text(text))

    def _visit_constant(self, node: ast.Constant, scope: int, named: bool) -> None:
        if isinstance(node.value, str | bytes):
            self._json_text(node, node.value)

    def _visit_fstring(self, node: ast.JoinedStr, scope: int, named: bool) -> None:
        """What is put in counts as 0, which JSON takes with and without quotes."""
        parts = [_text_of(each) for each in node.values]
        self._json_text(node, "".join("0" if part is None else part for part in parts))
        self._push((each for each in node.values if not isinstance(each, ast.Constant)), scope)

    def _json_text(self, node: ast.expr, text: str | bytes) -> None:
        if len(text) > LONGEST_JSON or text.strip()[:1] not in ("{", b"{"):
            return
        try:
            form = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(form, dict) and isinstance(form.get("event"), str) and "metadata" in form:
            position = self._place((node.lineno, node.col_offset))
            self._keys.append(KeyUse(Const(Text(form["event"])), position, None))

    # --- statements that bind names ----------------------------------------------------------------------

    def _visit_assign(self, node: ast.Assign, scope: int, named: bool) -> None:
        plain = True
        for target in node.targets:
            plain = self._bind(target, node.value, scope) and plain
        self._push(node.targets, scope)
        if isinstance(node.value, ast.Tuple):
            unpacked = plain and not any(isinstance(target, ast.Name) for target in node.targets)
            self._push(node.value.elts, scope, unpacked)
        else:
            self._push([node.value], scope, plain)

    def _bind(self, target: ast.expr, value: ast.expr | None, scope: int) -> bool:
        """Gives the targets their terms; returns whether all of them are plain names."""
        if isinstance(target, ast.Tuple | ast.List):
            parts: Sequence[ast.expr | None] = [None] * len(target.elts)
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                parts = value.elts
            pairs = zip(target.elts, parts, strict=True)
            plain = [self._bind(each, part, scope) for each, part in pairs]
            return len(parts) > 0 and None not in parts and all(plain)
        term = NOWHERE if value is None else self.term(value, scope)
        self._bind_term(target, term, scope)
        return isinstance(target, ast.Name)

    def _bind_term(self, target: ast.expr, term: Term, scope: int) -> None:
        if isinstance(target, ast.Name):
            self._project.scopes[scope].bind(target.id, term)
        elif isinstance(target, ast.Attribute):
            owner = self._owner(target.value, scope)
            if owner is not None:
                self._project.scopes[owner].bind(target.attr, term)
            elif term not in (NOWHERE, _NONE):
                self._project.attributes.setdefault(target.attr, {}).setdefault(term)
        elif isinstance(target, ast.Starred):
            self._bind_term(target.value, NOWHERE, scope)

    def _owner(self, base: ast.expr, scope: int) -> int | None:
        """The class whose instance a name is, if it is the `self` of a method."""
        if not isinstance(base, ast.Name):
            return None
        found = self._project.lookup(scope, base.id)
        for term in self._project.scopes[found].names[base.id] if found is not None else ():
            if isinstance(term, Const) and isinstance(term.value, Object):
                return term.value.scope
            if isinstance(term, Const) and isinstance(term.value, ClassOf):
                instance = term.value.instance
                return instance.scope if isinstance(instance, Object) else None
        return None

    def _visit_annotated(self, node: ast.AnnAssign, scope: int, named: bool) -> None:
        value = self.term(node.value, scope) if node.value else NOWHERE
        if _label(node.annotation) == "TypeAlias":
            self._bind_term(node.target, value, scope)
        else:
            self._bind_term(node.target, Prefer(self._instance(node.annotation, scope), value), scope)
        self._push([node.target], scope)
        self._push([node.value], scope, isinstance(node.target, ast.Name))

    def _visit_walrus(self, node: ast.NamedExpr, scope: int, named: bool) -> None:
        self._bind(node.target, node.value, scope)
        self._push([node.value], scope, named)

    def _visit_with(self, node: ast.With | ast.AsyncWith, scope: int, named: bool) -> None:
        for item in node.items:
            if item.optional_vars is not None:
                entered = Entered(self.term(item.context_expr, scope))
                whole = isinstance(item.optional_vars, ast.Name | ast.Attribute)
                self._bind_term(item.optional_vars, entered, scope) if whole else self._bind(
                    item.optional_vars, None, scope
                )
        self._push(ast.iter_child_nodes(node), scope)

    def _visit_for(self, node: ast.For | ast.AsyncFor | ast.comprehension, scope: int, named: bool) -> None:
        if isinstance(node.iter, ast.Tuple | ast.List) and isinstance(node.target, ast.Name):
            for each in node.iter.elts[: values.MANY]:
                self._bind(node.target, each, scope)
        else:
            self._bind(node.target, None, scope)
        self._push(ast.iter_child_nodes(node), scope)

    def _visit_handler(self, node: ast.ExceptHandler, scope: int, named: bool) -> None:
        if node.name:
            self._project.scopes[scope].bind(node.name, NOWHERE)
        self._push(ast.iter_child_nodes(node), scope)

    def _visit_alias(self, node: ast.AST, scope: int, named: bool) -> None:
        """`type Audit = AuditEvents`, of Python 3.12."""
        name, value = getattr(node, "name", None), getattr(node, "value", None)
        if isinstance(name, ast.expr) and isinstance(value, ast.expr):
            self._bind(name, value, scope)

    def _visit_outside(self, node: ast.Global | ast.Nonlocal, scope: int, named: bool) -> None:
        self._elsewhere += [(scope, name, isinstance(node, ast.Global)) for name in node.names]

    def _move_outside(self) -> None:
        """What a function gives to names that it says are not its own."""
        project = self._project
        for scope, name, is_global in self._elsewhere:
            terms = project.scopes[scope].names.pop(name, {})
            outer = project.scopes[scope].parent if not is_global else None
            owner = project.lookup(outer, name) if outer is not None else None
            target = project.scopes[project.module_of(scope) if owner is None else owner]
            for term in terms:
                target.bind(name, term)

    # --- imports -----------------------------------------------------------------------------------------

    def _visit_import(self, node: ast.Import, scope: int, named: bool) -> None:
        for alias in node.names:
            parts = tuple(alias.name.split("."))
            whole = parts if alias.asname else parts[:1]
            if self._project.inside(parts) is not None:
                self._project.prefixes.add(parts[0])
            self._project.scopes[scope].bind(alias.asname or parts[0], Const(Module(whole, sure=True)))

    def _visit_import_from(self, node: ast.ImportFrom, scope: int, named: bool) -> None:
        parts = tuple(node.module.split(".")) if node.module else ()
        if node.level:
            parts = (*self._folder[: max(0, len(self._folder) - node.level + 1)], *parts) or ("",)
        for alias in node.names:
            if alias.name == "*":
                self._project.scopes[scope].stars.append(parts)
                continue
            module = Const(Module(parts))
            self._project.scopes[scope].bind(alias.asname or alias.name, Chain(module, (alias.name,)))
            if self._project.inside(parts) is not None:
                start, name = self._place((node.lineno, node.col_offset)), (alias.lineno, alias.col_offset)
                self._imports.append(Use(module, (alias.name,), "", (start, self._place(name))))

    # --- scopes ------------------------------------------------------------------------------------------

    def _visit_function(self, node: _FunctionNode, scope: int, named: bool) -> None:
        project, arguments = self._project, node.args
        inner = project.open("function", scope)
        if isinstance(node, ast.Lambda):
            self._push([node.body], inner)
        else:
            function = project.scopes[inner]
            decorators = {_label(each) for each in node.decorator_list}
            function.is_property = bool(decorators & _PROPERTIES)
            function.annotated = self._instance(node.returns, scope) if node.returns else None
            project.scopes[scope].bind(node.name, Const(Function(inner)))
            self._bind_self(node, scope, inner, decorators)
            self._push(node.body, inner)
            self._push(node.decorator_list, scope)
        self._bind_parameters(arguments, scope, inner)
        self._push((*arguments.defaults, *arguments.kw_defaults), scope)

    def _bind_self(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: int, inner: int, decorators: set[str]
    ) -> None:
        first = [*node.args.posonlyargs, *node.args.args][:1]
        if self._project.scopes[scope].kind != "class" or not first or "staticmethod" in decorators:
            return
        instance = Object(scope)
        of_class = "classmethod" in decorators or node.name in ("__new__", "__init_subclass__")
        self._project.scopes[inner].bind(first[0].arg, Const(ClassOf(instance) if of_class else instance))

    def _bind_parameters(self, arguments: ast.arguments, scope: int, inner: int) -> None:
        plain = [*arguments.posonlyargs, *arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
        defaults += arguments.defaults
        pairs = [*zip(plain, defaults, strict=True)]
        pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        bound = self._project.scopes[inner]
        for each, default in pairs:
            if each.arg not in bound.names:  # self, which is known
                given = self.term(default, scope) if default else NOWHERE
                annotated = self._instance(each.annotation, scope) if each.annotation else None
                bound.bind(each.arg, Prefer(annotated, given) if annotated else Either((given, NOWHERE)))
        for more in (arguments.vararg, arguments.kwarg):
            if more is not None:
                bound.bind(more.arg, NOWHERE)

    def _visit_class(self, node: ast.ClassDef, scope: int, named: bool) -> None:
        inner = self._project.open("class", scope)
        self._project.scopes[scope].bind(node.name, Const(ClassOf(Object(inner))))
        self._project.scopes[inner].bases += [self.term(base, scope) for base in node.bases]
        self._push(node.body, inner)
        self._push((*node.bases, *(each.value for each in node.keywords), *node.decorator_list), scope)

    def _visit_return(self, node: ast.Return, scope: int, named: bool) -> None:
        if node.value is not None:
            self._project.scopes[scope].give(self.term(node.value, scope))
            self._push([node.value], scope)

    # --- terms -------------------------------------------------------------------------------------------

    def term(self, node: ast.expr, scope: int, depth: int = 0) -> Term:
        """What an expression is, to be worked out later."""
        if depth > DEPTH:
            return NOWHERE
        match node:
            case ast.Name(id=name):
                return Name(scope, name)
            case ast.Attribute() | ast.Call(func=ast.Name(id="getattr")):
                flat = _flatten(node)
                if flat.base is node or len(flat.names) > values.MANY:
                    return NOWHERE
                return Chain(self.term(flat.base, scope, depth + 1), flat.names, _label(flat.base))
            case ast.Call(func=func, args=[first, _]) if _called_name(node) == "cast":
                return Typed(self._type(first, scope, depth + 1)) if func else NOWHERE
            case ast.Call(func=func):
                base = self.term(func, scope, depth + 1)
                return NOWHERE if base == NOWHERE else Called(base)
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.term(value, scope, depth + 1)
            case ast.IfExp(body=body, orelse=orelse):
                return self._either((body, orelse), scope, depth)
            case ast.BoolOp(values=several):
                return self._either(several[: values.MANY], scope, depth)
            case ast.Constant(value=None):
                return _NONE
            case ast.Constant(value=str(text)) if self._known.looks_like_key(text):
                return Const(Text(text))
            case ast.Subscript() | ast.BinOp(op=ast.BitOr()):
                return self._type(node, scope, depth)
            case _:
                return NOWHERE

    def _either(self, nodes: Sequence[ast.expr], scope: int, depth: int) -> Term:
        return Either(tuple(self.term(each, scope, depth + 1) for each in nodes))

    def _instance(self, annotation: ast.expr, scope: int) -> Term:
        return Typed(self._type(annotation, scope, 0))

    def _type(self, node: ast.expr, scope: int, depth: int) -> Term:
        """What an annotation names."""
        if depth > DEPTH:
            return NOWHERE
        match node:
            case ast.Constant(value=str(text)):
                return self._quoted(text, scope, depth)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return Either((self._type(left, scope, depth + 1), self._type(right, scope, depth + 1)))
            case ast.Subscript(value=base, slice=arguments):
                inside = arguments.elts if isinstance(arguments, ast.Tuple) else [arguments]
                name = _label(base)
                if name in _FIRST_ARGUMENT and inside:
                    return self._type(inside[0], scope, depth + 1)
                if name == "Union":
                    each = (self._type(one, scope, depth + 1) for one in inside[: values.MANY])
                    return Either(tuple(each))
                return Indexed(self._type(base, scope, depth + 1))
            case _:
                return self.term(node, scope, depth)

    def _quoted(self, text: str, scope: int, depth: int) -> Term:
        if len(text) > 1000:
            return NOWHERE
        try:
            inner = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return NOWHERE
        return self._type(inner, scope, depth + 1)

    # --- what is kept ------------------------------------------------------------------------------------

    def facts(self) -> Facts:
        """What may concern events; the rest is forgotten."""
        uses = [self._use(*each) for each in self._uses if self._is_kept(*each)]
        passed = [each for each in self._plain if self._name_matters(each[0], each[1].id)]
        uses += [self._use(scope, _flatten(name), None, True, False) for scope, name in passed]
        return Facts([*self._imports, *uses], self._keys)

    def _is_kept(self, scope: int, flat: _Flat, call: ast.Call | None, passed: bool, dynamic: bool) -> bool:
        if not flat.names and call is None and not (passed or dynamic):
            return False
        if flat.names and self._speaks_of_events((_label(flat.base), *flat.names), call):
            return True
        return self._leads_somewhere(self.term(flat.base, scope))

    def _speaks_of_events(self, names: tuple[str, ...], call: ast.Call | None) -> bool:
        """Whether the names alone may mean an event, whatever they begin with."""
        levels, by_name = self._known.levels, self._known.by_name
        if call is not None and names[-1] in by_name:
            return True
        return any(name in levels or names[index + 1] in by_name for index, name in enumerate(names[:-1]))

    def _use(self, scope: int, flat: _Flat, call: ast.Call | None, passed: bool, dynamic: bool) -> Use:
        keywords = [each.arg for each in call.keywords] if call is not None and not call.args else []
        fits: tuple[str, ...] = ()
        if call is not None and not call.args and flat.names:
            given = [name for name in keywords if name is not None]
            fits = self._known.taking(flat.names[-1], given, None in keywords)
        return Use(
            base=self.term(flat.base, scope),
            names=flat.names,
            label=_label(flat.base),
            positions=tuple(map(self._place, flat.spots)),
            called=call is not None,
            passed=passed,
            dynamic=dynamic,
            fits=fits,
            has_fields=bool(keywords),
        )

    def _leads_somewhere(self, term: Term) -> bool:
        """Whether a term may come to anything that matters."""
        match term:
            case Const(value):
                return self._matters(value, ())
            case Name(scope, name):
                return self._name_matters(scope, name)
            case Chain(Const(Module(parts)), names):
                return self._matters(Module(parts), names)
            case Chain(base) | Called(base) | Typed(base) | Indexed(base) | Entered(base):
                return self._leads_somewhere(base)
            case Either(terms):
                return any(self._leads_somewhere(each) for each in terms)
            case Prefer(first, second):
                return self._leads_somewhere(first) or self._leads_somewhere(second)

    def _matters(self, value: values.Value, names: tuple[str, ...]) -> bool:
        if not isinstance(value, Module):
            return value not in (values.OTHER, values.NOTHING)
        parts, project = value.parts, self._project
        return (
            project.inside((*parts, *names)) is not None
            or parts[0] == "auditwright"
            or parts[0] in project.prefixes
            or parts in project.files
            or (*parts, *names[:1]) in project.files
        )

    def _name_matters(self, scope: int, name: str) -> bool:
        found = self._project.lookup(scope, name)
        if found is None:
            return bool(self._project.scopes[self._project.module_of(scope)].stars)
        key = found, name
        if self._names_deep > values.DEPTH:
            return True
        if key not in self._interesting:
            self._interesting[key] = False  # a name that is given itself adds nothing
            self._names_deep += 1
            terms = self._project.scopes[found].names[name]
            self._interesting[key] = any(self._leads_somewhere(term) for term in terms)
            self._names_deep -= 1
        return self._interesting[key]


def _text_of(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _called_name(node: ast.Call) -> str:
    return _label(node.func)


def _label(node: ast.expr) -> str:
    """What an expression is called: its name, its last attribute, what it calls, or its key."""
    for _ in range(DEPTH):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return name
            case ast.Subscript(slice=ast.Constant(value=str(name))):
                return name
            case ast.Call(func=ast.expr() as inner) | ast.Await(value=inner):
                node = inner
            case _:
                return ""
    return ""


def _flatten(node: ast.expr) -> _Flat:
    """Takes attributes, and getattr with a name that is written out, off an expression."""
    names: list[str] = []
    spots: list[Spot] = []
    extras: list[ast.expr] = []
    while True:
        match node:
            case ast.Attribute(value=inner, attr=name):
                line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
                names.append(name)
                spots.append((line, max(0, end - len(name.encode("utf-8", "replace")))))
                node = inner
            case ast.Call(
                func=ast.Name(id="getattr"), args=[inner, ast.Constant(value=str(name)) as literal, *more]
            ):
                names.append(name)
                spots.append((literal.lineno, literal.col_offset))
                extras += more
                node = inner
            case _:
                spots.append((node.lineno, node.col_offset))
                return _Flat(node, tuple(names[::-1]), tuple(spots[::-1]), tuple(extras))


_VISITORS: dict[type, Callable[[_Reader, Any, int, bool], None]] = {
    ast.Attribute: _Reader._visit_attribute,
    ast.Name: _Reader._visit_name,
    ast.Call: _Reader._visit_call,
    ast.Dict: _Reader._visit_dict,
    ast.Constant: _Reader._visit_constant,
    ast.JoinedStr: _Reader._visit_fstring,
    ast.Assign: _Reader._visit_assign,
    ast.AnnAssign: _Reader._visit_annotated,
    ast.NamedExpr: _Reader._visit_walrus,
    ast.With: _Reader._visit_with,
    ast.AsyncWith: _Reader._visit_with,
    ast.For: _Reader._visit_for,
    ast.AsyncFor: _Reader._visit_for,
    ast.comprehension: _Reader._visit_for,
    ast.ExceptHandler: _Reader._visit_handler,
    ast.Global: _Reader._visit_outside,
    ast.Nonlocal: _Reader._visit_outside,
    ast.Import: _Reader._visit_import,
    ast.ImportFrom: _Reader._visit_import_from,
    ast.FunctionDef: _Reader._visit_function,
    ast.AsyncFunctionDef: _Reader._visit_function,
    ast.Lambda: _Reader._visit_function,
    ast.ClassDef: _Reader._visit_class,
    ast.Return: _Reader._visit_return,
}
"""What is done at a node; of all others the parts are visited."""
if sys.version_info >= (3, 12):
    _VISITORS[ast.TypeAlias] = _Reader._visit_alias
