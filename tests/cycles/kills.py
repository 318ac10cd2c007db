# SPDX-License-Identifier: Apache-2.0
"""kill -9 in a loop, under load, with a recorder outside of the server. Each client repeats what
was not answered, under its key, until it is, so at the end the truth is known to the cent:

  nothing acknowledged is lost    spent, reserved and every reservation's state are the recorder's
  nothing is applied twice        likewise, since repeats outnumber nothing by chance
  an answer is an answer          a repeat of something answered before a kill says the same

What is not repeated (a client that gave up) is asked for afterwards: it is there whole or not at
all.
"""
import http.client
import random
import threading
import time

from tenants import DOLLAR, Server

CLIENTS = 24
LIFE_S = (0.3, 1.5)  # of one server; drawn anew each time
GIVE_UP = 0.02


class Recorder:
    """What was acknowledged."""

    def __init__(self):
        self.lock = threading.Lock()
        self.spent, self.held = 0, {}  # reservation: amount
        self.answers = []  # (path, body, answer) to be repeated
        self.doubtful = []  # (kind, body)
        self.acknowledged, self.repeats = 0, 0


class Client(threading.Thread):
    def __init__(self, tenant, recorder, stop, seed):
        super().__init__(daemon=True)
        self.tenant, self.recorder, self.stop, self.draw = tenant, recorder, stop, random.Random(
            seed)
        self.caller, self.broken = None, None

    def until_answered(self, path, body):
        """The answer, however many servers it takes; None where this client gives up."""
        gives_up, tries = self.draw.random() < GIVE_UP, 0
        while True:
            try:
                if self.caller is None:
                    self.caller = self.tenant.caller()
                return self.caller.post(path, body), tries
            except (OSError, http.client.HTTPException):
                self.caller, tries = None, tries + 1
                if gives_up:
                    return None, tries
                # Nobody listens until the next server: there is no event to wait for.
                time.sleep(0.01)

    def key(self):
        return f"{self.draw.getrandbits(96):x}"

    def once(self):
        amount, recorder = self.draw.randrange(1, 2000), self.recorder
        if self.draw.random() < 0.25:
            body = {"idempotency_key": self.key(), "subject": self.tenant.subject(),
                    "action": {"kind": "tool.call", "name": "a-tool"},
                    "actual": {"unit": "USD_MICROCENTS", "amount": amount}}
            answer, tries = self.until_answered("/v1/events", body)
            self.note("/v1/events", body, answer, tries, lambda said: self.spend(amount))
            return
        body = self.tenant.reserve_body(amount, key=self.key(), ttl_ms=3_600_000)
        answer, tries = self.until_answered("/v1/reservations", body)
        self.note("/v1/reservations", body, answer, tries,
                  lambda said: recorder.held.__setitem__(said["reservation_id"], amount))
        if answer is None or self.draw.random() < 0.05:
            return  # left open
        reservation = answer.want(200)["reservation_id"]
        way, body = f"/v1/reservations/{reservation}", {"idempotency_key": self.key()}
        if self.draw.random() < 0.3:
            way += "/release"
            effect = lambda said: recorder.held.pop(reservation)  # noqa: E731
        else:
            way += "/commit"
            body["actual"] = {"unit": "USD_MICROCENTS", "amount": self.draw.randrange(amount + 1)}

            def effect(_):
                recorder.held.pop(reservation)
                recorder.spent += body["actual"]["amount"]
        answer, tries = self.until_answered(way, body)
        if answer is None:
            with recorder.lock:
                recorder.doubtful.append((reservation, body))
                recorder.held.pop(reservation)
            return
        self.note(way, body, answer, tries, effect)

    def spend(self, amount):
        self.recorder.spent += amount

    def note(self, path, body, answer, tries, effect):
        recorder = self.recorder
        with recorder.lock:
            recorder.repeats += tries
            if answer is None:
                recorder.doubtful.append((path, body))
                return
            assert answer.status in (200, 201), (path, body, answer.status, answer.json)
            recorder.acknowledged += 1
            effect(answer.json)
            if self.draw.random() < 0.05:
                recorder.answers.append((path, body, answer.status, answer.json))

    def run(self):
        try:
            while not self.stop.is_set():
                self.once()
        except Exception as why:  # Told by the test, which waits for this thread.
            self.broken = why


def settle_doubts(tenant, recorder):
    """What nobody waited for: repeated now, it is answered as if it had been done then or now."""
    for what, body in recorder.doubtful:
        if what.startswith("/v1/"):
            answer = tenant.kept.post(what, body)
            assert answer.status in (200, 201), answer.json
            if what == "/v1/events":
                recorder.spent += body["actual"]["amount"]
            else:
                recorder.held[answer.json["reservation_id"]] = body["estimate"]["amount"]
        elif "actual" in body:
            tenant.kept.post(f"/v1/reservations/{what}/commit", body).want(200)
            recorder.spent += body["actual"]["amount"]
        else:
            tenant.kept.post(f"/v1/reservations/{what}/release", body).want(200)


def without_clock(body):
    return {name: value for name, value in body.items() if name != "remaining_ttl_ms"}


def check(tenant, recorder):
    settle_doubts(tenant, recorder)
    stands = tenant.balance()
    assert stands["spent"] == recorder.spent, (stands, recorder.spent)
    assert stands["reserved"] == sum(recorder.held.values()), (stands, sum(
        recorder.held.values()))
    for path, body, status, said in recorder.answers:
        again = tenant.kept.post(path, body)
        assert again.status == status and without_clock(again.json) == without_clock(said), (
            path, said, again.json)
    for reservation, amount in list(recorder.held.items())[:200]:
        row = tenant.kept.get(f"/v1/reservations/{reservation}").want(200)
        assert row["status"] == "ACTIVE" and row["reserved"]["amount"] == amount, row
    assert tenant.balance() == stands, "a repeat has changed something"


def run(count, options):
    with Server(options.pawl) as server:
        tenant = server.tenant("kills", 100_000 * DOLLAR)
        recorder, stop = Recorder(), threading.Event()
        draw, kills = random.Random(options.seed), 0
        work = [Client(tenant, recorder, stop, f"{options.seed} {index}")
                for index in range(CLIENTS)]
        with count.test("kills: what was acknowledged before kill -9 is there, once"):
            for client in work:
                client.start()
            ends = time.monotonic() + options.seconds
            while kills < 2 or time.monotonic() < ends:
                time.sleep(draw.uniform(*LIFE_S))  # The moment of a kill is the test's to choose.
                server.kill()
                server.start()
                kills += 1
            stop.set()
            for client in work:
                client.join()
                if client.broken:
                    raise client.broken
            check(tenant, recorder)
            done = f"{kills} kills, {recorder.acknowledged} answers, {recorder.repeats} repeats"
            print(done, flush=True)
            assert kills > 1 and recorder.repeats > kills, f"too little: {done}"
        with count.test("kills: the journal proves itself afterwards"):
            assert server.stop() == 0
            done = server.world.tell("verify", "--data-dir", server.world.data)
            assert done.returncode == 0, done.stdout + done.stderr
