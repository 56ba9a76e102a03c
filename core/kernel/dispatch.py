"""What stands for a compiled function: how callers reach it, and how it lies in the cache.

A kernel is translated once, whatever kind of integer its callers hold: constants and members of enumerations count as
int64.

A *shared* function is machine code of its own, which others call by its address. It is translated once for all of
them, and while one process works on it another can translate its callers. The cache of a caller notes which shared
functions it needs, and they are loaded before it. Of several processes that need one at the same time the first
translates it and the others wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.funcdesc import FunctionDescriptor
from numba.core.registry import CPUDispatcher
from numba.core.runtime.nrt import rtsys
from numba.core.typing import make_concrete_template, signature

SHARED: dict[str, Shared] = {}


def plain(kind: types.Type) -> types.Type:
    """The type that a kernel is translated for."""
    return types.int64 if isinstance(kind, types.IntEnumMember) else types.unliteral(kind)


class Kernel(CPUDispatcher):
    """A function that compiled functions call."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What a call comes to; the caller converts its arguments."""
        return super().get_call_template([plain(a) for a in args], {name: plain(a) for name, a in kws.items()})


class LinkedCode(CompileResultCacheImpl):
    """Machine code on disk, with the names of the shared functions that it calls."""

    def reduce(self, cres: Any) -> Any:
        """To what is pickled."""
        return shared_in(cres.library._final_module), super().reduce(cres)

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        """From what was pickled."""
        needs, code = payload
        for name in needs:
            SHARED[name].ready()
        return super().rebuild(target_context, code)


class LinkedCache(FunctionCache):
    """numba's cache of one function."""

    _impl_class = LinkedCode

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load what is there, and spare the libraries that only translation needs: importing them takes a second."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


class Entry(CPUDispatcher):
    """A function that Python calls."""

    def enable_caching(self) -> None:
        """Keep machine code on disk."""
        self._cache = LinkedCache(self.py_func)


class Shared(Entry):
    """A function that is translated for itself, for exactly one type of each argument."""

    def share(self, arguments: tuple[types.Type, ...], result: types.Type, folder: Path) -> None:
        """Make it known by its name; `folder` is where processes wait for each other."""
        self.name = f"{self.py_func.__module__}.{self.py_func.__qualname__}"
        self.signature = signature(result, *arguments)
        self.lock = folder / f"{self.name}.lock"
        names = [f"arg.{name}" for name in self.py_func.__code__.co_varnames[: len(arguments)]]
        described = FunctionDescriptor(
            native=True,
            modname=None,
            qualname=self.name,
            unique_name=self.name,
            doc="",
            typemap=None,
            restype=result,
            calltypes=None,
            args=names,
            kws=None,
            mangler=lambda name, *_, **__: name,
            argtypes=arguments,
        )
        self.targetctx.insert_user_function(self, described)
        SHARED[self.name] = self

    def ready(self) -> None:
        """Load or translate it, and let its callers know the address; unless that is done."""
        if self.signature.args not in self.overloads:
            with one_at_a_time(self.lock):
                self.compile(self.signature.args)
            made = self.overloads[self.signature.args]
            assert made.signature == self.signature, f"{self.name} returns something else"
            llvm.add_symbol(self.name, made.library.get_pointer_to_function(made.fndesc.llvm_func_name))

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What a call comes to; the code may come later."""
        assert not kws
        template = make_concrete_template(self.name, key=self.name, signatures=[self.signature])
        return template, None, [plain(a) for a in args], {}

    def get_overload(self, sig: Any) -> Any:
        """What stands for the function at a call."""
        return self


def shared_in(module: Any) -> list[str]:
    """Names of the shared functions that a module of machine code calls."""
    return sorted(SHARED.keys() & {f.name for f in module.functions if f.is_declaration})


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; where none can be had, everybody does the work for himself."""
    try:
        import fcntl

        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except (ImportError, OSError):
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
