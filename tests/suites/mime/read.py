"""Reads mails with the email package, which raises on every defect, and compares them with what they were made of."""

import base64
import email
import email.policy
import json
import sys


def lines(text):
    """Line ends and the end of the last line are the mail's own."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if not text or text.endswith("\n") else text + "\n"


def addresses(message, name):
    field = message[name]
    return [[a.display_name, a.addr_spec] for a in field.addresses] if field else []


def file_name(part):
    """`get_filename` takes quotes off that belong to the name."""
    return part["content-disposition"].params.get("filename", "")


def octets(part):
    return base64.b64encode(part.get_payload(decode=True)).decode()


def same(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: {found!r} instead of {expected!r}")


def check(expected):
    raw = base64.b64decode(expected["raw"])
    message = email.message_from_bytes(raw, policy=email.policy.strict)
    for name in ["from", "to", "cc", "reply-to"]:
        same(name, addresses(message, name), expected[name])
    same("subject", message["subject"], expected["subject"])
    same("x-field", message["x-field"], expected["x-field"])
    same("bcc", message["bcc"], None)
    same("references", message["references"].split(), ["<1.generated@mail.test>", "<0.generated@mail.test>"])
    leaves = [part for part in message.walk() if not part.is_multipart()]
    texts = [part for part in leaves if part.get_content_disposition() is None]
    found = [lines(part.get_payload(decode=True).decode(part.get_content_charset())) for part in texts]
    same("texts", found, [lines(text) for _, text in expected["texts"]] if expected["texts"] or not found else [""])
    for part, (subtype, _) in zip(texts, expected["texts"]):
        same("subtype", part.get_content_subtype(), subtype.split(";")[0])
        same("method", part.get_param("method"), "REQUEST" if "method" in subtype else None)
    for disposition, key in [("inline", "inline"), ("attachment", "attachments")]:
        files = [part for part in leaves if part.get_content_disposition() == disposition]
        same(key, [[file_name(part), octets(part)] for part in files], expected[key])
    for part in message.walk():
        same("defects", part.defects, [])


count = 0
for line in sys.stdin:
    expected = json.loads(line)
    try:
        check(expected)
    except Exception as error:
        print(f"mail {count}: {type(error).__name__}: {error}")
        print(base64.b64decode(expected["raw"]).decode(errors="replace"))
        sys.exit(1)
    count += 1
print(f"read {count}")
