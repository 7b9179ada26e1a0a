"""What an expression stands for, as far as events are concerned: terms, and the values they come to.

`reader.py` writes down terms while it walks a tree; here they are worked out when all files are read, with
no regard to the order of statements: a name has every value that it is given anywhere in its scope.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from auditwright_generator.model import camel
from auditwright_generator.usage.known import ROOT_CLASSES, Known

DEPTH = 60
"""How many names are followed from one to the next; a longer way is not worked out."""
MANY = 32
"""How many terms of one name are kept."""
VALIDATORS = frozenset({"model_validate", "model_validate_json", "model_validate_strings", "model_construct"})


# --- values ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Root:
    """An AuditEvents or AsyncAuditEvents."""


@dataclass(frozen=True, slots=True)
class Level:
    """What holds the categories of a level; `sure` unless only names speak for it."""

    name: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Category:
    """What holds the emitters of a category; `sure` unless only names speak for it."""

    level: str
    name: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Emitter:
    """An emitter of the event."""

    key: str


@dataclass(frozen=True, slots=True)
class Model:
    """The class of an event's metadata model; `make` once it is a method of it that makes one."""

    key: str
    make: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """An AuditLog; `make` for its method `open`."""

    make: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    text: str


@dataclass(frozen=True, slots=True)
class Object:
    """An instance of a class in the files; `scope` is the class's."""

    scope: int


@dataclass(frozen=True, slots=True)
class Function:
    """A function in the files."""

    scope: int


@dataclass(frozen=True, slots=True)
class ClassOf:
    """The class of such a value."""

    instance: "Value"


@dataclass(frozen=True, slots=True)
class Module:
    """A module by its dotted name; `sure` where the source says by `import` that it is one."""

    parts: tuple[str, ...]
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """What the generated code does not have, and what to say about it."""

    message: str


@dataclass(frozen=True, slots=True)
class Other:
    """Anything else, or what cannot be told."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """None."""


Value = (
    Root | Level | Category | Emitter | Model | Log | Text | Object | Function | ClassOf | Module | Missing
    | Other | Nothing
)  # fmt: skip
Values = frozenset[Value]
OTHER = Other()
UNKNOWN: Values = frozenset({OTHER})


# --- terms -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Const:
    """A value that is known at once."""

    value: Value


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a scope."""

    scope: int
    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Attributes, one of the other; `label` is what the base is called, where it has a name."""

    base: "Term"
    names: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Called:
    """What calling it gives."""

    base: "Term"


@dataclass(frozen=True, slots=True)
class Typed:
    """An instance of it, as an annotation says."""

    base: "Term"


@dataclass(frozen=True, slots=True)
class Indexed:
    """It with arguments in brackets: a generic class stays what it is."""

    base: "Term"


@dataclass(frozen=True, slots=True)
class Entered:
    """What `with` binds of it."""

    base: "Term"


@dataclass(frozen=True, slots=True)
class Either:
    """One of several."""

    terms: "tuple[Term, ...]"


@dataclass(frozen=True, slots=True)
class Prefer:
    """The first, unless nothing is known of it."""

    first: "Term"
    second: "Term"


Term = Const | Name | Chain | Called | Typed | Indexed | Entered | Either | Prefer
NOWHERE = Const(OTHER)


# --- scopes ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Scope:
    """A module, function or class, and the terms of its names."""

    kind: str
    parent: int | None
    names: dict[str, dict[Term, None]] = field(default_factory=dict)
    stars: list[tuple[str, ...]] = field(default_factory=list)
    """The modules of `from ... import *`."""
    bases: list[Term] = field(default_factory=list)
    returns: dict[Term, None] = field(default_factory=dict)
    annotated: Term | None = None
    """What a function says that it returns."""
    is_property: bool = False

    def bind(self, name: str, term: Term) -> None:
        """Gives the name one more term."""
        _add(self.names.setdefault(name, {}), term)

    def give(self, term: Term) -> None:
        """Notes that the function may return it."""
        _add(self.returns, term)


def _add(terms: dict[Term, None], term: Term) -> None:
    terms[term if len(terms) < MANY else NOWHERE] = None


@dataclass(slots=True)
class Project:
    """The scopes of all files, and the files by the names they can be imported by."""

    known: Known
    scopes: list[Scope] = field(default_factory=list)
    files: dict[tuple[str, ...], int] = field(default_factory=dict)
    """The module scope of each file, by every end of its path: the shortest path wins."""
    prefixes: set[str] = field(default_factory=set)
    """First parts of dotted names that lead to the generated package."""
    attributes: dict[str, dict[Term, None]] = field(default_factory=dict)
    """What attributes of that name are given anywhere."""

    def open(self, kind: str, parent: int | None) -> int:
        """A new scope's number."""
        self.scopes.append(Scope(kind, parent))
        return len(self.scopes) - 1

    def add_file(self, parts: tuple[str, ...]) -> None:
        """Makes a file known before it is read; call it with the shortest paths first."""
        scope = self.open("module", None)
        for start in range(len(parts)):
            self.files.setdefault(parts[start:], scope)

    def inside(self, parts: tuple[str, ...]) -> tuple[str, ...] | None:
        """The part of a dotted name that is below the generated package; None if it is elsewhere."""
        if self.known.package not in parts:
            return None
        return parts[len(parts) - parts[::-1].index(self.known.package) :]

    def lookup(self, scope: int, name: str) -> int | None:
        """The scope that binds a name, as seen from another: as in Python, class bodies are passed over."""
        number: int | None = scope
        while number is not None:
            each = self.scopes[number]
            if name in each.names and (each.kind != "class" or number == scope):
                return number
            number = each.parent
        return None

    def module_of(self, scope: int) -> int:
        """The module that a scope is in."""
        while (parent := self.scopes[scope].parent) is not None:
            scope = parent
        return scope


# --- working out -----------------------------------------------------------------------------------------


class Resolver:
    """Works out terms; each name, function and attribute of a class once, so that the time is linear."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known = project.known
        self._names: dict[tuple[int, str], Values] = {}
        self._returns: dict[int, Values] = {}
        self._members: dict[tuple[int, str, bool], Values] = {}
        self._stars: dict[tuple[int, str], Values] = {}
        self._depth = 0
        self._tracked: frozenset[str] = frozenset()
        self._tracked = self._find_tracked()
        for memo in (self._names, self._returns, self._members, self._stars):
            memo.clear()  # worked out while it was not known yet which names to trust

    def _find_tracked(self) -> frozenset[str]:
        """The names that stand for an AuditEvents, or give one when called, anywhere in the files."""
        found = set()
        for number, scope in enumerate(self._project.scopes):
            for name in scope.names:
                values = self._name(number, name)
                if ROOT in values or ROOT in self._called_all(values):
                    found.add(name)
        for name, terms in self._project.attributes.items():
            if any(ROOT in self.values(term) for term in terms):
                found.add(name)
        return frozenset(found)

    def values(self, term: Term) -> Values:
        """All that it may be; `OTHER` is among them if it may be something else."""
        return self._deeper(lambda: self._values(term))

    def _deeper(self, work_out: Callable[[], Values]) -> Values:
        """One step further, unless that is too far."""
        if self._depth >= DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            found = work_out()
        finally:
            self._depth -= 1
        return found if len(found) <= MANY else UNKNOWN

    def _values(self, term: Term) -> Values:
        match term:
            case Const(value):
                return frozenset({value})
            case Name(scope, name):
                return self._lexical(scope, name)
            case Chain(base, names, label):
                return _without_missing(self.follow(base, names, label)[-1])
            case Called(base):
                return self._called_all(self.values(base))
            case Typed(base):
                return frozenset(each.instance if isinstance(each, ClassOf) else _or_none(each)
                                 for each in self.values(base))  # fmt: skip
            case Indexed(base):
                return frozenset(each if isinstance(each, ClassOf) else OTHER for each in self.values(base))
            case Entered(base):
                return frozenset(
                    each if isinstance(each, Log | Object) else OTHER for each in self.values(base)
                )
            case Either(terms):
                return frozenset().union(*(self.values(each) for each in terms))
            case Prefer(first, second):
                found = self.values(first)
                return found if found - {OTHER, NOTHING} else self.values(second)

    def _lexical(self, scope: int, name: str) -> Values:
        owner = self._project.lookup(scope, name)
        if owner is not None:
            return self._name(owner, name)
        return self._starred(self._project.module_of(scope), name)

    def _starred(self, module: int, name: str) -> Values:
        """What `from ... import *` gives a module under that name."""
        key = module, name
        if key not in self._stars:
            self._stars[key] = UNKNOWN  # of modules that import each other
            for parts in self._project.scopes[module].stars:
                found = self._deeper(partial(self._of_starred, Module(parts), name))
                if found != UNKNOWN:
                    self._stars[key] = found
                    break
        return self._stars[key]

    def _of_starred(self, module: Module, name: str) -> Values:
        return _without_missing(self._of_module(module, name))

    def _name(self, scope: int, name: str) -> Values:
        known = self._names.get((scope, name))
        if known is None:
            self._names[scope, name] = frozenset()  # a name that is given itself adds nothing
            terms = self._project.scopes[scope].names.get(name, ())
            known = frozenset().union(*(self.values(term) for term in terms))
            if len(known) > 1:
                known -= {NOTHING}
            self._names[scope, name] = known if len(known) <= MANY else UNKNOWN
        return self._names[scope, name]

    def _called_all(self, values: Iterable[Value]) -> Values:
        return frozenset().union(*(self._called(each) for each in values))

    def _called(self, value: Value) -> Values:
        match value:
            case ClassOf(instance):
                return frozenset({instance})
            case Log(make=True):
                return frozenset({Log()})
            case Function(scope):
                return self._returned(scope)
            case _:
                return UNKNOWN

    def _returned(self, scope: int) -> Values:
        if scope not in self._returns:
            self._returns[scope] = frozenset()  # a function that returns what it is called for adds nothing
            function = self._project.scopes[scope]
            inferred = Either(tuple(function.returns)) if function.returns else NOWHERE
            whole = Prefer(function.annotated, inferred) if function.annotated else inferred
            self._returns[scope] = self.values(whole)
        return self._returns[scope]

    # --- attributes --------------------------------------------------------------------------------------

    def follow(self, base: Term, names: tuple[str, ...], label: str = "") -> list[Values]:
        """What the base is, and then what each of the attributes is."""
        steps = [self.values(base)]
        for index in range(len(names)):
            after = self._step_all(steps[-1], names, index)
            if not self._is_tracked(after):
                after = self._by_names(steps, names, index, label) or after
            steps.append(after)
        return steps

    def _is_tracked(self, values: Values) -> bool:
        for each in values:
            if isinstance(each, Module):
                if self._project.inside(each.parts) is not None:
                    return True
            elif not isinstance(each, Other | Nothing):
                return True
        return False

    def _step_all(self, values: Values, names: tuple[str, ...], index: int) -> Values:
        found = frozenset().union(*(self._step(each, names, index) for each in values)) or UNKNOWN
        whole = _without_missing(found)
        return whole if any(not isinstance(each, Missing) for each in found) else found

    def _step(self, value: Value, names: tuple[str, ...], index: int) -> Values:
        name = names[index]
        match value:
            case Root():
                return self._of_root(name)
            case Level():
                return self._of_level(value, name, names[index + 1 : index + 2])
            case Category():
                return self._of_category(value, name)
            case Module():
                return self._of_module(value, name)
            case Object(scope):
                return self._of_class(scope, name, instance=True)
            case ClassOf(Object(scope)):
                return self._of_class(scope, name, instance=False)
            case ClassOf(Category() as category):
                return self._of_category(category, name)
            case ClassOf(Log()) if name == "open":
                return frozenset({Log(make=True)})
            case Model(key) if name in VALIDATORS:
                return frozenset({Model(key, make=True)})
            case Text() if name == "value":  # of an enum's member
                return frozenset({value})
            case _:
                return UNKNOWN

    def _of_root(self, name: str) -> Values:
        if name in self._known.levels:
            return frozenset({Level(name)})
        return _missing(name, self._known.unknown_level(name))

    def _of_level(self, level: Level, name: str, following: tuple[str, ...]) -> Values:
        categories = self._known.levels[level.name]
        if name in categories:
            return frozenset({Category(level.name, name)})
        believed = level.sure or any(each in events for each in following for events in categories.values())
        return _missing(name, self._known.unknown_category(level.name, name)) if believed else UNKNOWN

    def _of_category(self, category: Category, name: str) -> Values:
        key = self._known.levels[category.level][category.name].get(name)
        if key is not None:
            return frozenset({Emitter(key)})
        if not category.sure:
            return UNKNOWN
        return _missing(name, self._known.unknown_event(category.level, category.name, name))

    def _of_module(self, module: Module, name: str) -> Values:
        below = self._project.inside(module.parts)
        if below is not None:
            return self._of_generated(module, below, name)
        if name == "AuditLog" and module.parts[0] == "auditwright":
            return frozenset({ClassOf(Log())})
        file = self._project.files.get(module.parts)
        if file is not None:
            if name in self._project.scopes[file].names:
                return self._name(file, name)
            starred = self._starred(file, name)
            if starred != UNKNOWN:
                return starred
        return frozenset({Module((*module.parts, name))}) if len(module.parts) < DEPTH else UNKNOWN

    def _of_generated(self, module: Module, below: tuple[str, ...], name: str) -> Values:
        """What the modules of the generated package hold."""
        known, deeper = self._known, Module((*module.parts, name))
        match below:
            case () if name in ROOT_CLASSES:
                return frozenset({ClassOf(ROOT)})
            case () if name in known.levels or name == "models":
                return frozenset({deeper})
            case ("models",) if name in known.levels:
                return frozenset({deeper})
            case () | (_,) if (level := self._level_class(below, name)) is not None:
                return frozenset({ClassOf(Level(level))})
            case (level,) if known.has_category(level, name):
                return frozenset({deeper})
            case (level, *category) if level in known.levels and len(category) < 2:
                return self._category_class(level, category, name)
            case ("models", level) if known.has_category(level, name):
                return frozenset({deeper})
            case ("models", level, category) if known.has_category(level, category):
                return self._model(level, category, name)
            case _:
                return UNKNOWN

    def _level_class(self, below: tuple[str, ...], name: str) -> str | None:
        return next((each for each in below or self._known.levels if camel(each) == name), None)

    def _category_class(self, level: str, category: list[str], name: str) -> Values:
        for each in category or self._known.levels[level]:
            if camel(each) == name and self._known.has_category(level, each):
                return frozenset({ClassOf(Category(level, each))})
        return UNKNOWN

    def _model(self, level: str, category: str, name: str) -> Values:
        key = self._known.model(level, category, name)
        if key is not None:
            return frozenset({Model(key)})
        if name in _MODEL_IMPORTS:
            return UNKNOWN
        return _missing(name, self._known.unknown_model(level, category, name))

    def _of_class(self, scope: int, name: str, instance: bool) -> Values:
        """An attribute of a class in the files, or of its bases."""
        key = scope, name, instance
        if key not in self._members:
            self._members[key] = UNKNOWN  # of a class that is its own base
            self._members[key] = self._deeper(lambda: self._member(scope, name, instance))
        return self._members[key]

    def _member(self, scope: int, name: str, instance: bool) -> Values:
        each = self._project.scopes[scope]
        if name in each.names:
            found = self._name(scope, name)
            return frozenset().union(*(self._bound(value, instance) for value in found)) or UNKNOWN
        for base in each.bases:
            for value in self.values(base):
                inherited = self._inherited(value, name, instance)
                if inherited != UNKNOWN:
                    return _without_missing(inherited)
        return UNKNOWN

    def _inherited(self, base: Value, name: str, instance: bool) -> Values:
        if not isinstance(base, ClassOf):
            return UNKNOWN
        if isinstance(base.instance, Object):
            return self._of_class(base.instance.scope, name, instance)
        return self._step(base.instance if instance else base, (name,), 0)

    def _bound(self, value: Value, instance: bool) -> Values:
        if instance and isinstance(value, Function) and self._project.scopes[value.scope].is_property:
            return self._returned(value.scope)
        return frozenset({value})

    # --- where nothing but the names is known ------------------------------------------------------------

    def _by_names(self, steps: list[Values], names: tuple[str, ...], index: int, label: str) -> Values | None:
        known, name = self._known, names[index]
        owner = names[index - 1] if index else label
        if known.has_category(owner, name):
            return frozenset({Category(owner, name, sure=False)})
        if not self._is_credible(owner, steps[index]):
            return None
        if name in known.levels:
            return frozenset({Level(name, sure=False)})
        category, event = (*names[index + 1 : index + 3], "", "")[:2]
        if any(event in categories.get(category, ()) for categories in known.levels.values()):
            return _missing(name, known.unknown_level(name))
        return None

    def _is_credible(self, name: str, values: Values) -> bool:
        """Whether what is called so is an AuditEvents, as far as one can tell by its name."""
        if any(isinstance(each, Module) and each.sure for each in values):
            return False
        return name in self._tracked or "audit" in name.lower().split("_")


ROOT = Root()
NOTHING = Nothing()
_MODEL_IMPORTS = frozenset({"EventModel", "ConfigDict", "Field", "Annotated", "Literal", "annotations"})


def _missing(name: str, message: str) -> Values:
    """Nothing is said of what every object has, and of what is private."""
    return UNKNOWN if name.startswith("_") else frozenset({Missing(message)})


def _without_missing(values: Values) -> Values:
    return frozenset(OTHER if isinstance(each, Missing) else each for each in values)


def _or_none(value: Value) -> Value:
    return NOTHING if value == NOTHING else OTHER
