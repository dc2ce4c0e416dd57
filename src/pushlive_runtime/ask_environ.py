"""Watch what the site reads from its environment, and where a value is drawn at random.

`os.environ` stays the object it is, so that references taken earlier are watched too: only its class changes.
"""

import os
import random
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from pushlive_runtime import ask_source

if TYPE_CHECKING:
    _Environ = os._Environ[str]  # noqa: SLF001
else:
    _Environ = os._Environ  # noqa: SLF001

_frame = sys._getframe  # noqa: SLF001  inspect.currentframe, without importing inspect
_ABSENT: Any = object()
_TESTED: Any = object()
_PLUMBING = {"", "os", "collections", "_collections_abc", "random", "secrets", "uuid", "pushlive_runtime"}
_NO_DEFAULT = {"Undefined", "NoValue", "ellipsis", "_Missing", "_EnvironsUndefined"}
"""How decouple, django-environ and environs write "no default"."""
_MAX_FRAMES = 60


class _Place(NamedTuple):
    """Where in the site's tree something happened: the frames there, and the library between."""

    lines: Tuple[Tuple[str, int], ...]
    library: str
    default: Any


class Watcher:
    """What was seen: reads and writes of the environment that the site's own code asked for, random draws."""

    def __init__(self, tree: str) -> None:
        self._tree = os.path.join(os.path.realpath(tree), "")
        self._reads: Dict[str, Dict[str, Any]] = {}
        self._sources: Dict[str, Optional[ask_source.Source]] = {}
        self._places: Dict[str, bool] = {}
        self._draws: List[Tuple[Tuple[str, int], ...]] = []
        self.written: Dict[str, Dict[str, Any]] = {}
        self.start = frozenset(os.environ)

    def install(self) -> None:
        """Begin to watch."""
        global _watcher  # noqa: PLW0603  the class of os.environ has no place of its own to keep it
        _watcher = self
        os.environ.__class__ = _Observed
        os.urandom = self._drawing(os.urandom)
        for name in ("choice", "choices", "sample", "random", "randint", "getrandbits", "_urandom"):
            setattr(random, name, self._drawing(getattr(random, name)))

    def read(self, name: Any, *, present: bool, default: Any) -> None:
        """Note a question for `name`. `default` is _ABSENT when there is none, _TESTED when only presence is asked."""
        place = self._place(_frame(2))
        if not place.lines or place.library == "django":
            return
        if default in (_ABSENT, _TESTED) and place.default is not _ABSENT:
            default = place.default
        entry = self._reads.setdefault(
            str(name),
            {"present": present, "bare": False, "lines": [], "library": place.library},
        )
        entry["bare"] = entry["bare"] or _lacks_value(default)
        entry["lines"] += [line for line in place.lines if line not in entry["lines"]]

    def write(self, name: Any) -> None:
        """Note that the site's code set `name`."""
        place = self._place(_frame(2))
        if place.lines and place.library != "django":
            self.written.setdefault(str(name), {"where": self._where(place.lines[0]), "library": place.library})

    def inside(self, file: str) -> str:
        """A file's path in the tree, or "" when it is none of the site's own."""
        known = self._places.get(file)
        if known is None:
            path = "" if file.startswith("<") else os.path.realpath(file)
            known = path.startswith(self._tree) and "/site-packages/" not in path
            self._places[file] = known
        return os.path.realpath(file)[len(self._tree) :] if known else ""

    def report(self) -> List[Dict[str, Any]]:
        """Every name that was read, in order: where, through which library, and which settings it flows into."""
        return [
            {
                "name": name,
                "present": entry["present"],
                "bare": entry["bare"],
                "library": entry["library"],
                "where": [self._where(line) for line in entry["lines"][:4]],
                "flows": self._flows(entry["lines"]),
            }
            for name, entry in self._reads.items()
        ]

    def drawn(self, setting: str) -> bool:
        """A value that flows into `setting` was drawn at random."""
        return any(setting in self._flows(list(lines)) for lines in self._draws)

    def _flows(self, lines: List[Tuple[str, int]]) -> List[str]:
        reached: Dict[str, None] = {}
        for file, line in lines:
            if file not in self._sources:
                self._sources[file] = ask_source.read(file)
            source = self._sources[file]
            reached.update(dict.fromkeys(source.flows(line) if source else ()))
        return list(reached)

    def _where(self, line: Tuple[str, int]) -> str:
        return f"{self.inside(line[0])}:{line[1]}"

    def _place(self, frame: Optional[FrameType]) -> _Place:
        """The site's frames that asked, the nearest first; none when a library asked while it was imported."""
        lines: List[Tuple[str, int]] = []
        library = ""
        default: Any = _ABSENT
        for _ in range(_MAX_FRAMES):
            if frame is None or frame.f_code.co_filename.startswith("<frozen importlib"):
                break
            if self.inside(frame.f_code.co_filename):
                lines.append((frame.f_code.co_filename, frame.f_lineno))
            elif not lines:
                module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
                if module not in _PLUMBING:
                    library = module
                    default = frame.f_locals.get("default", default)
            frame = frame.f_back
        return _Place(tuple(lines), library, default)

    def _drawing(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            place = self._place(_frame(1))
            if place.lines and len(self._draws) < _MAX_FRAMES and place.lines not in self._draws:
                self._draws.append(place.lines)
            return draw(*args, **kwargs)

        return watched


_watcher: Optional[Watcher] = None


class _Observed(_Environ):
    """os.environ, with its reads and writes told to the watcher."""

    def __getitem__(self, name: str) -> str:
        value = _value(self, name)
        _seen(name, value, _ABSENT)
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        value = _value(self, name)
        _seen(name, value, default)
        return default if value is None else value

    def __contains__(self, name: object) -> bool:
        value = _value(self, name)
        _seen(name, value, _TESTED)
        return value is not None

    def setdefault(self, name: str, value: str) -> str:
        old = _value(self, name)
        _seen(name, old, value)
        if old is None:
            self[name] = value
            return value
        return old

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name, value)
        if _watcher:
            _watcher.write(name)


def _value(environ: "os._Environ[str]", name: Any) -> Optional[str]:
    try:
        return _Environ.__getitem__(environ, name)
    except KeyError:
        return None


def _seen(name: Any, value: Optional[str], default: Any) -> None:
    if _watcher:
        _watcher.read(name, present=value is not None, default=default)


def _lacks_value(default: Any) -> bool:
    return default is _ABSENT or default is None or type(default).__name__ in _NO_DEFAULT
