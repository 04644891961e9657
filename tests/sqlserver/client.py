"""The tests' own client of a SQL Server: another one than the gateway's.

Reads JSON from standard input, a value a line. The first says where the server is and who asks; each further one is
a text of SQL, which is answered by one line: {"rows": [...]}, with the kinds of values that `sqlite3 -json` has, or
{"error": "..."}. Every statement is its own transaction unless it says otherwise.
"""

import datetime
import decimal
import json
import sys

import OpenSSL.SSL
import pytds
import pytds.tls


def trusting(_authorities):
    """A TLS context that takes any certificate."""
    context = OpenSSL.SSL.Context(OpenSSL.SSL.TLSv1_2_METHOD)
    context.set_verify(OpenSSL.SSL.VERIFY_NONE)
    return context


def connect(place):
    authorities = place["ca"]
    if authorities is None and place["encrypt"] != "off":
        pytds.tls.create_context = trusting
        authorities = "any"
    host = place["host"] if place["instance"] is None else place["host"] + "\\" + place["instance"]
    return pytds.connect(
        server=host,
        port=place["port"],
        database=place["database"],
        user=place["user"],
        password=place["password"],
        cafile=authorities,
        # The host's name is what the gateway checks; this library's way to is gone from its TLS library.
        validate_host=False,
        login_timeout=30,
        timeout=120,
        autocommit=True,
    )


def shown(value):
    """A value as JSON has it."""
    if value is None or isinstance(value, (str, float)):
        return value
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    return str(value)


def rows(cursor):
    found = []
    while True:
        if cursor.description:
            names = [column[0] for column in cursor.description]
            found += [dict(zip(names, map(shown, row))) for row in cursor.fetchall()]
        if not cursor.nextset():
            return found


def main():
    cursor = None
    for line in sys.stdin:
        try:
            if cursor is None:
                cursor = connect(json.loads(line)).cursor()
                answer = {"rows": []}
            else:
                cursor.execute(json.loads(line))
                answer = {"rows": rows(cursor)}
        except (pytds.Error, OSError, OpenSSL.SSL.Error) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
        if cursor is None:
            return


main()
