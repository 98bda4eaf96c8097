"""The mail worker: takes order mails from the queue and "sends" them to a folder."""

import logging
import os
import signal
import sqlite3
from email.message import EmailMessage
from pathlib import Path
from threading import Event, Lock, Thread

from mail_queue import Mail, MailQueue, state_folder
from stores import QUEUE, Mails, StoreError, mails

import seawall.auto  # noqa: F401 - instruments this application
from seawall.instrumentation import observe_queue, process_message

SLOTS = int(os.environ.get("SHOP_MAILER_SLOTS", "2"))
KEPT = 500  # mails in the outbox; the oldest make way
logger = logging.getLogger(__name__)


class Mailer:
    """Send mails in *slots* threads until it is stopped."""

    def __init__(self, queue: Mails, outbox: Path, slots: int = SLOTS) -> None:
        self._queue = queue
        self._outbox = outbox
        self._slots = slots
        self._busy = 0
        self._lock = Lock()
        self._stopped = Event()
        outbox.mkdir(parents=True, exist_ok=True)
        is_own = isinstance(queue, MailQueue)  # a broker tells of its queues itself
        waiting = {"messages": queue.waiting, "oldest_age": queue.oldest_age} if is_own else {}
        observe_queue(QUEUE, **waiting, slots=lambda: slots, slots_busy=lambda: self._busy)

    def run(self) -> None:
        """Send mails until `stop` is called."""
        threads = [Thread(target=self._work, name=f"mailer-{slot}") for slot in range(self._slots)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """Finish what is being sent, then return from `run`."""
        self._stopped.set()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._send_next():
                    self._stopped.wait(0.2)
            except (sqlite3.Error, StoreError):
                # A mail that was taken and neither finished nor released is taken again.
                logger.exception("the queue cannot be reached")
                self._stopped.wait(1.0)

    def _send_next(self) -> bool:
        mail = self._queue.take()
        if mail is None:
            return False
        self._count(1)
        try:
            self._send(mail)
        except OSError:
            logger.exception("mail %d could not be sent", mail.id)
            self._queue.release(mail)
            self._stopped.wait(1.0)
        finally:
            self._count(-1)
        return True

    def _send(self, mail: Mail) -> None:
        with process_message("mail.send", destination=QUEUE, headers=mail.headers):
            message = EmailMessage()
            message["To"] = " ".join(mail.recipient.split())
            message["Subject"] = "Your order"
            message.set_content(mail.body)
            (self._outbox / f"{mail.id % KEPT:03}.eml").write_bytes(bytes(message))
        self._queue.finish(mail)

    def _count(self, change: int) -> None:
        with self._lock:
            self._busy += change


def main() -> None:
    """Send mails until a signal says stop."""
    logging.basicConfig(level=logging.INFO)
    mailer = Mailer(mails(), state_folder() / "outbox")
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: mailer.stop())
    mailer.run()


if __name__ == "__main__":
    main()
