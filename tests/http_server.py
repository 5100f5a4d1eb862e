#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A server with a fault, for tests: http_server.py 500|hello|silent ADDR PORT, until it is ended."""
import socketserver
import sys
import time

ANSWERS = {"500": (b"500 Internal Server Error", b"out of luck\n"), "hello": (b"200 OK", b"hello\n")}


class Faulty(socketserver.StreamRequestHandler):
    def handle(self):
        if sys.argv[1] == "silent":
            time.sleep(3600)
        length = 0
        while (line := self.rfile.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if length < 1000:
            self.rfile.read(length)
        status, body = ANSWERS[sys.argv[1]]
        self.wfile.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server((sys.argv[2], int(sys.argv[3])), Faulty).serve_forever()
