"""What `generate` skips: the result always equals that of a run into an empty folder."""

import contextlib
import dataclasses
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.generator.run_command import run
from tests.support.campaigns import examples

from auditwright_generator import check, cli, generate, model
from auditwright_generator.output import incremental
from auditwright_generator.output.manifest import MANIFEST, NOTES, digest

CATALOG = """
format: 1
package: shop_events
title: Events of the shop
version: 1.2.0
levels:
  shop: {title: Shop events, metadata: [region]}
  desk: {title: Desk events}
"""
FIELDS = """
region: {title: Region, type: string, description: Where the shop stands.}
order_number: {title: Order number, type: string, description: What the customer sees.}
amount: {title: Amount, type: integer, min: 0, description: What was to be paid.}
size: {title: Size, type: enum, values: {s: Small, l: Large}, description: How big the parcel was.}
"""
ORDERS = """
category: orders
title: Orders
description: What customers buy.
metadata: [order_number]
events:
  placed:
    title: Order placed
    description: A customer bought something.
    message: "{actor} bought {order_number}."
    metadata: [amount]
    example: {region: north, order_number: o-1, amount: 3}
"""
PARCELS = """
category: parcels
title: Parcels
description: What leaves the shop.
events:
  packed:
    title: Parcel packed
    description: A parcel is ready to leave.
    message: "{actor} packed a parcel."
    metadata: [size]
    example: {region: north, size: l}
"""
TICKETS = """
category: tickets
title: Tickets
description: What customers ask.
events:
  answered:
    title: Ticket answered
    description: A question has its answer.
    message: "{actor} answered."
    example: {}
"""
FILES = {
    "catalog.yaml": CATALOG,
    "fields.yaml": FIELDS,
    "shop/orders.yaml": ORDERS,
    "shop/parcels.yaml": PARCELS,
    "desk/tickets.yaml": TICKETS,
}
EVERYTHING = ["shop.orders", "shop.parcels", "desk.tickets"]


class World:
    """A catalog and its generated files. Records what a run read and rendered."""

    def __init__(self, top: Path, patch: pytest.MonkeyPatch) -> None:
        self.catalog = top / "catalog"
        self.out = top / "out"
        self.nothing = top / "nothing"
        self.read: list[Path] = []
        self.rendered: list[str] = []
        for name, text in FILES.items():
            self.write(name, text)
        read, render = check.read_catalog, generate.render_category

        def read_noted(folder: Path) -> check.CheckResult:
            self.read.append(folder)
            return read(folder)

        def render_noted(item: incremental.CategoryInput) -> object:
            self.rendered.append(item.category.key)
            return render(item)

        patch.setattr(check, "read_catalog", read_noted)
        patch.setattr(generate, "render_category", render_noted)

    def write(self, name: str, text: str) -> None:
        path = self.catalog / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.catalog / name).read_text("utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def generate(self, *options: str, out: Path | None = None) -> int:
        self.read.clear()
        self.rendered.clear()
        return run(cli.generate, "--catalog", str(self.catalog), "--out", str(out or self.out), *options)

    def assert_as_from_nothing(self) -> None:
        """The folder equals the result of a run into an empty one, and `--check` finds it current."""
        shutil.rmtree(self.nothing, ignore_errors=True)
        assert self.generate(out=self.nothing) == 0
        assert contents(self.out) == contents(self.nothing)
        assert self.generate("--check") == 0
        assert self.generate("--check", "--all") == 0
        assert sorted(self.rendered) == sorted(set(self.rendered)) != []


def contents(folder: Path) -> dict[str, bytes]:
    """All files in the folder, without the notes for the next run."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".auditwright" not in path.parts
    }


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world after one run."""
    world = World(tmp_path, monkeypatch)
    assert world.generate() == 0
    assert world.rendered == EVERYTHING
    return world


# --- nothing has changed ----------------------------------------------------------------------------


def test_second_run_reads_and_renders_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    number = len(contents(world.out))
    assert world.generate() == 0
    assert (world.read, world.rendered) == ([], [])
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"3 events, {number} files in {world.out}: 0 written, 0 removed, the others were current"
    )
    assert world.generate("--check") == 0
    assert (world.read, world.rendered) == ([], [])
    assert capsys.readouterr().out == f"{number} files in {world.out} are current\n"
    assert world.generate("--all") == 0
    assert world.rendered == EVERYTHING
    assert capsys.readouterr().out.endswith(": 0 written, 0 removed, the others were current\n")
    world.assert_as_from_nothing()


def test_copied_folder_is_current(world: World, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(world.catalog, clone / "catalog")
    shutil.copytree(world.out, clone / "out")
    shutil.rmtree(world.catalog)
    shutil.rmtree(world.out)
    world.catalog, world.out = clone / "catalog", clone / "out"
    assert world.generate() == 0
    assert (world.read, world.rendered) == ([], [])


def test_warnings_are_counted_by_every_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.write("fields.yaml", FIELDS + "spare: {title: Spare, type: string, description: Nobody has it.}\n")
    for options in ((), (), ("--check",)):
        capsys.readouterr()
        assert world.generate(*options) == 0
        assert world.rendered == []
        assert ": 1 warning; " in capsys.readouterr().err
    world.assert_as_from_nothing()
    world.write("fields.yaml", FIELDS)
    assert world.generate() == 0
    assert world.generate() == 0
    assert world.read == []


@pytest.mark.parametrize(("until", "times"), [("", 0), (', until: "2999-12-31"', 1)])
def test_suppressions_with_a_date_are_checked_by_every_run(until: str, times: int, world: World) -> None:
    answer = f"suppress: {{AC110: {{reason: It is for later{until}}}}}"
    spare = f"spare: {{title: Spare, type: string, description: Nobody has it., {answer}}}\n"
    world.write("fields.yaml", FIELDS + spare)
    assert world.generate() == 0
    for _ in range(2):
        assert world.generate() == 0
        assert (len(world.read), world.rendered) == (times, [])


def test_findings_are_reported_after_any_earlier_run(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(world.out)
    world.edit("shop/parcels.yaml", "[size]", "[sise]")
    for _ in range(2):
        assert world.generate() == 1
        assert "sise" in capsys.readouterr().err
    assert contents(world.out) == before
    world.edit("shop/parcels.yaml", "[sise]", "[size]")
    assert world.generate() == 0
    assert world.read == []


def test_catalog_changed_during_a_run_is_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.edit("shop/parcels.yaml", "Parcels", "Boxes")
    read = check.read_catalog

    def saved_meanwhile(folder: Path) -> check.CheckResult:
        checked = read(folder)
        world.edit("shop/parcels.yaml", "Boxes", "Cases")
        return checked

    with monkeypatch.context() as patch:
        patch.setattr(check, "read_catalog", saved_meanwhile)
        assert world.generate() == 0
    world.edit("shop/parcels.yaml", "Cases", "Boxes")
    assert world.generate() == 0
    assert len(world.read) == 1
    world.assert_as_from_nothing()


# --- the catalog has changed ------------------------------------------------------------------------


def rename_a_category(world: World) -> None:
    (world.catalog / "shop/parcels.yaml").rename(world.catalog / "shop/boxes.yaml")
    world.edit("shop/boxes.yaml", "category: parcels", "category: boxes")


def delete_a_category(world: World) -> None:
    (world.catalog / "desk/tickets.yaml").unlink()
    world.edit("catalog.yaml", "  desk: {title: Desk events}\n", "")


CHANGES: dict[str, tuple[Callable[[World], object], list[str]]] = {
    "an event": (lambda w: w.edit("shop/orders.yaml", "Order placed", "Bought"), ["shop.orders"]),
    "an example": (lambda w: w.edit("shop/orders.yaml", "amount: 3", "amount: 4"), ["shop.orders"]),
    "a comment": (lambda w: w.edit("shop/orders.yaml", "events:", "events:  # all"), []),
    "a category deleted": (delete_a_category, []),
    "a category renamed": (rename_a_category, ["shop.boxes"]),
    "an order": (lambda w: w.edit("shop/parcels.yaml", "events:", "order: 1\nevents:"), []),
    "the version": (lambda w: w.edit("catalog.yaml", "1.2.0", "1.3.0"), []),
    "the title": (lambda w: w.edit("catalog.yaml", "Events of the shop", "Shop"), EVERYTHING),
    "the package": (lambda w: w.edit("catalog.yaml", "shop_events", "store_events"), EVERYTHING),
    "a level": (lambda w: w.edit("catalog.yaml", "Desk events", "Events of the desk"), ["desk.tickets"]),
    "a level's field": (lambda w: w.edit("fields.yaml", "shop stands", "shop is"), EVERYTHING[:2]),
    "a category's field": (lambda w: w.edit("fields.yaml", "min: 0", "min: 1"), ["shop.orders"]),
    "an enum": (lambda w: w.edit("fields.yaml", "s: Small, ", "s: Small, m: Middle, "), ["shop.parcels"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change_renders_only_affected_categories(name: str, world: World) -> None:
    change, reached = CHANGES[name]
    change(world)
    assert world.generate() == 0
    assert world.rendered == reached
    world.assert_as_from_nothing()
    assert world.generate() == 0
    assert world.read == []


def test_renamed_catalog_folder_renders_everything(world: World) -> None:
    moved = world.catalog.with_name("reference")
    world.catalog.rename(moved)
    world.catalog = moved
    assert world.generate() == 0
    assert world.rendered == EVERYTHING
    world.assert_as_from_nothing()


def test_other_output_folder_renders_everything(world: World, tmp_path: Path) -> None:
    before = contents(world.out)
    world.edit("shop/orders.yaml", "Order placed", "Bought")
    assert world.generate(out=tmp_path / "other") == 0
    assert world.rendered == EVERYTHING
    assert contents(world.out) == before
    assert world.generate() == 0
    assert contents(world.out) == contents(tmp_path / "other")


def test_two_catalogs_in_one_folder_replace_each_other(world: World, tmp_path: Path) -> None:
    first, second = world.catalog, tmp_path / "second" / "catalog"
    shutil.copytree(first, second)
    (second / "shop/parcels.yaml").unlink()
    world.catalog = second
    world.edit("fields.yaml", "size:", "#size:")
    for world.catalog in (second, first, second):
        assert world.generate() == 0
        assert world.rendered == (["shop.parcels"] if world.catalog == first else [])
        world.assert_as_from_nothing()


def test_other_generator_renders_everything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(world.out)
    monkeypatch.setattr(incremental, "generator_identity", lambda: "another")
    assert world.generate("--check") == 0
    assert world.rendered == EVERYTHING
    assert contents(world.out) == before
    assert world.generate() == 0
    assert world.rendered == EVERYTHING
    assert contents(world.out) == before
    world.assert_as_from_nothing()
    assert world.generate() == 0
    assert world.read == []


def test_identity_covers_every_source_file_and_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Path(incremental.__file__).parents[1]
    copy = tmp_path / "copy"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(incremental, "__file__", str(copy / "output" / "incremental.py"))
    identity = incremental.generator_identity.__wrapped__
    first = identity()
    assert first == incremental.generator_identity()
    for name in ("targets/docs.py", "targets/templates/level.py.j2", "checks/rules.py", "new.py"):
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write("\n")
        assert identity() != first
        first = identity()
    monkeypatch.setattr(metadata, "version", lambda name: "0.0.0")
    assert identity() != first


# --- the folder has changed -------------------------------------------------------------------------

PAGE = "docs/shop/parcels.md"


def edit_notes(part: str, old: str = "", new: str = "", name: str = NOTES) -> Callable[[World], object]:
    """Replaces `old` in the one line that has `part`; without `old`, removes the line."""

    def edit(world: World) -> None:
        path = world.out / name
        lines = path.read_text("utf-8").splitlines(keepends=True)
        [position] = [number for number, line in enumerate(lines) if part in line]
        lines[position] = re.sub(old, new, lines[position]) if old else ""
        path.write_text("".join(lines), "utf-8")

    return edit


def swap_text_and_digest(world: World) -> None:
    """A manual edit, with matching edits of manifest and notes."""
    page = world.out / PAGE
    old = digest(page.read_bytes())
    page.write_text(page.read_text("utf-8") + "By hand.\n", "utf-8")
    new = digest(page.read_bytes())
    for path in (world.out / MANIFEST, world.out / NOTES):
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def link_elsewhere(world: World) -> None:
    page = world.out / PAGE
    page.unlink()
    page.symlink_to("../index.md")


DAMAGE: dict[str, tuple[Callable[[World], object], list[str]]] = {
    "edited": (lambda w: (w.out / PAGE).write_text("DO NOT EDIT, it says.\n", "utf-8"), ["shop.parcels"]),
    "edited with its digest": (swap_text_and_digest, ["shop.parcels"]),
    "deleted": (lambda w: (w.out / PAGE).unlink(), ["shop.parcels"]),
    "emptied": (lambda w: (w.out / "shop_events/shop/orders.py").write_bytes(b""), ["shop.orders"]),
    "linked": (link_elsewhere, ["shop.parcels"]),
    "whole deleted": (lambda w: (w.out / "docs/index.md").unlink(), []),
    "folder deleted": (lambda w: shutil.rmtree(w.out / "docs"), EVERYTHING),
    "manifest deleted": (lambda w: (w.out / MANIFEST).unlink(), []),
    "manifest emptied": (lambda w: (w.out / MANIFEST).write_bytes(b""), []),
    "manifest of junk": (lambda w: (w.out / MANIFEST).write_bytes(b"\xff\n# all of it"), []),
    "manifest without a line": (edit_notes(PAGE, name=MANIFEST), []),
    "notes deleted": (lambda w: (w.out / NOTES).unlink(), EVERYTHING),
    "notes emptied": (lambda w: (w.out / NOTES).write_bytes(b""), EVERYTHING),
    "notes of junk": (lambda w: (w.out / NOTES).write_bytes(b"\xff\n# all of it"), EVERYTHING),
    "seal lost": (edit_notes("# shop.orders "), ["desk.tickets", "shop.orders"]),
    "seal broken": (edit_notes("# shop.orders ", "from .{8}", "from 01234567"), ["shop.orders"]),
    "seal of another": (edit_notes("# shop.orders ", "orders", "parcels"), ["shop.orders"]),
    "last seal lost": (edit_notes("# all of it"), []),
    "last seal broken": (edit_notes("# all of it", "events: 3", "events: 4"), []),
    "noted line lost": (edit_notes(PAGE), ["shop.parcels"]),
    "noted line of another": (edit_notes(PAGE, "parcels", "orders"), ["shop.parcels"]),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_files_are_rendered_again(name: str, world: World) -> None:
    damage, reached = DAMAGE[name]
    before = contents(world.out)
    damage(world)
    assert world.generate("--check") == (0 if "seal" in name or "note" in name else 1)
    assert world.generate() == 0
    assert sorted(world.rendered) == sorted(reached)
    assert contents(world.out) == before
    world.assert_as_from_nothing()


@pytest.mark.parametrize("name", [MANIFEST, NOTES])
def test_interrupted_run_is_completed_by_the_next(name: str, world: World) -> None:
    whole = (world.out / name).read_bytes()
    for end in range(0, len(whole), 97):
        (world.out / name).write_bytes(whole[:end])
        assert world.generate() == 0
        assert (world.out / name).read_bytes() == whole
    world.assert_as_from_nothing()


def test_folder_at_the_path_of_a_file_is_an_error(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (world.out / PAGE).unlink()
    (world.out / PAGE).mkdir()
    capsys.readouterr()
    for options in ((), ("--check",)):
        assert world.generate(*options) == 2
        assert capsys.readouterr().err == f"auditwright: {world.out / PAGE}: Is a directory\n"


def test_edited_orphans_and_foreign_files_are_reported(world: World) -> None:
    (world.out / "mine.md").write_text("mine\n", "utf-8")
    delete_a_category(world)
    (world.out / "docs/desk/tickets.md").write_text("DO NOT EDIT, it says.\n", "utf-8")
    assert world.generate() == 0
    assert not (world.out / "docs/desk").exists()
    assert (world.out / "mine.md").read_text("utf-8") == "mine\n"


def test_killed_run_is_repaired_after_a_revert(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    replace = Path.replace

    def until_the_manifest(self: Path, target: Path) -> Path:
        if target.name == MANIFEST:
            raise Killed
        return replace(self, target)

    for new in ("Bought", "Order placed"):
        world.write("shop/orders.yaml", ORDERS.replace("Order placed", "Bought"))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", until_the_manifest)
            with pytest.raises(Killed):
                world.generate()
        world.write("shop/orders.yaml", ORDERS.replace("Order placed", new))
        assert world.generate() == 0
        assert world.rendered == ["shop.orders"]
        world.assert_as_from_nothing()
        world.write("shop/orders.yaml", ORDERS)
        assert world.generate() == 0


def test_notes_with_mixed_lines_are_ignored(world: World) -> None:
    """Each line is from one of two runs, like after a merge."""

    def generated(name: str, old: str, new: str) -> list[str]:
        world.edit(name, old, new)
        assert world.generate() == 0
        made = (world.out / NOTES).read_text("utf-8").splitlines(keepends=True)
        world.edit(name, new, old)
        assert world.generate() == 0
        return made

    base = (world.out / NOTES).read_text("utf-8").splitlines(keepends=True)
    ours = generated("shop/orders.yaml", "Order placed", "Bought")
    theirs = generated("shop/parcels.yaml", "Parcel packed", "Boxed")
    merged = [our if our != line else their for line, our, their in zip(base, ours, theirs, strict=True)]
    world.edit("shop/orders.yaml", "Order placed", "Bought")
    world.edit("shop/parcels.yaml", "Parcel packed", "Boxed")
    (world.out / NOTES).write_text("".join(merged), "utf-8")
    assert world.generate() == 0
    world.assert_as_from_nothing()


@pytest.mark.parametrize(
    "part",
    [each for each in vars(model).values() if dataclasses.is_dataclass(each)] + [incremental.CategoryInput],
    ids=lambda part: part.__name__,
)
def test_input_of_a_category_covers_every_attribute(part: type[Any]) -> None:
    assert all(field.repr for field in dataclasses.fields(part))
    assert part.__repr__.__qualname__ == f"{part.__name__}.__repr__"


def test_sha256sum_reads_the_manifest(world: World) -> None:
    command = shutil.which("sha256sum")
    if command is None:
        pytest.skip("no sha256sum here")
    done = subprocess.run(
        [command, "--check", "--strict", MANIFEST], cwd=world.out, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(contents(world.out)) - 1


def test_notes_are_ignored_by_git(world: World) -> None:
    assert (world.out / NOTES).with_name(".gitignore").read_text("utf-8") == "*\n"


# --- any of it in any order -------------------------------------------------------------------------


class Changes(RuleBasedStateMachine):
    """Random changes of the catalog and of the output folder, with runs in between."""

    @initialize()
    def begin(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.top = Path(tempfile.mkdtemp())
        self.world = World(self.top, self.patch)

    @rule(name=st.sampled_from(sorted(CHANGES)))
    def change(self, name: str) -> None:
        with contextlib.suppress(AssertionError, FileNotFoundError):  # already changed
            CHANGES[name][0](self.world)

    @rule(name=st.sampled_from(sorted(FILES)))
    def restore(self, name: str) -> None:
        self.world.write(name, FILES[name])
        self.world.write("catalog.yaml", FILES["catalog.yaml"])
        boxes = self.world.catalog / "shop/boxes.yaml"
        if name == "shop/parcels.yaml":
            boxes.unlink(missing_ok=True)

    @rule(name=st.sampled_from(sorted(DAMAGE)))
    def damage(self, name: str) -> None:
        with contextlib.suppress(ValueError, FileNotFoundError, FileExistsError):  # the folder is missing
            DAMAGE[name][0](self.world)

    @rule(identity=st.sampled_from(["a", "b"]))
    def upgrade(self, identity: str) -> None:
        self.patch.setattr(incremental, "generator_identity", lambda: identity)

    @rule(number=st.integers(0, 20))
    def delete_a_file(self, number: int) -> None:
        files = sorted(contents(self.world.out)) if self.world.out.is_dir() else []
        if files:
            (self.world.out / files[number % len(files)]).unlink()

    @rule()
    def run(self) -> None:
        if self.world.generate() == 0:
            made = contents(self.world.out)
            self.world.rendered.clear()
            shutil.rmtree(self.world.nothing, ignore_errors=True)
            assert self.world.generate(out=self.world.nothing) == 0
            fresh = contents(self.world.nothing)
            # Without the manifest, orphaned files are unknown.
            assert {name: made.get(name) for name in fresh} == fresh
            assert self.world.generate("--check") == 0

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()
            shutil.rmtree(self.top)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=examples(12), stateful_step_count=12)
