"""Receivers of notifications: webhooks over HTTP, and email over SMTP with STARTTLS."""

import http.server
import json
import socketserver
import ssl
import threading


class Webhook:
    """Collects POST requests with their headers."""

    def __init__(self):
        received = self.received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append((self.headers, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def bodies(self):
        return [json.loads(body) for _, body in self.received]


class Mailbox:
    """Takes email, and only after STARTTLS and AUTH."""

    def __init__(self, certificate, key):
        received = self.received = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                connection, is_encrypted, has_login = self.request, False, False
                connection.sendall(b"220 test ESMTP\r\n")
                lines = connection.makefile("rb")
                while line := lines.readline():
                    verb = line.split()[0].upper() if line.split() else b""
                    if verb == b"EHLO":
                        more = b"250 AUTH PLAIN" if is_encrypted else b"250 STARTTLS"
                        connection.sendall(b"250-test\r\n" + more + b"\r\n")
                    elif verb == b"STARTTLS":
                        connection.sendall(b"220 go on\r\n")
                        connection = context.wrap_socket(connection, server_side=True)
                        lines, is_encrypted = connection.makefile("rb"), True
                    elif verb == b"AUTH":
                        has_login = is_encrypted
                        connection.sendall(b"235 welcome\r\n")
                    elif verb == b"DATA" and has_login:
                        connection.sendall(b"354 go on\r\n")
                        mail = b""
                        while not mail.endswith(b"\r\n.\r\n"):
                            mail += lines.readline()
                        received.append(mail.decode())
                        connection.sendall(b"250 taken\r\n")
                    elif verb == b"QUIT":
                        connection.sendall(b"221 bye\r\n")
                        return
                    elif has_login:
                        connection.sendall(b"250 ok\r\n")
                    else:
                        connection.sendall(b"530 STARTTLS and AUTH first\r\n")

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
