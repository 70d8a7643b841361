"""Errors that are a user's to mend, and the exit codes that programs around jaxlm can rely on."""

import argparse
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn


class ExitCode(IntEnum):
    """Process exit codes; 64 to 77 follow BSD's sysexits where one fits."""

    DONE = 0
    USAGE = 64
    BUG = 70
    LOCKED = 73
    STORAGE = 74
    RESTART = 75
    NUMERIC = 76
    UNUSABLE = 77


class ArgumentParser(argparse.ArgumentParser):
    """An argument parser whose usage errors leave with our exit code."""

    def error(self, message: str) -> NoReturn:
        """Prints the usage and the message."""
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"error: {message}\n")


class UserError(Exception):
    """A mistake or a fault outside the program: shown as its message, without a traceback.

    The message says what is wrong, where, why, and what to do about it.
    """

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def run_main(main: Callable[[], int | None]) -> None:
    """Runs an entry point and leaves the process with its exit code."""
    try:
        code = main() or ExitCode.DONE
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = ExitCode.RESTART
    except BrokenPipeError:
        code = ExitCode.DONE
    except Exception:
        traceback.print_exc()
        print(
            "error: this is a bug in jaxlm; please report it with the lines above", file=sys.stderr
        )
        code = ExitCode.BUG
    sys.exit(int(code))
