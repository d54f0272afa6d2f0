"""Sends mails with attachments by smtplib, and keeps what it sent: one JSON line per mail, {"recipient", "subject", "sent"}.

    python3 submit_many.py --address 127.0.0.1:2587 --key pl_… --certificate path --count 100 --threads 4
"""

import argparse
import base64
import json
import random
import smtplib
import ssl
import threading
from email import policy
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--from", dest="sender", default="Der Läden <orders@shop.example>")
    return parser.parse_args()


def modern(number: int, sender: str, chance: random.Random) -> EmailMessage:
    """As Django and today's Python write mails: text, html with an inline image, files, and a forwarded mail."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = f"Ada {number} <ada{number}@inbox.example>"
    message["Cc"] = "Bob <bob@x.example>, \"Lovelace, Ada\" <ada@x.example>"
    message["Bcc"] = "secret@x.example"
    message["Subject"] = f"Bestellung №{number} – Grüße"
    message["X-Postlane-Tag"] = "python"
    message["X-Postlane-Metadata"] = f"number={number}"
    message["List-Unsubscribe"] = f"<https://shop.example/unsubscribe/{number}>"
    message.set_content(f"Grüße, mail {number}\n.\n..\nFrom here on\n" + "lange Zeile " * 200)
    message.add_alternative(f"<p>Grüße <img src=cid:logo> {number}</p>", subtype="html")
    message.get_payload()[1].add_related(chance.randbytes(300), "image", "png", cid="<logo>")
    message.add_attachment(chance.randbytes(chance.randrange(1, 20_000)), "application", "pdf", filename=f"Rächnung {number}.pdf")
    message.add_attachment("a;b\r\n1;2\r\n", subtype="csv", filename="data.csv")
    forwarded = EmailMessage()
    forwarded["From"] = "someone@y.example"
    forwarded["Subject"] = "forwarded"
    forwarded.set_content("inner")
    message.add_attachment(forwarded)
    return message


def old(number: int, sender: str, chance: random.Random) -> MIMEMultipart:
    """As programs of ten years ago write them."""
    message = MIMEMultipart("mixed", boundary=f"=_old {number} x")
    message["From"] = "orders@shop.example"
    message["To"] = f"ada{number}@inbox.example"
    message["Subject"] = f"Order {number}"
    message["X-Postlane-Tag"] = "python, old"
    message.attach(MIMEText(f"Hello {number}", "plain", "us-ascii"))
    message.attach(MIMEText("Schöne Grüße", "plain", "iso-8859-1"))
    message.attach(MIMEApplication(chance.randbytes(5_000), Name="old.bin"))
    return message


def send(given: argparse.Namespace, numbers: range, printing: threading.Lock) -> None:
    host, _, port = given.address.rpartition(":")
    context = ssl.create_default_context(cafile=given.certificate)
    with smtplib.SMTP(host, int(port), timeout=120) as server:
        server.starttls(context=context)
        server.login("postlane", given.key)
        for number in numbers:
            chance = random.Random(number)
            message = (modern if number % 4 else old)(number, given.sender, chance)
            recipient = f"ada{number}@inbox.example"
            source = message.as_bytes(policy=policy.SMTP)
            refused = server.sendmail("app@shop.example", [recipient], source)
            assert not refused, refused
            line = {"recipient": recipient, "subject": message["Subject"], "sent": base64.b64encode(source).decode()}
            with printing:
                print(json.dumps(line), flush=True)


def main() -> None:
    given = arguments()
    printing = threading.Lock()
    failures = []

    def run(numbers: range) -> None:
        try:
            send(given, numbers, printing)
        except Exception as error:  # told at the end, whichever thread it was
            failures.append(error)

    threads = [
        threading.Thread(target=run, args=(range(first, given.count, given.threads),)) for first in range(given.threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main()
