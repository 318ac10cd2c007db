# SPDX-License-Identifier: Apache-2.0
"""Hooks for the fuzzer. What it draws is about tenants, budgets and reservations that do not exist,
so most of it would be refused at the door; half of it is put about those that do. How often each
operation was answered with what is left behind in answers.json.
"""
import atexit
import collections
import json
import os
import random

import schemathesis

TENANT = os.environ["CYCLES_TENANT"]
UNITS = ("USD_MICROCENTS", "TOKENS")
DRAW = random.Random(os.environ.get("PAWL_SEED", "1"))
ANSWERS = collections.Counter()
MADE = {"reservation_id": [], "policy_id": [], "key_id": []}


def amount():
    return {"unit": DRAW.choice(UNITS), "amount": DRAW.randrange(1000)}


def aim_body(body, creates_tenant):
    if isinstance(body.get("idempotency_key"), str):
        body["idempotency_key"] = f"{DRAW.getrandbits(64):x}"
    if isinstance(body.get("subject"), dict):
        body["subject"] = {"tenant": TENANT, "agent": f"a{DRAW.randrange(50)}"}
    for name in ("estimate", "actual", "amount", "allocated"):
        if isinstance(body.get(name), dict):
            body[name] = amount()
    if isinstance(body.get("tenant_id"), str):
        body["tenant_id"] = f"{TENANT}-{DRAW.randrange(50)}" if creates_tenant else TENANT
    if isinstance(body.get("scope_pattern"), str):
        body["scope_pattern"] = f"tenant:{TENANT}/agent:*"
    if isinstance(body.get("scope"), str):
        body["scope"] = f"tenant:{TENANT}/agent:a{DRAW.randrange(50)}"
        if "unit" in body and isinstance(body.get("allocated"), dict):
            body["unit"] = body["allocated"]["unit"]


def aim_query(query):
    for name, value in (("tenant", TENANT), ("tenant_id", TENANT), ("unit", DRAW.choice(UNITS)),
                        ("scope", f"tenant:{TENANT}")):
        if name in query:
            query[name] = value


def aim_path(parameters, body):
    for name, made in MADE.items():
        if name in parameters and made:
            parameters[name] = DRAW.choice(made)
    if "tenant_id" in parameters:
        # What is closed stays closed, and nothing more would be heard of it.
        closes = isinstance(body, dict) and body.get("status") == "CLOSED"
        parameters["tenant_id"] = f"{TENANT}-{DRAW.randrange(50)}" if closes else TENANT


@schemathesis.hook
def before_call(_, case, __):
    if DRAW.random() < 0.5:
        return
    if isinstance(case.body, dict):
        aim_body(case.body, case.path == "/v1/admin/tenants")
        (case.headers or {}).pop("X-Idempotency-Key", None)
    if case.query:
        aim_query(case.query)
    if case.path_parameters:
        aim_path(case.path_parameters, case.body)


@atexit.register
def leave_answers():
    with open("answers.json", "w", encoding="utf-8") as file:
        json.dump(ANSWERS, file)


@schemathesis.hook
def after_call(_, case, response):
    ANSWERS[f"{case.method} {case.path} {response.status_code}"] += 1
    if response.status_code in (200, 201):
        body = response.json()
        for name, made in MADE.items():
            if isinstance(body.get(name), str) and len(made) < 1000:
                made.append(body[name])
