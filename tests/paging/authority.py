"""A certificate authority of the test's own, and a certificate that it gave one name."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Authority:
    """``ca`` is its own certificate, ``certificate`` the name's with its key, both PEM files."""

    def __init__(self, folder: Path, name: str) -> None:
        key, its = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority of the lab")])
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)

        def made(of: x509.Name, public: ec.EllipticCurvePublicKey, number: int) -> x509.CertificateBuilder:
            return (
                x509.CertificateBuilder()
                .subject_name(of)
                .issuer_name(issuer)
                .public_key(public)
                .serial_number(number)
                .not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=1))
            )

        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        root = (
            made(issuer, key.public_key(), 1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        leaf = (
            made(subject, its.public_key(), 2)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.ca, self.certificate = folder / "ca.pem", folder / "certificate.pem"
        self.ca.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        self.certificate.write_bytes(
            its.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
        )
