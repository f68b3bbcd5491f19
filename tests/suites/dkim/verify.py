# Verifies mails with dkimpy: verify.py <selector> <record> <file> ...; prints a line "pass" or "fail" for each file.
# The DNS is the one record that is given.
import sys

import dkim

selector, record, *files = sys.argv[1:]


def dns(name, timeout=5):
    assert name.decode() == selector + "._domainkey.mail.test.", name
    return record.encode()


for file in files:
    with open(file, "rb") as mail:
        try:
            verified = dkim.verify(mail.read(), dnsfunc=dns)
        except dkim.DKIMException as error:
            print(file, error, file=sys.stderr)
            verified = False
    print("pass" if verified else "fail")
