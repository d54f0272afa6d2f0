"""What no schema can say, said to the fuzzer: that an address is an address, a link a link, and a template one that is there.

Without it hardly a mail is accepted, and nothing behind the door is ever tried. A value is put in place of a text that would fit the
schema as well, three times out of four, so that what is refused is tried too; of data that is meant to be wrong nothing else is touched.
"""

import random
import time

import schemathesis

#: Put before the run: test/support/fuzzed-api.ts.
TEMPLATE = "fuzz"
ADDRESSES = [
    "ada@inbox.example",
    "Ada.Byron+Tag@Inbox.Example",
    '"quoted local"@inbox.example',
    "zoë@inbox.example",
    "ada@bücher.example",
    "o'hara@xn--bcher-kva.example",
]
MAILBOXES = ["The Shop <orders@shop.example>", "orders@shop.example", '"Shop, The" <orders@shop.example>', "Büro <orders@bücher.example>"]
LINKS = ["https://shop.example/u/42?x=%20", "mailto:unsubscribe@shop.example?subject=u"]
#: A public address: nothing is looked up, and endpoints are called by another process, which does not run.
URLS = ["https://93.184.215.14/hooks", "https://93.184.215.14:8443/h?a=b"]
MEDIA_TYPES = ["text/plain", "application/pdf", "text/plain; charset=utf-8", 'application/octet-stream; name="a b"']
DAY_SECONDS = 86_400
LENGTH_MAX = {"recipient": 320, "from": 998, "replyTo": 998, "unsubscribeLink": 998, "url": 2_000, "contentType": 512, "contentId": 250}


def put(chance, held, name, choices, least=0):
    """In place of a text that is neither too short nor too long for its field: such a one may be meant to be refused."""
    text = held.get(name)
    if isinstance(text, str) and least <= len(text) <= LENGTH_MAX.get(name, 250) and chance.random() < 0.75:
        held[name] = chance.choice(choices)


def renamed(chance, held):
    """Header names that may be set."""
    headers = held.get("headers")
    if isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values()) and chance.random() < 0.75:
        held["headers"] = {f"X-Fuzz-{n}": printable(value) for n, value in enumerate(headers.values())}


def printable(text):
    return "".join(char for char in text if char.isprintable())


def cleaned(value):
    """Without control characters, which no header takes."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {printable(name) or "name": cleaned(item) for name, item in value.items()}
    return value


def filled_mail(chance, mail):
    put(chance, mail, "recipient", ADDRESSES)
    put(chance, mail, "templateId", [TEMPLATE], least=1)
    if mail.get("templateId") == TEMPLATE and chance.random() < 0.75:
        if isinstance(mail.get("mergeData"), dict):
            mail["mergeData"]["name"] = chance.choice(["Ada", "<b>Ada</b>", "Zoë"])
        if "templateVersion" in mail and isinstance(mail["templateVersion"], int):
            mail["templateVersion"] = 1
    for name, ahead in (("sendAt", chance.randint(-9, 29)), ("expiresAt", chance.randint(1, 40))):
        if isinstance(mail.get(name), str) and len(mail[name]) in range(20, 31) and chance.random() < 0.75:
            mail[name] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead * DAY_SECONDS))
    if isinstance(mail.get("region"), str) and chance.random() < 0.75:
        del mail["region"]
    payload = mail.get("payload")
    if isinstance(payload, dict):
        filled_content(chance, payload)
        for attachment in payload.get("attachments") if isinstance(payload.get("attachments"), list) else []:
            if isinstance(attachment, dict):
                put(chance, attachment, "contentType", MEDIA_TYPES)
                put(chance, attachment, "contentId", ["logo@shop.example", "1"])
                put(chance, attachment, "filename", ["bill.pdf", "Rechnung für März.txt"])


def filled_content(chance, content):
    put(chance, content, "from", MAILBOXES)
    put(chance, content, "replyTo", MAILBOXES)
    put(chance, content, "unsubscribeLink", LINKS)
    renamed(chance, content)


def filled(chance, path, body):
    if path == "/v1/emails":
        filled_mail(chance, body)
    elif path == "/v1/emails/batch":
        for mail in body.get("emails") if isinstance(body.get("emails"), list) else []:
            if isinstance(mail, dict):
                filled_mail(chance, mail)
    elif path == "/v1/suppressions" and isinstance(body.get("addresses"), list):
        body["addresses"] = [
            chance.choice(ADDRESSES) if isinstance(address, str) and len(address) <= 320 and chance.random() < 0.9 else address
            for address in body["addresses"]
        ]
    elif path.startswith("/v1/templates/"):
        filled_content(chance, body)
        put(chance, body, "recipient", ADDRESSES, least=1)
    elif path.startswith("/v1/webhooks"):
        put(chance, body, "url", URLS, least=1)


@schemathesis.hook
def before_call(context, case, kwargs):
    # Of the case and nothing else: the same seed makes the same requests.
    chance = random.Random(repr((case.method, case.path, case.path_parameters, case.query, case.body)))
    meant_well = case.meta is not None and case.meta.generation.mode.is_positive
    if isinstance(case.body, dict):
        if meant_well and chance.random() < 0.75:
            case.body = cleaned(case.body)
        filled(chance, case.path, case.body)
    key = case.headers.get("idempotency-key") if case.headers and meant_well else None
    if isinstance(key, str) and 1 <= len(key) <= 256 and key.isascii() and key.isprintable() and chance.random() < 0.9:
        # The same content comes under the same key, and other content hardly ever.
        case.headers["idempotency-key"] = f"fuzz {chance.getrandbits(64)}"
    if meant_well and case.method != "PUT":
        address = case.path_parameters.get("address")
        if isinstance(address, str) and chance.random() < 0.75:
            case.path_parameters["address"] = chance.choice(ADDRESSES)
        if case.path.startswith("/v1/templates/") and case.method != "DELETE" and chance.random() < 0.5:
            case.path_parameters["id"] = TEMPLATE
    if case.method in ("DELETE", "PUT") and case.path_parameters.get("id") == TEMPLATE:
        # Mails go on being made of it.
        case.path_parameters["id"] = f"{TEMPLATE}-else"


@schemathesis.check
def batch_is_accounted_for(context, response, case):
    """Every mail of a batch has a verdict; where one is no mail, a batch is taken all the same, and that one is refused."""
    if case.path != "/v1/emails/batch" or case.method != "POST" or response.status_code != 202:
        return
    answer = response.json()
    states = [verdict["state"] for verdict in answer["emails"]]
    counts = {state: states.count(state) for state in ("accepted", "refused")}
    assert len(states) == len(case.body["emails"]), "not a verdict for each"
    assert counts == {state: answer[state] for state in counts}, "counts are not those of the verdicts"
    assert answer["accepted"] > 0, "taken, and nothing of it was accepted"
    if case.meta is not None and case.meta.generation.mode.is_negative:
        assert answer["refused"] > 0, "what fits no schema was accepted"
