"""``seawall doctor --app``: wrong names, applications that cannot be imported, and those that break what they can."""

import subprocess
from pathlib import Path

import pytest
from doctoring import doctor, report, write
from servers import eventually

SETTINGS = """
    SECRET_KEY = "x"
    ROOT_URLCONF = "urls"
    MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
"""
DJANGO = """
    import os
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    from django.core.{0} import get_{0}_application
    application = get_{0}_application()
"""


TARGETS = """
    import asyncio
    from flask import Flask

    class Site:
        app = Flask("site")

    site = Site()
    number = 3

    def create_app(config, debug=False):
        return Flask(f"{config}-{debug}")

    def make():
        return Flask("made")

    async def make_later():
        await asyncio.sleep(0)
        return Flask("later")

    def fail():
        raise LookupError("no such config")
"""


@pytest.mark.parametrize(
    "name",
    [
        "shop:site.app",
        "shop:make()",
        "shop:make_later()",
        "shop:create_app('x', debug=True)",
        "pack.sub:app",
        "factory",
    ],
)
def test_an_application_is_named_as_servers_take_it(name: str, tmp_path: Path) -> None:
    """An attribute of an attribute, a factory with literals, a coroutine, a module of a package, a module alone."""
    write(tmp_path, shop=TARGETS, factory="from flask import Flask\ndef create_app():\n    return Flask('f')\n")
    (tmp_path / "pack").mkdir()
    write(tmp_path / "pack", __init__="", sub="from flask import Flask\napp = Flask('sub')\n")
    assert "flask" == report(tmp_path, name)["application"]["library"]


WRONG = {
    "shop:ap": "module 'shop' has no 'ap'",
    "shop:sit": "module 'shop' has no 'sit'; did you mean 'site'?",
    "shop:site.ap": "Site has no 'ap'; did you mean 'app'?",
    "shop:make": "make is a function that is no application; did you mean shop:make()?",
    "shop:create_app": "create_app is a function that is no application; did you mean shop:create_app()?",
    "shop:create_app(number)": "create_app(number): a factory's arguments are literals, as in create_app('test')",
    "shop:fail()": "shop.py:22: fail() raised LookupError: no such config",
    "shop:number": "shop:number is no application but of the type int",
    "shop": "module 'shop' has none of app, application, asgi, wsgi, celery, broker, create_app(), make_app(), "
    "get_app(); name the application: shop:NAME",
    "shop.py:app": "shop.py:app is a file; name its module: shop:app",
    "shop:1+1": "'shop:1+1' names no application; write MODULE, MODULE:NAME or MODULE:FACTORY(), as in shop.main:app",
    "a b": "'a b' names no application; write MODULE, MODULE:NAME or MODULE:FACTORY(), as in shop.main:app",
    "shpo": "there is no module 'shpo' in {0}; did you mean 'shop'?",
    "elsewhere": "there is no module 'elsewhere' in {0}; another folder is --app-dir DIR",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_name_is_answered_with_what_was_meant(name: str, tmp_path: Path) -> None:
    """One line, exit code 2."""
    text = TARGETS.replace("create_app(config", "creates_app(config") if name == "shop" else TARGETS
    write(tmp_path, shop=text)
    assert (2, "", f"seawall doctor: {name}: {WRONG[name].format(tmp_path)}\n") == doctor(tmp_path, name)


BROKEN = {
    "sys.exit(3)": ("import sys\ndef boot():\n    sys.exit(3)\nboot()\n", "shop.py:3: it ended itself while it was imported: sys.exit(3)"),
    "a syntax error": ("x = 1\ny = = 2\n", "shop.py:2: SyntaxError: invalid syntax"),
    "a missing library": ("\nimport nosuchlib\n", "shop.py:2: ModuleNotFoundError: No module named 'nosuchlib'"),
    "an error deep in a library": (
        "import json\n\njson.loads('[1,')\n",
        "shop.py:3: JSONDecodeError: Expecting value: line 1 column 4 (char 3)",
    ),
    "an error without words": ("class Bad(BaseException):\n    def __str__(self):\n        1 / 0\nraise Bad\n", "shop.py:4: Bad"),
    "words of several lines": ("raise ValueError('a\\x1b[2J\\nb')\n", "shop.py:1: ValueError: a�[2J b"),
    "input()": ("input()\n", "shop.py:1: EOFError: EOF when reading a line"),
    "sys.modules emptied": (
        "import sys\nsys.modules.clear()\n",
        "it empties sys.modules while it is imported (KeyError: 'shop')",
    ),
    "os._exit(0)": ("import os\nos._exit(0)\n", "it ended the process while it was imported, with the exit code 0"),
    "a signal": ("import os\nos.kill(os.getpid(), 9)\n", "SIGKILL ended the process while it was imported"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_an_application_that_cannot_be_imported_is_one_line_with_its_place(name: str, tmp_path: Path) -> None:
    """The user's own; and no traceback of Seawall's."""
    code, expected = BROKEN[name]
    ended, out, err = doctor(write(tmp_path, shop=code), "shop:app")
    assert (2, "", f"seawall doctor: shop:app: {expected}") == (ended, out, err.partition("\nWhat it had")[0].rstrip())
    assert "Traceback" not in err


def test_what_it_had_written_is_shown(tmp_path: Path) -> None:
    """Its last lines, without what would move a terminal's cursor."""
    write(tmp_path, shop="print('\\x1b[2Jconnecting')\nraise RuntimeError('no')\n")
    expected = "seawall doctor: shop: shop.py:2: RuntimeError: no\nWhat it had written until then:\n�[2Jconnecting\n"
    assert (2, "", expected) == doctor(tmp_path, "shop")


def test_urls_of_django_that_cannot_be_imported_are_its_error(tmp_path: Path) -> None:
    """Each request would be answered with a 500."""
    write(tmp_path, settings=SETTINGS, urls="import json\n\njson.nothing\n", site_app=DJANGO.format("wsgi"))
    words = "its URLs cannot be imported: AttributeError: module 'json' has no attribute 'nothing'"
    assert (2, "", f"seawall doctor: site_app: urls.py:3: {words}\n") == doctor(tmp_path, "site_app")


@pytest.mark.parametrize(
    ("seconds", "code"), [("4711.5", "while True:\n    pass\n"), ("4712.5", "while True:\n    print('x' * 1000)\n")]
)
def test_an_import_without_an_end_is_stopped(seconds: str, code: str, tmp_path: Path) -> None:
    """Whatever it does meanwhile, and with all that it has started."""
    child = f"import subprocess, sys\nsubprocess.Popen(['sleep', '{seconds}'])\n"
    ended, out, err = doctor(write(tmp_path, shop=child + code), "shop", "--timeout", "1.5")
    words = "its import took more than 1.5 seconds, and was stopped; --timeout SECONDS gives it longer"
    assert (2, "", f"seawall doctor: shop: {words}") == (ended, out, err.partition("\n")[0])

    def running() -> list[str]:
        return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()

    eventually(lambda: f"sleep {seconds}" not in running())


HOSTILE = {
    "garbage": "import os, sys\nos.write(1, os.urandom(100_000))\nprint('{}' * 10_000)\nsys.stdout = sys.stderr = None\n",
    "threads": "import atexit, threading, time\nfor _ in range(3):\n    threading.Thread(target=time.sleep, args=(999,)).start()\n"
    "atexit.register(time.sleep, 999)\n",
    "closed files": "import os\nos.closerange(0, 1000)\n",
    "deleted modules": "import sys\nfor name in [*sys.modules]:\n    if name != __name__:\n        del sys.modules[name]\n",
    "builtins": "import builtins, json, os\nbuiltins.print = builtins.open = json.dumps = os._exit = None\n",
    "another folder": "import os\nos.chdir('/')\n",
    "signals": "import signal\nfor number in (signal.SIGTERM, signal.SIGINT):\n    signal.signal(number, signal.SIG_IGN)\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_an_application_breaks_it_is_told(name: str, tmp_path: Path) -> None:
    """As if it had broken nothing, and at once: no thread and no last word of its is waited for."""
    where = "def app(environ, start_response): ...\n"
    write(tmp_path, shop=f"from flask import Flask\napp = Flask('x')\n{HOSTILE[name]}", plain=HOSTILE[name] + where)
    assert "flask.Flask" == report(tmp_path, "shop")["application"]["counted_by"]
    assert "WSGI" == report(tmp_path, "plain:app", code=1)["application"]["protocol"]
