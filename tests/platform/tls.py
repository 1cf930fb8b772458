"""A real https server on this machine, with a certificate of its own, that answers as badly as a test wants."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "docs.example"


def certificate(folder: Path, host: str) -> Path:
    """A self-signed certificate for the host, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    found = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + found.public_bytes(serialization.Encoding.PEM)
    )
    return file


class _Handler(http.server.BaseHTTPRequestHandler):
    server: TlsServer  # type: ignore[assignment]

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        status, headers, pieces = self.server.answer(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in pieces:
            if callable(piece):
                piece()
            else:
                self.wfile.write(piece)

    def log_message(self, *_args: object) -> None:
        pass


class TlsServer(http.server.ThreadingHTTPServer):
    """Answers every GET with what ``answer(path)`` gives: status, headers, pieces (bytes, or calls that wait)."""

    daemon_threads = True

    def __init__(self, folder: Path, host: str = HOST) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file = certificate(folder, host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer = lambda _path: (200, {"Content-Length": "5"}, [b"%PDF-"])
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this certificate and checks the name as usual."""
        return ssl.create_default_context(cafile=str(self.file))

    def handle_error(self, *_args: object) -> None:
        """Clients go away here on purpose."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()
