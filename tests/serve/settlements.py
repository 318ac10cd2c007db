# SPDX-License-Identifier: Apache-2.0
"""Settlements with a large body: what is spent is booked, whatever is told beside it, since clients
drop what was refused with a 4xx.
"""
import http.client
import json
import re

from world import balance, commit_body, quick_start, reserve_body

AMOUNT = 1000
MANY = "[0" + ",0" * 100_000 + "]"
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
            (f"/v1/reservations/{held}/commit", "cyc_live_" + "0" * 32, large, 1 << 20),
            ("/v1/reservations", key, large, 1 << 20),
            (f"/v1/reservations/{held}/commit", key, large.replace("xx", "xxx", 600_000), 2 << 20)):
        for chunked in (False, True):
            status, answer = post(server, path, body, who, chunked)
            assert status == 413 and answer["error"] == "INVALID_REQUEST", answer
            assert answer["details"] == {"refusal": "body_too_large", "limit": limit}, answer
            assert "max-settlement-bytes" in answer["message"], answer
    status, answer = post(server, f"/v1/reservations/{held}/commit", large, key)
    assert status == 200, answer


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
    "what is not beside the money is still looked at":
        what_is_not_beside_the_money_is_still_looked_at,
}
