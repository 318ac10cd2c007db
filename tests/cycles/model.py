# SPDX-License-Identifier: Apache-2.0
"""The protocol's rules for money, written down a second time from its documents and docs/CYCLES.md,
against a server: after each of a long walk of random operations over a tenant, a workspace and two
agents, every answer, and every number and flag of every budget, is what the rules say.
"""
import random

from tenants import Server, usd

STEPS, WALKS_PER_SECOND = 250, 2
ESTIMATES, LIMITS = (0, 1, 10, 30, 60, 120), (0, 30, 100)
POLICIES = ("REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT")
FUNDINGS = ("CREDIT", "DEBIT", "RESET", "RESET_SPENT", "REPAY_DEBT")
NUMBERS = ("allocated", "spent", "reserved", "debt", "remaining")


class Budget:
    def __init__(self, scope, allocated, limit):
        self.scope, self.allocated, self.limit = scope, allocated, limit
        self.spent = self.reserved = self.debt = 0
        self.frozen = self.over = False

    @property
    def remaining(self):
        return self.allocated - self.spent - self.reserved - self.debt

    def in_order(self):
        if self.debt <= self.limit:
            return self.remaining + self.debt >= 0
        return self.limit == 0 and self.remaining >= 0

    def settle(self):
        """After what may lift the flag."""
        self.over = self.over and not self.in_order()

    def set_limit(self, limit):
        self.limit = limit
        self.over = self.over or (self.debt > limit and not self.in_order())
        self.settle()

    def give_back(self, held, spent):
        self.reserved -= held
        self.spent += spent
        if spent < held:
            self.settle()

    def fund(self, name, amount, spent):
        """What refuses it, or None."""
        if self.frozen:
            return "BUDGET_FROZEN"
        if name == "DEBIT" and self.remaining < amount:
            return "BUDGET_EXCEEDED"
        if name in ("CREDIT", "DEBIT"):
            self.allocated += amount if name == "CREDIT" else -amount
        elif name == "REPAY_DEBT":
            paid = min(amount, self.debt)
            self.debt -= paid
            self.allocated += amount - paid
        else:
            self.allocated = amount
            self.spent = spent if name == "RESET_SPENT" else self.spent
        self.settle()
        return None

    def numbers(self):
        return {name: getattr(self, name) for name in NUMBERS}


def gates(budgets, amount):
    """What refuses a new hold: each gate over all budgets before the next."""
    for code, stands in (("BUDGET_FROZEN", lambda one: one.frozen),
                         ("OVERDRAFT_LIMIT_EXCEEDED", lambda one: one.over),
                         ("DEBT_OUTSTANDING", lambda one: one.debt and not one.limit),
                         ("BUDGET_EXCEEDED", lambda one: one.remaining < amount)):
        if any(stands(one) for one in budgets):
            return code
    return None


def charge(budgets, more, policy):
    """Books what no hold covers: (the part that is charged, what refuses all of it)."""
    owing = [one for one in budgets if policy == "ALLOW_WITH_OVERDRAFT" and one.limit]
    capping = [one for one in budgets if one not in owing]
    part = min([more, *(max(one.remaining, 0) for one in capping)])
    if policy == "REJECT" and part < more:
        return 0, "BUDGET_EXCEEDED"
    short = {one: max(part - max(one.remaining, 0), 0) for one in owing}
    if any(amount and one.debt + amount > one.limit for one, amount in short.items()):
        return 0, "OVERDRAFT_LIMIT_EXCEEDED"
    flagged = [one for one in capping if one.remaining < more]
    for one in budgets:
        one.debt += short.get(one, 0)
        one.spent += part - short.get(one, 0)
    for one in flagged:
        one.over = True
    return part, None


class Walk:
    def __init__(self, server, seed):
        self.draw, self.name = random.Random(seed), f"model-{seed}"
        self.tenant, self.admin = server.tenant(self.name), server.admin()
        top = f"tenant:{self.name}"
        self.budgets, self.holds, self.step = {}, [], 0
        for scope in (top, f"{top}/workspace:w", f"{top}/workspace:w/agent:a",
                      f"{top}/workspace:w/agent:b"):
            one = Budget(scope, self.draw.choice((0, 50, 100, 200, 1000)),
                         self.draw.choice(LIMITS))
            server.budget(self.name, scope, one.allocated, overdraft_limit=usd(one.limit))
            self.budgets[scope] = one

    def drawn(self):
        """A subject, and the budgets on its way."""
        agent = self.draw.choice(("a", "b", None))
        subject = self.tenant.subject(workspace="w", **({"agent": agent} if agent else {}))
        scopes = list(self.budgets)[:2] + ([f"tenant:{self.name}/workspace:w/agent:{agent}"]
                                           if agent else [])
        return subject, [self.budgets[scope] for scope in scopes]

    def said(self, answer, refused, status=200):
        """What was answered is what the model says; the body, where it was granted."""
        if refused:
            assert (answer.status, answer.json["error"]) == (409, refused), (answer, refused)
            return None
        return answer.want(status)

    def post(self, path, **body):
        return self.tenant.kept.post(path, {"idempotency_key": f"s{self.step}", **body})

    def at(self, word, one):
        return (f"/v1/admin/budgets{word}?scope={one.scope}&unit=USD_MICROCENTS"
                f"&tenant_id={self.name}")

    # --- The operations; each is drawn by its name ------------------------------------------------

    def reserve(self):
        (subject, way), amount = self.drawn(), self.draw.choice(ESTIMATES)
        policy, refused = self.draw.choice(POLICIES), gates(way, amount)
        asked = {"subject": subject, "action": {"kind": "k", "name": "n"}, "estimate": usd(amount)}
        where = self.draw.choice(("live", "live", "dry", "decide"))
        if where == "live":
            made = self.said(self.post("/v1/reservations", overage_policy=policy, **asked), refused)
            if made:
                self.holds.append((made["reservation_id"], amount, policy, way))
                for one in way:
                    one.reserved += amount
            return
        answer = (self.post("/v1/decide", **asked) if where == "decide" else
                  self.post("/v1/reservations", dry_run=True, **asked)).want(200)
        assert (answer["decision"] == "DENY") == bool(refused), (answer, refused)
        assert answer.get("reason_code") == refused, (answer, refused)

    def commit(self):
        if not self.holds:
            return
        place = self.draw.randrange(len(self.holds))
        reservation, held, policy, way = self.holds[place]
        actual = max(0, held + self.draw.choice((-10, -1, 0, 1, 20, 60, 200)))
        part, refused = 0, None
        if actual > held:
            part, refused = ((0, "BUDGET_EXCEEDED") if policy == "REJECT" else
                             charge(way, actual - held, policy))
        done = self.said(self.post(f"/v1/reservations/{reservation}/commit", actual=usd(actual)),
                         refused)
        if done is None:
            return
        del self.holds[place]
        for one in way:
            one.give_back(held, min(actual, held))
        assert done["charged"]["amount"] == min(actual, held) + part, done
        assert done.get("released", {"amount": 0})["amount"] == max(held - actual, 0), done

    def release(self):
        if self.holds:
            reservation, held, _, way = self.holds.pop(self.draw.randrange(len(self.holds)))
            done = self.post(f"/v1/reservations/{reservation}/release").want(200)
            assert done["released"]["amount"] == held, done
            for one in way:
                one.give_back(held, 0)

    def event(self):
        (subject, way), amount = self.drawn(), self.draw.choice(ESTIMATES)
        policy, part = self.draw.choice(POLICIES), 0
        refused = "BUDGET_FROZEN" if any(one.frozen for one in way) else None
        if refused is None and amount > 0:
            part, refused = charge(way, amount, policy)
        done = self.said(self.post("/v1/events", subject=subject, actual=usd(amount),
                                   action={"kind": "k", "name": "n"}, overage_policy=policy),
                         refused, 201)
        assert done is None or done.get("charged", usd(amount))["amount"] == part, (done, part)

    def fund(self):
        one, name = self.draw.choice(list(self.budgets.values())), self.draw.choice(FUNDINGS)
        amount, spent = self.draw.choice(ESTIMATES), self.draw.choice((None, 0, 10))
        body = {"operation": name, "amount": usd(amount), "idempotency_key": f"s{self.step}"}
        if spent is not None:
            body["spent"] = usd(spent)  # for other operations it says nothing
        before = one.numbers()
        answer = self.admin.post(self.at("/fund", one), body)
        done = self.said(answer, one.fund(name, amount, spent or 0))
        for word, numbers in (("previous", before), ("new", one.numbers())):
            for number, value in numbers.items() if done else ():
                told = done.get(f"{word}_{number}")  # of what is reserved nothing is told
                assert told is None or told["amount"] == value, (done, number, value)

    def freeze(self):
        one = self.draw.choice(list(self.budgets.values()))
        if one.frozen or self.draw.random() < 0.3:
            self.admin.post(self.at("/unfreeze" if one.frozen else "/freeze", one), {}).want(200)
            one.frozen = not one.frozen

    def overdraft(self):
        one = self.draw.choice(list(self.budgets.values()))
        one.set_limit(self.draw.choice(LIMITS))
        self.admin.call("PATCH", self.at("", one), {"overdraft_limit": usd(one.limit)}).want(200)

    OPERATIONS = (reserve, reserve, reserve, reserve, commit, commit, release, event, event, fund,
                  fund, freeze, overdraft)

    def compare(self):
        rows = self.tenant.kept.get(f"/v1/balances?tenant={self.name}").want(200)["balances"]
        assert {row["scope_path"] for row in rows} == set(self.budgets), rows
        for row in rows:
            one = self.budgets[row["scope_path"]]
            told = {name: row.get(name, {"amount": 0})["amount"] for name in NUMBERS}
            assert told == one.numbers(), (row, one.numbers())
            assert row.get("is_over_limit", False) == one.over, (row, vars(one))

    def run(self):
        for self.step in range(STEPS):
            operation = self.draw.choice(self.OPERATIONS)
            try:
                operation(self)
                self.compare()
            except AssertionError as why:
                raise AssertionError(f"{self.name}, step {self.step}, {operation.__name__}: "
                                     f"{why}") from why


def run(count, options):
    walks = int(options.seconds * WALKS_PER_SECOND) + 1
    with Server(options.pawl) as server:
        with count.test(f"model: {walks * STEPS} operations come to what the rules say"):
            for walk in range(walks):
                Walk(server, (options.seed + walk) % (1 << 32)).run()
