"""Run a command and print, as one line of JSON after its own output, what the operating system says that it used.

A process counts as its own peak memory that of the process which started it, from before it became another
program: Linux keeps the larger of both. `compare.py` holds a whole market, so it starts its engines through this
script, which holds next to nothing.

    python -S launch.py COMMAND [ARGUMENT …]
"""

import os
import sys


def main(command: list[str]) -> None:
    """Exit code, processor seconds and peak memory of one command."""
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    code, cpu = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
    print(f'{{"code": {code}, "cpu_s": {cpu:.3f}, "peak_mib": {usage.ru_maxrss / 1024:.1f}}}')


if __name__ == "__main__":
    main(sys.argv[1:])
