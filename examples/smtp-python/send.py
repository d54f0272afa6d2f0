"""Hands in a mail with an attachment by SMTP, with Python's own smtplib."""

import os
import smtplib
import ssl
from datetime import date
from email.message import EmailMessage

TIMEOUT_SECONDS = 60


def bill() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "The Shop <orders@shop.example>"
    message["To"] = "ada@inbox.example"
    message["Subject"] = "Your order 4711"
    message["X-Postlane-Type"] = "transactional"
    message["X-Postlane-Tag"] = "order"
    message["X-Postlane-Metadata"] = "order=4711"
    # Handed in again, also after a reply that got lost, it is sent once.
    message["X-Postlane-Idempotency-Key"] = f"order-4711-python-{date.today()}"
    message.set_content("Thank you. Your bill is attached.")
    message.add_attachment("article,price\r\nteapot,20.00\r\n", subtype="csv", filename="bill.csv")
    return message


class Server(smtplib.SMTP):
    """Keeps the reply to the message: smtplib throws it away, and it has the mail's id."""

    def data(self, msg: bytes | str) -> tuple[int, bytes]:
        self.taken = super().data(msg)
        return self.taken


def main() -> None:
    host, _, port = os.environ.get("POSTLANE_SMTP", "127.0.0.1:2587").rpartition(":")
    # The certificate of `npm start` is of its own making. One that is configured needs no cafile.
    context = ssl.create_default_context(cafile=os.environ.get("POSTLANE_SMTP_CERTIFICATE") or None)
    with Server(host, int(port), timeout=TIMEOUT_SECONDS) as server:
        server.starttls(context=context)
        server.login("postlane", os.environ["POSTLANE_KEY"])
        server.send_message(bill())
        print(server.taken[1].decode())


if __name__ == "__main__":
    main()
