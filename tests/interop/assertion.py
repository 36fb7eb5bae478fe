#!/usr/bin/env python3
"""Asks a SuccessFactors of ours for its people by the real binary, and verifies the SAML assertion that the token is asked for with.

Verified by PyPI's signxml over lxml and OpenSSL, none of which we wrote: that the signature is one over this very assertion by
the registered key, and what the assertion says. `tests/interop/run` installs them and starts this with the binary's path.
"""

import base64
import datetime
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from signxml import SignatureConfiguration, SignatureMethod, XMLVerifier

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
# What XML has to escape, in one value that is text and one that is not.
SUBJECT = "sync & <co> \"user\" 'ä"
CONFIG = """
[source]
kind = "successfactors"
absence = "deprovision"
[source.account]
host = "api4.example"
company = "acme"
client_id = "key&1"
username = '''{subject}'''
private_key_file = "{folder}/key.pem"
[source.rest]
url = "{url}"
max_attempts = 1
[access]
provision = "all"
[attributes]
userName = "{{{{ work_email }}}}"
"name.givenName" = "{{{{ given_name }}}}"
"name.familyName" = "{{{{ family_name }}}}"
"emails.work" = "{{{{ work_email }}}}"
[workiva]
base_url = "http://127.0.0.1:9/scim/v2"
auth = "bearer"
token = "unused"
[guard]
max_deprovision_count = 1
max_deprovision_percent = 1.0
[store]
url = "sqlite://{folder}/workiva-sync.db"
"""
PERSON = {
    "personIdExternal": "1001",
    "personalInfoNav": {"results": [{"firstName": "Ana", "lastName": "Ruiz"}]},
    "emailNav": {"results": [{"emailAddress": "ana@x.test", "isPrimary": True}]},
    "employmentNav": {"results": [{"userId": "aruiz", "startDate": "/Date(1796083200000)/", "endDate": None,
                                   "jobInfoNav": {"results": [{"emplStatus": "4595", "emplStatusNav": {"externalCode": "A"}}]}}]},
}


def key_pair():
    """A key and the certificate that a customer registers for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "workiva-sync")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, certificate.public_bytes(serialization.Encoding.PEM).decode()


def verified(assertion, certificate, token_url):
    """Nothing where the assertion is as it should be, or what is wrong with it."""
    config = SignatureConfiguration(signature_methods=frozenset({SignatureMethod.RSA_SHA256}))
    signed = XMLVerifier().verify(assertion, x509_cert=certificate, expect_config=config).signed_xml
    if signed.tag != SAML + "Assertion":
        return f"{signed.tag} is signed"
    at = datetime.datetime.now(datetime.timezone.utc)
    conditions = signed.find(SAML + "Conditions")
    if not conditions.get("NotBefore") < at.isoformat() < conditions.get("NotOnOrAfter"):
        return "it does not hold now"
    confirmation = signed.find(f"{SAML}Subject/{SAML}SubjectConfirmation/{SAML}SubjectConfirmationData")
    attribute = signed.find(f"{SAML}AttributeStatement/{SAML}Attribute")
    says = [
        signed.findtext(f"{SAML}Subject/{SAML}NameID"),
        confirmation.get("Recipient"),
        signed.findtext(f"{SAML}Conditions/{SAML}AudienceRestriction/{SAML}Audience"),
        attribute.get("Name"),
        attribute.findtext(SAML + "AttributeValue"),
    ]
    should = [SUBJECT, token_url, "www.successfactors.com", "api_key", "key&1"]
    return None if says == should else f"it says {says}, expected {should}"


class Handler(http.server.BaseHTTPRequestHandler):
    """The token's address, and the list of people."""

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        try:
            assertion = base64.b64decode(form["assertion"], validate=True)
            wrong = verified(assertion, self.server.certificate, f"{self.server.url}/oauth/token")
        except Exception as error:  # whatever it is, it is what is wrong
            wrong = repr(error)
        self.server.verdicts.append(wrong)
        self.answer(200 if wrong is None else 401, {"access_token": "t", "expires_in": 600})

    def do_GET(self):
        is_known = self.headers["Authorization"] == "Bearer t"
        self.answer(200 if is_known else 401, {"d": {"results": [PERSON]}})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def preview(binary, folder, url):
    config = folder / "workiva-sync.toml"
    config.write_text(CONFIG.format(folder=folder, url=url, subject=SUBJECT))
    command = [binary, "--config", str(config), "source", "preview", "--limit", "1", "--json"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def main(binary):
    key, certificate = key_pair()
    _, of_another = key_pair()
    with tempfile.TemporaryDirectory(prefix="workiva-sync-assertion-") as name:
        folder = pathlib.Path(name)
        (folder / "key.pem").write_bytes(key)
        (folder / "key.pem").chmod(0o600)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for registered, is_read in [(certificate, True), (of_another, False)]:
            server.certificate, server.verdicts = registered, []
            done = preview(binary, folder, server.url)
            is_told = (done.returncode == 0) == is_read and ("1001" in done.stdout) == is_read
            is_verified = bool(server.verdicts) and (server.verdicts[-1] is None) == is_read
            if not (is_told and is_verified):
                print(f"FAIL  SAML assertion: {server.verdicts}, exit {done.returncode}\n{done.stdout}{done.stderr}")
                return 1
            of = "the registered key" if is_read else "another key, which is refused"
            print(f"ok    SAML assertion, signed by {of}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
