"""The rows of the matrix: an application each, what its framework calls its routes, and where it differs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

ITEM, ANSWERS, THINGS = "/items/{number}", "/answers/{status}", "things/{number}"


@dataclass(frozen=True)
class Row:
    """One application of ``apps``: how it is driven, and the routes and counts that its framework has."""

    app: str
    kind: str
    item: str = ITEM
    answers: str = ANSWERS
    things: str = THINGS
    tenant: str = "{tenant}"
    numbered: str = "{number}"
    further: Mapping[str, str] = field(default_factory=dict)  # what else is asked for, and the count of it
    differs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    # How many random addresses are asked for: fewer where the framework or a real connection makes them slow.
    paths: int = 50_000
    hosts: int = 5_000

    def counted(self, case: str) -> Mapping[str, int]:
        """Return what *case* adds to the counts, by method, route, status and error."""
        if case in self.differs:
            return self.differs[case]
        if case in self.further:
            return {f"GET {self.further[case]} -": 1}
        return {self._usual()[case]: 1}

    def _usual(self) -> dict[str, str]:
        return {
            "200": f"GET {self.item} 200 -",
            "a post": f"POST {self.item} 200 -",
            "a head": f"HEAD {self.item} 200 -",
            "404": "GET - 404 -",
            "404 below a route": "GET - 404 -",
            "404 of the application": f"GET {self.answers} 404 -",
            "405": f"DELETE {self.item} 405 -",
            "an unknown method": f"_OTHER {self.item} 405 -",
            "an exception": "GET /boom 500 RuntimeError",
            "503": f"GET {self.answers} 503 503",
            "418": f"GET {self.answers} 418 -",
            "a stream that breaks": "GET /breaks - LookupError",
            "includes": f"GET /v1/api/{self.things} 200 -",
            "a prefix with a parameter": f"GET /tenants/{self.tenant}/{self.things} 200 -",
            "a stream": "GET /stream 200 -",
            "an event stream": "GET /events 200 -",
            "a slow upstream": "GET /slow 200 -",
            "a client that leaves": "GET /stream 499 -",
            "a client that leaves before the answer": "GET /slow 499 -",
            "a cancelled request": "GET /slow 499 -",
            "a background task": "GET /background 200 -",
        }


WSGI_LACKS = ("a client that leaves before the answer", "a cancelled request", "a background task", "a websocket")
SUB = {"/sub/things/7": "/sub/things/{number} 200", "/sub/nothing": "/sub/{path} 404"}
# Without a framework nothing knows a route but the one that the application says.
UNROUTED = {
    "404 of the application": {"GET - 404 -": 1},
    "503": {"GET - 503 503": 1},
    "418": {"GET - 418 -": 1},
    "405": {"DELETE /items/{number} 200 -": 1},
    "an unknown method": {"_OTHER /items/{number} 200 -": 1},
    "404 below a route": {"GET /items/{number} 200 -": 1},
    "an exception": {"GET - 500 RuntimeError": 1},
    "a stream that breaks": {"GET - - LookupError": 1},
    "includes": {"GET - 404 -": 1},
    "a prefix with a parameter": {"GET - 404 -": 1},
    **{case: {"GET - 200 -": 1} for case in ("a stream", "an event stream", "a slow upstream", "a background task")},
    **{case: {"GET - 499 -": 1} for case in ("a client that leaves", "a client that leaves before the answer", "a cancelled request")},
}  # fmt: skip

DJANGO = {
    "item": "/items/<int:number>",
    "answers": "/answers/<int:status>",
    "things": "things/<str:number>",
    "tenant": "<slug:tenant>",
    "numbered": "<str:number>",
}
DJANGO_FURTHER = {
    "/": "/ 200",
    "/articles/2024/": "/articles/<number>/page-<var>/ 200",
    "/articles/2024/page-3/": "/articles/<number>/page-<var>/ 200",
    "/old/a.html": "/old/<number>.html 200",
}
FALCON = {"item": "/items/{number:int}", "answers": "/answers/{status:int}"}

ROWS = [
    Row("plain_asgi", "asgi", differs=UNROUTED, lacks=("many routes",)),
    Row("plain_wsgi", "wsgi", differs=UNROUTED, lacks=(*WSGI_LACKS, "many routes")),
    Row(
        "starlette_app",
        "asgi",
        paths=10_000,
        further={
            **SUB,
            "/sub/deep/things/7": "/sub/deep/things/{number} 200",
            "/sub/deep/nothing": "/sub/deep/{path} 404",
            "/v1/api/nothing": "/v1/api/{path} 404",
        },
    ),
    Row(
        "fastapi_app",
        "asgi",
        paths=10_000,
        further={
            **SUB,
            "/sync/7": "/sync/{number} 200",
            "/items/seven": "/items/{number} 422",
            "/v1/plain/7": "/v1/plain/{number} 200",
            "/orgs/acme/things/7": "/orgs/{org}/things/{number} 200",
        },
    ),
    Row(
        "litestar_app",
        "asgi",
        further={"/sub/things/7": "/sub/things/{number}/ 200", "/sub/nothing": "/sub/{path} 404"},
        # It raises one of its own from what the stream raised.
        differs={"a stream that breaks": {"GET /breaks - LitestarException": 1}},
    ),
    Row("falcon_asgi", "asgi", **FALCON),
    Row("falcon_wsgi", "wsgi", **FALCON, lacks=WSGI_LACKS),
    Row(
        "flask_app",
        "wsgi",
        item="/items/<int:number>",
        answers="/answers/<int:status>",
        things="things/<number>",
        tenant="<tenant>",
        numbered="<number>",
        further={"/sub/things/7": "/sub/things/<number> 200", "/sub/nothing": "- 404"},
        lacks=WSGI_LACKS,
        paths=10_000,
    ),
    Row("django_wsgi", "wsgi", **DJANGO, further=DJANGO_FURTHER, lacks=WSGI_LACKS, paths=10_000, hosts=2_000),
    Row(
        "django_asgi",
        "asgi",
        **DJANGO,
        further={**DJANGO_FURTHER, "/sync/7": "/sync/<int:number> 200"},
        lacks=("a background task", "a websocket"),  # Django has neither
        paths=2_000,
        hosts=500,
    ),
    Row(
        "aiohttp_app",
        "aiohttp",
        further={
            "/sub/things/7": "/sub/things/{number} 200",
            "/sub/nothing": "- 404",
            "/static/gates.py": "/static/{path} 200",
            "/static/nothing": "/static/{path} 404",
        },
        lacks=("a cancelled request", "a background task"),  # a request is cancelled with its server alone
        paths=5_000,
        hosts=1_000,
    ),
]
