"""Make the demo's passwords once, each where its readers look, and open the folders that containers share.

    python setup.py SECRETS EXPORTER [SHARED...]

SECRETS is for the stores and the shop, EXPORTER for Seawall's exporter alone; SHARED are folders that a container
writes and another one reads. Run again, it changes no password.
"""

import hashlib
import secrets
import sys
from pathlib import Path

# In SECRETS: the password that PostgreSQL's image asks for is never used over the network (pg_hba.conf).
NAMES = ("database-admin", "database-shop", "database-seawall", "cache-shop", "cache-seawall", "broker-shop")
EXPORTER = {"shop-db": "database-seawall", "shop-cache": "cache-seawall"}


def password(path: Path) -> str:
    """Return the password in *path*, which is made where it is missing."""
    if not path.exists():
        write(path, secrets.token_hex(24))
    return path.read_text(encoding="utf-8")


def write(path: Path, text: str) -> None:
    """Replace *path*: whoever mounts its folder may read it, whatever user its container has."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.chmod(0o444)
    new.replace(path)


def users(shop: str, seawall: str) -> str:
    """Return Redis' users: the shop reads and writes pages, Seawall asks what its documents say, `health` pings."""
    rights = {
        "shop": f"#{digest(shop)} ~page:* -@all +get +set +ping",
        "seawall": f"#{digest(seawall)} -@all +info +slowlog|len +cluster|info",
        "health": "nopass -@all +ping",
    }
    return "user default off\n" + "".join(f"user {name} on {right}\n" for name, right in rights.items())


def digest(text: str) -> str:
    """Return the SHA-256 of *text*, in which form Redis keeps passwords."""
    return hashlib.sha256(text.encode()).hexdigest()


def broker(shop: str) -> str:
    """Return RabbitMQ's first user, who may use the one queue and administrate nothing."""
    names = "^(order-mails|amq[.]default)$"  # for both: versions before 4 take the one right for the other
    lines = {
        "default_user": "shop",
        "default_pass": shop,
        "default_user_tags.administrator": "false",
        "default_permissions.configure": "^order-mails$",
        "default_permissions.write": names,
        "default_permissions.read": names,
    }
    return "".join(f"{key} = {value}\n" for key, value in lines.items())


def main(folder: Path, exporter: Path, *shared: Path) -> None:
    """Write everything."""
    made = {name: password(folder / name) for name in NAMES}
    write(folder / "users.acl", users(made["cache-shop"], made["cache-seawall"]))
    write(folder / "broker.conf", broker(made["broker-shop"]))
    for name, source in EXPORTER.items():
        write(exporter / name, made[source])
    for each in shared:
        each.chmod(0o1777)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
