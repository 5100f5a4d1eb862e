#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A server with a fault, for tests: http_server.py 500|hello|silent ADDR PORT, until it is ended.

With a version for a fault it answers as a ClickHouse of that one that has all of what it is asked for,
and prints what it is asked."""
import socketserver
import sys
import time

ANSWERS = {"500": (b"500 Internal Server Error", b"out of luck\n"), "hello": (b"200 OK", b"hello\n")}


class Faulty(socketserver.StreamRequestHandler):
    def handle(self):
        if sys.argv[1] == "silent":
            time.sleep(3600)
        if sys.argv[1][0].isdigit() and "." in sys.argv[1]:
            return self.clickhouse()
        length = 0
        while (line := self.rfile.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if length < 1000:
            self.rfile.read(length)
        status, body = ANSWERS[sys.argv[1]]
        self.wfile.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    def clickhouse(self):
        while (request := self.rfile.readline().strip()):
            print(request.decode(), flush=True)
            head = {}
            while (line := self.rfile.readline().strip()):
                name, value = line.decode().split(":", 1)
                head[name.lower()] = value.strip()
            if "expect" in head:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            query = self.rfile.read(int(head["content-length"]))
            body = b"" if b"INSERT" in request else b"31\n" if b"groupBitOr" in query else b"0\n"
            if b"version()" in query:
                body = sys.argv[1].encode() + b"\n"
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server((sys.argv[2], int(sys.argv[3])), Faulty).serve_forever()
