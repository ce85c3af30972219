"""From a protocol's name, or the file that declares it, to its report.

Vectors are looked for where the declaration is: of a built-in in `conformance/vectors/NAME`, of one declared in a file in
`vectors/NAME` beside the file. For detection a protocol is held against all others that are there, and their vectors.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from conformance.bench import QUICK, Bench, Profile
from conformance.checks import CHECKS
from conformance.golden import FOLDER, Vector, VectorError
from conformance.golden import load as load_vectors
from conformance.suite import Check, Progress, Report, Result, run
from xproto.errors import ChoiceError, suggest
from xproto.registry import Loaded, Registered, find, load, with_carried

ALL = "all"
"""Every protocol that is there, where a name is asked for."""


@dataclass(frozen=True)
class Trial:
    """One protocol, ready to be judged. command: what does so again."""

    bench: Bench
    command: str

    def report(self, checks: Sequence[Check] = CHECKS, progress: Progress | None = None) -> Report:
        return self.of(list(run(self.bench, checks, progress or (lambda _name, _done: None))))

    def of(self, results: list[Result], option: str = "", narrows: tuple[str, ...] = ("--only", "--case")) -> Report:
        """A report of these results. option, narrows: of the command that repeats them."""
        registered = self.bench.registered
        command = f"{self.command} {option}".rstrip()
        return Report(registered.protocol.name, registered.source, command, results, registered.protocol, narrows)


def judge(
    name_or_path: str,
    *,
    profile: Profile = QUICK,
    only: Sequence[str] = (),
    case: str | None = None,
    specs: Sequence[str] = (),
    vectors: Path | str | None = None,
    progress: Progress | None = None,
) -> Report:
    """One protocol's report. `report.raise_for_failures()` makes a failure of it.

    name_or_path: a protocol's name, or the path of the file that declares it (and no other). specs: files that declare more.
    only: names of checks. case: the name of the one case to try. vectors: a folder or a file, if not beside the declaration.
    Raises `SpecError` for a declaration that is refused, `ChoiceError` for a name that is nothing's, `VectorError`.
    """
    one = find(name_or_path, specs).protocol.name
    found = trials(name_or_path, profile=profile, specs=specs, vectors=vectors)
    report = next(trial for trial in found if trial.bench.name == one).report(chosen(only, case), progress)
    refuse_nothing([report], case)
    return report


def trials(
    name_or_path: str, *, profile: Profile = QUICK, specs: Sequence[str] = (), vectors: Path | str | None = None
) -> list[Trial]:
    """The protocol of this name, all that the file declares, or all that are there (`ALL`); raises as `judge` does."""
    is_path = name_or_path.endswith(".py")
    loaded = load(list(dict.fromkeys((*specs, name_or_path) if is_path else specs)))
    if name_or_path == ALL:
        found = list(with_carried(loaded).values())
    elif is_path:
        declared = [loaded[each.name] for each in loaded.files[name_or_path].protocols]
        found = [each for each in declared if each.source == name_or_path] or declared
    else:
        found = [find(name_or_path, specs)]
    made = [_trial(each, loaded, profile, specs, vectors) for each in found]
    if vectors is not None and not any(trial.bench.vectors for trial in made):
        raise VectorError(f"{vectors}: there are no vectors of {', '.join(trial.bench.name for trial in made)}")
    return made


def chosen(only: Sequence[str] = (), case: str | None = None, checks: Sequence[Check] = CHECKS) -> list[Check]:
    """The checks of these names, all where there are none; of each just the one case, where one is named."""
    names = [check.name for check in checks]
    for name in only:
        if name not in names:
            raise ChoiceError(name, "there is no check of this name", suggest(name, names))
    found = [check for check in checks if not only or check.name in only]
    return found if case is None else [_just(check, case) for check in found]


def refuse_nothing(reports: Sequence[Report], case: str | None) -> None:
    """Raises `ChoiceError` where a case was asked for and no check has it: nothing was tried, so nothing is known."""
    if case is not None and not any(report.cases for report in reports):
        raise ChoiceError(case, "there is no case of this name", "take it from a report, with its check")


def vectors_of(registered: Registered, folder: Path | str | None = None) -> list[Vector]:
    """The protocol's vectors: of the folder, of one in it with the protocol's name, or of one file; else where they belong."""
    name = registered.protocol.name
    if folder is None and registered.source.endswith(".py"):
        return load_vectors(Path(registered.source).parent / "vectors" / name)
    if folder is None:
        return list(_shipped(name))
    path = Path(folder)
    if not path.exists():
        raise VectorError(f"{path}: is no folder, and no file")
    found = load_vectors(path / name if (path / name).is_dir() else path)
    own = [vector for vector in found if vector.protocol == name]
    if found and not own:
        raise VectorError(f"{path}: no vector there is of {name}")
    return own


@cache
def _shipped(name: str) -> tuple[Vector, ...]:
    return tuple(load_vectors(FOLDER / name))


def _trial(
    registered: Registered, loaded: Loaded, profile: Profile, specs: Sequence[str], vectors: Path | str | None
) -> Trial:
    others = {name: vectors_of(each) for name, each in loaded.items() if name != registered.protocol.name}
    bench = Bench(registered, vectors_of(registered, vectors), others, loaded, profile)
    return Trial(bench, _command(registered, loaded, profile, specs, vectors))


def _command(
    registered: Registered, loaded: Loaded, profile: Profile, specs: Sequence[str], vectors: Path | str | None
) -> str:
    name, source = registered.protocol.name, registered.source
    file = loaded.files.get(source)
    alone = file is not None and len(file.protocols) == 1
    words = ["xproto", "conformance", source if alone else name]
    more = [each for each in specs if not (alone and each == source)]
    more += [source] if file is not None and not alone and source not in more else []
    for each in more:
        words += ["--spec", each]
    words += ["--deep"] if profile.name == "deep" else []
    words += ["--vectors", str(vectors)] if vectors is not None else []
    return shlex.join(words)


def _just(check: Check, case: str) -> Check:
    return replace(check, cases=lambda bench: (each for each in check.cases(bench) if each.name == case))
