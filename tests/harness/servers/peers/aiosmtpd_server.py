# A mail server by aiosmtpd, which knows no PIPELINING.
# Usage: aiosmtpd_server.py DEPOSIT NAME USER PASSWORD CERTIFICATE KEY PLAIN SUBMISSION SUBMISSIONS (three ports)
import asyncio
import itertools
import os
import ssl
import sys
from aiosmtpd.smtp import SMTP, AuthResult

deposit, name, user, password, certificate, key, plain, submission, submissions = sys.argv[1:]
count = itertools.count(1)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.rpartition("@")[0]
        if local == "reject":
            return "550 5.1.1 no such user"
        if local == "tempfail":
            return "450 4.2.0 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient accepted"

    async def handle_DATA(self, server, session, envelope):
        path = os.path.join(deposit, f"{next(count):05}")
        reverse_path = "" if envelope.mail_from == "<>" else envelope.mail_from
        lines = [["from", reverse_path, *envelope.mail_options]]
        tls = server.transport.get_extra_info("ssl_object")
        if tls is not None:
            lines.append(["tls", tls.version()])
        if session.authenticated:
            lines.append(["user", session.auth_data.decode()])
        lines += [["to", recipient] for recipient in envelope.rcpt_tos]
        # The mail as it came, and then its envelope: whoever finds the envelope finds both.
        with open(path + ".eml", "wb") as file:
            file.write(envelope.original_content)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.writelines("\t".join(line) + "\n" for line in lines)
        os.rename(path + ".new", path + ".envelope")
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=good, handled=False, auth_data=data.login)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    common = dict(hostname=name, enable_SMTPUTF8=True, data_size_limit=20_480_000, authenticator=authenticate)

    def server(**settings):
        return lambda: SMTP(Handler(), loop=loop, **common, **settings)

    await loop.create_server(server(tls_context=context), "127.0.0.1", int(plain))
    await loop.create_server(
        server(tls_context=context, require_starttls=True, auth_required=True), "127.0.0.1", int(submission))
    await loop.create_server(
        server(auth_required=True, auth_require_tls=False), "127.0.0.1", int(submissions), ssl=context)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
