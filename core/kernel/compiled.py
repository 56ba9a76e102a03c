"""The decorators of compiled functions, and the cache that keeps compilation to the first run.

numba's disk cache notices a change in a function's own file only: an edited constant or an edited callee elsewhere
would go on answering with old machine code. So the cache lives in a folder named by the hash of every source that
takes part in compilation, together with the versions of numba and numpy. Whoever edits a kernel gets a fresh folder.

`NUMBA_DISABLE_JIT=1` runs the same functions uncompiled; the digests must not differ.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

from core.kernel.dispatch import Entry, Kernel, Shared
from core.kernel.linking import PartCompiler, WholeCompiler

F = TypeVar("F", bound=Callable[..., Any])

ROOT = Path(__file__).resolve().parents[2]
MARKS = (b"@kernel", b"@entry", b"@shared")
RESULTS = {"int": numba.int64, "None": numba.none}  # of shared functions, by annotation
SOURCES = ("core/**/*.py", "sim/**/*.py")


def source_hash() -> str:
    """Hash of all sources that define kernels or the constants they use, with the compilers' versions."""
    digest = sha256(f"{numba.__version__} {np.__version__}".encode())
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            text = path.read_bytes()
            if path.parent.name == "kernel" or any(mark in text for mark in MARKS):
                digest.update(path.relative_to(ROOT).as_posix().encode())
                digest.update(text)
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    base = Path(numba.config.CACHE_DIR or Path.home() / ".cache" / "seatrial" / "kernels")
    return base / source_hash()


CACHE = _cache_folder()
numba.config.CACHE_DIR = str(CACHE)
if numba.config.DISABLE_JIT:
    np.seterr(over="ignore")  # hashing relies on wrapping multiplication, as compiled code does it


def kernel(function: F) -> F:
    """Compile for callers that are themselves compiled; a call from Python raises TypeError.

    Nopython mode, without fastmath and without parallel reductions. A kernel makes no arrays: those it is given belong
    to whoever called the entry, so it need not count references, which would cost a tenth of the loop's time.
    """
    return cast(F, _dispatcher(Kernel, function, PartCompiler, no_cpython_wrapper=True, _nrt=False))


def entry(function: F) -> F:
    """Compile a kernel that Python calls: cached on disk with everything it calls."""
    made = _dispatcher(Entry, function, WholeCompiler)
    if made is not function:
        made.enable_caching()
    return cast(F, made)


def shared(*arguments: np.dtype | type[int]) -> Callable[[F], F]:
    """Compile a kernel once for all its callers, who hand it these records or integers; cached on disk by itself."""

    def decorate(function: F) -> F:
        made = _dispatcher(Shared, function, WholeCompiler)
        if made is not function:
            made.enable_caching()
            kinds = tuple(numba.int64 if kind is int else numba.from_dtype(kind) for kind in arguments)
            made.share(kinds, RESULTS[function.__annotations__["return"]], CACHE)
        return cast(F, made)

    return decorate


def _dispatcher(kind: type[Any], function: Callable[..., Any], compiler: type[Any], **options: bool) -> Any:
    """What numba's own decorator makes, of another kind; the function itself when nothing is to be compiled."""
    if numba.config.DISABLE_JIT:
        return function
    common = {"nopython": True, "nogil": True, "boundscheck": None, "no_cfunc_wrapper": True}
    return kind(function, targetoptions=common | options, pipeline_class=compiler)
