"""How the standard library's threads become greenlets, of the library that the last argument names."""

import sys


def patch() -> None:
    """Patch them."""
    if sys.argv[-1] == "eventlet":
        import eventlet

        eventlet.monkey_patch()
    else:
        from gevent import monkey

        monkey.patch_all()
