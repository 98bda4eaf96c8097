"""What goes wrong with a probe. Each text says what to do, and none holds a secret."""

from seawall.catalog import SeawallError


class BadUrlError(SeawallError):
    """The service's url is not one of its kind, or names a file that cannot be read."""


class ConnectError(SeawallError):
    """The server cannot be reached, or lets nobody in."""


class AnswerError(SeawallError):
    """The server answers as none of its kind does, or refuses."""


class MissingPackageError(SeawallError):
    """The client of a kind is not installed."""

    def __init__(self, kind: str, package: str, extra: str) -> None:
        super().__init__(f'probing a {kind} service needs {package}; run: pip install "seawall[{extra}]"')
