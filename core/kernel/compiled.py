"""The two decorators of compiled functions, and the cache that keeps compilation to the first run.

numba's disk cache notices a change in a function's own file only: an edited constant or an edited callee elsewhere
would go on answering with old machine code. So the cache lives in a folder named by the hash of every source that
takes part in compilation, together with the versions of numba and numpy. Whoever edits a kernel gets a fresh folder.

`NUMBA_DISABLE_JIT=1` runs the same functions uncompiled; the digests must not differ.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np

from core.kernel.linking import PartCompiler, WholeCompiler

F = TypeVar("F", bound=Callable[..., Any])

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("core/**/*.py", "sim/**/*.py")


def source_hash() -> str:
    """Hash of all sources that define kernels or the constants they use, with the compilers' versions."""
    digest = sha256(f"{numba.__version__} {np.__version__}".encode())
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            text = path.read_bytes()
            if path.parent.name == "kernel" or b"@kernel" in text or b"@entry" in text:
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

    Nopython mode, without fastmath and without parallel reductions.
    """
    options = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return numba.njit(pipeline_class=PartCompiler, **options)(function)


def entry(function: F) -> F:
    """Compile a kernel that Python calls: cached on disk with everything it calls."""
    return numba.njit(pipeline_class=WholeCompiler, nogil=True, cache=True)(function)
