# SPDX-License-Identifier: Apache-2.0
"""A disk that takes nothing more. The size of files is limited for the process (RLIMIT_FSIZE): a
write sees that as it sees a full disk, an error at any byte of it.
"""
import http.client
import resource

from world import balance, patience, quick_start, reserve_body

AMOUNT = 1000


def limited(file_bytes):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))
    return limit


def hold_until_it_ends(server, key, first):
    """The ids that were acknowledged, by their keys, until the server goes away."""
    held, number = {}, first
    connection = server.connect()
    with patience("the end of the disk") as tick:
        while True:
            tick()
            name = f"k{number}"
            body = reserve_body(name, AMOUNT, metadata={"text": "x" * 3000})
            try:
                answer = server.ask("POST", "/v1/reservations", body, key=key,
                                    connection=connection)
            except (http.client.HTTPException, OSError):
                return held, number
            assert answer.status in (200, 503), answer
            if answer.status == 200:
                held[name] = answer.json["reservation_id"]
            number += 1


def a_full_disk_loses_nothing(world):
    """The server says why and ends; what it acknowledged is there at the next start, once."""
    server, key = quick_start(world)
    server.signal(15)
    assert server.wait()[0] == 0
    held, number = {}, 0
    for file_bytes in (1 << 20, 1500000):
        server = world.start(preexec_fn=limited(file_bytes))
        more, number = hold_until_it_ends(server, key, number)
        assert more, "the disk was full from the start"
        held.update(more)
        code, _, err = server.wait()
        assert code > 0, (code, "it ends by itself, and not by a signal")
        assert "cannot" in err or "full" in err or "large" in err, err
        number += 1
    server = world.start()
    kept = balance(server, key)["reserved"]["amount"] // AMOUNT
    # One request of each round was under way: it may be there, and was not acknowledged.
    assert len(held) <= kept <= len(held) + 2, (len(held), kept)
    for name, reservation in list(held.items())[:20] + list(held.items())[-20:]:
        body = reserve_body(name, AMOUNT, metadata={"text": "x" * 3000})
        again = server.ask("POST", "/v1/reservations", body, key=key)
        assert again.json["reservation_id"] == reservation, (name, again)
    assert balance(server, key)["reserved"]["amount"] // AMOUNT == kept, "a repeat holds nothing"
    server.signal(15)
    assert server.wait()[0] == 0
    done = world.tell("verify", "--data-dir", world.data)
    assert done.returncode == 0, done


TESTS = {
    "a full disk loses nothing that was acknowledged": a_full_disk_loses_nothing,
}
