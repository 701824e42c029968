"""The types of everything that a template names, inferred from its context's annotations; what has none is found.

A small checker over Jinja's syntax tree. It knows dataclasses, pydantic shapes, containers, filters (by their return
annotations), macros (checked anew for every kind of arguments), includes, blocks and loops. `None` is let pass: a
template asks for it with `if`, which StrictUndefined does not mind and this checker does not follow.
"""

import functools
import operator
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Union, get_args, get_origin, get_type_hints

from jinja2 import Environment, nodes

Scope = dict[str, Any]
SAME = {"list", "sort", "reverse", "selectattr", "rejectattr", "select", "reject", "unique", "default", "d", "safe"}
TEXT = {"join", "lower", "upper", "capitalize", "truncate", "urlencode", "replace", "trim", "e", "escape", "string"}
TEXT |= {"title", "tojson", "format", "forceescape", "indent", "wordwrap", "striptags"}
WHOLE = {"length", "int", "sum", "abs", "round", "float"}
ONE = {"first", "last", "min", "max", "random"}


class Loop:
    """What Jinja calls `loop`."""

    index: int
    index0: int
    revindex: int
    revindex0: int
    first: bool
    last: bool
    length: int
    depth: int
    previtem: Any
    nextitem: Any
    cycle: Callable[..., Any]
    changed: Callable[..., bool]


@dataclass(frozen=True)
class MacroType:
    """A macro, and whether it sees the page: one that is imported does not."""

    node: nodes.Macro
    scope: "ScopeRef"


@dataclass(frozen=True, eq=False)
class ScopeRef:
    """The names around a macro."""

    names: Scope


@dataclass(frozen=True, eq=False)
class ModuleType:
    """A template imported under a name: its macros."""

    macros: dict[str, MacroType]


@dataclass
class Checker:
    """Finds what templates name and their contexts do not have."""

    environment: Environment
    problems: list[str] = field(default_factory=list)
    used: set[tuple[type, str]] = field(default_factory=set)
    _template: list[str] = field(default_factory=list)
    _seen: set[tuple[int, str]] = field(default_factory=set)

    def check(self, template: str, page: type, shell: type | None) -> None:
        """One page's template with all that it extends and includes; a file by itself has no shell around it."""
        self._run(template, {"page": page} if shell is None else {"page": page, "shell": shell})

    def _run(self, template: str, scope: Scope) -> None:
        source, _, _ = self.environment.loader.get_source(self.environment, template)  # type: ignore[union-attr]
        self._template.append(template)
        self._statements(self.environment.parse(source).body, scope)
        self._template.pop()

    def _problem(self, node: nodes.Node, told: str) -> None:
        self.problems.append(f"{self._template[-1]}:{node.lineno}: {told}")

    # Statements.

    def _statements(self, body: list[nodes.Node], scope: Scope) -> None:
        for node in body:
            self._statement(node, scope)

    def _statement(self, node: nodes.Node, scope: Scope) -> None:
        name = f"_on_{type(node).__name__.lower()}"
        getattr(self, name, self._unknown)(node, scope)

    def _unknown(self, node: nodes.Node, _: Scope) -> None:
        self._problem(node, f"the checker does not know {type(node).__name__}")

    def _on_output(self, node: nodes.Output, scope: Scope) -> None:
        for part in node.nodes:
            if not isinstance(part, nodes.TemplateData):
                self.infer(part, scope)

    def _on_if(self, node: nodes.If, scope: Scope) -> None:
        self.infer(node.test, scope)
        self._statements(node.body, scope)
        self._statements(list(node.elif_), scope)
        self._statements(node.else_, scope)

    def _on_for(self, node: nodes.For, scope: Scope) -> None:
        inner = {**scope, "loop": Loop}
        self._bind(node.target, element(self.infer(node.iter, scope)), inner)
        if node.test is not None:
            self.infer(node.test, inner)
        self._statements(node.body, inner)
        self._statements(node.else_, dict(scope))

    def _on_assign(self, node: nodes.Assign, scope: Scope) -> None:
        self._bind(node.target, self.infer(node.node, scope), scope)

    def _on_assignblock(self, node: nodes.AssignBlock, scope: Scope) -> None:
        self._statements(node.body, dict(scope))
        self._bind(node.target, str, scope)

    def _on_with(self, node: nodes.With, scope: Scope) -> None:
        inner = dict(scope)
        for target, value in zip(node.targets, node.values, strict=True):
            self._bind(target, self.infer(value, scope), inner)
        self._statements(node.body, inner)

    def _on_block(self, node: nodes.Block, scope: Scope) -> None:
        self._statements(node.body, dict(scope))

    def _on_extends(self, node: nodes.Extends, scope: Scope) -> None:
        self._run(constant(node.template), dict(scope))
        # A child sees what the parent imports, such as its macros.
        scope.update({name: kind for name, kind in self._imports(constant(node.template)).items() if name not in scope})

    def _on_include(self, node: nodes.Include, scope: Scope) -> None:
        self._run(constant(node.template), dict(scope))

    def _on_import(self, node: nodes.Import, scope: Scope) -> None:
        scope[node.target] = self._module(constant(node.template))

    def _on_fromimport(self, node: nodes.FromImport, scope: Scope) -> None:
        module = self._module(constant(node.template))
        for given in node.names:
            name, target = given if isinstance(given, tuple) else (given, given)
            scope[target] = module.macros[name]

    def _on_macro(self, node: nodes.Macro, scope: Scope) -> None:
        scope[node.name] = MacroType(node, ScopeRef(scope))

    def _on_callblock(self, node: nodes.CallBlock, scope: Scope) -> None:
        self.infer(node.call, {**scope, "caller": Any})
        self._statements(node.body, {**scope, **dict.fromkeys((arg.name for arg in node.args), Any)})

    def _on_filterblock(self, node: nodes.FilterBlock, scope: Scope) -> None:
        self._statements(node.body, dict(scope))

    def _imports(self, template: str) -> Scope:
        source, _, _ = self.environment.loader.get_source(self.environment, template)  # type: ignore[union-attr]
        found: Scope = {}
        for node in self.environment.parse(source).find_all(nodes.Import):
            found[node.target] = self._module(constant(node.template))
        return found

    def _module(self, template: str) -> ModuleType:
        source, _, _ = self.environment.loader.get_source(self.environment, template)  # type: ignore[union-attr]
        tree, names = self.environment.parse(source), ScopeRef({})
        for node in tree.find_all(nodes.Import):
            names.names[node.target] = self._module(constant(node.template))
        macros = {node.name: MacroType(node, names) for node in tree.find_all(nodes.Macro)}
        names.names.update(macros)
        return ModuleType(macros)

    def _bind(self, target: nodes.Node, kind: Any, scope: Scope) -> None:
        if isinstance(target, nodes.Name):
            scope[target.name] = kind
        elif isinstance(target, nodes.Tuple):
            for part, each in zip(target.items, parts(kind, len(target.items)), strict=True):
                self._bind(part, each, scope)

    # Expressions.

    def infer(self, node: nodes.Node | None, scope: Scope) -> Any:
        """The type of an expression; Any where nothing says."""
        if node is None:
            return None
        found = getattr(self, f"_type_{type(node).__name__.lower()}", None)
        if found is not None:
            return found(node, scope)
        for child in node.iter_child_nodes():
            self.infer(child, scope)
        return Any

    def _type_name(self, node: nodes.Name, scope: Scope) -> Any:
        if node.name in scope:
            return scope[node.name]
        if node.name in self.environment.globals:
            return self.environment.globals[node.name]
        self._problem(node, f"{node.name} is no name that a template may use")
        return Any

    def _type_const(self, node: nodes.Const, _: Scope) -> Any:
        return type(node.value)

    def _type_templatedata(self, _: nodes.TemplateData, __: Scope) -> Any:
        return str

    def _type_concat(self, node: nodes.Concat, scope: Scope) -> Any:
        for child in node.nodes:
            self.infer(child, scope)
        return str

    def _type_condexpr(self, node: nodes.CondExpr, scope: Scope) -> Any:
        self.infer(node.test, scope)
        first, second = self.infer(node.expr1, scope), self.infer(node.expr2, scope)
        return second if first in (None, type(None), Any) else first

    def _type_or(self, node: nodes.Or, scope: Scope) -> Any:
        left, right = self.infer(node.left, scope), self.infer(node.right, scope)
        return right if left is Any else left

    def _type_and(self, node: nodes.And, scope: Scope) -> Any:
        self.infer(node.left, scope)
        return self.infer(node.right, scope)

    def _type_list(self, node: nodes.List, scope: Scope) -> Any:
        kinds = [self.infer(item, scope) for item in node.items]
        return list[kinds[0]] if kinds and all(kind == kinds[0] for kind in kinds) else list[Any]  # type: ignore[valid-type]

    def _type_tuple(self, node: nodes.Tuple, scope: Scope) -> Any:
        kinds = tuple(self.infer(item, scope) for item in node.items)
        return tuple[kinds] if kinds else tuple[Any, ...]  # type: ignore[valid-type]

    def _type_getattr(self, node: nodes.Getattr, scope: Scope) -> Any:
        return self._attribute(node, self.infer(node.node, scope), node.attr)

    def _type_getitem(self, node: nodes.Getitem, scope: Scope) -> Any:
        kind = self.infer(node.node, scope)
        if isinstance(node.arg, nodes.Slice):
            for child in node.arg.iter_child_nodes():
                self.infer(child, scope)
            return kind
        self.infer(node.arg, scope)
        if get_origin(bare(kind)) is tuple and isinstance(node.arg, nodes.Const):
            known = get_args(bare(kind))
            if Ellipsis not in known:
                return known[node.arg.value]
        return value_of(kind)

    def _type_call(self, node: nodes.Call, scope: Scope) -> Any:
        called = self.infer(node.node, scope)
        arguments = [self.infer(argument, scope) for argument in node.args]
        named = {keyword.key: self.infer(keyword.value, scope) for keyword in node.kwargs}
        if isinstance(called, MacroType):
            return self._call_macro(called, arguments, named)
        if isinstance(called, Bound):
            return called.returns
        return get_type_hints(called).get("return", Any) if isinstance(called, types.FunctionType) else Any

    def _call_macro(self, macro: MacroType, arguments: list[Any], named: dict[str, Any]) -> Any:
        names = [argument.name for argument in macro.node.args]
        given = {**dict(zip(names, arguments, strict=False)), **named}
        key = (id(macro.node), repr(sorted((name, repr(kind)) for name, kind in given.items())))
        if key in self._seen:
            return str
        self._seen.add(key)
        inner = {**macro.scope.names, **dict.fromkeys(names, Any), "caller": Any, **given}
        defaults = names[len(names) - len(macro.node.defaults) :]
        for name, default in zip(defaults, macro.node.defaults, strict=True):
            if name not in given:
                inner[name] = self.infer(default, inner)
        self._template.append(f"{self._template[-1]} > {macro.node.name}")
        self._statements(macro.node.body, inner)
        self._template.pop()
        return str

    def _type_filter(self, node: nodes.Filter, scope: Scope) -> Any:
        kind = self.infer(node.node, scope)
        for argument in [*node.args, *(keyword.value for keyword in node.kwargs)]:
            self.infer(argument, scope)
        if node.name in ("selectattr", "rejectattr") and isinstance(node.args[0], nodes.Const):
            self._attribute(node, element(kind), node.args[0].value)
        if node.name == "map":
            return self._mapped(node, kind)
        if node.name in SAME:
            return kind
        if node.name in TEXT:
            return str
        if node.name in WHOLE:
            return int
        if node.name in ONE:
            return element(kind)
        own = self.environment.filters.get(node.name)
        if own is None:
            self._problem(node, f"there is no filter {node.name}")
        return get_type_hints(own).get("return", Any) if isinstance(own, types.FunctionType) else Any

    def _mapped(self, node: nodes.Filter, kind: Any) -> Any:
        for keyword in node.kwargs:
            if keyword.key == "attribute" and isinstance(keyword.value, nodes.Const):
                return list[self._attribute(node, element(kind), str(keyword.value.value))]  # type: ignore[misc]
        return list[Any]

    def _attribute(self, node: nodes.Node, kind: Any, name: str) -> Any:
        """The type of a member, under every kind that the value may be."""
        if "." in name:
            first, rest = name.split(".", 1)
            return self._attribute(node, self._attribute(node, kind, first), rest)
        found = [self._member(node, each, name) for each in kinds(kind)]
        known = [each for each in found if each is not Any]
        return either(known)

    def _member(self, node: nodes.Node, kind: Any, name: str) -> Any:
        if kind is Any or isinstance(kind, (str, int, dict)):
            return Any
        if isinstance(kind, ModuleType):
            if name not in kind.macros:
                self._problem(node, f"there is no macro {name}")
                return Any
            return kind.macros[name]
        origin = get_origin(kind) or kind
        if origin is dict:
            return dict_member(kind, name)
        if isinstance(origin, type) and origin.__module__ == "builtins":
            if not hasattr(origin, name):
                self._problem(node, f"{origin.__name__} has no {name}")
            return Bound(Any)
        found = member(origin, name)
        if found is None:
            self._problem(node, f"{getattr(origin, '__name__', origin)} has no {name}")
            return Any
        self.used.add((origin, name))
        return found


@dataclass(frozen=True)
class Bound:
    """A method with what it gives back."""

    returns: Any


def constant(node: nodes.Expr) -> str:
    """The name of a template that is written out."""
    assert isinstance(node, nodes.Const), "templates are named, not computed"
    return str(node.value)


def kinds(kind: Any) -> Iterator[Any]:
    """The members of a union, without None; Any for what is nothing else."""
    if get_origin(kind) in (Union, types.UnionType):
        for each in get_args(kind):
            if each is not type(None):
                yield from kinds(each)
    elif get_origin(kind) is typing.Annotated:
        yield from kinds(get_args(kind)[0])
    elif kind is not None and kind is not type(None):
        yield str if get_origin(kind) is typing.Literal else kind


def bare(kind: Any) -> Any:
    """A type without None around it; the first of several."""
    return next(kinds(kind), Any)


def element(kind: Any) -> Any:
    """What a loop over the value gives."""
    found = bare(kind)
    if isinstance(found, Bound):
        return element(found.returns)
    known = get_args(found)
    if get_origin(found) is tuple and Ellipsis not in known and len(set(map(repr, known))) > 1:
        return Any
    return known[0] if known else Any


def value_of(kind: Any) -> Any:
    """What is found under an index or a key."""
    found = bare(kind)
    known = get_args(found)
    return (known[1] if get_origin(found) is dict else known[0]) if known else Any


def parts(kind: Any, count: int) -> list[Any]:
    """The parts of a value that is taken apart."""
    known = get_args(bare(kind)) if get_origin(bare(kind)) is tuple else ()
    return list(known) if len(known) == count and Ellipsis not in known else [Any] * count


def either(found: list[Any]) -> Any:
    """One type for several; that of the first where they cannot be told together."""
    if not found:
        return Any
    return functools.reduce(operator.or_, found) if all(isinstance(each, type) for each in found) else found[0]


def dict_member(kind: Any, name: str) -> Any:
    """A method of a mapping; or, as Jinja does, the value under that key."""
    key, value = get_args(kind) or (Any, Any)
    known = {"items": list[tuple[key, value]], "keys": list[key], "values": list[value]}  # type: ignore[valid-type]
    return Bound(known.get(name, value)) if hasattr(dict, name) else value


def member(kind: Any, name: str) -> Any:
    """The annotation of a field, a property's or a method's return; None where there is no such member."""
    if not isinstance(kind, type):
        return Any
    hints = get_type_hints(kind)
    if name in hints:
        return hints[name]
    found = getattr(kind, name, None)
    if isinstance(found, property) and found.fget is not None:
        return get_type_hints(found.fget).get("return", Any)
    if callable(found):
        return Bound(get_type_hints(found).get("return", Any))
    return None
