# SPDX-License-Identifier: Apache-2.0
"""Settlements with a large body: what is spent is booked, whatever is told beside it, since clients
drop what was refused with a 4xx.
"""
import http.client
import json
import re
import socket

from world import ADMIN, balance, commit_body, patience, quick_start, reserve_body

AMOUNT = 1000
MANY = "[0" + ",0" * 100_000 + "]"
UNKNOWN_KEY = "cyc_live_" + "0" * 32
DEEP = '{"a":' * 1000 + "1" + "}" * 1000


def post(server, path, body, key, chunked=False):
    """Status and JSON of a text that is sent as it is; a refusal may come while it is."""
    host, port = re.fullmatch(r"https?://(.*):(\d+)", server.url).groups()
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=60)
    headers = {"Content-Type": "application/json", "X-Cycles-API-Key": key}
    data = body.encode()
    try:
        if chunked:
            pieces = (data[at:at + 100_000] for at in range(0, len(data), 100_000))
            connection.request("POST", path, pieces, headers, encode_chunked=True)
        else:
            connection.request("POST", path, data, headers)
    except (BrokenPipeError, ConnectionResetError):
        pass
    reply = connection.getresponse()
    answer = reply.status, json.loads(reply.read())
    connection.close()
    return answer


def hold(server, key, number):
    body = reserve_body(f"r{number}", AMOUNT)
    return server.ask("POST", "/v1/reservations", body, key=key).want(200)["reservation_id"]


def make_key(server, tenant, permissions=None):
    body = {"tenant_id": tenant, "name": "another"}
    if permissions:
        body["permissions"] = permissions
    return server.ask("POST", "/v1/admin/api-keys", body, admin=ADMIN).want(201)["key_secret"]


def settlements(number, metadata):
    """Verb, body and what is right for each of what books or prolongs."""
    actual = '"actual":{"unit":"USD_MICROCENTS","amount":7}'
    besides = f'"metadata":{metadata}'
    yield "extend", f'{{"idempotency_key":"x{number}","extend_by_ms":1000,{besides}}}', 200
    yield "commit", f'{{"idempotency_key":"c{number}",{actual},{besides}}}', 200
    yield "event", (f'{{"idempotency_key":"e{number}","subject":{{"tenant":"quickstart"}},'
                    f'"action":{{"kind":"a","name":"b"}},{actual},{besides}}}'), 201


def a_settlement_is_booked_whatever_is_told_beside_it(world):
    """Longer than other bodies may be, deeper, of more values: and a repeat is a repeat."""
    server, key = quick_start(world)
    spent = 0
    for number, metadata in enumerate((json.dumps({"a": "x" * 2_000_000}), DEEP,
                                       f'{{"a":{MANY}}}', json.dumps({"a": "x" * 16_000_000}),
                                       f'{{"a":{MANY[:-1]}{",1" * 5_000_000}]}}')):
        held = hold(server, key, number)
        for verb, body, right in settlements(number, metadata):
            path = "/v1/events" if verb == "event" else f"/v1/reservations/{held}/{verb}"
            for chunked in (False, True):
                status, answer = post(server, path, body, key, chunked)
                assert status == right, (verb, number, status, answer)
            status, answer = post(server, path, body[:-2] + ',"z":1}}', key)
            assert status == 409 and answer["error"] == "IDEMPOTENCY_MISMATCH", (verb, answer)
        spent += 2 * 7
        assert server.ask("GET", f"/v1/reservations/{held}", key=key).want(200)["status"] == \
            "COMMITTED"
    row = balance(server, key)
    assert row["spent"]["amount"] == spent and row["reserved"]["amount"] == 0, (row, spent)
    server.stop()
    again = world.start()
    assert balance(again, key) == row


def who_has_no_key_fills_no_memory(world):
    """A large body is taken of what settles alone, and with a key that may."""
    server, key = quick_start(world, "--max-settlement-bytes", "2M")
    held = hold(server, key, 0)
    large = json.dumps({**commit_body("c", 7), "metadata": {"a": "x" * 1_500_000}})
    for path, who, body, limit in (
            ("/v1/reservations", key, large, 1 << 20),
            (f"/v1/reservations/{held}/commit", key, large.replace("xx", "xxx", 600_000), 2 << 20)):
        for chunked in (False, True):
            status, answer = post(server, path, body, who, chunked)
            assert status == 413 and answer["error"] == "INVALID_REQUEST", answer
            assert answer["details"] == {"refusal": "body_too_large", "limit": limit}, answer
            assert "max-settlement-bytes" in answer["message"], answer
    may_not = make_key(server, "quickstart", ["balances:read"])
    for path, who, right, error, why in (
            (f"/v1/reservations/{held}/commit", UNKNOWN_KEY, 401, "UNAUTHORIZED", "is not known"),
            ("/v1/reservations", UNKNOWN_KEY, 401, "UNAUTHORIZED", "is not known"),
            ("/v1/reservations", "", 401, "UNAUTHORIZED", "this needs a tenant's key"),
            ("/v1/events", may_not, 403, "FORBIDDEN", "no permission events:create")):
        for chunked in (False, True):
            status, answer = post(server, path, large, who, chunked)
            assert (status, answer["error"]) == (right, error), answer
            assert why in answer["message"], answer
            assert answer["details"] == {"refusal": "body_too_large", "limit": 1 << 20}, answer
    status, answer = post(server, f"/v1/reservations/{held}/commit", large, key)
    assert status == 200, answer


def begin_large(server, key):
    """A large settlement of which nothing comes but the head; the socket."""
    host, port = re.fullmatch(r"https?://(.*):(\d+)", server.url).groups()
    sock = socket.create_connection((host.strip("[]"), int(port)), 60)
    sock.sendall((f"POST /v1/events HTTP/1.1\r\nHost: h\r\nX-Cycles-API-Key: {key}\r\n"
                  "Content-Type: application/json\r\nContent-Length: 2000000\r\n"
                  "Expect: 100-continue\r\n\r\n").encode())
    return sock


def said(sock):
    """Status and all that a refusal says; of a body that is waited for (100, "")."""
    text = sock.recv(65536).decode()
    status = int(text.split()[1])
    while status != 100 and (more := sock.recv(65536)):
        text += more.decode()
    return status, text


def one_tenant_leaves_places_for_large_settlements(world):
    """Whoever has as many as are free gets no more of them, with all of its keys together."""
    server, key = quick_start(world)
    other_key = make_key(server, "quickstart")
    server.ask("POST", "/v1/admin/tenants", {"tenant_id": "acme", "name": "Acme"},
               admin=ADMIN).want(201)
    acme = make_key(server, "acme")
    kept = [begin_large(server, (key, other_key)[at % 2]) for at in range(8)]
    assert [said(sock)[0] for sock in kept] == [100] * 8
    status, text = said(begin_large(server, other_key))
    assert status == 503 and '"too_many_large_bodies_of_one"' in text, text
    assert '"limit":8}' in text and "\r\nRetry-After: 1\r\n" in text, text
    theirs = begin_large(server, acme)
    assert said(theirs)[0] == 100
    for sock in (*kept, theirs):
        sock.close()
    body = json.dumps({"idempotency_key": "e", "subject": {"tenant": "quickstart"},
                       "action": {"kind": "a", "name": "b"},
                       "actual": {"unit": "USD_MICROCENTS", "amount": 7},
                       "metadata": {"a": "x" * 2_000_000}})
    with patience("a place") as tick:
        while post(server, "/v1/events", body, key)[0] == 503:
            tick()


def what_is_not_beside_the_money_is_still_looked_at(world):
    server, key = quick_start(world)
    path = f"/v1/reservations/{hold(server, key, 0)}/commit"
    whole = (f'{{"idempotency_key":"c","actual":{{"unit":"USD_MICROCENTS","amount":7}},'
             f'"metadata":{{"a":{MANY}}}}}')
    for body, why in (
            (whole + "}", "trailing"),
            (whole[:-1] + ',"actual":1}', "duplicate_key"),
            (whole[:-1] + ',"metad\\u0061ta":{}}', "duplicate_key"),
            (whole.replace("0]", "0 1]"), "syntax"),
            (whole.replace('"a":', '"\\x":'), "escape"),
            (whole[:-1], "truncated"),
            (whole.replace('"actual":', f'"actual":{MANY},"b":'),
             "too_many_nodes .* \\(at most 65536 values"),
            (whole.replace('"c"', DEEP), "depth at byte .* \\(at most 64 levels\\)"),
            (whole.replace('{"a":' + MANY + "}", MANY),
             "too_many_nodes .* \\(at most 65536 values")):
        status, answer = post(server, path, body, key)
        assert status == 400, answer
        assert re.search(why if "\\" in why else re.escape(why), answer["message"]), (why, answer)
    assert post(server, path, whole, key)[0] == 200


TESTS = {
    "a settlement is booked whatever is told beside it":
        a_settlement_is_booked_whatever_is_told_beside_it,
    "who has no key fills no memory": who_has_no_key_fills_no_memory,
    "one tenant leaves places for large settlements":
        one_tenant_leaves_places_for_large_settlements,
    "what is not beside the money is still looked at":
        what_is_not_beside_the_money_is_still_looked_at,
}
