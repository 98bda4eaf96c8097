"""Processes that only watch files: the one that answers is their child, a program of its own, and so is its page."""

from collections.abc import Callable
from typing import Any, Final

from wrapt import register_post_import_hook

from .diagnostics import guarded
from .wrapping import wrap

# What each reloader calls in the process that watches, before it starts the one that answers.
_STARTS: Final = {
    "werkzeug._reloader": lambda module: module.ReloaderLoop,
    "django.utils.autoreload": lambda module: module,
}
_NAME: Final = "restart_with_reloader"


def before_reloaders(leave: Callable[[], object]) -> None:
    """Call *leave* in a process that turns out to watch files alone."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def restart_with_reloader(*args: Any, **kwargs: Any) -> Any:
            guarded("leave the page to the process that answers")(leave)()
            return original(*args, **kwargs)

        return restart_with_reloader

    for name, owner in _STARTS.items():

        def hook(module: Any, owner: Callable[[Any], Any] = owner) -> None:
            wrap(owner(module), _NAME, around)

        register_post_import_hook(guarded(f"follow {name}")(hook), name)
