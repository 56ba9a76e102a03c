"""How numba is made to translate a kernel once, with the function that Python calls, and not once per caller.

By itself numba optimises and translates every function with copies of all that it calls, so the code at the bottom of
a call tree is worked through again at each level above it; of the engine's first compilation that was two thirds.
Here a *part* is typed and lowered and then waits, and a *whole* links all its parts once and is optimised and
translated with them. The machine code is the same, the way there is shorter.

numba documents compilers made to measure (`pipeline_class`). Libraries of code are its own business: this file is
what to look at first when a new version of numba does not start.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from llvmlite.binding import Linkage
from numba import types
from numba._dynfunc import make_function
from numba.core import typed_passes, untyped_passes
from numba.core.codegen import CodeLibrary, JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import LoweringPass, register_pass
from numba.core.targetconfig import TargetConfig

from core.kernel.dispatch import SHARED, shared_in

REFUSE = ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p).value
# At every call that it types it asks whether the options of compilation are still the same, and compares all of them.
# Mostly the same ones are set.
TargetConfig.__hash__ = lambda options: hash(type(options))
TargetConfig.__eq__ = lambda one, other: (
    type(one) is type(other) and (one._values == other._values or one.values() == other.values())
)
# The compiler describes the arguments of every pass, and spells out each field of a record each time.
types.Record.__repr__ = types.Record.__str__
# Passes for what kernels do not contain: closures, `with`, unrolled tuples, inlined Python, array expressions. Most
# of them end with an analysis of the whole function.
NOT_NEEDED = (
    untyped_passes.WithLifting,
    untyped_passes.InlineClosureLikes,
    untyped_passes.RewriteSemanticConstants,
    untyped_passes.DeadBranchPrune,
    untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.InlineInlinables,
    untyped_passes.FindLiterallyCalls,
    untyped_passes.LiteralUnroll,
    untyped_passes.LiteralPropagationSubPipelinePass,
    typed_passes.InlineOverloads,
    typed_passes.NopythonRewrites,
)


class Part(JITCodeLibrary):
    """The code of one function, as it was lowered."""

    def finalize(self) -> None:
        """Nothing more is done to a part."""
        self._raise_if_finalized()
        self._finalized = True

    def _optimize_functions(self, ll_module: Any) -> None:
        """The whole is optimised."""

    def parts(self) -> Iterator[CodeLibrary]:
        """All that this code calls, directly or not."""
        for library in self._linking_libraries:
            yield library
            if isinstance(library, Part):
                yield from library.parts()


class Whole(Part):
    """The code of a function that Python calls, with its parts."""

    def finalize(self) -> None:
        """Link every part once, then optimise and translate."""
        self._linking_libraries = list(dict.fromkeys(self.parts()))
        JITCodeLibrary.finalize(self)

    def _optimize_final_module(self) -> None:
        """Once. numba does it twice, the first time for the sake of counted references, of which kernels have none.

        Parts belong to this whole alone; told so, the optimiser merges many more of them into their callers.
        """
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)

    def _finalize_final_module(self) -> None:
        """Have at hand what is called by its address, and translate."""
        for name in shared_in(self._final_module):
            SHARED[name].ready()
        JITCodeLibrary._finalize_final_module(self)


@register_pass(mutates_CFG=False, analysis_only=False)
class OfferPart(LoweringPass):
    """Offers a part to its callers. There is no code yet that Python could run, so a call from there is refused."""

    _name = "offer_part"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        """The contract of numba's passes: whether something changed."""
        lowered = state["cr"]
        fndesc = lowered.fndesc
        refusal = make_function(fndesc.lookup_module(), fndesc.qualname, "", REFUSE, lowered.env, (state.library,))
        state.targetctx.insert_user_function(refusal, fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=refusal)
        return True


class PartCompiler(Compiler):
    """numba's compiler, which stops when the function is lowered."""

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing, target, Part(target.codegen(), "part"), *rest)
        self.state.flags.no_compile = True

    def define_pipelines(self) -> list[Any]:
        """The usual passes, and the offer."""
        (pipeline,) = super().define_pipelines()
        pipeline.passes = [step for step in pipeline.passes if step[0] not in NOT_NEEDED]
        pipeline.add_pass_after(OfferPart, typed_passes.NativeLowering)
        pipeline.finalize()
        return [pipeline]


class WholeCompiler(Compiler):
    """numba's compiler, which links parts."""

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing, target, Whole(target.codegen(), "whole"), *rest)
        self.state.library.enable_object_caching()
